"""What a session has open, to be looked at by everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_phenoai.ui.session_signals import SessionSignals

if TYPE_CHECKING:
    from napari_phenoai.core.records import QueueItem
    from napari_phenoai.io.project import Project
    from napari_phenoai.jobs.job import Job
    from napari_phenoai.ui.desk import Desk
    from napari_phenoai.ui.filling import Filling
    from napari_phenoai.ui.learner import Learner
    from napari_phenoai.ui.opened import Opened
    from napari_phenoai.ui.reviewing import Reviewing

__all__ = ["SessionParts"]


class SessionParts(SessionSignals):
    """The parts of the open project; all are None or empty while none is open.

    Attributes
    ----------
    opened : Opened or None
        Holds the parts together.
    """

    def __init__(self) -> None:
        self.opened: Opened | None = None

    @property
    def project(self) -> Project | None:
        """The open project."""
        return self.opened.project if self.opened else None

    @property
    def reviewing(self) -> Reviewing | None:
        """The tiles of the open project."""
        return self.opened.reviewing if self.opened else None

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
    def paint_only(self) -> bool:
        """Whether pixels that are not painted count as unknown."""
        return self.reviewing is not None and self.reviewing.paint_only

    @property
    def training(self) -> Job[Any] | None:
        """The training that runs."""
        return self.learner.training if self.learner else None
