"""The desk: the tile on the screen, from where it starts to what is decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_phenoai.core.scoring import entropy_map
from napari_phenoai.errors import InputError
from napari_phenoai.loop.review import Proposal, propose, reopened
from napari_phenoai.ui.drafts import Draft, load_draft, painted_over

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.edits import Edit
    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.ports import Predictor
    from napari_phenoai.core.records import QueueItem, Review, Verdict
    from napari_phenoai.io.project import Project

__all__ = ["Decision", "Desk", "open_desk"]


@dataclass(frozen=True)
class Decision:
    """What is to be written about one tile.

    ``labels`` is None where the mask is as it was.
    """

    item: QueueItem
    verdict: Verdict
    labels: NDArray[np.uint8] | None
    known: Literal["all", "painted"]
    proposal: Proposal


@dataclass
class Desk:
    """One tile with the mask that a person works on.

    Parameters
    ----------
    item : QueueItem
        The tile as the queue names it.
    proposal : Proposal
        What the model, or people before, say of it.
    labels : ndarray of uint8, shape (y, x)
        The mask; painted in place by the editor, 0 is unlabelled.
    uncertainty : ndarray of float32, shape (y, x), or None
        In [0, 1]; None without a model.
    paint_only : bool
        Whether pixels that are not painted count as unknown.
    review : Review or None
        What was decided about it before.
    restored : bool
        Whether the mask comes from a draft.
    seconds : float
        Work that was spent on it before it came to the desk.
    note : str
        What the person wrote about it.
    """

    item: QueueItem
    proposal: Proposal
    labels: NDArray[np.uint8]
    uncertainty: NDArray[np.float32] | None = None
    paint_only: bool = False
    review: Review | None = None
    restored: bool = False
    seconds: float = 0.0
    note: str = ""
    start: NDArray[np.uint8] = field(init=False)

    def __post_init__(self) -> None:
        self.start = self.labels.copy()

    @property
    def tile(self) -> Tile:
        """The tile as a value."""
        return self.item.where

    @property
    def has_prediction(self) -> bool:
        """Whether the proposal says something about the tile."""
        return bool(self.proposal.labels.any())

    @property
    def touched(self) -> bool:
        """Whether the mask differs from how it was opened."""
        return not np.array_equal(self.labels, self.start)

    def shares(self) -> dict[int, float]:
        """Return the share of the tile that each label value covers, 0 included."""
        counts = np.bincount(self.labels.ravel(), minlength=256)
        return {int(value): counts[value] / self.labels.size for value in np.flatnonzero(counts)}

    def set_paint_only(self, paint_only: bool) -> None:
        """Switch between a mask of the whole tile and one of the painted pixels only.

        What was painted stays; the prediction is taken out of the mask, or put under it.
        """
        if paint_only == self.paint_only:
            return
        before, under = self.labels.copy(), self.proposal.labels
        if paint_only:
            self.labels[...] = np.where(before == under, 0, before)
        else:
            self.labels[...] = np.where(before == 0, under, before)
        if np.array_equal(before, self.start):
            self.start = self.labels.copy()
        self.paint_only = paint_only

    def take_in(self, edit: Edit) -> None:
        """Bring what was painted on the whole image into the mask; nothing where it is not."""
        if self.tile.intersects(edit.tile):
            under = self.proposal.labels
            self.labels[...] = painted_over(self.tile, self.labels, under, edit)
            self.start = painted_over(self.tile, self.start, under, edit)

    def filled(self, background: int) -> NDArray[np.uint8]:
        """Return the mask with unlabelled pixels as predicted, or else background."""
        whole = np.where(self.labels == 0, self.proposal.labels, self.labels)
        return np.where(whole == 0, background, whole).astype(np.uint8)

    def decision(self, verdict: Verdict, *, background: int, whole: bool = False) -> Decision:
        """Return what to write when the person decides `verdict` now.

        Parameters
        ----------
        verdict : str
            ``accepted`` becomes ``corrected`` where the mask is not the proposed one.
        background : int
            Class of the pixels that neither a person nor a model labelled, with `whole`.
        whole : bool
            Take unlabelled pixels as predicted, so that all are known.

        Raises
        ------
        InputError
            If there is nothing to accept.
        """
        if verdict not in ("accepted", "corrected"):
            kept = self.labels.copy() if self.touched else None
            return Decision(self.item, verdict, kept, "painted", self.proposal)
        labels = self.labels.copy()
        if whole or not labels.any():
            labels = self.filled(background)
            if not whole and not self.has_prediction:
                hint = "Paint some pixels of each class first, or press S to skip the tile."
                raise InputError("Nothing is painted in this tile yet.", hint=hint)
        known: Literal["all", "painted"] = "all" if labels.all() else "painted"
        same = known == "all" and np.array_equal(labels, self.proposal.labels)
        return Decision(
            self.item, "accepted" if same else "corrected", labels, known, self.proposal
        )

    def draft(self, seconds: float) -> Draft:
        """Return the mask under way as a draft."""
        return Draft(self.labels.copy(), self.proposal.labels, self.proposal.model_id, seconds)


def open_desk(
    project: Project, item: QueueItem, predictor: Predictor | None, *, paint_only: bool
) -> Desk:
    """Read and predict the tile of `item`, so that a person can begin at once.

    The mask starts from, in this order: the draft that was left, what people
    painted or decided, the prediction (or nothing in `paint_only`).

    Raises
    ------
    ImageError
        If the pixels cannot be read, whether a model needs them or not.
    ModelError
        If the model does not fit the image.
    """
    tile = item.where
    project.source(tile.image).read(tile)
    proposal = propose(project, tile, predictor)
    uncertainty = None
    if proposal.probabilities is not None:
        uncertainty = entropy_map(proposal.probabilities)
    review = project.reviews.current().get(tile.key)
    draft = load_draft(project.path, tile)
    if draft is None:
        proposal = Proposal(proposal.labels, proposal.model_id)
        labels = _start(project, tile, proposal, review, paint_only=paint_only)
        return Desk(item, proposal, labels, uncertainty, paint_only, review)
    proposal = Proposal(draft.proposal, draft.model)
    desk = Desk(item, proposal, draft.labels, uncertainty, paint_only, review, True, draft.seconds)
    desk.start = proposal.labels.copy()
    return desk


def _start(
    project: Project,
    tile: Tile,
    proposal: Proposal,
    review: Review | None,
    *,
    paint_only: bool,
) -> NDArray[np.uint8]:
    by_people = project.scheme.resolved(project.labels(tile.image).read(tile))
    under = np.zeros_like(by_people) if paint_only else proposal.labels
    if review is not None and review.teaches:
        under = reopened(project, review)
    return np.where(by_people == 0, under, by_people).astype(np.uint8)
