"""Kinds of tools: their gesture, their options, and the request that they make."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_phenoai.core.editing import Canvas, Tool
    from napari_phenoai.ui.handtools.mode import Point

__all__ = ["Gesture", "Kind", "Number", "Switch", "Wish"]

Gesture = Literal["click", "drag", "box"]
"""What the mouse does: a click, a stroke, or a box from corner to corner."""


@dataclass(frozen=True, slots=True)
class Number:
    """An option with a slider.

    Parameters
    ----------
    name, text : str
        In requests, and for people.
    low, high, start : float
        From where to where, and where it begins.
    step : float
        How far a key moves it.
    unit : str
        Behind the number.
    tip : str
        For the tooltip.
    """

    name: str
    text: str
    low: float
    high: float
    start: float
    step: float = 1
    unit: str = " px"
    tip: str = ""

    def moved(self, value: float, direction: int) -> float:
        """Return the value a step further, or with -1 a step back.

        Examples
        --------
        >>> Number("px", "Width", 1, 9, 3).moved(9, 1)
        9
        """
        return min(max(round(value + direction * self.step, 6), self.low), self.high)


@dataclass(frozen=True, slots=True)
class Switch:
    """An option that is on or off; the rest as `Number`."""

    name: str
    text: str
    start: bool = False
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person does with a tool.

    Parameters
    ----------
    points : tuple of (y, x)
        The pixels of the gesture; none for everywhere.
    value : int
        The chosen class.
    options : mapping of str to float or bool
        By the names of the options.
    unknown : bool
        Whether what is not painted is unlabelled, and not background.
    everywhere : bool
        Whether it is meant for the whole tile or window.
    """

    points: tuple[Point, ...]
    value: int
    options: Mapping[str, float]
    unknown: bool = False
    everywhere: bool = False

    @property
    def at(self) -> Point | None:
        """Where the gesture ended; None for everywhere."""
        return None if self.everywhere or not self.points else self.points[-1]

    def whole(self, name: str) -> int:
        """Return an option as a whole number."""
        return round(self.options[name])


@dataclass(frozen=True)
class Kind:
    """A tool as people meet it.

    Parameters
    ----------
    name : str
        Of tool, button and key.
    text : str
        How people call it.
    gesture : str
        What the mouse does.
    does : str
        What the gesture does, for the status bar; ``{class}`` is the chosen class.
    make : callable
        Returns the request for a wish and a canvas; None where there is nothing to do.
    options : tuple of Number or Switch
        The first number is moved by ``[`` and ``]``.
    everywhere : str
        Text of the button that uses it on the whole tile; empty for none.
    needs : frozenset of str
        ``pixels``, ``prediction``: what is read besides the labels.
    shifts : bool
        Whether a click with Shift uses it on the whole tile, without such a button.
    key : str
        What is printed on that button.
    action : str
        The action whose key is printed there instead; empty for none.
    """

    name: str
    text: str
    gesture: Gesture
    does: str
    make: Callable[[Wish, Canvas], Tool | None]
    options: tuple[Number | Switch, ...] = ()
    everywhere: str = ""
    needs: frozenset[str] = field(default_factory=frozenset)
    shifts: bool = False
    key: str = "Shift+click"
    action: str = ""

    @property
    def main(self) -> Number | None:
        """The option that the keys ``[`` and ``]`` move."""
        return next((option for option in self.options if isinstance(option, Number)), None)

    @property
    def switch(self) -> Switch | None:
        """The option that the backslash turns on or off."""
        return next((option for option in self.options if isinstance(option, Switch)), None)
