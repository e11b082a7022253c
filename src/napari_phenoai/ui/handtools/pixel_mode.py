"""The mode of a pixel tool: a click, a stroke or a box, with a preview of what it would do."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.ui.controls.tool_options import ToolOptions
from napari_phenoai.ui.handtools.kinds import Wish
from napari_phenoai.ui.handtools.mode import Mode
from napari_phenoai.ui.handtools.picture import Sketch, box_round, sketched
from napari_phenoai.ui.handtools.status import dropping_words, stepping_keys
from napari_phenoai.ui.handtools.work import Change
from napari_phenoai.ui.keys import key_of

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_phenoai.core.editing import Canvas
    from napari_phenoai.ui.handtools.helpers import Helpers
    from napari_phenoai.ui.handtools.kinds import Kind
    from napari_phenoai.ui.handtools.mode import Point

__all__ = ["PixelMode", "fitted"]

_EVERYWHERE = "Shift+click: in the whole tile"


class PixelMode(Mode):
    """One tool of the catalogue in the hand.

    Parameters
    ----------
    kind : Kind
        The tool.
    helpers : Helpers
        Preview, workshop and chosen class.

    Attributes
    ----------
    values : dict of str to float
        The options as they are set; they stay from tile to tile.
    """

    def __init__(self, kind: Kind, helpers: Helpers) -> None:
        self.kind = kind
        self.name = kind.name
        self.values: dict[str, float] = {option.name: option.start for option in kind.options}
        self._helpers = helpers
        self._points: list[Point] = []
        self._last: Point | None = None
        self._shift = False
        self._note = ""
        self._widget: ToolOptions | None = None

    # --- what people see

    def says(self) -> str:
        """Return what the next click does, and what came of the last one."""
        kind = self.kind
        does = kind.does.format(**{"class": self._helpers.class_name})
        main = kind.main
        parts = [self._note] if self._note else []
        parts.append(f"{kind.text}: {does}")
        if kind.everywhere:
            parts.append(_EVERYWHERE)
        if main is not None:
            parts.append(f"{stepping_keys()} {main.text.lower()} {self._told()}".lstrip())
        option = kind.switch
        if option is not None:
            state = "on" if self.values[option.name] else "off"
            parts.append(f"{key_of('switch')} {option.text.lower()}: {state}".lstrip())
        return "  ·  ".join(filter(None, [*parts, dropping_words()]))

    def options(self) -> QWidget | None:
        """Return a slider or a box for each option, and the button for the whole tile."""
        if self._widget is None and (self.kind.options or self.kind.everywhere):
            self._widget = ToolOptions(self.kind)
            self._widget.changed.connect(self._set)
            self._widget.everywhere_wanted.connect(self.everywhere)
            self._widget.show_values(self.values)
        return self._widget

    # --- mouse and keys

    def put_down(self) -> None:
        """Drop a gesture under way and the preview; changes that were asked for are made."""
        self._points, self._last, self._note = [], None, ""
        self._helpers.workshop.settle()
        self._helpers.drop()

    def replaced(self) -> None:
        """Drop everything: the labels are others."""
        self._points, self._last, self._note = [], None, ""
        self._helpers.leave()

    def close(self) -> None:
        """Take the preview away."""
        self._helpers.close()

    def moved(self, at: Point) -> None:
        """Show what a click would do here."""
        self._last = at
        if self.kind.gesture == "click":
            self._look((at,))

    def pressed(self, at: Point, *, shift: bool) -> None:
        """Begin a gesture."""
        self._points, self._shift, self._last = [at], shift, at
        if self.kind.gesture != "click":
            self._look((at,))

    def dragged(self, at: Point) -> None:
        """Go on with it."""
        if self._points and self.kind.gesture != "click" and at != self._points[-1]:
            self._points.append(at)
            self._look(tuple(self._points))

    def released(self, at: Point) -> None:
        """End it: one change."""
        if self._points:
            self.dragged(at)
            points, self._points = tuple(self._points), []
            self._do(points, everywhere=self._shift and self._whole)

    def drop(self) -> bool:
        """Drop the gesture under way."""
        under_way = bool(self._points)
        self._points = []
        self._helpers.drop()
        return under_way

    def step(self, direction: int) -> bool:
        """Move the main option a step."""
        main = self.kind.main
        if main is None:
            return False
        self._set(main.name, main.moved(self.values[main.name], direction))
        return True

    def switch(self) -> bool:
        """Turn the switch on or off."""
        option = self.kind.switch
        if option is None:
            return False
        self._set(option.name, float(not self.values[option.name]))
        return True

    def settle(self) -> None:
        """Make at once what was asked for."""
        self._helpers.workshop.settle()

    def everywhere(self) -> None:
        """Use the tool on the whole tile or window."""
        self._do(() if self._last is None else (self._last,), everywhere=True)

    # --- inside

    @property
    def _whole(self) -> bool:
        return bool(self.kind.everywhere) or self.kind.shifts

    def _told(self) -> str:
        main = self.kind.main
        return "" if main is None else f"{self.values[main.name]:g}{main.unit}"

    def _set(self, name: str, value: float) -> None:
        self.values[name] = value
        if self._widget is not None:
            self._widget.show_values(self.values)
        if self._points:
            self._look(tuple(self._points))
        elif self._last is not None and self.kind.gesture == "click":
            self._look((self._last,))
        self._helpers.say()

    def _wish(self, points: tuple[Point, ...], *, everywhere: bool = False) -> Wish:
        helpers = self._helpers
        values = dict(self.values)
        return Wish(points, helpers.value, values, helpers.unknown, everywhere)

    def _change(self, wish: Wish) -> Change:
        kind = self.kind
        fit = partial(fitted, kind, wish)
        return Change(partial(kind.make, wish), kind.needs, fit, wish.points, self._done)

    def _look(self, points: tuple[Point, ...]) -> None:
        change, drawn = self._change(self._wish(points)), self._line(points)

        def see(canvas: Canvas) -> Sketch | None:
            return sketched(canvas, change.outcome(canvas), drawn)

        self._helpers.look(see, self.kind.needs, _nothing)

    def _line(self, points: tuple[Point, ...]) -> tuple[Point, ...]:
        gesture = self.kind.gesture
        if gesture == "click":
            return ()
        return box_round(points) if gesture == "box" else points

    def _do(self, points: tuple[Point, ...], *, everywhere: bool) -> None:
        wish = self._wish(points, everywhere=everywhere)
        self._helpers.workshop.do(self._change(wish))

    def _done(self, pixels: int) -> None:
        self._note = f"{pixels:,} px changed" if pixels else "Nothing to change there"
        if not self._points:
            self._helpers.draw(None)
        self._helpers.say()


def fitted(kind: Kind, wish: Wish, canvas: Canvas) -> Canvas:
    """Return the canvas with the box of the gesture as its selection, where it is a box."""
    if kind.gesture != "box" or not wish.points:
        return canvas
    corners = np.array([wish.points[0], wish.points[-1]]) - (canvas.tile.y, canvas.tile.x)
    (y, x), (y1, x1) = corners.min(axis=0).clip(0), (corners.max(axis=0) + 1).clip(0)
    selection = np.zeros(canvas.tile.shape, bool)
    selection[y:y1, x:x1] = True
    return replace(canvas, selection=selection)


def _nothing(_: object) -> None:
    return
