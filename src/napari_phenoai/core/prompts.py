"""Prompts: what a person clicks so that a model outlines one thing, and its answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.record import Record
from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "BoxPrompt",
    "MaskCandidate",
    "PointPrompt",
    "PromptTake",
    "Prompts",
    "best_first",
    "cycled",
    "window_round",
]


class PointPrompt(Record):
    """A click, at a pixel of the plane.

    ``refines`` is the number of the candidate on the screen when it was made: its
    outline is the start of the next answer. None asks from scratch.
    """

    kind: Literal["point"] = "point"
    y: float = Field(allow_inf_nan=False)
    x: float = Field(allow_inf_nan=False)
    positive: bool = True
    refines: int | None = Field(default=None, ge=0)


class BoxPrompt(Record):
    """A box from one pixel of the plane to another, both inside; ``refines`` as for a point."""

    kind: Literal["box"] = "box"
    y0: float = Field(allow_inf_nan=False)
    x0: float = Field(allow_inf_nan=False)
    y1: float = Field(allow_inf_nan=False)
    x1: float = Field(allow_inf_nan=False)
    refines: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.y1 < self.y0 or self.x1 < self.x0:
            raise ValueError("the second corner of a box lies below and right of the first")
        return self

    @classmethod
    def between(cls, one: tuple[float, float], other: tuple[float, float]) -> Self:
        """Return the box between two opposite corners ``(y, x)``, in any order."""
        (y0, y1), (x0, x1) = (sorted(pair) for pair in zip(one, other, strict=True))
        return cls(y0=y0, x0=x0, y1=y1, x1=x1)


class Prompts(Record):
    """All that was clicked for one thing, in order; a value that can be kept and replayed.

    Places are in pixels of the plane. Of several boxes, the last one counts.

    Examples
    --------
    >>> prompts = Prompts().clicked(12, 40).clicked(30, 44, positive=False)
    >>> len(prompts.points), prompts.undone().points[0].x
    (2, 40.0)
    >>> Prompts.model_validate_json(prompts.model_dump_json()) == prompts
    True
    """

    format: Literal[1] = 1
    steps: tuple[PointPrompt | BoxPrompt, ...] = ()

    @property
    def points(self) -> tuple[PointPrompt, ...]:
        """All clicks, in order."""
        return tuple(step for step in self.steps if isinstance(step, PointPrompt))

    @property
    def box(self) -> BoxPrompt | None:
        """The box that counts."""
        return next((step for step in reversed(self.steps) if isinstance(step, BoxPrompt)), None)

    @property
    def ambiguous(self) -> bool:
        """Whether it is a single click, which may mean a thing or a part of it."""
        return len(self.points) == 1 and self.box is None

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """First row, first column, last row and last column of what counts.

        Raises
        ------
        InputError
            If nothing was clicked.
        """
        box = self.box
        corners = [(point.y, point.x) for point in self.points]
        if box is not None:
            corners += [(box.y0, box.x0), (box.y1, box.x1)]
        if not corners:
            raise InputError("There is no prompt.", hint="Click a point or drag a box first.")
        ys, xs = zip(*corners, strict=True)
        return min(ys), min(xs), max(ys), max(xs)

    def add(self, step: PointPrompt | BoxPrompt) -> Self:
        """Return the prompts with one more."""
        return self.but(steps=(*self.steps, step))

    def clicked(
        self, y: float, x: float, *, positive: bool = True, refines: int | None = None
    ) -> Self:
        """Return the prompts with a click more."""
        return self.add(PointPrompt(y=y, x=x, positive=positive, refines=refines))

    def undone(self) -> Self:
        """Return the prompts without the last one; without any, the same."""
        return self.but(steps=self.steps[:-1])


class PromptTake(Record):
    """That a mask was taken into the labels: enough to ask for the same mask again.

    ``tile`` is the key of the window that was asked about, ``model`` the fingerprint of the
    network, ``view`` says how the tile was made RGB, ``chosen`` is the number of the
    candidate and ``value`` what was painted. ``area_px`` and ``score`` let a replay be
    checked. Where everything was outlined, ``grid`` is the number of clicks along each
    side, ``prompts`` is empty, and ``chosen`` is None when all were taken.
    """

    format: Literal[1] = 1
    tile: str
    prompts: Prompts
    model: str
    view: str = ""
    chosen: int | None = Field(ge=0)
    value: int = Field(ge=0)
    area_px: int = Field(ge=0)
    score: float
    grid: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _asked(self) -> Self:
        if (self.grid is None) != bool(self.prompts.steps):
            raise ValueError("a mask answers prompts, or a grid of clicks")
        if self.grid is None and self.chosen is None:
            raise ValueError("one candidate answers prompts")
        return self


@dataclass(frozen=True, eq=False)
class MaskCandidate:
    """One answer to prompts.

    Parameters
    ----------
    tile : Tile
        Where it lies.
    mask : ndarray of bool, shape (height, width)
        What belongs to the thing.
    score : float
        What the model thinks of it: the overlap with the truth that it predicts.
    """

    tile: Tile
    mask: NDArray[np.bool_]
    score: float

    def __post_init__(self) -> None:
        if self.mask.shape != self.tile.shape:
            size = " x ".join(map(str, self.mask.shape))
            hint = f"Give {self.tile.height} x {self.tile.width} px."
            raise InputError(f"A mask of {size} px was given for {self.tile.key}.", hint=hint)

    @cached_property
    def area(self) -> int:
        """Number of pixels of the mask."""
        return int(np.count_nonzero(self.mask))

    def measure(self) -> None:
        """Work out area and box here and now, so that nobody waits for them later."""
        _ = self.area, self.box

    @cached_property
    def box(self) -> tuple[slice, slice] | None:
        """Rows and columns of the tile round the mask; None where the mask is empty."""
        rows = np.flatnonzero(self.mask.any(axis=1))
        columns = np.flatnonzero(self.mask.any(axis=0))
        if not len(rows):
            return None
        return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def best_first(candidates: list[MaskCandidate]) -> list[MaskCandidate]:
    """Return the candidates by score, the best first; equal ones stay in their order."""
    return sorted(candidates, key=lambda candidate: -candidate.score)


def cycled(chosen: int, count: int, by: int = 1) -> int:
    """Return the number of the candidate `by` places on; after the last comes the first.

    Examples
    --------
    >>> cycled(2, 3), cycled(0, 3, -1)
    (0, 2)
    """
    if count < 1:
        raise InputError("There is no candidate.", hint="Click a point or drag a box first.")
    return (chosen + by) % count


def window_round(
    image: str, prompts: Prompts, plane: tuple[int, int], size_px: int = 1024, z: int = 0
) -> Tile:
    """Return the window of a large plane that prompts are asked in.

    Windows lie on a grid of half their size, so that the next click nearby finds the
    window, and its embedding, again. One too small for a box is made larger.

    Parameters
    ----------
    image : str
        Id of the image.
    prompts : Prompts
        With at least one point or box.
    plane : tuple of int
        Rows and columns of the plane.
    size_px : int
        Height and width, where the plane is that large.
    z : int
        Index of the plane.

    Raises
    ------
    InputError
        If there is no prompt, or one lies outside the plane.

    Examples
    --------
    >>> window_round("leaf", Prompts().clicked(700, 90), (4000, 3000)).key
    'leaf@0,0,0,1024,1024'
    """
    y0, x0, y1, x1 = prompts.bounds
    if y0 < 0 or x0 < 0 or y1 >= plane[0] or x1 >= plane[1]:
        where = f"{y0:g}, {x0:g} to {y1:g}, {x1:g}"
        hint = f"The image has {plane[0]} x {plane[1]} px."
        raise InputError(f"The prompts at {where} lie outside the image.", hint=hint)
    y, height = _span(y0, y1, plane[0], size_px)
    x, width = _span(x0, x1, plane[1], size_px)
    return Tile(image, y, x, height, width, z)


def _span(first: float, last: float, length: int, size: int) -> tuple[int, int]:
    while size < length:
        step = max(1, size // 2)
        start = round((first + last - size) / 2 / step) * step
        start = min(max(start, 0), length - size)
        if start <= first and last < start + size:
            return start, size
        size *= 2
    return 0, length
