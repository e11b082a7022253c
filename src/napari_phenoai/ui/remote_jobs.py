"""Trainings on servers, in an open project: begun, followed over any break, stopped."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_phenoai.core.remote_training import REMOTE_TRAINING, RemoteTraining
from napari_phenoai.errors import SignInError
from napari_phenoai.io.trainings import TrainingStore
from napari_phenoai.jobs.job import Job
from napari_phenoai.remote.redaction import plain
from napari_phenoai.ui.links import hear_from_thread
from napari_phenoai.ui.remote_starts import asked, begun, resumed, trained

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_phenoai.core.ports import TrainSettings
    from napari_phenoai.core.progress import Work
    from napari_phenoai.errors import EndpointError
    from napari_phenoai.io.project import Project
    from napari_phenoai.ui.background import Background
    from napari_phenoai.ui.remote_starts import TrainWish
    from napari_phenoai.ui.server_desk import ServerDesk

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
    server : str
        Its name.
    training : str
        Id of the training; empty until it was begun.
    heard : Signal
        The job, and the failure that it asks again after, or None once all is well; emitted
        in its thread.
    """

    heard = Signal(object)

    def __init__(
        self, project: Project, server: str, start: Callable[[FollowJob], Work[RemoteTraining]]
    ) -> None:
        self.server, self.training = server, ""
        self._store = TrainingStore(project.path)
        self._stop, self._left = threading.Event(), False
        self._gate, self._entered = threading.Lock(), False
        super().__init__(f"Training on {server}", self._watched(start), kind=REMOTE_TRAINING)

    def cancel(self) -> None:
        """Have the training stopped over there; returns at once. Nothing happens after `leave`."""
        if self._left:
            return
        with self._gate:
            self._stop.set()
            early = not self._entered
        if early:
            super().cancel()

    def enter(self) -> bool:
        """Tell whether the training may be begun or followed; from then on it is stopped there.

        Called in the thread of the job, once there is a connection.
        """
        with self._gate:
            self._entered = not self._stop.is_set()
            return self._entered

    def leave(self) -> None:
        """Follow it no more; the training goes on, and is followed when the project is opened."""
        self._left = True
        super().cancel()

    @property
    def left(self) -> bool:
        """Whether it is followed no more, though it goes on."""
        return self._left

    def hear(self, error: EndpointError | None) -> None:
        """Hear of a failure, or of none any more, in the thread of the job."""
        self.heard.emit((self, error))

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
    desk : ServerDesk
        Whose connections are used, and whom the person answers.

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
        desk: ServerDesk,
    ) -> None:
        self.jobs: list[FollowJob] = []
        self._project, self._background, self._run = project, background, run
        self._desk, self._asked = desk, ""
        self._closed = False
        desk.done.connect(self._on_done)

    def resume(self) -> None:
        """Follow all trainings of which something is still to come.

        What this person has not begun is followed once they have said so: a project may
        come from anybody.
        """
        self._background.do("status", partial(_open_ones, self._project), then=self._on_open)

    def train(self, server: str, settings: TrainSettings, author: str) -> FollowJob:
        """Begin a training on a server, and follow it."""
        connect = partial(self._desk.client, server)
        begin = partial(trained, self._project, settings, author)
        start = partial(begun, self._project, connect, begin)
        return self._follow(FollowJob(self._project, server, start))

    def train_by_form(self, wish: TrainWish, author: str) -> FollowJob:
        """Begin a training as a person filled in the form of a module, and follow it."""
        connect = partial(self._desk.client, wish.server)
        begin = partial(asked, self._project, wish, author)
        start = partial(begun, self._project, connect, begin)
        return self._follow(FollowJob(self._project, wish.server, start))

    def close(self) -> None:
        """Follow nothing any more; the trainings go on."""
        self._closed = True
        if self._asked:
            self._desk.questions.withdraw(self._asked)
        for server in self._desk.needs.all:
            self._desk.needs.withdraw(server)
        for job in list(self.jobs):
            job.leave()

    def _on_open(self, found: tuple[list[RemoteTraining], list[RemoteTraining]]) -> None:
        own, others = found
        self._follow_all(own)
        if others and not self._closed:
            self._asked = _question(others)
            self._desk.questions.put(self._asked, partial(self._on_answer, others))

    def _on_answer(self, others: list[RemoteTraining], yes: bool) -> None:
        self._asked = ""
        if yes:
            self._background.do("writes", partial(_take_over, others))
            self._follow_all(others)

    def _follow_all(self, trainings: list[RemoteTraining]) -> None:
        known = {job.training for job in self.jobs}
        for training in trainings:
            if not self._closed and training.id not in known:
                connect = partial(self._desk.client, training.server)
                start = partial(resumed, self._project, connect, training)
                self._follow(FollowJob(self._project, training.server, start))

    def _follow(self, job: FollowJob) -> FollowJob:
        self.jobs.append(job)
        hear_from_thread(job.ended, self._on_ended)
        hear_from_thread(job.heard, self._on_heard)
        self.begun.emit(job)
        self._run(job)
        return job

    def _on_ended(self, job: FollowJob) -> None:
        self.jobs = [one for one in self.jobs if one is not job]
        self._on_heard((job, job.error))
        self.ended.emit(job)
        if job.left and not self._closed:
            self._renew()

    def _on_heard(self, told: tuple[FollowJob, BaseException | None]) -> None:
        job, error = told
        if isinstance(error, SignInError) and not self._closed:
            self._desk.needs.put(job.server, error)
        elif error is None and not job.left:
            self._desk.needs.withdraw(job.server)

    def _on_done(self, act: str, server: str) -> None:
        """Go on with a new login where the old one was refused, or was used until now."""
        if act == "log in" and not self._closed:
            leaving = [job for job in self.jobs if job.server == server and job.training]
            for job in leaving:
                job.leave()
            if not leaving:
                self._renew()

    def _renew(self) -> None:
        own = partial(_own_open_ones, self._project)
        self._background.do("status", own, then=self._follow_all)


def _open_ones(project: Project) -> tuple[list[RemoteTraining], list[RemoteTraining]]:
    from napari_phenoai.loop.remote_begin import open_trainings  # slow to load: in a thread

    return open_trainings(project)


def _own_open_ones(project: Project) -> list[RemoteTraining]:
    return _open_ones(project)[0]


def _take_over(trainings: list[RemoteTraining]) -> None:
    from napari_phenoai.loop.remote_begin import take_over

    for training in trainings:
        take_over(training)


def _question(others: list[RemoteTraining]) -> str:
    servers = " and ".join(sorted({plain(training.server, 64) for training in others}))
    one = len(others) == 1
    trainings, them = ("a training", "it") if one else (f"{len(others)} trainings", "them")
    return (
        f"This project names {trainings} on {servers} that you have not begun here. "
        f"Ask {servers} for {them}?"
    )
