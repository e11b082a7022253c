"""Watching the held-out tiles while a model learns, and which epoch to keep.

Held-out sets of a young project have one to six tiles, so the epoch that looks
best is often only lucky, while the last epochs, with their small learning rate
and averaged weights, are the safe ones. Therefore only the second half of a
training is compared, and of it the *latest* epoch is kept whose pooled Dice is
not worse than the highest seen by more than one standard error, found by a
paired bootstrap over the tiles and never taken as less than 0.01. A training
ends early when a third of its epochs in a row was worse than that. Without
held-out tiles the last epoch is kept.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["EpochRow", "Watch", "confusions", "pooled_dice", "write_metrics"]

_RESAMPLES = 200
_SLACK = 0.01


@dataclass(frozen=True, slots=True)
class EpochRow:
    """One line of ``metrics.csv``; held-out values are None without such tiles."""

    epoch: int
    step: int
    seconds: float
    learning_rate: float
    loss: float
    heldout_loss: float | None = None
    heldout_dice: float | None = None
    best: bool = True


def write_metrics(folder: Path, rows: Sequence[EpochRow]) -> None:
    """Write `rows` as ``metrics.csv`` into `folder`, replacing what is there."""
    names = list(EpochRow.__dataclass_fields__)
    with (folder / "metrics.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for row in rows:
            values = [getattr(row, name) for name in names]
            writer.writerow([_text(value) for value in values])


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def confusions(truth: NDArray[np.integer], found: NDArray[np.integer], k: int) -> NDArray[np.int64]:
    """Count pixels by true and found class.

    Parameters
    ----------
    truth, found : ndarray of int, same shape
        Class indices 0 to ``k - 1``; `truth` is -1 where unknown.
    k : int
        Number of classes.

    Returns
    -------
    ndarray of int64, shape (k, k)
        Rows are the truth.
    """
    known = truth >= 0
    pairs = truth[known].astype(np.int64) * k + found[known].astype(np.int64)
    return np.bincount(pairs, minlength=k * k).reshape(k, k)


def pooled_dice(counts: NDArray[np.int64]) -> float | None:
    """Return the mean Dice of the classes but the first; None where none occurs.

    Parameters
    ----------
    counts : ndarray of int64, shape (k, k)
        Sum of the confusions of all tiles.
    """
    size = counts.sum(axis=0) + counts.sum(axis=1)
    present = size > 0
    present[0] = False
    if not present.any():
        return None
    dice = 2 * np.diagonal(counts)[present] / size[present]
    return float(dice.mean())


@dataclass(slots=True)
class Watch:
    """Remembers the held-out confusions of the epochs and says which one to keep.

    ``offer`` the confusions of each epoch in turn; it answers whether the
    weights of this epoch are now the ones to keep.
    """

    seed: int = 0
    champion: NDArray[np.int64] | None = None
    champion_epoch: int = 0
    kept_epoch: int = 0
    _best: float = field(default=-1.0)

    def offer(self, epoch: int, tiles: NDArray[np.int64] | None, *, ripe: bool = True) -> bool:
        """Take the confusions ``(tiles, k, k)`` of `epoch`; True when it is kept.

        An epoch that is not `ripe` is kept only until the next one.
        """
        score = None if tiles is None or not ripe else pooled_dice(tiles.sum(axis=0))
        if tiles is None or score is None:
            self.kept_epoch = epoch
            return True
        if score >= self._best or self.champion is None:
            self._best, self.champion = score, tiles
            self.champion_epoch = self.kept_epoch = epoch
            return True
        if self._best - score <= max(_SLACK, _standard_error(self.champion, tiles, self.seed)):
            self.kept_epoch = epoch
            return True
        return False


def _standard_error(one: NDArray[np.int64], other: NDArray[np.int64], seed: int) -> float:
    rng = np.random.default_rng(seed)
    count = len(one)
    draws = rng.integers(0, count, (_RESAMPLES, count))
    pairs = ((pooled_dice(one[d].sum(0)), pooled_dice(other[d].sum(0))) for d in draws)
    gaps = [a - b for a, b in pairs if a is not None and b is not None]
    return float(np.std(gaps)) if gaps else 0.0
