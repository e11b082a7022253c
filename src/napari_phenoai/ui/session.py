"""What one viewer has open: a project, the tile on the desk, the jobs that run."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from napari_phenoai.errors import PhenoError
from napari_phenoai.io.project import Project
from napari_phenoai.ui.background import Background
from napari_phenoai.ui.jobbook import JobBook
from napari_phenoai.ui.opened import Opened
from napari_phenoai.ui.preferences import Place
from napari_phenoai.ui.quiet import set_memory_aside, take_memory_back
from napari_phenoai.ui.server_desk import servers_of
from napari_phenoai.ui.session_parts import SessionParts
from napari_phenoai.ui.standing import Standing, standing_of

if TYPE_CHECKING:
    from pathlib import Path

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.ports import TrainSettings
    from napari_phenoai.core.records import QueueItem, Review, Verdict
    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.jobs.job import Job

__all__ = ["Session", "session_of"]

_PATIENCE_SECONDS = 3.0


class Session(SessionParts):
    """The state that all docks of one viewer share; knows no widget.

    Methods belong to the main thread and return at once: what takes long runs in
    the background. Signals are emitted on the main thread, provided that something
    there empties psygnal's queue (`psygnal.qt.start_emitting_from_queue`).
    """

    def __init__(self) -> None:
        super().__init__()
        self.standing = Standing()
        self.author = ""
        self.place = Place()
        self.background = Background()
        self.book = JobBook(self.background)
        self._leaving: list[Project] = []
        self.book.changed.connect(self._on_jobs)
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
        desk, place = servers_of(self), self.place
        self.opened = Opened(
            project, self.background, self.run, desk, author=self.author, place=place
        )
        self._listen(self.opened)
        set_memory_aside()
        self.project_changed.emit()
        self.refresh_standing(reload=True)

    def close_project(self) -> None:
        """Close the project, after everything that was decided is on disk."""
        project = self._leave_project()
        if project is not None:
            self._leaving.append(project)
            self._release()

    def close(self) -> None:
        """Close the project and stop all threads; waits for what is being written."""
        project = self._leave_project()
        for job in list(self.jobs):
            job.join(_PATIENCE_SECONDS)
        self.background.shutdown()
        for left in [*self._leaving, *([project] if project else [])]:
            left.close()
        self._leaving.clear()
        take_memory_back()

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

    def introduce(self, author: str, place: Place | None = None) -> None:
        """Say who works here, and where models run."""
        self.author, self.place = author, place or Place()
        if self.opened is not None:
            self.opened.introduce(author, self.place)

    # --- tiles

    def next_item(self) -> None:
        """Go to the next waiting tile."""
        if self.reviewing:
            self.reviewing.next_item()

    def back(self) -> None:
        """Reopen the tile that was decided last."""
        if self.reviewing:
            self.reviewing.back()

    def open_item(self, item: QueueItem) -> None:
        """Go to the tile of `item`; painting anywhere ends."""
        self.back_to_queue()
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

    # --- painting anywhere

    def paint_anywhere(self, goal: Tile | None = None) -> None:
        """Paint where `goal` lies; without one, on the image of the current tile or the first."""
        place = goal or (self.current.where if self.current else None)
        if self.painting is None:
            return
        if place is not None:
            self.painting.begin(place.image, place.z, goal=goal)
        elif self.standing.images:
            self.painting.begin(next(iter(self.standing.images)))

    def back_to_queue(self) -> None:
        """Paint no more anywhere; the tile that was on the desk is shown again."""
        if self.painting is not None:
            self.painting.end()

    # --- models

    def train(self, settings: TrainSettings) -> None:
        """Start a training in a child process, unless one runs already."""
        if self.learner is None:
            return
        try:
            self.learner.train(settings)
        except PhenoError as error:
            self.error_raised.emit(error)

    def train_next(self) -> None:
        """Start the training that fits what has been reviewed, or that was wished for."""
        if self.learner:
            self.train(self.learner.settings(self.learner.suited_family(self.standing)))

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
        if self.opened is not None:
            self.background.do(
                "status",
                partial(standing_of, self.opened.project),
                then=partial(self._on_standing, self.opened, reload=reload),
                otherwise=self.error_raised.emit,
            )

    def complain(self, error: Exception) -> None:
        """Hear that something failed: `error_raised` tells everybody."""
        self.error_raised.emit(error)

    # --- inside

    def _listen(self, opened: Opened) -> None:
        reviewing, filling, learner = opened.reviewing, opened.filling, opened.learner
        reviewing.queue_changed.connect(self._tell_queue)
        reviewing.current_changed.connect(self._tell_current)
        reviewing.desk_changed.connect(self._tell_desk)
        reviewing.saved.connect(self._on_saved)
        filling.busy_changed.connect(self._tell_queue)
        learner.trained.connect(self.models_edited)
        self._listen_to(opened.painting)
        for part in (reviewing, opened.painting, filling, learner):
            part.failed.connect(self.complain)

    def models_edited(self) -> None:
        """Hear that a round was recorded or another model serves."""
        self.models_changed.emit()
        self.refresh_standing(reload=True)

    def _leave_project(self) -> Project | None:
        opened, self.opened = self.opened, None
        if opened is None:
            return None
        opened.close()
        self.book.cancel_all()
        self.standing = Standing()
        for signal in (
            self.project_changed,
            self.queue_changed,
            self.current_changed,
            self.desk_changed,
            self.standing_changed,
        ):
            signal.emit()
        return opened.project

    def _release(self) -> None:
        """Close the projects that were left, each when nothing uses it any more."""
        for project in [left for left in self._leaving if not self.book.uses(left)]:
            self._leaving.remove(project)
            self.background.drain(partial(self.background.do, "writes", project.close))

    def _on_jobs(self) -> None:
        self._release()
        self.jobs_changed.emit()

    def _on_saved(self, review: Review) -> None:
        self.review_saved.emit(review)
        self.reviews_changed.emit()
        self.history_changed.emit()
        self.refresh_standing()

    def _on_standing(self, opened: Opened, standing: Standing, *, reload: bool) -> None:
        if opened is self.opened:
            self.standing = standing
            self.standing_changed.emit()
            opened.hear(standing, reload=reload)


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
