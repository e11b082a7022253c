"""An open project with the parts of a session that live as long as it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_phenoai.ui.filling import Filling
from napari_phenoai.ui.housekeeping import Housekeeping
from napari_phenoai.ui.learner import Learner
from napari_phenoai.ui.painting import Painting
from napari_phenoai.ui.quiet import hurry_threads
from napari_phenoai.ui.reviewing import Reviewing

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_phenoai.core.ports import Predictor
    from napari_phenoai.core.records import Review
    from napari_phenoai.io.project import Project
    from napari_phenoai.jobs.job import Job
    from napari_phenoai.ui.background import Background
    from napari_phenoai.ui.preferences import Place
    from napari_phenoai.ui.server_desk import ServerDesk
    from napari_phenoai.ui.standing import Standing

__all__ = ["Opened"]


class Opened:
    """Reviewing, painting, queue and learning of one open project.

    Parameters
    ----------
    project : Project
        Open; `close` leaves that to the caller.
    background : Background
        Where they work.
    run : callable
        Starts and tracks a `Job`.
    desk : ServerDesk
        The servers of the session.
    author : str
        Who works.
    place : Place
        Where models run.

    Signals
    -------
    told : str
        Something that people should read once.
    """

    told = Signal(str)

    def __init__(
        self,
        project: Project,
        background: Background,
        run: Callable[[Job[Any]], object],
        desk: ServerDesk,
        *,
        author: str,
        place: Place,
    ) -> None:
        self.project = project
        self.reviewing = Reviewing(project, background, author)
        self.painting = Painting(project, background, author)
        self.filling = Filling(project, self.reviewing, background, run)
        self.learner = Learner(project, background, run, author, desk)
        self.learner.place = place
        self.learner.loaded.connect(self._on_loaded)
        self.painting.mode_changed.connect(self._on_mode)
        self.painting.painted.connect(self.reviewing.take_in)
        self.painting.writer.brought.connect(self._on_brought)
        self.reviewing.brought.connect(self._on_decisions)
        self.reviewing.bring_back()
        self.painting.writer.bring_back()
        hurry_threads(hurry=True)
        self._housekeeping = Housekeeping(lambda: not background.busy)
        self._housekeeping.begin()

    def introduce(self, author: str, place: Place) -> None:
        """Say who works, and where models run."""
        self.reviewing.author = self.learner.author = self.painting.writer.author = author
        self.learner.place = place

    def hear(self, standing: Standing, *, reload: bool) -> None:
        """Take note of how the project stands; with `reload`, load the served model."""
        if not self.filling.known:
            self.reviewing.history[:0] = standing.recent
        if reload:
            self.learner.load(standing)
        self.learner.consider(standing)

    def close(self) -> None:
        """Leave the desk, stop the training, drop what is under way; finish what is painted."""
        self.painting.close()
        self.reviewing.close()
        self.filling.close()
        self.learner.close()
        hurry_threads(hurry=False)
        self._housekeeping.end()

    def _on_mode(self) -> None:
        self.reviewing.pause(paused=self.painting.active)

    def _on_brought(self, count: int) -> None:
        strokes = "A stroke" if count == 1 else f"{count} strokes"
        self.painting.tell(f"{strokes} of last time could not be saved then; written now.")

    def _on_decisions(self, reviews: list[Review]) -> None:
        for review in reviews:
            self.reviewing.saved.emit(review)
        what = "A decision" if len(reviews) == 1 else f"{len(reviews)} decisions"
        self.told.emit(f"{what} of last time could not be saved then; saved now.")

    def _on_loaded(self, predictor: Predictor | None) -> None:
        self.reviewing.reload(predictor)
        if self.filling.known:
            self.filling.refresh()
        else:
            self.filling.read()
