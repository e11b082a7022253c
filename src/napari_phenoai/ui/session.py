"""What one viewer has open: a project, the tile on the desk, the jobs that run."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from psygnal import Signal

from napari_phenoai.core.ports import TrainSettings
from napari_phenoai.errors import PhenoError
from napari_phenoai.io.project import Project
from napari_phenoai.ui.background import Background
from napari_phenoai.ui.filling import Filling
from napari_phenoai.ui.jobbook import JobBook
from napari_phenoai.ui.learner import Learner
from napari_phenoai.ui.reviewing import Reviewing
from napari_phenoai.ui.standing import Standing, standing_of

if TYPE_CHECKING:
    from pathlib import Path

    from napari_phenoai.core.ports import Predictor
    from napari_phenoai.core.records import QueueItem, Review, Verdict
    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.jobs.job import Job
    from napari_phenoai.ui.desk import Desk

__all__ = ["Session", "session_of"]


class Session:
    """The state that all docks of one viewer share; knows no widget.

    Methods belong to the main thread and return at once: what takes long runs in
    the background. Signals are emitted on the main thread, provided that something
    there empties psygnal's queue (`psygnal.qt.start_emitting_from_queue`).

    Signals
    -------
    project_changed
        A project was opened or closed, or its images or classes changed.
    queue_changed
        Items came, went, or changed their state.
    current_changed
        Another tile is current; its content may still be on the way.
    desk_changed
        The content of the current tile came, went, or was replaced.
    edited
        The mask on the desk was painted.
    models_changed
        A round was recorded or another model serves.
    reviews_changed
        A decision was saved.
    review_saved : Review
        The same, with the record.
    standing_changed
        What the status line shows was read anew.
    jobs_changed
        A job started or ended.
    error_raised : Exception
        Something failed; `ui.errors.report` shows it.
    """

    project_changed = Signal()
    queue_changed = Signal()
    current_changed = Signal()
    desk_changed = Signal()
    edited = Signal()
    models_changed = Signal()
    reviews_changed = Signal()
    review_saved = Signal(object)
    standing_changed = Signal()
    jobs_changed = Signal()
    error_raised = Signal(object)

    def __init__(self) -> None:
        self.project: Project | None = None
        self.reviewing: Reviewing | None = None
        self.filling: Filling | None = None
        self.learner: Learner | None = None
        self.standing = Standing()
        self.author = ""
        self.device = "auto"
        self.background = Background()
        self.book = JobBook(self.background)
        self.book.changed.connect(lambda: self.jobs_changed.emit())
        self.book.failed.connect(self.complain)

    # --- project

    def open_project(self, path: Path | str) -> bool:
        """Open the project folder `path` in place of the open one.

        Returns
        -------
        bool
            False when it could not be opened; `error_raised` has said why.
        """
        try:
            project = Project.open(path)
        except PhenoError as error:
            self.error_raised.emit(error)
            return False
        self.set_project(project)
        return True

    def set_project(self, project: Project) -> None:
        """Take over an open `project`; it is closed with the session."""
        self.close_project()
        self.project = project
        self.reviewing = self._new_reviewing(project)
        self.filling = self._new_filling(project, self.reviewing)
        self.learner = self._new_learner(project)
        self.project_changed.emit()
        self.refresh_standing(reload=True)

    def close_project(self) -> None:
        """Close the project, after everything that was decided is on disk."""
        project = self.project
        if project is None:
            return
        for part in (self.reviewing, self.filling, self.learner):
            if part is not None:
                part.close()
        self.book.cancel_all()
        self.project = self.reviewing = self.filling = self.learner = None
        self.standing = Standing()
        self.background.do("tiles", lambda: None, then=lambda _: self._release(project))
        for signal in (self.project_changed, self.queue_changed, self.current_changed):
            signal.emit()
        self.desk_changed.emit()
        self.standing_changed.emit()

    def project_edited(self) -> None:
        """Hear that images were added to the project or changed."""
        self.project_changed.emit()
        self.refresh_standing()
        self.refresh_queue()

    def change_scheme(self, scheme: ClassScheme) -> None:
        """Give the project another class scheme."""
        if self.project is None:
            return
        try:
            self.project.update_scheme(scheme)
        except PhenoError as error:
            self.error_raised.emit(error)
        self.project_changed.emit()

    def introduce(self, author: str, device: str = "auto") -> None:
        """Say who works here, and on which device models run."""
        self.author, self.device = author, device
        for part in (self.reviewing, self.learner):
            if part is not None:
                part.author = author
        if self.learner is not None:
            self.learner.device = device

    # --- tiles

    @property
    def queue(self) -> list[QueueItem]:
        """All items of the queue, in order."""
        return self.reviewing.queue if self.reviewing else []

    @property
    def ready(self) -> bool:
        """Whether the queue of the project has been read."""
        return self.filling is not None and self.filling.known

    def upcoming(self) -> list[QueueItem]:
        """Return the waiting items in the order in which they will come."""
        return self.reviewing.upcoming() if self.reviewing else []

    @property
    def current(self) -> QueueItem | None:
        """The item on the screen."""
        return self.reviewing.current if self.reviewing else None

    @property
    def desk(self) -> Desk | None:
        """The content of the current tile; None until it has been read."""
        return self.reviewing.desk if self.reviewing else None

    def next_item(self) -> None:
        """Go to the next waiting tile."""
        if self.reviewing:
            self.reviewing.next_item()

    def back(self) -> None:
        """Reopen the tile that was decided last."""
        if self.reviewing:
            self.reviewing.back()

    def open_item(self, item: QueueItem) -> None:
        """Go to the tile of `item`."""
        if self.reviewing:
            self.reviewing.open_item(item)

    def decide(self, verdict: Verdict, *, whole: bool = False) -> bool:
        """Decide about the current tile and go to the next; see `Reviewing.decide`."""
        return self.reviewing is not None and self.reviewing.decide(verdict, whole=whole)

    def set_paint_only(self, paint_only: bool) -> None:
        """Count pixels that are not painted as unknown, here and on the next tiles."""
        if self.reviewing:
            self.reviewing.set_paint_only(paint_only)

    def mark_edited(self) -> None:
        """Hear that the mask on the desk was painted."""
        if self.reviewing:
            self.reviewing.edited()
            self.edited.emit()

    def refresh_queue(self) -> None:
        """Choose anew which tiles come next, in the background."""
        if self.filling:
            self.filling.refresh()

    # --- models

    @property
    def training(self) -> Job[Any] | None:
        """The training that runs."""
        return self.learner.training if self.learner else None

    def train(self, settings: TrainSettings) -> None:
        """Start a training in a child process, unless one runs already."""
        if self.learner is None:
            return
        try:
            self.learner.train(settings)
        except PhenoError as error:
            self.error_raised.emit(error)

    def train_next(self) -> None:
        """Start the training that fits what has been reviewed so far."""
        if self.learner:
            family = self.learner.suited_family(self.standing)
            self.train(TrainSettings(family=family, device=self.device))

    def cancel_training(self) -> None:
        """Stop the training; nothing that exists is lost."""
        if self.learner:
            self.learner.cancel()

    # --- jobs

    @property
    def jobs(self) -> list[Job[Any]]:
        """The jobs that run."""
        return self.book.jobs

    def run(self, job: Job[Any]) -> Job[Any]:
        """Start `job`, list it in `jobs`, report its failure, keep a record of it."""
        self.book.run(job, self.project)
        return job

    def refresh_standing(self, *, reload: bool = False) -> None:
        """Read anew how the project stands; with `reload`, load the served model too."""
        if self.project is not None:
            project = self.project
            self.background.do(
                "status",
                partial(standing_of, project),
                then=partial(self._on_standing, project, reload=reload),
                otherwise=self.error_raised.emit,
            )

    def close(self) -> None:
        """Close the project and stop all threads; waits for what is being written."""
        self.close_project()
        self.background.shutdown()

    def complain(self, error: Exception) -> None:
        """Hear that something failed: `error_raised` tells everybody."""
        self.error_raised.emit(error)

    # --- inside

    def _new_reviewing(self, project: Project) -> Reviewing:
        reviewing = Reviewing(project, self.background, self.author)
        reviewing.queue_changed.connect(lambda: self.queue_changed.emit())
        reviewing.current_changed.connect(lambda: self.current_changed.emit())
        reviewing.desk_changed.connect(lambda: self.desk_changed.emit())
        reviewing.failed.connect(self.complain)
        reviewing.saved.connect(self._on_saved)
        return reviewing

    def _new_filling(self, project: Project, reviewing: Reviewing) -> Filling:
        filling = Filling(project, reviewing, self.background, self.run)
        filling.failed.connect(self.complain)
        filling.busy_changed.connect(lambda _: self.queue_changed.emit())
        return filling

    def _new_learner(self, project: Project) -> Learner:
        learner = Learner(project, self.background, self.run, self.author)
        learner.device = self.device
        learner.loaded.connect(self._on_loaded)
        learner.failed.connect(self._on_not_loaded)
        learner.trained.connect(self.models_edited)
        return learner

    def models_edited(self) -> None:
        """Hear that a round was recorded or another model serves."""
        self.models_changed.emit()
        self.refresh_standing(reload=True)

    def _release(self, project: Project) -> None:
        self.background.do("writes", project.close)

    def _on_saved(self, review: Review) -> None:
        self.review_saved.emit(review)
        self.reviews_changed.emit()
        self.refresh_standing()

    def _on_loaded(self, predictor: Predictor | None) -> None:
        if self.reviewing is None or self.filling is None:
            return
        self.reviewing.reload(predictor)
        if self.reviewing.queue:
            self.filling.refresh()
        else:
            self.filling.read()

    def _on_not_loaded(self, error: Exception) -> None:
        self.error_raised.emit(error)
        self._on_loaded(None)

    def _on_standing(self, project: Project, standing: Standing, *, reload: bool) -> None:
        if project is not self.project or self.learner is None:
            return
        self.standing = standing
        self.standing_changed.emit()
        if reload:
            self.learner.load(standing)
        self.learner.consider(standing)


_sessions: WeakKeyDictionary[Hashable, Session] = WeakKeyDictionary()


def session_of(viewer: Hashable) -> Session:
    """Return the session of this viewer, made on first use.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer itself or the proxy that napari gives to plugins.
    """
    viewer = getattr(viewer, "__wrapped__", viewer)
    session = _sessions.get(viewer)
    if session is None:
        session = _sessions[viewer] = Session()
    return session
