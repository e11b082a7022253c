"""The desk: the tile on the screen, from where it starts to what is decided."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_phenoai.core.object_table import ObjectTable
from napari_phenoai.core.scoring import entropy_map
from napari_phenoai.errors import InputError
from napari_phenoai.loop.review import Proposal, propose, reopened
from napari_phenoai.ui.drafts import Draft, load_draft, painted_over
from napari_phenoai.ui.objects_held import held_objects
from napari_phenoai.ui.prompting_record import records_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_phenoai.core.edits import Edit
    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.ports import Predictor
    from napari_phenoai.core.prompts import PromptTake
    from napari_phenoai.core.records import QueueItem, Review, Verdict
    from napari_phenoai.io.project import Project
    from napari_phenoai.ui.objects_held import HeldObjects
    from napari_phenoai.ui.prompting_record import Taken

__all__ = ["Decision", "Desk", "open_desk"]


@dataclass(frozen=True)
class Decision:
    """What is to be written about one tile.

    ``labels`` is None where the mask is as it was. ``objects`` has the class of each of
    its objects, where it holds objects.
    """

    item: QueueItem
    verdict: Verdict
    labels: NDArray[Any] | None
    known: Literal["all", "painted"]
    proposal: Proposal
    prompts: tuple[PromptTake, ...] = ()
    objects: dict[int, int] | None = None


@dataclass
class Desk:
    """One tile with the mask that a person works on.

    Parameters
    ----------
    item : QueueItem
        The tile as the queue names it.
    proposal : Proposal
        What the model, or people before, say of it.
    labels : ndarray of uint8 or uint32, shape (y, x)
        The mask, of classes or of objects; painted in place by the editor, 0 is unlabelled.
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
    takes : list of Taken
        The masks in it that a network outlined.
    objects : HeldObjects or None
        The objects in it; None in a project of classes.
    """

    item: QueueItem
    proposal: Proposal
    labels: NDArray[Any]
    uncertainty: NDArray[np.float32] | None = None
    paint_only: bool = False
    review: Review | None = None
    restored: bool = False
    seconds: float = 0.0
    note: str = ""
    takes: list[Taken] = field(default_factory=list)
    objects: HeldObjects | None = None
    start: NDArray[Any] = field(init=False)

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
        named = self.objects is not None and self.objects.changed
        return named or not np.array_equal(self.labels, self.start)

    @property
    def classes(self) -> NDArray[np.uint8]:
        """The class of each pixel of the mask."""
        if self.objects is None:
            return self.labels
        return self.objects.table.as_classes(self.labels, strict=False)

    @property
    def prompts(self) -> tuple[PromptTake, ...]:
        """How the masks came about that a network outlined and that are still there."""
        return records_of(self.takes, self.labels, self.review)

    def shares(self) -> dict[int, float]:
        """Return the share of the tile that each label value covers, 0 included."""
        counts = np.bincount(self.classes.ravel(), minlength=256)
        return {int(value): counts[value] / self.labels.size for value in np.flatnonzero(counts)}

    def set_paint_only(self, paint_only: bool) -> None:
        """Switch between a mask of the whole tile and one of the painted pixels only.

        What was painted stays; the prediction is taken out of the mask, or put under it.
        """
        if paint_only == self.paint_only:
            return
        before, under = self.labels.copy(), self.proposal.values
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
            under = self.proposal.values
            if self.objects is not None:
                named = {one: its for one, (_, its) in edit.objects.items() if its}
                self.objects.classes.update(named)
            self.labels[...] = painted_over(self.tile, self.labels, under, edit)
            self.start = painted_over(self.tile, self.start, under, edit)

    def filled(self, background: int) -> NDArray[Any]:
        """Return the mask with unlabelled pixels as predicted, or else background."""
        whole = np.where(self.labels == 0, self.proposal.values, self.labels)
        return np.where(whole == 0, background, whole).astype(self.labels.dtype)

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
            return self._decided(verdict, kept, "painted")
        labels = self.labels.copy()
        if whole or not labels.any():
            labels = self.filled(background)
            if not whole and not self.has_prediction:
                hint = "Paint some pixels of each class first, or press S to skip the tile."
                raise InputError("Nothing is painted in this tile yet.", hint=hint)
        known: Literal["all", "painted"] = "all" if labels.all() else "painted"
        same = known == "all" and np.array_equal(labels, self.proposal.values)
        same &= self.objects is None or not self.objects.changed
        settled: Verdict = "accepted" if same else "corrected"
        return self._decided(settled, labels, known)

    def _decided(
        self, verdict: Verdict, labels: NDArray[Any] | None, known: Literal["all", "painted"]
    ) -> Decision:
        objects = None if self.objects is None else dict(self.objects.classes)
        return Decision(self.item, verdict, labels, known, self.proposal, self.prompts, objects)

    def draft(self, seconds: float) -> Draft:
        """Return the mask under way as a draft."""
        objects = None if self.objects is None else dict(self.objects.classes)
        model = self.proposal.model_id
        return Draft(self.labels.copy(), self.proposal.values, model, seconds, objects)


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
        proposal = replace(proposal, probabilities=None)
        labels = _start(project, tile, proposal, review, paint_only=paint_only)
        desk = Desk(item, proposal, labels, uncertainty, paint_only, review)
        decided = (review.objects if review else None) or {}
        return _with_objects(project, desk, decided)
    proposal = _drafted(project, draft)
    desk = Desk(item, proposal, draft.labels, uncertainty, paint_only, review, True, draft.seconds)
    desk.start = proposal.values.copy()
    return _with_objects(project, desk, draft.objects or {})


def _with_objects(project: Project, desk: Desk, more: Mapping[int, int]) -> Desk:
    """Give a desk what is known of its objects, in a project of objects."""
    if project.spec.has_objects:
        known = desk.proposal.objects, more
        desk.objects = held_objects(project, desk.tile.image, desk.labels, *known)
    return desk


def _drafted(project: Project, draft: Draft) -> Proposal:
    """Return the proposal that a draft was started from."""
    if draft.objects is None:
        return Proposal(draft.proposal, draft.model)
    classes = ObjectTable.over([item.id for item in project.scheme.classes], draft.objects)
    labels = classes.as_classes(draft.proposal, strict=False)
    return Proposal(labels, draft.model, ids=draft.proposal, objects=draft.objects)


def _start(
    project: Project,
    tile: Tile,
    proposal: Proposal,
    review: Review | None,
    *,
    paint_only: bool,
) -> NDArray[Any]:
    by_people = project.labels(tile.image).values(tile)
    if proposal.ids is None:
        by_people = project.scheme.resolved(by_people)
    under = np.zeros_like(by_people) if paint_only else proposal.values
    if review is not None and review.teaches:
        as_ids = proposal.ids is not None and review.objects is not None
        under = project.reviews.values(review) if as_ids else reopened(project, review)
    return np.where(by_people == 0, under, by_people).astype(by_people.dtype)
