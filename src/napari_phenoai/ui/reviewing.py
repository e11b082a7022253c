"""The reviewer's side of a session: which tile is on the desk, and what is decided."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_phenoai.errors import InputError
from napari_phenoai.loop.review import WorkClock
from napari_phenoai.ui.decision_files import Saving
from napari_phenoai.ui.draft_keeper import DraftKeeper
from napari_phenoai.ui.prefetch import Prefetch
from napari_phenoai.ui.saving import DecisionWriter, explained
from napari_phenoai.ui.shelf import Shelf
from napari_phenoai.ui.waiting import Waiting

if TYPE_CHECKING:
    from napari_phenoai.core.edits import Edit
    from napari_phenoai.core.ports import Predictor
    from napari_phenoai.core.records import QueueItem, Review, Verdict
    from napari_phenoai.io.project import Project
    from napari_phenoai.ui.background import Background
    from napari_phenoai.ui.desk import Desk

__all__ = ["Reviewing"]

_AHEAD = 2


class Reviewing:
    """The tiles of one open project, one of them on the desk.

    Reading, predicting and writing happen in the lanes of `background`; answers
    that the person has moved on from are dropped. All methods belong to the main
    thread, where all signals are emitted too.

    Parameters
    ----------
    project : Project
        Open; closed by the caller.
    background : Background
        Lanes ``tiles`` and ``writes`` are used.
    author : str
        Who decides.
    """

    queue_changed = Signal()
    current_changed = Signal()
    desk_changed = Signal()
    saved = Signal(object)
    brought = Signal(object)
    failed = Signal(object)

    def __init__(self, project: Project, background: Background, author: str) -> None:
        self.project = project
        self.author = author
        self.current: QueueItem | None = None
        self.desk: Desk | None = None
        self.unreadable = False
        self.history: list[QueueItem] = []
        self.clock = WorkClock()
        self.paused = False
        self._closed = False
        self._prefetch = Prefetch(project, background)
        self._prefetch.ready.connect(self._on_desk)
        self._prefetch.failed.connect(self._on_no_desk)
        self._shelf = Shelf()
        self._waiting = Waiting()
        self._drafts = DraftKeeper(project, background, self.failed)
        self._writer = DecisionWriter(project, background, self.failed)

    @property
    def predictor(self) -> Predictor | None:
        """The model that proposes masks."""
        return self._prefetch.predictor

    @property
    def paint_only(self) -> bool:
        """Whether pixels that are not painted count as unknown."""
        return self._prefetch.paint_only

    # --- the queue

    @property
    def queue(self) -> list[QueueItem]:
        """All items, in order."""
        return self._waiting.items

    def set_queue(self, items: list[QueueItem], at: str = "") -> None:
        """Take a new queue; the tile on the desk stays, without one it begins with `at`."""
        self._waiting.set(items)
        self.queue_changed.emit()
        if self.current is None:
            self._show(self._waiting.first(at))
        else:
            self._look_ahead()

    def upcoming(self) -> list[QueueItem]:
        """Return the waiting items in the order in which they will come."""
        return self._waiting.after(self.current)

    def next_item(self) -> None:
        """Put the next waiting tile on the desk, or clear it when none waits."""
        coming = self.upcoming()
        if coming:
            self.open_item(coming[0])
        else:
            self._show(None)

    def back(self) -> bool:
        """Reopen the tile that was decided last; return whether there is one."""
        if not self.history:
            return False
        self.open_item(self.history.pop())
        return True

    def open_item(self, item: QueueItem) -> None:
        """Put the tile of `item` on the desk, as it was left if it was there before."""
        if self._is_current(item):
            return
        self._leave()
        self._show(item)

    def reload(self, predictor: Predictor | None) -> None:
        """Propose with another model from here on.

        The tile on the desk stays; it gets a new proposal only where it had none
        and nobody has touched it.
        """
        self._prefetch.predictor = predictor
        self._prefetch.forget()
        if self.current is not None and self._may_replace(self.desk):
            self._prefetch.ask(self.current)
        self._look_ahead()

    def set_paint_only(self, paint_only: bool) -> None:
        """Count pixels that are not painted as unknown, here and on the next tiles."""
        self._prefetch.paint_only = paint_only
        self._prefetch.forget()
        if self.desk is not None:
            self.desk.set_paint_only(paint_only)
            self.desk_changed.emit()
        self._look_ahead()

    # --- decisions

    def decide(self, verdict: Verdict, *, whole: bool = False) -> bool:
        """Decide about the tile on the desk and move on; return whether that was possible.

        The record is written in the background. If that fails, `failed` is emitted,
        the tile waits again, and its mask is kept.
        """
        desk = self.desk
        if desk is None or self.paused:
            return verdict == "skipped" and self._pass_over()
        self.touch()
        seconds, background = desk.seconds + self.clock.seconds, self.project.scheme.background
        try:
            decision = desk.decision(verdict, background=background, whole=whole)
        except InputError as error:
            self.failed.emit(error)
            return False
        self._drafts.forget(desk.tile)
        self._shelf.put(desk)
        self._waiting.decide(desk.tile.key, decision.verdict)
        self.queue_changed.emit()
        self.history.append(desk.item.but(state=decision.verdict))
        saved, lost = partial(self._on_saved, desk), partial(self._on_lost, desk, seconds)
        self._writer.write(Saving.of(desk, decision, seconds, self.author), saved, lost)
        self.desk = None
        self.next_item()
        return True

    def edited(self) -> None:
        """Hear that the mask on the desk has changed: keep it through a crash."""
        if self.desk is None:
            return
        self.touch()
        self._drafts.keep(self.desk, self.desk.seconds + self.clock.seconds)

    def touch(self) -> None:
        """Hear that the person does something: the work clock runs, unless it was paused."""
        if not self.paused:
            self.clock.touch(time.monotonic())

    def pause(self, *, paused: bool) -> None:
        """Leave the queue for other work, or come back to it; the tile stays on the desk."""
        if paused != self.paused:
            if paused and self.desk is not None:
                self.desk.seconds += self.clock.seconds
            self.clock, self.paused = WorkClock(), paused
            self.touch()

    def take_in(self, edit: Edit) -> None:
        """Bring what was painted on the whole image into the tiles that lie there."""
        self._prefetch.take_in(edit)
        self._shelf.take_in(edit)
        if self.desk is not None and self.desk is not self._shelf.get(self.desk.tile.key):
            self.desk.take_in(edit)

    def bring_back(self) -> None:
        """Save what a former session could not; `brought` has the reviews then."""
        self._drafts.bring_back()
        self._writer.bring_back(self.brought.emit)

    def close(self) -> None:
        """Leave the desk; what could not be saved is tried once more, or kept elsewhere."""
        self._leave()
        self._drafts.close()
        self._writer.close()
        self._closed = True
        self._prefetch.close()

    # --- inside

    def _pass_over(self) -> bool:
        """Go on from a tile that cannot be read; nothing is recorded about it."""
        if self.current is None or not self.unreadable or self.paused:
            return False
        self._set_state(self.current.tile, "skipped")
        self.next_item()
        return True

    def _show(self, item: QueueItem | None) -> None:
        self.current, self.desk, self.unreadable = item, None, False
        self.clock = WorkClock()
        self.touch()
        if item is not None:
            self._take(item)
        self.current_changed.emit()
        self.desk_changed.emit()
        self._look_ahead()

    def _take(self, item: QueueItem) -> None:
        self._writer.forget(item.where)
        desk = self._shelf.get(item.tile) or self._prefetch.take(item)
        if desk is None:
            self._prefetch.ask(item)
            return
        desk.set_paint_only(self.paint_only)
        self.desk = desk

    def _leave(self) -> None:
        desk = self.desk
        if desk is not None and desk.touched:
            desk.seconds += self.clock.seconds
            self._shelf.put(desk)

    def _look_ahead(self) -> None:
        if self.desk is None and self.current is not None:
            return
        for item in self.upcoming()[:_AHEAD]:
            if self._shelf.get(item.tile) is None:
                self._prefetch.ask(item)

    def _on_desk(self, desk: Desk) -> None:
        wanted = self.desk is None or self._may_replace(self.desk)
        if wanted and self._is_current(desk.item):
            self.desk = desk
            self.desk_changed.emit()
            self._look_ahead()
        else:
            self._prefetch.keep(desk)

    @staticmethod
    def _may_replace(desk: Desk | None) -> bool:
        return desk is not None and not (desk.has_prediction or desk.touched or desk.review)

    def _on_no_desk(self, tile: str, error: Exception) -> None:
        if self.current is not None and self.current.tile == tile:
            self.unreadable = self.desk is None
            self.failed.emit(error)
            self.desk_changed.emit()

    def _on_saved(self, desk: Desk, review: Review) -> None:
        self._waiting.decided(desk.tile.key)
        desk.review, desk.start, desk.seconds = review, desk.labels.copy(), 0.0
        if not self._closed:
            self.saved.emit(review)

    def _on_lost(self, desk: Desk, seconds: float, error: Exception) -> None:
        desk.seconds = seconds
        self._waiting.decided(desk.tile.key)
        self._set_state(desk.tile.key, "waiting")
        if not self._closed:
            self._drafts.keep(desk, seconds)
        self.failed.emit(explained(error))

    def _set_state(self, key: str, state: str) -> None:
        self._waiting.mark(key, state)
        self.queue_changed.emit()

    def _is_current(self, item: QueueItem) -> bool:
        return self.current is not None and item.tile == self.current.tile
