"""The livewire in the hand: clicks set anchors, a path along edges follows the mouse."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from napari_phenoai.core.editing import Enclose, Wire
from napari_phenoai.ui.handtools.mode import Mode
from napari_phenoai.ui.handtools.picture import Sketch, sketched
from napari_phenoai.ui.handtools.status import closing_words, dropping_words
from napari_phenoai.ui.handtools.work import Change
from napari_phenoai.ui.keys import key_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_phenoai.core.editing import Canvas
    from napari_phenoai.ui.handtools.helpers import Helpers
    from napari_phenoai.ui.handtools.mode import Point

__all__ = ["WireMode", "Wires"]

_PIXELS = frozenset({"pixels"})


class Wires:
    """Paths between anchors; those from one anchor are computed once."""

    def __init__(self) -> None:
        self._wires: dict[tuple[str, Point], Wire] = {}

    def along(self, canvas: Canvas, anchors: Sequence[Point]) -> tuple[Point, ...]:
        """Return all pixels of the paths from each anchor to the next one.

        Anchors outside the canvas are moved to its nearest pixel.
        """
        tile = canvas.tile
        inside = [
            (min(max(y, tile.y), tile.y1 - 1), min(max(x, tile.x), tile.x1 - 1)) for y, x in anchors
        ]
        points: list[Point] = inside[:1]
        for start, end in pairwise(inside):
            key = tile.key, start
            if key not in self._wires:
                self._wires[key] = Wire(canvas, *start)
            points += self._wires[key].path(*end).points[1:]
        return tuple(points)

    def clear(self) -> None:
        """Forget all paths."""
        self._wires = {}


class WireMode(Mode):
    """Clicks along an edge; Enter or a double click closes the line and paints what is inside.

    Parameters
    ----------
    helpers : Helpers
        Preview, workshop and chosen class.
    """

    name = "livewire"

    def __init__(self, helpers: Helpers) -> None:
        self.anchors: list[Point] = []
        self._helpers = helpers
        self._wires = Wires()
        self._note = ""

    def says(self) -> str:
        """Return what the next click does."""
        name = self._helpers.class_name
        note = f"{self._note}  ·  " if self._note else ""
        if not self.anchors:
            return f"{note}Livewire: click on an edge to begin a line round what is {name}"
        back = key_of("back")
        parts = (
            "Livewire: click to hold the line here",
            f"{closing_words()} and paints {name}",
            f"{back} takes a click back" if back else "",
            dropping_words(),
        )
        return "; ".join(filter(None, parts))

    def put_down(self) -> None:
        """Drop the line."""
        self._helpers.workshop.settle()
        self.replaced()

    def replaced(self) -> None:
        """Drop the line and all paths."""
        self.anchors, self._note = [], ""
        self._wires.clear()
        self._helpers.leave()

    def moved(self, at: Point) -> None:
        """Let the path follow the mouse."""
        if self.anchors:
            self._look((*self.anchors, at))

    def pressed(self, at: Point, *, shift: bool) -> None:
        """Set an anchor."""
        del shift
        if not self.anchors or self.anchors[-1] != at:
            self.anchors.append(at)
            self._look(tuple(self.anchors))
            self._helpers.say()

    def double(self, at: Point) -> None:
        """Close the line."""
        self.pressed(at, shift=False)
        self.enter()

    def enter(self) -> bool:
        """Close the line and paint what is inside; false without a line."""
        anchors, self.anchors = tuple(self.anchors), []
        if len(anchors) > 1:
            value, wires = self._helpers.value, self._wires

            def make(canvas: Canvas) -> Enclose:
                return Enclose(wires.along(canvas, (*anchors, anchors[0])), value)

            self._helpers.workshop.do(Change(make, _PIXELS, points=anchors, done=self._done))
        elif anchors:
            self._helpers.drop()
        self._helpers.say()
        return bool(anchors)

    def back(self) -> bool:
        """Take back the last anchor."""
        if not self.anchors:
            return False
        self.anchors.pop()
        if self.anchors:
            self._look(tuple(self.anchors))
        else:
            self._helpers.drop()
        self._helpers.say()
        return True

    def undo(self) -> bool:
        """Take back the last anchor."""
        return self.back()

    def drop(self) -> bool:
        """Drop the line; false without one."""
        under_way = bool(self.anchors)
        self.anchors = []
        self._helpers.drop()
        self._helpers.say()
        return under_way

    def settle(self) -> None:
        """Make at once what was asked for."""
        self._helpers.workshop.settle()

    def _look(self, anchors: tuple[Point, ...]) -> None:
        self._helpers.look(partial(_seen, self._wires, anchors), _PIXELS, _nothing)

    def _done(self, pixels: int) -> None:
        self._note = f"{pixels:,} px changed" if pixels else "Nothing to change there"
        if not self.anchors:
            self._helpers.draw(None)
        self._helpers.say()


def _seen(wires: Wires, anchors: tuple[Point, ...], canvas: Canvas) -> Sketch | None:
    """Return the line through the anchors, as it is drawn."""
    return sketched(canvas, None, wires.along(canvas, anchors))


def _nothing(_: object) -> None:
    return
