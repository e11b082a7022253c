"""Metrics: how well predictions agree with the truth, and whether a model may serve.

Agreement is counted, not averaged: the confusions of all tiles are summed before
a ratio is taken, so a tile with three pixels of a class does not weigh as much as
one with thousands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.records import ClassScore, Evaluation
from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.scheme import ClassScheme

__all__ = [
    "DRAWS",
    "Scores",
    "bootstrap",
    "bootstrap_interval",
    "confusion",
    "evaluate_counts",
    "interval",
    "mean_dice",
    "scores",
]

DRAWS = 1000
"""How often a bootstrap draws the tiles anew."""

Statistic = Callable[["NDArray[np.float64]"], "NDArray[np.float64]"]
"""From pooled confusions ``(draws, k, k)`` to values ``(draws,)``; NaN where undefined."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Agreement per class.

    Parameters
    ----------
    dice, iou : ndarray of float64, shape (..., k)
        In [0, 1]; NaN for a class that is neither in the truth nor predicted.
    truth_px, predicted_px : ndarray, shape (..., k)
        Number of pixels.
    """

    dice: NDArray[np.float64]
    iou: NDArray[np.float64]
    truth_px: NDArray[np.float64]
    predicted_px: NDArray[np.float64]


def confusion(
    truth: NDArray[np.uint8],
    predicted: NDArray[np.uint8],
    class_ids: Sequence[int],
    *,
    checked: Sequence[int] | None = None,
) -> NDArray[np.int64]:
    """Count pixels by true and predicted class.

    Parameters
    ----------
    truth : ndarray of uint8, shape (y, x)
        Class values; pixels that are 0, or no class of `class_ids`, are left out.
    predicted : ndarray of uint8, shape (y, x)
        Class values; one that is not in `class_ids` counts as the first of them.
    class_ids : sequence of int
        The classes, background first.
    checked : sequence of int, optional
        Classes that the truth was checked for. Where another one is predicted
        nobody can say whether that is right, so the pixel is left out.

    Returns
    -------
    ndarray of int64, shape (k, k)
        Rows are the truth, columns the prediction.

    Raises
    ------
    InputError
        If the two masks differ in size.
    """
    if truth.shape != predicted.shape:
        text = f"A mask of {truth.shape} px was compared with one of {predicted.shape} px."
        raise InputError(text, hint="Compare masks of the same tile.")
    k = len(class_ids)
    row = np.full(256, -1, np.int64)
    row[list(class_ids)] = np.arange(k)
    column = np.where(row < 0, 0, row)
    keep = row[truth] >= 0
    if checked is not None:
        unchecked = np.zeros(256, bool)
        unchecked[[number for number in class_ids if number not in checked]] = True
        keep &= ~unchecked[predicted]
    pairs = row[truth[keep]] * k + column[predicted[keep]]
    return np.bincount(pairs, minlength=k * k).reshape(k, k)


def scores(counts: NDArray[np.integer] | NDArray[np.floating]) -> Scores:
    """Return Dice and IoU per class of pooled confusions.

    Parameters
    ----------
    counts : ndarray, shape (..., k, k)
        Rows are the truth.

    Examples
    --------
    >>> import numpy as np
    >>> scores(np.array([[6, 1], [1, 2]])).dice.round(3).tolist()
    [0.857, 0.667]
    """
    values = np.asarray(counts, np.float64)
    both = np.diagonal(values, axis1=-2, axis2=-1)
    truth, predicted = values.sum(axis=-1), values.sum(axis=-2)
    size = truth + predicted
    with np.errstate(invalid="ignore", divide="ignore"):
        dice = np.where(size > 0, 2 * both / size, np.nan)
        iou = np.where(size > 0, both / (size - both), np.nan)
    return Scores(dice, iou, truth, predicted)


def mean_dice(counts: NDArray[np.integer] | NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the mean Dice over all classes but the first; NaN where none of them occurs.

    Parameters
    ----------
    counts : ndarray, shape (..., k, k)
        Rows are the truth; the first class is the background.

    Returns
    -------
    ndarray of float64, shape (...)
    """
    return _mean(scores(counts).dice[..., 1:])


def evaluate_counts(
    per_tile: NDArray[np.int64] | Sequence[NDArray[np.int64]],
    scheme: ClassScheme,
    model: str,
    *,
    seed: int = 0,
) -> Evaluation:
    """Summarise the confusions of held-out tiles.

    Parameters
    ----------
    per_tile : sequence of ndarray, shape (n, k, k)
        One confusion per tile, over the classes in use of `scheme`.
    scheme : ClassScheme
        Names the classes; the first is the background.
    model : str
        Id of the model that was measured.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Evaluation
        ``dice`` and ``iou`` pooled over the tiles, mean over the foreground
        classes that occur; ``low`` and ``high`` are None for fewer than two tiles.
    """
    k = len(scheme.ids)
    stack = np.asarray(per_tile, np.int64).reshape(-1, k, k)
    pooled = scores(stack.sum(axis=0))
    classes = tuple(
        ClassScore(
            class_id=item.id,
            name=item.name,
            dice=_number(pooled.dice[index]),
            iou=_number(pooled.iou[index]),
            truth_px=int(pooled.truth_px[index]),
            predicted_px=int(pooled.predicted_px[index]),
        )
        for index, item in enumerate(scheme.active)
    )
    bounds = bootstrap_interval(stack, mean_dice, seed)
    return Evaluation(
        model=model,
        tiles=len(stack),
        classes=classes,
        dice=_number(_mean(pooled.dice[1:])),
        iou=_number(_mean(pooled.iou[1:])),
        low=bounds[0] if bounds else None,
        high=bounds[1] if bounds else None,
    )


def bootstrap(
    per_tile: NDArray[np.int64], statistic: Statistic, seed: int, *, draws: int = DRAWS
) -> NDArray[np.float64]:
    """Return `statistic` of tiles drawn anew, with replacement, `draws` times.

    Parameters
    ----------
    per_tile : ndarray of int64, shape (n, k, ...)
        Counts of each tile; they are summed over the drawn tiles.
    statistic : callable
        From ``(draws, k, ...)`` to ``(draws,)``.
    seed : int
        The same seed draws the same tiles.
    """
    count = len(per_tile)
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(count, np.full(count, 1 / count), size=draws).astype(np.float64)
    flat = per_tile.reshape(count, -1).astype(np.float64)
    return statistic((weights @ flat).reshape(draws, *per_tile.shape[1:]))


def bootstrap_interval(
    per_tile: NDArray[np.int64], statistic: Statistic, seed: int, *, draws: int = DRAWS
) -> tuple[float, float] | None:
    """Return the 95 % interval of `statistic` over tiles drawn anew.

    Returns
    -------
    tuple of float or None
        None for fewer than two tiles, which say nothing of the spread, and
        where the statistic is undefined in most draws.
    """
    if len(per_tile) < 2:
        return None
    return interval(bootstrap(per_tile, statistic, seed, draws=draws))


def interval(values: NDArray[np.float64]) -> tuple[float, float] | None:
    """Return the 2.5 and 97.5 percentiles; None when most of the `values` are NaN."""
    known = values[~np.isnan(values)]
    if 2 * known.size < values.size:
        return None
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = ~np.isnan(values)
    count = known.sum(axis=-1)
    total = np.where(known, values, 0).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(count > 0, total / count, np.nan))


def _number(value: np.float64 | NDArray[np.float64]) -> float | None:
    return None if np.isnan(value) else float(value)
