"""Answers of servers about tiles, laid on the desk as proposals when their tile is there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

from napari_phenoai.errors import InputError
from napari_phenoai.loop.review import Proposal
from napari_phenoai.ui.desk import Desk, open_desk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.records import ModelCard
    from napari_phenoai.io.project import Project
    from napari_phenoai.ui.session import Session

__all__ = ["Answered", "ServerProposals", "with_proposal"]

_MOST = 200


@dataclass(frozen=True)
class Answered:
    """What a server has said of one tile, behind the port of a model.

    Parameters
    ----------
    project : Project
        Whose tile it is.
    tile : Tile
        The tile.
    card : ModelCard
        The model on the server.
    labels : ndarray of uint8, shape (y, x)
        Ids of classes; 0 where unlabelled.
    """

    project: Project
    tile: Tile
    card: ModelCard
    labels: NDArray[np.uint8]

    @property
    def device(self) -> str:
        """Where it was computed."""
        return "server"

    def predict(self, pixels: NDArray[np.generic]) -> NDArray[np.float32]:
        """Return 1 for the class of each pixel and 0 for the others.

        Parameters
        ----------
        pixels : ndarray, shape (1, c, y, x)
            The tile with the context of the card; only its shape is looked at.

        Returns
        -------
        ndarray of float32, shape (1, k, y, x)
            Plane ``i`` is class ``card.class_ids[i]``; all alike where unlabelled.
        """
        ids = np.array(self.card.class_ids, np.uint8)
        rows, columns = pixels.shape[-2:]
        found = np.full((len(ids), rows, columns), 1 / len(ids), np.float32)
        context = self.card.context_px
        height, width = self.labels.shape
        inner = found[:, context : context + height, context : context + width]
        known = self.labels > 0
        inner[:, known] = (self.labels[known] == ids[:, np.newaxis]).astype(np.float32)
        return found[np.newaxis]


def with_proposal(desk: Desk, proposal: Proposal) -> Desk:
    """Return the tile of `desk` with another proposal under what people have painted.

    Parameters
    ----------
    desk : Desk
        Of a project of classes.
    proposal : Proposal
        Of the same tile. The mask of a tile that was decided before, and one in which
        only painted pixels count, stays as it is.
    """
    under = desk.proposal.values

    def put(values: NDArray[Any]) -> NDArray[Any]:
        if desk.paint_only or desk.review is not None:
            return values.copy()
        return np.where(values == under, proposal.values, values).astype(values.dtype)

    new = replace(desk, proposal=proposal, labels=put(desk.labels), uncertainty=None)
    new.start = put(desk.start)
    return new


class ServerProposals:
    """Keeps what servers have said of tiles, for the time that the project is open.

    An answer belongs to its tile: it is never laid on another one, however late it
    comes. It waits there for the person.

    Parameters
    ----------
    session : Session
        Whose desk is filled; not kept alive by this.
    """

    def __init__(self, session: Session) -> None:
        self._session = ref(session)
        self._answers: dict[str, Answered] = {}
        session.desk_changed.connect(self._on_desk)
        session.project_changed.connect(self._on_project)

    def take(self, answer: Answered) -> None:
        """Keep an answer, and lay it on the desk if its tile is there."""
        session = self._session()
        if session is None or answer.project is not session.project:
            return
        self._answers.pop(answer.tile.key, None)
        self._answers[answer.tile.key] = answer
        while len(self._answers) > _MOST:
            self._answers.pop(next(iter(self._answers)))
        self._on_desk()

    def has(self, tile: Tile) -> bool:
        """Tell whether a server has said something of `tile`."""
        return tile.key in self._answers

    def _on_project(self) -> None:
        session = self._session()
        project = session.project if session is not None else None
        self._answers = {
            key: answer for key, answer in self._answers.items() if answer.project is project
        }

    def _on_desk(self) -> None:
        session = self._session()
        desk = session.desk if session is not None else None
        answer = self._answers.get(desk.tile.key) if desk is not None else None
        if session is None or desk is None or answer is None:
            return
        if desk.proposal.model_id == answer.card.id:
            return
        if desk.objects is None:
            labels = answer.project.scheme.resolved(answer.labels)
            self._lay(desk, with_proposal(desk, Proposal(labels, answer.card.id)))
        elif desk.touched:
            del self._answers[desk.tile.key]
            hint = "Undo them and ask again, or go on with what is there."
            session.complain(InputError("Objects were drawn in this tile already.", hint=hint))
        else:
            work = partial(open_desk, answer.project, desk.item, answer, paint_only=desk.paint_only)
            then = partial(self._lay_objects, desk)
            session.background.do("tiles", work, then=then, otherwise=session.complain)

    def _lay_objects(self, old: Desk, new: Desk) -> None:
        answer = self._answers.get(old.tile.key)
        if old.touched or answer is None or new.proposal.model_id != answer.card.id:
            self._answers.pop(old.tile.key, None)
            return
        new.note, new.seconds, new.uncertainty = old.note, old.seconds, None
        self._lay(old, new)

    def _lay(self, old: Desk, new: Desk) -> None:
        session = self._session()
        if session is not None and session.reviewing is not None and session.desk is old:
            session.reviewing.desk = new
            session.reviewing.desk_changed.emit()
