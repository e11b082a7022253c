"""Advice: what the measures say, in plain sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from napari_phenoai.core.records import Evaluation
    from napari_phenoai.core.series import HeldoutPoint

__all__ = ["Advice", "stop_advice", "truth_sentence"]


@dataclass(frozen=True, slots=True)
class Advice:
    """Whether more tiles are worth a person's time, in a sentence.

    ``gain`` is the change of the best held-out Dice over the last ``tiles`` tiles;
    None where it cannot be told.
    """

    kind: Literal["unmeasured", "early", "few", "rising", "flat"]
    sentence: str
    gain: float | None = None
    tiles: int = 0


def truth_sentence(evaluation: Evaluation | None) -> str:
    """Return what is known of a model's quality, with how sure that is.

    Examples
    --------
    >>> from napari_phenoai.core.records import Evaluation
    >>> truth_sentence(Evaluation(model="m", tiles=24, dice=0.861, low=0.83, high=0.89))
    'held-out Dice 0.86 (0.83 to 0.89), 24 tiles'
    >>> truth_sentence(None)
    'held-out Dice not measured yet'
    """
    if evaluation is None or evaluation.dice is None:
        return "held-out Dice not measured yet"
    tiles = "1 tile" if evaluation.tiles == 1 else f"{evaluation.tiles} tiles"
    if evaluation.low is None or evaluation.high is None:
        return f"held-out Dice {evaluation.dice:.2f}, {tiles}"
    interval = f"{evaluation.low:.2f} to {evaluation.high:.2f}"
    return f"held-out Dice {evaluation.dice:.2f} ({interval}), {tiles}"


def stop_advice(
    points: Sequence[HeldoutPoint],
    *,
    window: int = 20,
    least_gain: float = 0.01,
    least_heldout: int = 5,
) -> Advice:
    """Say whether more tiles of the same kind still made the models better.

    The rule: take the best held-out Dice of all models trained until `window`
    reviewed tiles ago, and the best one since. If it rose by less than `least_gain`,
    there was no gain in these tiles. With fewer than `least_heldout` held-out tiles,
    or fewer than `window` tiles since the first model, nothing is said either way.

    Parameters
    ----------
    points : sequence of HeldoutPoint
        From `heldout_series`.
    window : int
        Number of reviewed tiles that should have brought something.
    least_gain : float
        Rise of Dice, in [0, 1], that counts as one.
    least_heldout : int
        Number of held-out tiles below which Dice is too uncertain to advise by.
    """
    if not points:
        return Advice("unmeasured", "No model has been measured on held-out tiles yet.")
    last = points[-1]
    if last.heldout < least_heldout:
        tiles = "1 held-out tile" if last.heldout == 1 else f"{last.heldout} held-out tiles"
        return Advice("few", f"Measured on only {tiles}: too few to tell when to stop.")
    before = [point.dice for point in points if point.tiles <= last.tiles - window]
    since = [point.dice for point in points if point.tiles > last.tiles - window]
    if not before:
        more = window - (last.tiles - points[0].tiles)
        return Advice("early", f"About {more} more tiles will tell whether it still gets better.")
    gain = max(since) - max(before)
    passed = last.tiles - max(p.tiles for p in points if p.tiles <= last.tiles - window)
    if gain < least_gain:
        sentence = (
            f"No gain in the last {passed} tiles: more tiles of this kind will hardly help. "
            "Stop here, or add images that look different."
        )
        return Advice("flat", sentence, gain, passed)
    sentence = f"Dice rose by {gain:.2f} in the last {passed} tiles: go on."
    return Advice("rising", sentence, gain, passed)
