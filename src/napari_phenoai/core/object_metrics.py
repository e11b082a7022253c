"""How well predicted objects agree with true ones: matched one to one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.records import ObjectScore
from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MATCH_IOU", "Matches", "match_objects", "score_objects"]

MATCH_IOU = 0.5
"""Objects match above this share of common pixels; so each has one match at most."""


@dataclass(frozen=True, slots=True)
class Matches:
    """Objects of one tile: how many are true, found and matched, and the IoU of these in sum."""

    true: int
    found: int
    matched: int
    iou: float


def match_objects(
    truth: NDArray[Any], found: NDArray[Any], *, known: NDArray[np.bool_] | None = None
) -> Matches:
    """Match objects that share more than half of their pixels.

    Parameters
    ----------
    truth, found : ndarray of unsigned integers, shape (y, x)
        Ids of objects; 0 where there is none.
    known : ndarray of bool, shape (y, x), optional
        Where the truth is known; pixels elsewhere are left out of both.

    Raises
    ------
    InputError
        If the two differ in size.

    Examples
    --------
    >>> truth = np.array([[1, 1, 1, 0, 2, 2]])
    >>> match_objects(truth, np.array([[7, 7, 0, 0, 8, 0]]))
    Matches(true=2, found=2, matched=1, iou=0.6666666666666666)
    """
    if truth.shape != found.shape:
        text = f"A mask of {truth.shape} px was compared with one of {found.shape} px."
        raise InputError(text, hint="Compare masks of the same tile.")
    if known is not None:
        truth, found = np.where(known, truth, 0), np.where(known, found, 0)
    own, true_px = _numbered(truth)
    other, found_px = _numbered(found)
    pairs = np.bincount(
        (own * len(found_px) + other).ravel(), minlength=len(true_px) * len(found_px)
    ).reshape(len(true_px), len(found_px))[1:, 1:]
    union = true_px[1:, np.newaxis] + found_px[np.newaxis, 1:] - pairs
    iou = pairs / np.maximum(union, 1)
    good = iou[iou > MATCH_IOU]
    return Matches(len(true_px) - 1, len(found_px) - 1, len(good), float(good.sum()))


def score_objects(tiles: Iterable[Matches]) -> ObjectScore:
    """Sum the matches of tiles up.

    Examples
    --------
    >>> score = score_objects([Matches(4, 3, 3, 2.4), Matches(0, 1, 0, 0.0)])
    >>> score.f1, score.precision_50, score.iou
    (0.75, 0.6, 0.8)
    """
    matches = list(tiles)
    true, found = sum(one.true for one in matches), sum(one.found for one in matches)
    matched = sum(one.matched for one in matches)
    iou = sum(one.iou for one in matches) / matched if matched else None
    return ObjectScore(
        f1=2 * matched / (true + found) if true + found else None,
        precision_50=matched / (true + found - matched) if true + found else None,
        iou=None if iou is None else round(iou, 12),
        true=true,
        found=found,
        matched=matched,
    )


def _numbered(ids: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the objects numbered 1, 2, ... without gaps, and how many pixels each number has."""
    present, places = np.unique(ids, return_inverse=True)
    numbers = places.reshape(ids.shape) + int(present[0] != 0)
    return numbers.astype(np.int64), np.bincount(numbers.ravel(), minlength=1)
