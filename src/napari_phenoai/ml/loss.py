"""The loss: cross entropy and soft Dice over the pixels whose class is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch.nn import functional

if TYPE_CHECKING:
    import torch

__all__ = ["MaskedLoss"]

_IMPOSSIBLE = -1e4


@dataclass(frozen=True, slots=True)
class MaskedLoss:
    """Cross entropy plus soft Dice, blind to what nobody decided.

    Parameters
    ----------
    weights : Tensor of float32, shape (k,)
        Weight of each class in the cross entropy.
    dice_weight : float
        Weight of the Dice term; that of the cross entropy is 1.
    """

    weights: torch.Tensor
    dice_weight: float = 1.0

    def __call__(
        self, logits: torch.Tensor, target: torch.Tensor, checked: torch.Tensor
    ) -> torch.Tensor:
        """Return the loss of a batch as a scalar.

        Parameters
        ----------
        logits : Tensor, shape (n, k, y, x)
            Raw scores.
        target : Tensor of int64, shape (n, y, x)
            Class index, -1 where unknown.
        checked : Tensor of bool, shape (n, k)
            False where a piece was not checked for a class: its score is left
            out there, so pixels of that class may be labelled as another one.
        """
        scores = logits.float().masked_fill(~checked[:, :, None, None], _IMPOSSIBLE)
        entropy = functional.cross_entropy(
            scores, target, weight=self.weights, ignore_index=-1, reduction="none"
        )
        known = target >= 0
        loss = entropy.sum() / known.sum().clamp(min=1)
        if self.dice_weight:
            loss = loss + self.dice_weight * _dice(scores, target, known, checked)
        return loss


def _dice(
    scores: torch.Tensor, target: torch.Tensor, known: torch.Tensor, checked: torch.Tensor
) -> torch.Tensor:
    """Return 1 - soft Dice, over the batch as a whole, mean of the classes present."""
    chance = scores.softmax(dim=1)
    truth = functional.one_hot(target.clamp(min=0), chance.shape[1]).movedim(-1, 1)
    valid = known[:, None] & checked[:, :, None, None]
    chance, truth = chance * valid, truth * valid
    axes = (0, 2, 3)
    size = truth.sum(axes)
    both = (chance * truth).sum(axes)
    dice = (2 * both + 1) / (chance.sum(axes) + size + 1)
    present = size > 0
    return ((1 - dice) * present).sum() / present.sum().clamp(min=1)
