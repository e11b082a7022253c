"""Everything in a tile outlined: a job that is started when the tile is prepared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_phenoai.jobs.job import Job, JobState
from napari_phenoai.loop.prompting import outlines
from napari_phenoai.ui.links import hear_from_thread
from napari_phenoai.ui.prompting_asked import Found

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.prompts import MaskCandidate
    from napari_phenoai.ml.sam.embedding import Embedding
    from napari_phenoai.ml.sam.prompter import Prompter

__all__ = ["OutlineJob"]

_SIDE_CPU, _SIDE_GPU = 16, 32


class OutlineJob:
    """Outlines everything in one tile at a time.

    Parameters
    ----------
    run : callable
        Starts and lists a `Job`.

    Attributes
    ----------
    place : Tile or None
        What is or will be outlined.
    job : Job or None
        The one that runs.

    Signals
    -------
    found : Found or None
        What was found; None when there is nothing.
    changed
        It runs, or does not any more.
    """

    found = Signal(object)
    changed = Signal()

    def __init__(self, run: Callable[[Job[Any]], object]) -> None:
        self.place: Tile | None = None
        self.job: Job[list[MaskCandidate]] | None = None
        self._side = _SIDE_CPU
        self._run = run

    @property
    def side(self) -> int:
        """Clicks along each side of the tile: fewer where there is no GPU."""
        return self._side

    def start(self, prompter: Prompter, embedding: Embedding) -> None:
        """Outline everything in `place`."""
        if self.place is None or self.job is not None:
            return
        self._side = _SIDE_CPU if prompter.compute.device.type == "cpu" else _SIDE_GPU
        work = outlines(prompter, embedding, self.place, self._side)
        self.job = Job("Outlines of everything", work, kind="outlines")
        hear_from_thread(self.job.progressed, self._on_progress)
        hear_from_thread(self.job.ended, self._on_ended)
        self._run(self.job)

    def stop(self) -> bool:
        """Stop it and forget the place; return whether there was one."""
        was = self.place is not None
        if self.job is not None:
            self.job.cancel()
        self.place = self.job = None
        return was

    def _on_progress(self, _: Any) -> None:
        self.changed.emit()

    def _on_ended(self, job: Job[list[MaskCandidate]]) -> None:
        if job is not self.job:
            return
        place, self.place, self.job = self.place, None, None
        if job.state is JobState.DONE and place is not None:
            masks = tuple(job.result or ())
            numbers = tuple(range(len(masks)))
            self.found.emit(Found(place, masks, numbers, self._side) if masks else None)
        else:
            self.changed.emit()
