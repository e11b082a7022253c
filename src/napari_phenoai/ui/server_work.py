"""Predictions on servers as jobs of a session: one at a time on each server."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from psygnal import Signal

from napari_phenoai.jobs.job import Job, JobState
from napari_phenoai.loop.remote_work import Outcome, predict_there, propose_there
from napari_phenoai.ui.links import hear_from_thread
from napari_phenoai.ui.server_desk import servers_of
from napari_phenoai.ui.server_proposals import Answered, ServerProposals

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import ModelCard
    from napari_phenoai.io.project import Project
    from napari_phenoai.loop.remote_work import Wish
    from napari_phenoai.ui.session import Session

__all__ = ["Ended", "Request", "ServerWork", "work_on_servers"]


@dataclass(frozen=True)
class Request:
    """What a person asked a server for.

    Parameters
    ----------
    wish : Wish
        Which server, and how.
    tiles : tuple of Tile
        To be proposed, one after the other.
    images : tuple of str
        To be predicted whole; empty with `everything` for all.
    regions : tuple of Tile
        To be predicted.
    title : str
        Of the job.
    """

    wish: Wish
    title: str
    tiles: tuple[Tile, ...] = ()
    images: tuple[str, ...] = ()
    regions: tuple[Tile, ...] = ()


@dataclass(frozen=True)
class Ended:
    """How a request ended: with an outcome, an error, or neither when it was stopped."""

    request: Request
    outcome: Outcome | None = None
    error: BaseException | None = None


class ServerWork:
    """Starts predictions on servers and hands their results to the session.

    Parameters
    ----------
    session : Session
        Whose project is predicted; not kept alive by this.

    Attributes
    ----------
    running : dict of str to Job
        By the name of the server.
    proposals : ServerProposals
        What came for tiles.
    """

    changed = Signal()
    ended = Signal(object)
    _arrived = Signal(object)

    def __init__(self, session: Session) -> None:
        self._session = ref(session)
        self.running: dict[str, Job[Outcome]] = {}
        self._requests: dict[str, tuple[Project, Request]] = {}
        self.proposals = ServerProposals(session)
        hear_from_thread(self._arrived, self.proposals.take)

    def start(self, request: Request) -> bool:
        """Start what was asked for; return False while that server is at work for us."""
        session = self._session()
        project = session.project if session is not None else None
        name = request.wish.server
        if session is None or project is None or name in self.running:
            return False
        job = Job(request.title, self._work(session, project, request), kind="predict")
        self.running[name] = job
        self._requests[job.id] = project, request
        hear_from_thread(job.ended, self._on_ended)
        session.run(job)
        self.changed.emit()
        return True

    def stop(self, server: str) -> None:
        """Wait no longer for `server`; it may go on with the tile that it has."""
        if server in self.running:
            self.running[server].cancel()

    # --- inside

    def _work(self, session: Session, project: Project, request: Request) -> Work[Outcome]:
        connect, wish = servers_of(session).client, request.wish
        if request.tiles:
            keep = partial(self._keep, project)
            return propose_there(project, connect, wish, request.tiles, keep)
        return predict_there(
            project, connect, wish, request.images or None, regions=request.regions
        )

    def _keep(
        self, project: Project, tile: Tile, card: ModelCard, labels: NDArray[np.uint8]
    ) -> None:
        self._arrived.emit(Answered(project, tile, card, labels))

    def _on_ended(self, job: Job[Any]) -> None:
        project, request = self._requests.pop(job.id)
        self.running = {name: one for name, one in self.running.items() if one is not job}
        session = self._session()
        self.changed.emit()
        if session is None or session.project is not project:
            return
        outcome = job.result if job.state is JobState.DONE else None
        if outcome is not None and outcome.card is not None and not request.tiles:
            session.show_model(outcome.card.id)
            session.models_changed.emit()
        self.ended.emit(Ended(request, outcome, job.error))


_works: WeakKeyDictionary[Session, ServerWork] = WeakKeyDictionary()


def work_on_servers(session: Session) -> ServerWork:
    """Return the work of this session on servers, made on first use."""
    work = _works.get(session)
    if work is None:
        work = _works[session] = ServerWork(session)
    return work
