"""What a session has open, to be looked at by everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_phenoai.ui.session_signals import SessionSignals

if TYPE_CHECKING:
    from napari_phenoai.core.edits import Edit
    from napari_phenoai.core.records import QueueItem
    from napari_phenoai.io.project import Project
    from napari_phenoai.jobs.job import Job
    from napari_phenoai.ui.desk import Desk
    from napari_phenoai.ui.filling import Filling
    from napari_phenoai.ui.learner import Learner
    from napari_phenoai.ui.opened import Opened
    from napari_phenoai.ui.painting import Painting
    from napari_phenoai.ui.reviewing import Reviewing
    from napari_phenoai.ui.standing import Standing

__all__ = ["SessionParts"]


class SessionParts(SessionSignals):
    """The parts of the open project; all are None or empty while none is open.

    Attributes
    ----------
    opened : Opened or None
        Holds the parts together.
    standing : Standing
        What is known of the project.
    """

    standing: Standing

    def __init__(self) -> None:
        self.opened: Opened | None = None
        self._looked_at: tuple[Project, str] | None = None

    @property
    def project(self) -> Project | None:
        """The open project."""
        return self.opened.project if self.opened else None

    @property
    def reviewing(self) -> Reviewing | None:
        """The tiles of the open project."""
        return self.opened.reviewing if self.opened else None

    @property
    def painting(self) -> Painting | None:
        """Painting anywhere on the images of the open project."""
        return self.opened.painting if self.opened else None

    @property
    def paints_anywhere(self) -> bool:
        """Whether that mode is on, and so no tile is on the screen."""
        return self.painting is not None and self.painting.active

    @property
    def filling(self) -> Filling | None:
        """What keeps the queue of the open project filled."""
        return self.opened.filling if self.opened else None

    @property
    def learner(self) -> Learner | None:
        """The models of the open project."""
        return self.opened.learner if self.opened else None

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

    @property
    def shown_model(self) -> str | None:
        """The model whose predictions are seen: the one that was chosen, or that serves."""
        if self._looked_at is not None and self._looked_at[0] is self.project:
            return self._looked_at[1]
        served = self.standing.served
        return served.id if served else None

    def show_model(self, model: str | None) -> None:
        """Show the predictions of `model` over the images; None for the one that serves."""
        project = self.project
        self._looked_at = (project, model) if project is not None and model else None
        self.standing_changed.emit()

    @property
    def paint_only(self) -> bool:
        """Whether pixels that are not painted count as unknown."""
        return self.reviewing is not None and self.reviewing.paint_only

    @property
    def training(self) -> Job[Any] | None:
        """The training that runs."""
        return self.learner.training if self.learner else None

    # --- for `Session`: psygnal tries a callback that is an ``emit`` out when it is connected,
    # methods it does not

    def _tell_queue(self) -> None:
        self.queue_changed.emit()

    def _tell_current(self) -> None:
        self.current_changed.emit()

    def _tell_desk(self) -> None:
        self.desk_changed.emit()

    def _listen_to(self, painting: Painting) -> None:
        painting.mode_changed.connect(self._tell_painting)
        painting.noted.connect(self._tell_noted)
        painting.window_changed.connect(self._tell_noted)  # it can be painted into now
        painting.painted.connect(self._tell_history)
        if self.opened is not None:
            self.opened.told.connect(self._tell_words)

    def _tell_painting(self) -> None:
        self.painting_changed.emit()

    def _tell_noted(self) -> None:
        self.painting_noted.emit()

    def _tell_history(self, _: Edit) -> None:
        self.history_changed.emit()

    def _tell_words(self, words: str) -> None:
        self.told.emit(words)
