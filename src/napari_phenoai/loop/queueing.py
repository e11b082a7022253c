"""The queue: which tiles a person sees next, and the random stream that measures."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.progress import Progress
from napari_phenoai.core.records import QueueItem, Review
from napari_phenoai.core.sampling import HONEST, due_heldout, strategy
from napari_phenoai.core.spreading import spread, uncovered
from napari_phenoai.errors import InputError
from napari_phenoai.loop.candidates import candidates_of
from napari_phenoai.loop.review import split_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.ports import Choice, Predictor, Strategy
    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import Role
    from napari_phenoai.core.splits import Split
    from napari_phenoai.io.project import Project

__all__ = ["default_strategy", "refresh_queue", "to_check_again"]

_LATER = 10
"""A skipped tile may come again after this many later decisions."""

_POOL = 8
"""Candidates that are scored for each tile wanted, drawn at random."""

_LEAST_POOL = 64

_POOL_OF_LOOKS = 128
"""Candidates that are looked at when there is no model."""

_REMEMBERED = 64
"""Tiles decided last that count as shown when tiles are looked at."""


@dataclass(frozen=True)
class _Need:
    """What the queue of a project needs, worked out once."""

    split: Split
    tile_px: int
    share: float
    reviews: Mapping[str, Review]
    queue: Sequence[QueueItem]
    again: Sequence[Review]

    @property
    def decided(self) -> dict[str, Tile]:
        """Tiles that must not come again, by key: all but those skipped a while ago."""
        order = sorted(review.id for review in self.reviews.values())
        long_ago = order[-_LATER] if len(order) >= _LATER else ""
        return {
            key: review.tile
            for key, review in self.reviews.items()
            if review.verdict != "skipped" or review.id >= long_ago
        }

    def open(self, tiles: Sequence[Tile]) -> list[Tile]:
        """Leave out of `tiles` those that were decided, or are mostly covered by such."""
        decided = self.decided
        new = [tile for tile in tiles if tile.key not in decided]
        return uncovered(new, list(decided.values()))


def refresh_queue(
    project: Project,
    *,
    strategy: str | None = None,
    count: int = 20,
    predictor: Predictor | None = None,
    seed: int | None = None,
    keep: Tile | None = None,
    recheck: bool = False,
) -> Work[list[QueueItem]]:
    """Choose what to look at next, and make it the queue of the project.

    A fixed share of the queue (``heldout_share`` of the project, and two of the first
    six tiles) is drawn at random from pieces of the project that no training may see;
    the rest is chosen by the strategy among the other pieces. Of large projects only a
    random part of the tiles is scored: 8 for each tile wanted, at least 64. Their
    scores come from stored predictions where there are any, else from the model.

    Items of the last queue that were decided stay at the front. Tiles that were
    accepted, corrected, rejected or flagged do not come again; skipped ones come again
    after ten later decisions.

    Parameters
    ----------
    project : Project
        Open.
    strategy : str, optional
        ``coverage``, ``random``, ``foreground-random``, ``entropy`` or ``margin``; by
        default ``foreground-random`` once a model serves, ``coverage`` before.
    count : int
        How many waiting tiles the queue should have.
    predictor : Predictor, optional
        The model to score with; by default the served one is loaded.
    seed : int, optional
        Fixes the choice; by default it follows from the project and its reviews.
    keep : Tile, optional
        The tile on the screen; it stays in the queue, at its place.
    recheck : bool
        Put tiles first that were decided before a class existed.

    Returns
    -------
    list of QueueItem
        The queue, as it is kept in the ledger.

    Raises
    ------
    InputError
        If the project has no images or there is no such strategy.
    ModelError
        If the strategy needs a model and none serves.
    """
    if not project.images():
        hint = "Add some with phenoai add, or drop them onto the window."
        raise InputError(f"The project {project.path} has no images.", hint=hint)
    yield Progress(0, 1, "looking for tiles")
    chosen_by = _strategy(project, strategy, predictor)
    if chosen_by.needs_model and predictor is None:
        from napari_phenoai.loop.models import load_predictor

        predictor = load_predictor(project)
    need = _need(project, recheck=recheck)
    rng = np.random.default_rng(_seed(project, seed))
    roles = _roles(need, max(0, count - len(need.again)))
    heldout = _heldout(need, roles.count("heldout"), rng)
    model = predictor if chosen_by.needs_model else None
    wanted = roles.count("train")
    chosen = yield from _chosen(project, need, chosen_by, model, count=wanted, rng=rng)
    fresh = _again(need) + _woven(roles, heldout, chosen, chosen_by.name, model)
    now = _need(project, recheck=False)
    items = _placed(now, [item for item in fresh if _unchanged(need, now, item)], keep)
    project.ledger.set_queue(_round(project), items)
    return items


def default_strategy(project: Project) -> str:
    """Return the strategy that is taken when none is named."""
    return "foreground-random" if project.rounds.served() else "coverage"


def to_check_again(project: Project) -> list[Review]:
    """Return the reviews that were made before one of today's classes existed."""
    scheme = project.scheme
    return [
        review
        for review in project.reviews.current().values()
        if review.teaches and scheme.unchecked(review.scheme_version)
    ]


def _strategy(project: Project, name: str | None, predictor: Predictor | None) -> Strategy:
    names = dict(zip(project.scheme.ids, project.scheme.names, strict=True))
    default = default_strategy(project) if predictor is None else "foreground-random"
    return strategy(name or default, names)


def _need(project: Project, *, recheck: bool) -> _Need:
    return _Need(
        split=split_of(project),
        tile_px=project.spec.tile_px,
        share=project.spec.heldout_share,
        reviews=project.reviews.current(),
        queue=project.ledger.queue(),
        again=to_check_again(project) if recheck else (),
    )


def _seed(project: Project, seed: int | None) -> int:
    if seed is not None:
        return seed
    text = f"{project.spec.id}|{len(project.reviews.all())}|{project.rounds.served()}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def _round(project: Project) -> str:
    rounds = project.rounds.all()
    return rounds[-1].id if rounds else ""


def _roles(need: _Need, count: int) -> list[Role]:
    """Return the roles of the next `count` tiles, so that the share comes out."""
    done = [review for review in need.reviews.values() if review.teaches]
    held = sum(review.role == "heldout" for review in done)
    roles: list[Role] = []
    for number in range(len(done) + 1, len(done) + count + 1):
        roles.append("heldout" if held < due_heldout(number, need.share) else "train")
        held += roles[-1] == "heldout"
    return roles


def _heldout(need: _Need, count: int, rng: np.random.Generator) -> list[Tile]:
    """Draw held-out tiles at random, spread over the images, never by a model."""
    if not count:
        return []
    size = _POOL * count + len(need.reviews)
    pool = need.open(need.split.sample("heldout", need.tile_px, size, rng))
    return spread(pool, count, list(need.decided.values()))


def _chosen(
    project: Project,
    need: _Need,
    chosen_by: Strategy,
    predictor: Predictor | None,
    *,
    count: int,
    rng: np.random.Generator,
) -> Work[list[Choice]]:
    size = max(_LEAST_POOL, _POOL * count)
    if not chosen_by.needs_model and chosen_by.needs_looks:
        size = max(count, _POOL_OF_LOOKS)
    drawn = need.split.sample("train", need.tile_px, size + len(need.reviews), rng)
    tiles = need.open(drawn)[:size]
    candidates = yield from candidates_of(
        project, chosen_by, tiles, rng, predictor=predictor, seen=_seen(need)
    )
    background = project.scheme.background
    taken = list(need.decided.values())
    return chosen_by.choose(candidates, count, rng, background=background, taken=taken)


def _seen(need: _Need) -> list[Tile]:
    """Return the tiles that trainings learn from, those decided last."""
    reviews = (review for review in need.reviews.values() if review.teaches)
    order = sorted((review.id, review.tile) for review in reviews if review.role == "train")
    return [tile for _, tile in order[-_REMEMBERED:]]


def _unchanged(before: _Need, now: _Need, item: QueueItem) -> bool:
    """Tell whether nobody decided about the tile while the queue was being made."""
    return before.reviews.get(item.tile) == now.reviews.get(item.tile)


def _again(need: _Need) -> list[QueueItem]:
    reason = "decided before one of the classes existed"
    return [
        QueueItem(tile=review.tile.key, position=0, reason=reason, role=review.role)
        for review in need.again
    ]


def _woven(
    roles: Sequence[Role],
    heldout: Sequence[Tile],
    chosen: Sequence[Choice],
    name: str,
    predictor: Predictor | None,
) -> list[QueueItem]:
    """Put both streams into one queue in the order of `roles`."""
    model = predictor.card.id if predictor else None
    train = iter(
        QueueItem(
            tile=choice.tile.key,
            position=0,
            score=choice.score,
            reason=choice.reason,
            strategy=name,
            model=model,
        )
        for choice in chosen
    )
    measure = iter(
        QueueItem(tile=tile.key, position=0, reason=HONEST, strategy="random", role="heldout")
        for tile in heldout
    )
    streams = {"train": train, "heldout": measure}
    woven = [next(streams[role], None) for role in roles]
    return [*(item for item in woven if item), *train]


def _placed(need: _Need, fresh: Sequence[QueueItem], keep: Tile | None) -> list[QueueItem]:
    """Return the new queue: what was decided, then `fresh`; `keep` at its old place."""
    waiting = {item.tile for item in fresh}
    done = [item for item in need.queue if item.state != "waiting" and item.tile not in waiting]
    kept = next((item for item in need.queue if keep and item.tile == keep.key), None)
    items = [*done, *fresh]
    if keep is not None:
        kept = kept or QueueItem(tile=keep.key, position=0, role=need.split.role_of(keep))
        place = min(kept.position, len(items))
        items = [item for item in items if item.tile != keep.key]
        items.insert(place, kept)
    return [item.but(position=position) for position, item in enumerate(items)]
