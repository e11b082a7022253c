"""Series: how good the models were, tile by tile and minute by minute."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from datetime import datetime

    from napari_phenoai.core.records import Review, RoundRecord
    from napari_phenoai.core.scheme import ClassScheme

__all__ = [
    "CorrectivePoint",
    "EpochPoint",
    "HeldoutPoint",
    "corrective_series",
    "epoch_series",
    "heldout_series",
    "rolling_mean",
    "work_minutes",
]


@dataclass(frozen=True, slots=True)
class HeldoutPoint:
    """How one model did on the held-out tiles when it had been trained.

    ``tiles`` and ``minutes`` are the reviewed tiles and the work up to then,
    ``heldout`` the tiles it was measured on. ``dice``, ``low``, ``high`` and ``iou``
    are means over the classes that are not background; ``class_dice`` and
    ``class_iou`` map class id to the value, without classes that are nowhere.
    ``passed`` tells whether the model was let through to serve, ``serving`` whether
    it serves now.
    """

    round: str
    model: str
    tiles: int
    heldout: int
    minutes: float
    dice: float
    low: float | None
    high: float | None
    iou: float | None
    class_dice: Mapping[int, float]
    class_iou: Mapping[int, float]
    passed: bool
    serving: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class CorrectivePoint:
    """How well one proposed mask agreed with what a person made of it.

    ``order`` counts the tiles from 1 in the order of work. ``class_dice`` maps class
    id to Dice, background included; ``dice`` is the mean over the others and None
    where neither mask has any of them. ``rolling`` is its mean over the last tiles.
    """

    order: int
    review: str
    tile: str
    minutes: float
    class_dice: Mapping[int, float]
    dice: float | None
    rolling: float | None
    class_rolling: Mapping[int, float]
    at: datetime


@dataclass(frozen=True, slots=True)
class EpochPoint:
    """One pass over the training tiles: its loss and, where measured, held-out Dice."""

    epoch: int
    loss: float
    heldout_loss: float | None = None
    heldout_dice: float | None = None


def heldout_series(rounds: Iterable[RoundRecord]) -> tuple[HeldoutPoint, ...]:
    """Return one point per training whose model could be measured, oldest first."""
    ordered = sorted(rounds, key=lambda record: record.id)
    serving = ordered[-1].served if ordered else None
    points = []
    for record in ordered:
        measured = record.evaluation
        if record.kind != "training" or record.model is None:
            continue
        if measured is None or measured.dice is None:
            continue
        points.append(
            HeldoutPoint(
                round=record.id,
                model=record.model,
                tiles=record.tiles,
                heldout=measured.tiles,
                minutes=record.minutes,
                dice=measured.dice,
                low=measured.low,
                high=measured.high,
                iou=measured.iou,
                class_dice={s.class_id: s.dice for s in measured.classes if s.dice is not None},
                class_iou={s.class_id: s.iou for s in measured.classes if s.iou is not None},
                passed=record.served == record.model,
                serving=serving == record.model,
                at=record.at,
            )
        )
    return tuple(points)


def work_minutes(reviews: Iterable[Review]) -> float:
    """Return the minutes of work that went into `reviews`, those replaced later included."""
    return sum(review.seconds for review in reviews) / 60


def corrective_series(
    reviews: Iterable[Review], scheme: ClassScheme, *, window: int = 10
) -> tuple[CorrectivePoint, ...]:
    """Return Dice of proposed and decided masks, tile by tile in the order of work.

    Only tiles that a model proposed a mask for and that were accepted or corrected
    count; of a tile decided several times, the last decision, at its place in the
    order. Classes are counted as they were at the time; those merged into others
    since are left out.

    Parameters
    ----------
    reviews : iterable of Review
        All of them, in any order.
    scheme : ClassScheme
        Says which classes are in use and which is the background.
    window : int
        Over how many tiles with a value the rolling means go.
    """
    ordered = sorted(reviews, key=lambda review: review.id)
    replaced = {review.replaces for review in ordered}
    wanted = [_proposed(review) and review.id not in replaced for review in ordered]
    minutes, spent = [], 0.0
    for review in ordered:
        spent += review.seconds / 60
        minutes.append(spent)
    kept = [
        pair for pair, keep in zip(zip(ordered, minutes, strict=True), wanted, strict=True) if keep
    ]
    dices = [_class_dice(review, scheme) for review, _ in kept]
    means = [_mean(dice, scheme) for dice in dices]
    rolling = rolling_mean(means, window)
    per_class = {i: rolling_mean([dice.get(i) for dice in dices], window) for i in scheme.ids}
    return tuple(
        CorrectivePoint(
            order=index + 1,
            review=review.id,
            tile=review.tile.key,
            minutes=at_minute,
            class_dice=dices[index],
            dice=means[index],
            rolling=rolling[index],
            class_rolling={i: v for i, r in per_class.items() if (v := r[index]) is not None},
            at=review.at,
        )
        for index, (review, at_minute) in enumerate(kept)
    )


def rolling_mean(values: Sequence[float | None], window: int) -> list[float | None]:
    """Return, at each place, the mean of the last `window` values that are not None.

    Raises
    ------
    InputError
        If `window` is less than 1.

    Examples
    --------
    >>> rolling_mean([1.0, None, 0.0, 0.5], 2)
    [1.0, 1.0, 0.5, 0.25]
    """
    if window < 1:
        raise InputError(f"A mean over {window} tiles is impossible.", hint="Give 1 or more.")
    result: list[float | None] = []
    seen: list[float] = []
    for value in values:
        if value is not None:
            seen = [*seen[1 - window :], value] if window > 1 else [value]
        result.append(sum(seen) / len(seen) if seen else None)
    return result


def epoch_series(records: Iterable[Mapping[str, object]]) -> tuple[EpochPoint, ...]:
    """Return the epochs told by progress data or by the rows of a ``metrics.csv``.

    Records without a number for ``epoch`` and ``loss`` are passed over; of several
    with the same epoch the last counts.
    """
    points: dict[int, EpochPoint] = {}
    for record in records:
        epoch, loss = _number(record.get("epoch")), _number(record.get("loss"))
        if epoch is None or loss is None:
            continue
        heldout_loss = _number(record.get("heldout_loss"))
        dice = _number(record.get("heldout_dice"))
        points[int(epoch)] = EpochPoint(int(epoch), loss, heldout_loss, dice)
    return tuple(points[epoch] for epoch in sorted(points))


def _proposed(review: Review) -> bool:
    decided = review.verdict in ("accepted", "corrected")
    return decided and review.proposed_by is not None and bool(review.overlaps)


def _class_dice(review: Review, scheme: ClassScheme) -> dict[int, float]:
    return {
        item.class_id: dice
        for item in review.overlaps
        if item.class_id in scheme.ids and (dice := item.dice) is not None
    }


def _mean(dice: Mapping[int, float], scheme: ClassScheme) -> float | None:
    values = [value for class_id, value in dice.items() if class_id != scheme.background]
    return sum(values) / len(values) if values else None


def _number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
