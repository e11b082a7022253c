"""The gate: whether a newly trained model may take the place of the served one.

The rule, on the same held-out tiles for both models:

1. *Not worse*: the candidate's Dice is at least that of the served model, or lower by
   no more than the tiles can tell. The candidate has learned from more tiles, and from
   round to round Dice on unseen images rises by about 0.01 with a spread of 0.02; so a
   loss that may well be luck is no reason to stop. With fewer than ten tiles a loss of
   up to 0.1 passes whose 95 % interval (paired bootstrap over the tiles) reaches 0, one
   of up to 0.01 in any case, as that interval is too narrow to be trusted, and with a
   single tile, which has no interval, one of up to 0.05. From ten tiles on, weighing the
   usual gain against the standard error ``s`` of the difference, the candidate is the
   better bet down to a loss of ``0.01 / 0.02**2 * s**2`` (0.01 for s = 0.02), at most
   0.1 and at least 0.005 where the interval reaches 0.
2. *Not worse on old ground*: on the tiles that were held out already when the served
   model was trained, it is not clearly worse. Clearly worse is a loss of more than
   0.15 on fewer than five tiles; on more, one of more than 0.05 that is also more than
   they can tell, or one of more than 0.01 whose interval lies wholly below 0. So
   held-out masks that came wrong in the same round cannot carry a wrong model through:
   with them the loss on old ground is several tenths.

A first model serves in any case; without a measure, a later one may only replace a
served model that was never measured either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.metrics import bootstrap_interval, scores
from napari_phenoai.core.records import GateDecision

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MOST_ALLOWED", "compare"]

MOST_ALLOWED = 0.1
"""No loss of held-out Dice above this one passes, whatever its interval."""

_GAIN = 0.01
_SPREAD = 0.02
_FEW_TILES = 10
_ALLOWED_NOISE = 0.005
_ALLOWED_FEW = 0.01
_ALLOWED_ONE = 0.05
_OLD_LOSS = 0.01
_OLD_LOSS_AT_ONCE = 0.05
_OLD_LOSS_FEW = 0.15
_WIDTH = 2 * 1.96
"""Standard errors in a 95 % interval."""

_ENOUGH = 5
"""Tiles from which the interval of a difference means something."""


@dataclass(frozen=True, slots=True)
class _Difference:
    value: float
    candidate: float
    served: float
    tiles: int
    low: float | None
    high: float | None

    @property
    def allowed(self) -> float:
        """The loss down to which the candidate is the better bet."""
        if self.tiles == 1 or self.low is None or self.high is None:
            return _ALLOWED_ONE
        if self.tiles < _FEW_TILES:
            return MOST_ALLOWED if self.high >= 0 else _ALLOWED_FEW
        error = (self.high - self.low) / _WIDTH
        least = _ALLOWED_NOISE if self.high >= 0 else 0.0
        return float(np.clip(_GAIN / _SPREAD**2 * error**2, least, MOST_ALLOWED))

    @property
    def interval(self) -> str:
        if self.low is None or self.high is None:
            return ""
        return f", 95 % interval {self.low:+.3f} to {self.high:+.3f}"


def compare(
    candidate: NDArray[np.int64],
    served: NDArray[np.int64] | None,
    *,
    old: NDArray[np.bool_] | None = None,
    measured_before: bool = False,
    seed: int = 0,
) -> GateDecision:
    """Decide whether the candidate may serve, by the rule of this module.

    Parameters
    ----------
    candidate : ndarray of int64, shape (n, k, k)
        Confusions of the new model on the held-out tiles; ``n`` may be 0.
    served : ndarray of int64, shape (n, k, k), or None
        Of the served model on the same tiles; None where none serves.
    old : ndarray of bool, shape (n,), optional
        Tiles that were held out already when the served model was trained.
    measured_before : bool
        Whether the served model has ever been measured on held-out tiles.
    seed : int
        Of the bootstrap.

    Returns
    -------
    GateDecision
        With a reason in words that a person can act on.
    """
    if served is None:
        return GateDecision(serve=True, reason=_first(candidate))
    difference = _difference(candidate, served, seed)
    if difference is None:
        return _unmeasured(len(candidate), measured_before=measured_before)
    numbers = {"difference": difference.value, "low": difference.low, "high": difference.high}
    text = (
        f"held-out Dice {difference.candidate:.3f} after {difference.served:.3f} "
        f"({difference.value:+.3f}{difference.interval}, {_tiles(difference.tiles)})"
    )
    if difference.value < -difference.allowed:
        return GateDecision(serve=False, reason=f"Worse: {text}.", **numbers)
    before = None if old is None else _difference(candidate[old], served[old], seed)
    if before is not None and _clearly_worse(before):
        reason = (
            f"Worse on the {_tiles(before.tiles)} held out before this round: Dice "
            f"{before.candidate:.3f} after {before.served:.3f}. "
            "Check the newest held-out tiles: their masks may be wrong."
        )
        return GateDecision(serve=False, reason=reason, **numbers)
    word = "Better" if difference.value > 0 else "Not worse"
    if difference.value < -_ALLOWED_FEW:
        word = f"Not clearly worse, as far as {_tiles(difference.tiles)} can tell"
    return GateDecision(serve=True, reason=f"{word}: {text}.", **numbers)


def _clearly_worse(difference: _Difference) -> bool:
    if difference.tiles < _ENOUGH or difference.high is None:
        return difference.value < -_OLD_LOSS_FEW
    if difference.value < -max(_OLD_LOSS_AT_ONCE, difference.allowed):
        return True
    return difference.value < -_OLD_LOSS and difference.high < 0


def _difference(
    candidate: NDArray[np.int64], served: NDArray[np.int64], seed: int
) -> _Difference | None:
    if not len(candidate):
        return None
    pairs = np.stack([candidate, served], axis=1)
    values = _paired(pairs.sum(axis=0)[np.newaxis].astype(np.float64))[0]
    if np.isnan(values).any():
        return None
    bounds = bootstrap_interval(pairs, _gap, seed)
    low, high = bounds or (None, None)
    one, other = float(values[0]), float(values[1])
    return _Difference(one - other, one, other, len(candidate), low, high)


def _gap(pooled: NDArray[np.float64]) -> NDArray[np.float64]:
    values = _paired(pooled)
    return np.asarray(values[:, 0] - values[:, 1])


def _paired(pooled: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return mean Dice ``(draws, 2)`` over the same classes for both models.

    A class counts when it is in the truth or predicted by either model. A model
    that rightly finds nothing of it has Dice 1, so finding ghosts costs.
    """
    dice = scores(pooled).dice[..., 1:]
    counts = ~np.isnan(dice).all(axis=1, keepdims=True)
    filled = np.where(np.isnan(dice), 1.0, dice)
    number = counts.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = np.where(counts, filled, 0).sum(axis=-1)
        return np.asarray(np.where(number > 0, total / number, np.nan))


def _first(candidate: NDArray[np.int64]) -> str:
    if not len(candidate):
        return "First model; not measured yet, as no held-out tile has been decided."
    values = _paired(np.stack([candidate.sum(axis=0)] * 2)[np.newaxis].astype(np.float64))
    if np.isnan(values).any():
        return "First model; not measured yet, as the held-out tiles show only background."
    return f"First model: Dice {values[0, 0]:.2f} on {_tiles(len(candidate))} held out."


def _unmeasured(tiles: int, *, measured_before: bool) -> GateDecision:
    why = "the held-out tiles show only background" if tiles else "there are no held-out tiles"
    if measured_before:
        reason = f"Not compared, as {why}; the served model was measured, so it stays."
        return GateDecision(serve=False, reason=reason)
    reason = f"Not measured, as {why}; the served model was not measured either."
    return GateDecision(serve=True, reason=reason)


def _tiles(count: int) -> str:
    return "1 tile" if count == 1 else f"{count} tiles"
