"""How a project stands: what the status line and the automatic training need."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from napari_phenoai.core.records import QueueItem
from napari_phenoai.loop.models import evaluation_of
from napari_phenoai.loop.snapshots import teaching

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_phenoai.core.records import Evaluation, ImageRecord, ModelCard, Review, RoundRecord
    from napari_phenoai.io.project import Project

__all__ = ["Standing", "next_family", "standing_of"]

_RECENT = 20


@dataclass(frozen=True)
class Standing:
    """What is known of a project at one moment.

    Parameters
    ----------
    images : mapping of str to ImageRecord
        By id.
    served : ModelCard or None
        The model that proposes masks.
    evaluation : Evaluation or None
        Of the served model on held-out tiles.
    today : int
        Tiles decided since midnight, local time.
    teaching : int
        Tiles that a training can use; 0 while all of them are held out.
    new : int
        Those of them that the last training had not.
    trained : str or None
        Family of the model that was trained last, served or not.
    recent : tuple of QueueItem
        The tiles that were decided last, the newest at the end.
    """

    images: Mapping[str, ImageRecord] = field(default_factory=dict)
    served: ModelCard | None = None
    evaluation: Evaluation | None = None
    today: int = 0
    teaching: int = 0
    new: int = 0
    trained: str | None = None
    recent: tuple[QueueItem, ...] = ()


def standing_of(project: Project) -> Standing:
    """Read how `project` stands; takes longer the more reviews there are."""
    reviews = project.reviews.current().values()
    midnight = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    useful = teaching(reviews)
    if not any(review.role == "train" for review in useful):
        useful = []
    rounds = project.rounds.all()
    served = project.rounds.served()
    seen = _last_seen(project, rounds)
    return Standing(
        images={image.id: image for image in project.images()},
        served=project.models.card(served) if served else None,
        evaluation=evaluation_of(rounds, served),
        today=sum(review.at >= midnight for review in reviews),
        teaching=len(useful),
        new=sum(review.id not in seen for review in useful),
        trained=_last_family(project, rounds),
        recent=tuple(_as_item(review) for review in sorted(reviews, key=_id)[-_RECENT:]),
    )


def next_family(standing: Standing, *, train_after: int, network: bool) -> str | None:
    """Return which family of model should be trained now by itself, if any.

    A forest after the second tile and, until there is a network, after every
    second tile from there on; a network, where the computer can train one, after
    `train_after` tiles and then after every `train_after` new ones.

    Examples
    --------
    >>> next_family(Standing(teaching=2, new=2), train_after=6, network=True)
    'forest'
    >>> next_family(Standing(teaching=6, new=2), train_after=6, network=True)
    'unet'
    """
    if standing.trained == "unet" and network:
        return "unet" if standing.new >= train_after else None
    if network and standing.teaching >= train_after:
        return "unet" if standing.new else None
    step = train_after if standing.teaching > train_after else 2
    return "forest" if standing.new >= step else None


def _id(review: Review) -> str:
    return review.id


def _as_item(review: Review) -> QueueItem:
    return QueueItem(
        tile=review.tile.key,
        position=0,
        reason=review.reason,
        strategy=review.strategy,
        role=review.role,
        state=review.verdict,
    )


def _last_seen(project: Project, rounds: list[RoundRecord]) -> frozenset[str]:
    snapshots = [item.snapshot for item in rounds if item.kind == "training" and item.snapshot]
    if not snapshots:
        return frozenset()
    return frozenset(item.review for item in project.snapshots.get(snapshots[-1]).items)


def _last_family(project: Project, rounds: list[RoundRecord]) -> str | None:
    models = [item.model for item in rounds if item.kind == "training" and item.model]
    return project.models.card(models[-1]).family if models else None
