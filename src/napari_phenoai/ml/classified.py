"""From the scores of a network to class ids and uncertainty, in one pass over the pixels.

Exponentials and logarithms are looked up in tables. That is exact to half a step of
uncertainty, and costs a few nanoseconds per pixel on one core, where computing them
takes many more, and on a busy machine hundreds.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["classified"]

_STRIP_PX = 2**15 - 1
"""Pixels worked on at a time on a processor: they stay in its cache, and torch takes
one thread for so few, which waits for no other."""

_TOP = 254
_STEPS = 100
_LARGEST = 12
_LOG_STEPS = 8192


def classified(
    scores: torch.Tensor, class_ids: Sequence[int]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the class of each pixel and how unsure it is.

    Parameters
    ----------
    scores : Tensor of float32, shape (k, y, x)
        Logits, or logarithms of probabilities; ``k >= 2``.
    class_ids : sequence of int
        Class of each of the ``k`` planes.

    Returns
    -------
    classes : ndarray of uint8, shape (y, x)
        The id whose score is highest; of equal ones the first.
    uncertainty : ndarray of uint8, shape (y, x)
        Entropy of the softmax divided by ``log(k)``, 0 to 254 for 0 to 1.
    """
    count, height, width = scores.shape
    found = torch.empty((2, height, width), dtype=torch.uint8, device=scores.device)
    table = torch.tensor(class_ids, dtype=torch.uint8, device=scores.device)
    rows = max(1, _STRIP_PX // width) if scores.device.type == "cpu" else height
    step = _two if count == 2 else _many
    for start in range(0, height, rows):
        strip = slice(start, start + rows)
        step(scores[:, strip], table, found[:, strip])
    classes, uncertainty = found.cpu().numpy()
    return classes, uncertainty


def _two(scores: torch.Tensor, table: torch.Tensor, found: torch.Tensor) -> None:
    """Fill `found` with classes and uncertainty, from the difference of two scores."""
    gap = scores[1] - scores[0]
    second = (gap > 0).view(torch.uint8)
    torch.add(second.mul_(table[1] - table[0]), table[0], out=found[0])
    found[1] = _looked_up(_pair_table(gap.device), _places(gap.abs_()), gap)


def _many(scores: torch.Tensor, table: torch.Tensor, found: torch.Tensor) -> None:
    """Fill `found` with classes and uncertainty, from three scores or more."""
    best = scores[0].clone()
    place = torch.zeros_like(best, dtype=torch.uint8)
    for number, plane in enumerate(scores[1:], start=1):
        better = (plane > best).view(torch.uint8)
        torch.maximum(place, better.mul_(number), out=place)
        torch.maximum(best, plane, out=best)
    found[0] = _looked_up(table, place.to(torch.int32).reshape(-1), place)
    odds_table, product_table = _odds_tables(best.device)
    total, products = torch.zeros_like(best), torch.zeros_like(best)
    for plane in scores:
        places = _places(best - plane)
        total += _looked_up(odds_table, places, total)
        products += _looked_up(product_table, places, total)
    count = len(scores)
    products.div_(total)
    places = total.sub_(1).mul_(_LOG_STEPS / (count - 1)).add_(0.5).to(torch.int32)
    logs = _looked_up(_log_table(count, best.device), places.reshape(-1), products)
    found[1] = logs.add_(products).mul_(_TOP / math.log(count)).clamp_(0, _TOP).add_(0.5)


def _places(gap: torch.Tensor) -> torch.Tensor:
    """Return where in a table the values for `gap`, 0 or more, are; changes `gap`."""
    scaled = gap.mul_(_STEPS).clamp_(max=_STEPS * _LARGEST).add_(0.5)
    return scaled.to(torch.int32).reshape(-1)


def _looked_up(table: torch.Tensor, places: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return table.index_select(0, places).view(like.shape)


def _gaps(device: torch.device) -> torch.Tensor:
    count = _STEPS * _LARGEST + 1
    return torch.arange(count, dtype=torch.float64, device=device) / _STEPS


@lru_cache(maxsize=4)
def _pair_table(device: torch.device) -> torch.Tensor:
    """Return the uncertainty of two classes for each gap between their scores."""
    gap = _gaps(device)
    odds = torch.exp(-gap)
    entropy = gap * odds / (1 + odds) + torch.log1p(odds)
    return (entropy * (_TOP / math.log(2))).round().to(torch.uint8)


@lru_cache(maxsize=4)
def _odds_tables(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ``exp(-gap)`` and ``gap * exp(-gap)`` for each gap to the best score."""
    gap = _gaps(device)
    odds = torch.exp(-gap)
    return odds.float(), (gap * odds).float()


@lru_cache(maxsize=4)
def _log_table(count: int, device: torch.device) -> torch.Tensor:
    """Return the logarithm from 1 to `count`."""
    numbers = torch.linspace(1, count, _LOG_STEPS + 1, dtype=torch.float64, device=device)
    return numbers.log().float()
