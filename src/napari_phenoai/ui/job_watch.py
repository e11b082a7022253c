"""Listens to a job in its own thread, so that the window can look when it likes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_phenoai.core.progress import Progress
from napari_phenoai.core.remaining import in_words, remaining_seconds

if TYPE_CHECKING:
    from napari_phenoai.jobs.job import Job

__all__ = ["JobWatch"]


class JobWatch:
    """What a job last said, and the numbers that it has reported.

    Hearing costs next to nothing, however often the job speaks; nothing is queued
    for the window.

    Parameters
    ----------
    job : Job
        Running or about to.
    """

    def __init__(self, job: Job[Any]) -> None:
        self.job = job
        self.latest = Progress(0, None)
        self._began = time.monotonic()
        self._data: deque[Mapping[str, object]] = deque()
        job.progressed.connect(self._hear)
        self._hear(job.progress)

    @property
    def words(self) -> str:
        """What is being done, and how long that still takes, where it is known."""
        left = in_words(remaining_seconds(time.monotonic() - self._began, self.latest.fraction))
        return " · ".join(part for part in (left, self.latest.message) if part)

    def take_data(self) -> list[Mapping[str, object]]:
        """Return the numbers reported since the last call, in order."""
        return [self._data.popleft() for _ in range(len(self._data))]

    def _hear(self, progress: Progress) -> None:
        self.latest = progress
        if progress.data:
            self._data.append(progress.data)
