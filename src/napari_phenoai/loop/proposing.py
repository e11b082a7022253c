"""Proposals: the mask of a tile that a person starts from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.object_table import FIRST_OBJECT
from napari_phenoai.core.scoring import class_map
from napari_phenoai.loop.objects import proposed_objects
from napari_phenoai.loop.predict import predict_tile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.ports import Predictor
    from napari_phenoai.io.project import Project

__all__ = ["Proposal", "propose"]


@dataclass(frozen=True)
class Proposal:
    """The mask that a person starts from.

    Parameters
    ----------
    labels : ndarray of uint8, shape (y, x)
        Class values; 0 everywhere when nothing proposes.
    model_id : str or None
        Which model proposed it.
    probabilities : ndarray of float32, shape (k, y, x), or None
        What the model said; None when its stored prediction was read.
    ids : ndarray of uint32, shape (y, x), or None
        In a project of objects, their ids, which are free in the image; a value below
        256 is a class without objects. None in a project of classes.
    objects : mapping of int to int
        The class of each of these objects.
    """

    labels: NDArray[np.uint8]
    model_id: str | None = None
    probabilities: NDArray[np.float32] | None = None
    ids: NDArray[np.uint32] | None = None
    objects: Mapping[int, int] = field(default_factory=dict)

    @property
    def values(self) -> NDArray[Any]:
        """What a person goes on from: ids of objects where there are any, else classes."""
        return self.labels if self.ids is None else self.ids


def propose(project: Project, tile: Tile, predictor: Predictor | None = None) -> Proposal:
    """Return the mask to start from: the model's, or nothing.

    In a project of objects, the predicted classes are parted into objects.

    With a `predictor` the tile is predicted now; without one the stored prediction
    of the served model is taken, where the whole tile has been predicted.

    Raises
    ------
    ModelError
        If the model does not fit the image.
    ImageError
        If the pixels cannot be read.
    """
    proposal = _proposed_classes(project, tile, predictor)
    if not project.spec.has_objects:
        return proposal
    ids, objects = proposed_objects(project, tile, proposal.labels, proposal.model_id)
    labels = np.where(ids < FIRST_OBJECT, ids, proposal.labels).astype(np.uint8)
    return replace(proposal, labels=labels, ids=ids, objects=objects)


def _proposed_classes(project: Project, tile: Tile, predictor: Predictor | None) -> Proposal:
    scheme = project.scheme
    if predictor is not None:
        probabilities = predict_tile(project.source(tile.image), predictor, tile)
        classes = class_map(probabilities, predictor.card.class_ids)
        return Proposal(scheme.resolved(classes), predictor.card.id, probabilities)
    served = project.rounds.served()
    if served is not None:
        store = project.predictions(tile.image, served)
        if store.has(tile):
            return Proposal(scheme.resolved(store.read(tile)[0]), served)
    return Proposal(np.zeros(tile.shape, np.uint8))
