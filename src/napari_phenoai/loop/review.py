"""Reviewing a tile: what is proposed, what a person decides, how long it took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from napari_phenoai.core.ids import new_id
from napari_phenoai.core.masks import changed_px, overlaps
from napari_phenoai.core.records import Review
from napari_phenoai.core.splits import Split, make_split
from napari_phenoai.core.workclock import WorkClock
from napari_phenoai.loop.objects import Decided, decided_mask
from napari_phenoai.loop.proposing import Proposal, propose

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.prompts import PromptTake
    from napari_phenoai.core.records import Overlap, QueueItem, Role, Verdict
    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.io.project import Project

__all__ = [
    "Proposal",
    "WorkClock",
    "decide",
    "last_decided",
    "propose",
    "reopened",
    "split_of",
]


def decide(
    project: Project,
    tile: Tile,
    verdict: Verdict,
    *,
    labels: NDArray[Any] | None = None,
    objects: Mapping[int, int] | None = None,
    proposal: Proposal | None = None,
    known: Literal["all", "painted"] = "all",
    seconds: float = 0.0,
    author: str = "",
    note: str = "",
    item: QueueItem | None = None,
    role: Role | None = None,
    prompts: Sequence[PromptTake] = (),
    joins: bool = True,
) -> Review:
    """Record what a person decided about a tile.

    Written in this order, so that a crash between loses nothing: the mask and the
    review, then the label image, then the state in the queue. A note in the ledger lets
    the next opening of the project do what is left. A mask that no review keeps goes to
    the label image before the review.

    Parameters
    ----------
    project : Project
        Open.
    tile : Tile
        Inside its image.
    verdict : str
        ``accepted``: the mask is right, as it was proposed or as it is now (with
        changes it is recorded as ``corrected``). ``corrected``: it is right now.
        ``rejected``: the tile is unusable, never ask again. ``skipped``: ask again
        later; a tile decided before keeps that decision. ``flagged``: somebody else
        should look.
    labels : ndarray, shape (height, width), optional
        The mask; needed for ``accepted`` and ``corrected``. With other verdicts it is
        kept in the label image, so that no work is lost, but teaches nothing. Classes
        as uint8; in a project of objects also ids as uint32, and classes are parted
        into objects where nothing says which they are.
    objects : mapping of int to int, optional
        The class of each object in `labels` that is new or gets another one.
    proposal : Proposal, optional
        What the person started from.
    known : str
        ``all``: every pixel is known now, those still 0 are background. ``painted``:
        pixels that are 0 stay unknown.
    seconds : float
        Time of work, as `WorkClock` counts it.
    author, note : str
        Who, and what they want to say.
    item : QueueItem, optional
        The item of the queue; gives role, strategy and reason.
    role : str, optional
        ``train`` or ``heldout``, for tiles that come from elsewhere. A tile keeps the
        role of its first review; else the item's counts, then the split of the project.
    prompts : sequence of PromptTake
        The masks in it that a network outlined.
    joins : bool
        Whether a new object that touches one of its class beyond the tile is a part of it.

    Returns
    -------
    Review
        As it is kept; it names the review that it replaces.

    Raises
    ------
    LabelError
        If the mask is missing, of another size, or has a class that the scheme lacks.
    LockedError
        If another process writes labels of this image; nothing has been written then.
    DiskError
        If the disk is full or read-only.
    """
    before = project.reviews.current().get(tile.key)
    if verdict == "skipped" and before is not None and before.teaches:
        project.ledger.mark(tile.key, before.verdict)
        return before
    useful = verdict in ("accepted", "corrected")
    mask = decided_mask(
        project, tile, labels, objects, _known_objects(proposal),
        fill=useful and known == "all", needed=useful, joins=joins,
    )  # fmt: skip
    if mask is not None:
        project.labels(tile.image).lock()
    changed = _changed(labels, mask, proposal)
    review = Review(
        id=new_id(),
        image=tile.image,
        z=tile.z,
        y=tile.y,
        x=tile.x,
        height=tile.height,
        width=tile.width,
        verdict=_settled(verdict, proposal, changed),
        role=_role(project, tile, before, item, role),
        known=known,
        scheme_version=project.scheme.version,
        proposed_by=proposal.model_id if proposal else None,
        changed_px=changed,
        overlaps=_overlaps(project.scheme, mask, proposal) if useful else (),
        objects=mask.objects if mask is not None and useful else None,
        seconds=seconds,
        author=author,
        note=note,
        strategy=item.strategy if item else "",
        reason=item.reason if item else "",
        replaces=before.id if before else None,
        prompts=tuple(prompts),
    )
    return _kept(project, review, mask, useful=useful)


def last_decided(project: Project) -> Review | None:
    """Return the decision that was made last and still counts; None when there is none."""
    current = project.reviews.current().values()
    return max(current, key=lambda review: review.id, default=None)


def reopened(project: Project, review: Review) -> NDArray[np.uint8]:
    """Return the classes as they were when `review` was made, to go on from there.

    Classes merged since are resolved; where the review has no mask, the label
    image is read.
    """
    if review.mask is None:
        return project.labels(review.image).read(review.tile)
    return project.scheme.resolved(project.reviews.mask(review))


def split_of(project: Project) -> Split:
    """Return which tiles of the project teach and which are held out.

    What has been reviewed counts first, then what waits in the queue, so neither
    ever changes sides.
    """
    spec = project.spec
    used = [(review.tile, review.role) for review in project.reviews.all()]
    used += [(item.where, item.role) for item in project.ledger.queue()]
    return make_split(
        project.images(),
        used,
        tile_px=spec.tile_px,
        share=spec.heldout_share,
        seed=spec.id,
        mode=spec.split_by,
    )


def _kept(project: Project, review: Review, mask: Decided | None, *, useful: bool) -> Review:
    """Write a decision; where a crash cuts that off, a note in the ledger tells what is left."""
    ledger = project.ledger
    if mask is not None and useful:
        ledger.decisions.begin(review)
        review = project.reviews.add(review, mask.values)
        _write_labels(project, review, mask)
    else:
        _write_labels(project, review, mask)
        review = project.reviews.add(review)
    ledger.mark(review.tile.key, review.verdict)
    ledger.decisions.end(review.id)
    return review


def _write_labels(project: Project, review: Review, mask: Decided | None) -> None:
    if mask is not None:
        store, tile = project.labels(review.image), review.tile
        store.write(tile, mask.values, author=review.author, objects=mask.objects)


def _role(
    project: Project,
    tile: Tile,
    before: Review | None,
    item: QueueItem | None,
    wanted: Role | None,
) -> Role:
    if before is not None:
        return before.role
    if item is not None:
        return item.role
    return wanted or split_of(project).role_of(tile)


def _overlaps(
    scheme: ClassScheme, mask: Decided | None, proposal: Proposal | None
) -> tuple[Overlap, ...]:
    if mask is None or proposal is None or proposal.model_id is None:
        return ()
    return overlaps(scheme, mask.classes, proposal.labels)


def _changed(labels: NDArray[Any] | None, mask: Decided | None, proposal: Proposal | None) -> int:
    """Count the pixels that a person made differ: in their object, where that is known."""
    if labels is None or mask is None:
        return 0
    if proposal is None or mask.numbers is None or proposal.ids is None:
        return changed_px(labels, mask.classes, None if proposal is None else proposal.labels)
    nothing = proposal.model_id is None and not proposal.labels.any()
    return changed_px(labels, mask.numbers, None if nothing else proposal.ids)


def _known_objects(
    proposal: Proposal | None,
) -> tuple[NDArray[np.uint32], Mapping[int, int]] | None:
    if proposal is None or proposal.ids is None:
        return None
    return proposal.ids, proposal.objects


def _settled(verdict: Verdict, proposal: Proposal | None, changed: int) -> Verdict:
    proposed = proposal is not None and proposal.model_id is not None
    return "corrected" if verdict == "accepted" and proposed and changed else verdict
