"""Keeps the queue of a session filled, in the background."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_phenoai.jobs.job import Job, JobState
from napari_phenoai.loop.queueing import refresh_queue
from napari_phenoai.ui.links import hear_from_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_phenoai.core.records import QueueItem
    from napari_phenoai.io.project import Project
    from napari_phenoai.ui.background import Background
    from napari_phenoai.ui.reviewing import Reviewing

__all__ = ["Filling"]

_FEW = 3
_DESK = "tile on the desk"


class Filling:
    """Chooses the next tiles of one open project whenever few are left.

    Parameters
    ----------
    project : Project
        Open; closed by the caller.
    reviewing : Reviewing
        Gets the queue; its current tile stays.
    background : Background
        Lane ``writes`` is used.
    run : callable
        Starts and tracks a `Job`.

    Attributes
    ----------
    strategy : str or None
        How tiles are chosen; None leaves it to the loop.
    batch : int
        How many tiles are chosen at once.
    known : bool
        Whether the queue of the project has been read.
    """

    failed = Signal(object)
    busy_changed = Signal(bool)

    def __init__(
        self,
        project: Project,
        reviewing: Reviewing,
        background: Background,
        run: Callable[[Job[Any]], object],
    ) -> None:
        self.strategy: str | None = None
        self.batch = 20
        self.known = False
        self._project = project
        self._reviewing = reviewing
        self._background = background
        self._run = run
        self._job: Job[list[QueueItem]] | None = None
        self._again = False
        self._exhausted = False
        self._closed = False
        reviewing.current_changed.connect(self._on_current)

    @property
    def busy(self) -> bool:
        """Whether tiles are being chosen."""
        return self._job is not None

    def read(self) -> None:
        """Read the queue that the project has, and which of its tiles was on the desk last."""
        self._background.do("writes", self._read, then=self._on_queue, otherwise=self.failed.emit)

    def refresh(self) -> None:
        """Choose anew which tiles come next; once more when that is under way already."""
        self._exhausted = False
        if self._closed or self._job is not None:
            self._again = not self._closed
            return
        current = self._reviewing.current
        work = refresh_queue(
            self._project,
            strategy=self.strategy,
            count=self.batch,
            predictor=self._reviewing.predictor,
            keep=current.where if current else None,
        )
        self._job = Job("Choosing tiles", work, kind="queue")
        hear_from_thread(self._job.ended, self._on_chosen)
        self._run(self._job)
        self.busy_changed.emit(True)

    def keep(self) -> None:
        """Choose more tiles when few are left, unless the last try brought none."""
        if len(self._reviewing.upcoming()) >= _FEW:
            self._exhausted = False
        elif not self._exhausted and self._job is None and not self._closed:
            self.refresh()
            self._exhausted = True

    def close(self) -> None:
        """Drop answers that are still under way."""
        self._closed = True

    def _read(self) -> tuple[list[QueueItem], str]:
        ledger = self._project.ledger
        return ledger.queue(), ledger.get_setting(_DESK) or ""

    def _on_queue(self, found: tuple[list[QueueItem], str]) -> None:
        if not self._closed:
            self.known = True
            self._reviewing.set_queue(*found)
            self.keep()

    def _on_current(self) -> None:
        """Note the tile on the desk, so that the next session begins there; see to the rest."""
        current = self._reviewing.current
        if current is not None and not self._closed:
            keep = self._project.ledger.set_setting
            self._background.do("writes", partial(keep, _DESK, current.tile, durable=False))
        self.keep()

    def _on_chosen(self, job: Job[list[QueueItem]]) -> None:
        self._job = None
        self.busy_changed.emit(False)
        if job.state is JobState.DONE:
            self.read()
        if self._again:
            self._again = False
            self.refresh()
