"""Brings edits to the disk, one after the other, and takes them back."""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from psygnal import Signal

from napari_phenoai.errors import DiskError, LockedError, PhenoError
from napari_phenoai.io.spare import SpareEdits
from napari_phenoai.loop.history import History
from napari_phenoai.ui.drafts import paint_drafts

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_phenoai.core.edits import Edit
    from napari_phenoai.io.project import Project
    from napari_phenoai.ui.background import Background

__all__ = ["EditWriter"]

_LANE = "writes"
_SLICE_SECONDS = 0.15
_log = logging.getLogger(__name__)
_MAY_PASS = (DiskError, LockedError)
"""Errors after which writing the same thing once more may succeed."""

Direction = Literal["undo", "redo"]


@dataclass
class _Outcome:
    """What a piece of work in the lane has done before it ended or failed."""

    written: list[Edit] = field(default_factory=list)
    turned: list[Edit] = field(default_factory=list)
    refused: list[tuple[Edit, Exception]] = field(default_factory=list)
    error: Exception | None = None
    left: int = 0
    spared: int = 0


class EditWriter:
    """The one way by which painting reaches the label images of one open project.

    Everything happens in one lane, in the order in which it was asked for, so an
    undo always finds the stroke before it on the disk. Methods belong to the main
    thread, where all signals are emitted too.

    Parameters
    ----------
    project : Project
        Open; closed by the caller.
    background : Background
        Lane ``writes`` is used.
    author : str
        Who undoes and redoes.

    Attributes
    ----------
    waiting : deque of Edit
        Painted, but not known to be on the disk; oldest first.
    turning : int
        How many steps of a jump through the history are left.

    Signals
    -------
    saved : Edit
        A stroke is on the disk; one of several planes is told of plane by plane.
    turned : Edit, bool
        The same of one that took others back, or did them again; and whether it is a
        single step, not part of a jump, and its first plane.
    emptied : str
        There was nothing more to ``undo`` or to ``redo``.
    refused : Edit
        It cannot be written, ever; `failed` tells why.
    failed : Exception
        Something could not be written. Where that may pass, as with a full disk, it
        stays in `waiting` and is written before everything that comes later.
    brought : int
        So many strokes that a former session could not save are being written now.
    """

    saved = Signal(object)
    turned = Signal(object, bool)
    emptied = Signal(str)
    refused = Signal(object)
    failed = Signal(object)
    brought = Signal(int)

    def __init__(self, project: Project, background: Background, author: str) -> None:
        self.author = author
        self.waiting: deque[Edit] = deque()
        self.turning = 0
        self._project = project
        self._background = background
        self._backlog: deque[Edit] = deque()
        self._told: str | None = None
        self._spare = SpareEdits(project.spec.id)
        self._brought: set[str] = set()

    @property
    def stuck(self) -> bool:
        """Whether something waits because it could not be written."""
        return self._told is not None and bool(self.waiting)

    @property
    def unwritten(self) -> list[Edit]:
        """What waits, plane by plane, oldest first."""
        return [plane for edit in self.waiting for plane in edit.planes]

    def add(self, edit: Edit) -> None:
        """Write `edit`, after all that came before it; a jump through the history ends."""
        self.turning = 0
        self.waiting.append(edit)
        self._do(partial(self._write, edit), self._on_done)

    def retry(self) -> None:
        """Try once more to write what could not be written."""
        if self.waiting:
            self._do(self._write, self._on_done)

    def turn(self, direction: Direction) -> None:
        """Take back the last edit that counts, wherever it was made, or do it again."""
        self.turning = 0
        self._do(partial(self._turn, direction, 1), partial(self._on_turned, direction))

    def jump(self, number: int) -> None:
        """Undo or redo until the edit of this number is the last one that counts.

        It happens bit by bit, so that the window lives on; see `turning`.
        """
        self._do(partial(self._project.journal.steps_to, number), self._on_steps)

    def stop(self) -> None:
        """End a jump where it is."""
        self.turning = 0

    def bring_back(self) -> None:
        """Write what a former session kept outside of the project, as its disk was full."""
        self._do(self._spare.edits, self._on_brought)

    def close(self) -> None:
        """Try once more to write what waits, and keep outside of the project what cannot be."""
        self.turning = 0
        if self.waiting:
            self._do(self._write_or_spare, self._on_closed)

    # --- answers, on the main thread

    def _do(self, work: Callable[[], object], then: Callable[[Any], object]) -> None:
        self._background.do(_LANE, work, then=then, otherwise=self._on_error)

    def _on_brought(self, edits: list[Edit]) -> None:
        self._brought = {edit.id for edit in edits}
        for edit in edits:
            self.add(edit)
        if edits:
            self.brought.emit(len(edits))

    def _on_closed(self, outcome: _Outcome) -> None:
        error, outcome.error = outcome.error, None
        self._on_done(outcome)
        if error is not None and outcome.spared:
            what = f"{_strokes(outcome.spared)} could not be saved. {_what(error)}"
            hint = "They are kept in your own folder, and saved when the project is opened again."
            error = PhenoError(what, hint=hint)
        if error is not None:
            self.failed.emit(error)

    def _on_steps(self, steps: int) -> None:
        self.turning = abs(steps)
        if steps:
            self._go_on("redo" if steps > 0 else "undo")

    def _go_on(self, direction: Direction) -> None:
        work = partial(self._turn, direction, self.turning)
        self._do(work, partial(self._on_jumped, direction))

    def _on_jumped(self, direction: Direction, outcome: _Outcome) -> None:
        wanted = self.turning > 0 and outcome.error is None and bool(outcome.turned)
        self.turning = outcome.left if wanted else 0
        self._on_done(outcome, single=False)
        if self.turning:
            self._go_on(direction)

    def _on_turned(self, direction: Direction, outcome: _Outcome) -> None:
        self._on_done(outcome)
        if not outcome.turned and outcome.error is None:
            self.emptied.emit(direction)

    def _on_done(self, outcome: _Outcome, *, single: bool = True) -> None:
        for edit in outcome.written:
            self._told = None
            self._settle(edit)
            for plane in edit.planes:
                self.saved.emit(plane)
        for edit, error in outcome.refused:
            self._settle(edit)
            for plane in edit.planes:
                self.refused.emit(plane)
            self.failed.emit(error)
        for edit in outcome.turned:
            for number, plane in enumerate(edit.planes):
                self.turned.emit(plane, single and number == 0)
        if outcome.error is not None:
            self._on_error(outcome.error)

    def _on_error(self, error: Exception) -> None:
        """Tell of an error, but only once of one that stays."""
        if str(error) != self._told or not self.waiting:
            self._told = str(error)
            self.failed.emit(self._explained(error))

    def _settle(self, edit: Edit) -> None:
        for waiting in [item for item in self.waiting if item.id == edit.id]:
            self.waiting.remove(waiting)

    def _explained(self, error: Exception) -> Exception:
        count = len(self.waiting)
        if not count or not isinstance(error, _MAY_PASS):
            return error
        kept = "The last stroke is" if count == 1 else f"The last {count} strokes are"
        hint = f"{error.hint} {kept} kept, and saved as soon as that is possible."
        return PhenoError(f"What was painted could not be saved. {error.what}", hint=hint)

    # --- work, in the lane

    def _write(self, *edits: Edit) -> _Outcome:
        outcome = _Outcome()
        self._backlog.extend(edits)
        while self._backlog and outcome.error is None:
            edit = self._backlog[0]
            try:
                outcome.written.append(self._apply(edit))
            except _MAY_PASS as error:
                outcome.error = error
                break
            except Exception as error:  # noqa: BLE001 - handed to the listener whole
                outcome.refused.append((edit, error))
                if edit.id in self._brought:
                    self._spare.set_aside(edit)
            self._backlog.popleft()
        return outcome

    def _write_or_spare(self) -> _Outcome:
        outcome = self._write()
        try:
            while self._backlog:
                path = self._spare.keep(self._backlog[0])
                _log.warning("A stroke could not be saved; it is kept in %s.", path)
                self._backlog.popleft()
                outcome.spared += 1
        except DiskError as error:
            _log.exception("%d strokes could be kept nowhere.", len(self._backlog))
            outcome.error = error
        return outcome

    def _apply(self, edit: Edit) -> Edit:
        self._project.labels(edit.tile.image).apply(edit)
        paint_drafts(self._project.path, edit)
        if edit.id in self._brought:
            self._spare.drop(edit)
        return edit

    def _turn(self, direction: Direction, steps: int) -> _Outcome:
        outcome = self._write()
        history = History(self._project, author=self.author)
        step = history.undo if direction == "undo" else history.redo
        end = time.monotonic() + _SLICE_SECONDS
        outcome.left = steps
        while outcome.error is None and outcome.left and time.monotonic() < end:
            try:
                edit = step()
            except Exception as error:  # noqa: BLE001 - handed to the listener whole
                outcome.error = error
                break
            if edit is None:
                outcome.left = 0
                break
            paint_drafts(self._project.path, edit)
            outcome.turned.append(edit)
            outcome.left -= 1
        return outcome


def _strokes(count: int) -> str:
    return "The last stroke" if count == 1 else f"The last {count} strokes"


def _what(error: Exception) -> str:
    return error.what if isinstance(error, PhenoError) else str(error)
