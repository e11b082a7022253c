"""The jobs of a session: started, listed while they run, recorded in the project."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_phenoai.jobs.job import Job, JobState
from napari_phenoai.ui.links import hear_from_thread

if TYPE_CHECKING:
    from napari_phenoai.io.project import Project
    from napari_phenoai.ui.background import Background

__all__ = ["JobBook"]


class JobBook:
    """Runs jobs and remembers them; all methods belong to the main thread.

    Parameters
    ----------
    background : Background
        Lane ``writes`` is used for the records.

    Attributes
    ----------
    jobs : list of Job
        Those that run.
    """

    changed = Signal()
    failed = Signal(object)

    def __init__(self, background: Background) -> None:
        self.jobs: list[Job[Any]] = []
        self._background = background
        self._projects: dict[str, Project | None] = {}

    def run(self, job: Job[Any], project: Project | None) -> None:
        """Start `job` and record it in `project`, now and when it ends."""
        self.jobs.append(job)
        self._projects[job.id] = project
        self._save(job, project)
        hear_from_thread(job.ended, self._on_ended)
        job.start()
        self.changed.emit()

    def cancel_all(self) -> None:
        """Ask all jobs to stop."""
        for job in list(self.jobs):
            job.cancel()

    def uses(self, project: Project) -> bool:
        """Whether a job of `project` runs."""
        return any(self._projects.get(job.id) is project for job in self.jobs)

    def _on_ended(self, job: Job[Any]) -> None:
        if job not in self.jobs:
            return
        self.jobs.remove(job)
        self._save(job, self._projects.pop(job.id))
        if job.state is JobState.FAILED and job.error is not None:
            self.failed.emit(job.error)
        self.changed.emit()

    def _save(self, job: Job[Any], project: Project | None) -> None:
        if project is not None:
            save = partial(project.ledger.save_job, job.record())
            self._background.do("writes", save, otherwise=self.failed.emit)
