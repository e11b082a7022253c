"""Trainings on servers, in an open project: begun, followed over any break, stopped."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_phenoai.core.progress import Progress
from napari_phenoai.core.remote_training import REMOTE_TRAINING, RemoteTraining
from napari_phenoai.io.trainings import TrainingStore
from napari_phenoai.jobs.job import Job
from napari_phenoai.ui.links import hear_from_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_phenoai.core.ports import TrainSettings
    from napari_phenoai.core.progress import Work
    from napari_phenoai.io.project import Project
    from napari_phenoai.remote.deepaas import DeepaasClient
    from napari_phenoai.ui.background import Background

    Connect = Callable[[str], DeepaasClient]

__all__ = ["FollowJob", "RemoteJobs", "server_names"]


def server_names() -> tuple[str, ...]:
    """Return the names of the user's servers; none where their list cannot be read."""
    from napari_phenoai.errors import PhenoError
    from napari_phenoai.io.endpoints import EndpointBook

    try:
        listed = EndpointBook().read().endpoints
    except PhenoError:
        return ()
    return tuple(item.name for item in listed if str(item.kind) == "deepaas")


class FollowJob(Job[RemoteTraining]):
    """Follows a training on a server.

    To cancel it stops the training over there; after `leave` it only ends the following,
    and the training goes on.

    Parameters
    ----------
    project : Project
        Open.
    server : str
        Its name.
    start : callable
        Is given the job, and returns the work.

    Attributes
    ----------
    training : str
        Id of the training; empty until it was begun.
    """

    def __init__(
        self, project: Project, server: str, start: Callable[[FollowJob], Work[RemoteTraining]]
    ) -> None:
        self.training = ""
        self._store = TrainingStore(project.path)
        self._stop, self._left = threading.Event(), False
        super().__init__(f"Training on {server}", self._watched(start), kind=REMOTE_TRAINING)

    def cancel(self) -> None:
        """Have the training stopped over there; returns at once. Nothing happens after `leave`."""
        if not self._left:
            self._stop.set()

    def leave(self) -> None:
        """Follow it no more; the training goes on, and is followed when the project is opened."""
        self._left = True
        super().cancel()

    def _watched(self, start: Callable[[FollowJob], Work[RemoteTraining]]) -> Work[RemoteTraining]:
        from napari_phenoai.loop.remote_train import outcome

        work = start(self)
        wished = False
        try:
            while True:
                progress = next(work)
                if self._stop.is_set() and self.training and not wished:
                    self._store.wish_cancel(self.training)
                    wished = True
                yield progress
        except StopIteration as end:
            return outcome(end.value)
        finally:
            work.close()


class RemoteJobs:
    """The trainings of one open project on servers; all methods belong to the main thread.

    Parameters
    ----------
    project : Project
        Open; closed by the caller.
    background : Background
        Lane ``status`` is used.
    run : callable
        Starts and tracks a `Job`.
    connect : callable, optional
        Returns the client of a server by its name; by default from the user's list.

    Attributes
    ----------
    jobs : list of FollowJob
        Those that run, oldest first.
    """

    begun = Signal(object)
    ended = Signal(object)

    def __init__(
        self,
        project: Project,
        background: Background,
        run: Callable[[Job[Any]], object],
        connect: Connect | None = None,
    ) -> None:
        self.jobs: list[FollowJob] = []
        self._project, self._background, self._run = project, background, run
        self._connect = connect or _Connecting()
        self._closed = False

    def resume(self) -> None:
        """Follow all trainings of which something is still to come."""
        store = TrainingStore(self._project.path)
        self._background.do("status", store.open, then=self._on_open)

    def train(self, server: str, settings: TrainSettings, author: str) -> FollowJob:
        """Begin a training on a server, and follow it."""
        start = partial(_begun, self._project, partial(self._connect, server), settings, author)
        return self._follow(FollowJob(self._project, server, start))

    def close(self) -> None:
        """Follow nothing any more; the trainings go on."""
        self._closed = True
        for job in list(self.jobs):
            job.leave()

    def _on_open(self, trainings: list[RemoteTraining]) -> None:
        known = {job.training for job in self.jobs}
        for training in trainings:
            if not self._closed and training.id not in known:
                start = partial(_resumed, self._project, self._connect, training.id)
                self._follow(FollowJob(self._project, training.server, start))

    def _follow(self, job: FollowJob) -> FollowJob:
        self.jobs.append(job)
        hear_from_thread(job.ended, self._on_ended)
        self.begun.emit(job)
        self._run(job)
        return job

    def _on_ended(self, job: FollowJob) -> None:
        self.jobs = [one for one in self.jobs if one is not job]
        self.ended.emit(job)


class _Connecting:
    """Connects to servers of the user's list, at the first use; called in threads of jobs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connections: Any = None

    def __call__(self, name: str) -> DeepaasClient:
        from napari_phenoai.io.endpoints import EndpointBook
        from napari_phenoai.remote.connections import Connections
        from napari_phenoai.remote.credentials import KeyringSecrets

        with self._lock:
            if self._connections is None:
                self._connections = Connections(EndpointBook(), KeyringSecrets())
        client: DeepaasClient = self._connections.client(name)
        return client


def _begun(
    project: Project,
    client: Callable[[], DeepaasClient],
    settings: TrainSettings,
    author: str,
    job: FollowJob,
) -> Work[RemoteTraining]:
    from napari_phenoai.loop.remote_train import begin_training, follow_training

    yield Progress(0, None, "asking the server")
    training = begin_training(project, client(), settings, author=author)
    job.training = training.id
    return (yield from follow_training(project, lambda _: client(), training.id))


def _resumed(
    project: Project, connect: Connect, training_id: str, job: FollowJob
) -> Work[RemoteTraining]:
    from napari_phenoai.loop.remote_train import follow_training

    job.training = training_id
    return (yield from follow_training(project, connect, training_id))
