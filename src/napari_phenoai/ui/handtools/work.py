"""The workshop: computes previews and changes in a thread, and makes the changes in order."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.editing import use
from napari_phenoai.ui.strokes import paint_over

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_phenoai.core.editing import Canvas, Outcome, Tool
    from napari_phenoai.ui.class_marks import ClassMarks
    from napari_phenoai.ui.handtools.surface import Surface
    from napari_phenoai.ui.layers import TileLayers
    from napari_phenoai.ui.session import Session

__all__ = ["Change", "Workshop"]

_LANE = "tools"


@dataclass(frozen=True, eq=False)
class Change:
    """A change that a person has asked for.

    Parameters
    ----------
    make : callable
        Returns the request for a canvas; None where there is nothing to do.
    needs : frozenset of str
        What the canvas must have, as `Surface.canvas` takes it.
    fit : callable
        Returns the canvas as the request needs it, with a selection for example.
    points : tuple of (y, x)
        Where the mouse was.
    done : callable
        Called with the number of changed pixels.
    """

    make: Callable[[Canvas], Tool | None]
    needs: frozenset[str] = frozenset()
    fit: Callable[[Canvas], Canvas] = field(default=lambda canvas: canvas)
    points: tuple[tuple[int, int], ...] = ()
    done: Callable[[int], object] = field(default=lambda _: None)

    def outcome(self, canvas: Canvas) -> Outcome | None:
        """Return what comes of it; None where there is nothing to do."""
        canvas = self.fit(canvas)
        tool = self.make(canvas)
        return use(tool, canvas) if tool is not None else None


class Workshop:
    """Works for the tools of one viewer.

    Of previews only the last that was asked for counts; changes are made one after the
    other, each on what the one before left. Methods belong to the main thread.

    Parameters
    ----------
    session : Session
        Its background computes.
    layers : TileLayers
        Has the layer that is changed.
    marks : ClassMarks
        Knows what is locked.
    surface : callable
        Returns the labels that can be painted now, or None.
    """

    def __init__(
        self,
        session: Session,
        layers: TileLayers,
        marks: ClassMarks,
        surface: Callable[[], Surface | None],
    ) -> None:
        self._session = session
        self._layers = layers
        self._marks = marks
        self._find = surface
        self._known: Surface | None = None
        self._changes: deque[Change] = deque()
        self._home = ""
        self._asked: Callable[[], None] | None = None
        self._busy = False
        self._turn = 0
        self._look_turn = 0

    @property
    def surface(self) -> Surface | None:
        """The labels that can be painted now; the same object while they are the same."""
        found = self._find()
        known = self._known
        if found is None or known is None or not found.same_as(known):
            self._known = found
        else:
            known.unknown, known.next_id = found.unknown, found.next_id
        return self._known

    @property
    def waits(self) -> bool:
        """Whether a change was asked for and is not made yet."""
        return bool(self._changes)

    def look(
        self,
        see: Callable[[Canvas], Any],
        needs: frozenset[str],
        then: Callable[[Any], object],
    ) -> None:
        """Compute a preview; a preview that was asked for before is forgotten.

        Parameters
        ----------
        see : callable
            Runs in the thread with the canvas.
        needs : frozenset of str
            As of `Change`.
        then : callable
            Gets the result on the main thread.
        """
        self._look_turn += 1
        turn = self._look_turn

        def shown(value: Any) -> None:
            if turn == self._look_turn:
                then(value)
            self._go_on()

        def start() -> None:
            self._start(see, needs, shown, lambda _: self._go_on())

        self._asked = start
        self._pump()

    def forget_look(self) -> None:
        """Show no preview that was asked for."""
        self._look_turn += 1
        self._asked = None

    def do(self, change: Change) -> None:
        """Make a change as soon as it is computed."""
        self.forget_look()
        self._leave()
        self._changes.append(change)
        self._pump()

    def settle(self) -> None:
        """Make all changes that were asked for now, in this thread."""
        self.forget_look()
        self._leave()
        if self._changes:
            self._turn += 1
        while self._changes:
            self._now(self._changes.popleft())

    def clear(self) -> None:
        """Forget everything that was asked for."""
        self.forget_look()
        self._changes.clear()
        self._turn += 1
        self._known = None

    # --- inside

    def _pump(self) -> None:
        if self._busy:
            return
        if self._changes:
            change, turn = self._changes[0], self._turn
            self._start(
                change.outcome,
                change.needs,
                partial(self._on_change, change, turn),
                partial(self._on_error, change, turn),
            )
        elif self._asked is not None:
            start, self._asked = self._asked, None
            start()

    def _start(
        self,
        work: Callable[[Canvas], Any],
        needs: frozenset[str],
        then: Callable[[Any], object],
        otherwise: Callable[[Exception], object],
    ) -> None:
        surface = self.surface
        if surface is None:
            self._changes.clear()
            return
        self._busy = True
        labels, locked = surface.labels.copy(), self._marks.values
        self._session.background.do(
            _LANE,
            partial(_worked, surface, labels, locked, needs, work),
            then=then,
            otherwise=otherwise,
        )

    def _go_on(self) -> None:
        self._busy = False
        self._pump()

    def _leave(self) -> None:
        """Forget the changes that were asked for in another tile, or on another plane."""
        surface = self.surface
        home = surface.home if surface is not None else ""
        if home != self._home:
            self._changes.clear()
            self._home = home

    def _on_change(self, change: Change, turn: int, outcome: Outcome | None) -> None:
        self._leave()
        if turn == self._turn and self._changes and self._changes[0] is change:
            self._changes.popleft()
            if self._fits(outcome):
                self._apply(change, outcome)
            else:
                self._now(change)
        self._go_on()

    def _on_error(self, change: Change, turn: int, error: Exception) -> None:
        if turn == self._turn and self._changes and self._changes[0] is change:
            self._changes.popleft()
            self._session.complain(error)
        self._go_on()

    def _fits(self, outcome: Outcome | None) -> bool:
        """Tell whether the labels are still those that an outcome was computed from."""
        surface = self.surface
        if surface is None or outcome is None or outcome.tile is None:
            return True
        tile = surface.tile
        inside = (outcome.tile.image, outcome.tile.z) == (tile.image, tile.z)
        inside &= tile.y <= outcome.tile.y and outcome.tile.y1 <= tile.y1
        inside &= tile.x <= outcome.tile.x and outcome.tile.x1 <= tile.x1
        return inside and np.array_equal(surface.labels[_box(outcome, surface)], outcome.before)

    def _now(self, change: Change) -> None:
        """Compute and make a change in this thread."""
        surface = self.surface
        if surface is None:
            return
        canvas = surface.canvas(surface.labels.copy(), self._marks.values, change.needs)
        try:
            self._apply(change, change.outcome(canvas))
        except Exception as error:  # noqa: BLE001 - shown to people as any other
            self._session.complain(error)

    def _apply(self, change: Change, outcome: Outcome | None) -> None:
        surface, layer = self.surface, self._layers.tile
        if surface is None or layer is None:
            return
        pixels = outcome.pixels if outcome is not None else 0
        if outcome is not None and pixels:
            paint_over(layer, _box(outcome, surface), outcome.after, outcome.tool)
        elif self._meets_lock(change, surface):
            self._marks.refused.emit()
        change.done(pixels)

    def _meets_lock(self, change: Change, surface: Surface) -> bool:
        tile = surface.tile
        places = [(y - tile.y, x - tile.x) for y, x in change.points]
        inside = [(y, x) for y, x in places if 0 <= y < tile.height and 0 <= x < tile.width]
        return any(int(surface.labels[place]) in self._marks.values for place in inside)


def _worked(
    surface: Surface,
    labels: NDArray[np.uint8],
    locked: frozenset[int],
    needs: frozenset[str],
    work: Callable[[Canvas], Any],
) -> Any:
    return work(surface.canvas(labels, locked, needs))


def _box(outcome: Outcome, surface: Surface) -> tuple[slice, slice]:
    if outcome.tile is None:
        return slice(0, 0), slice(0, 0)
    y, x = outcome.tile.y - surface.tile.y, outcome.tile.x - surface.tile.x
    return slice(y, y + outcome.tile.height), slice(x, x + outcome.tile.width)
