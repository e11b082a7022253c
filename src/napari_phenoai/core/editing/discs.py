"""Counting and comparing values inside discs, only where there is something to compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.editing.strokes import disc

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["commonest", "meets_another", "nearest", "rims", "spread"]

_AT_ONCE = 4_000_000
_KINDS = 8
_NONE = np.iinfo(np.int64).max


def spread(mask: NDArray[np.bool_], px: int) -> NDArray[np.bool_]:
    """Return all pixels within `px` of a mask (dilation by a disc), row by row of the disc."""
    result, wide, reached = mask.copy(), mask.copy(), 0
    height, width = mask.shape
    for dy in range(px, -1, -1):
        half = int(np.sqrt(px * px - dy * dy))
        for shift in range(reached + 1, min(half, width - 1) + 1):
            wide[:, shift:] |= mask[:, : width - shift]
            wide[:, : width - shift] |= mask[:, shift:]
        reached = max(reached, half)
        if dy == 0:
            result |= wide
        elif dy < height:
            result[dy:] |= wide[:-dy]
            result[:-dy] |= wide[dy:]
    return result


def rims(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Return the pixels with another value above, below, left or right of them."""
    mask = np.zeros(labels.shape, bool)
    below = labels[1:] != labels[:-1]
    beside = labels[:, 1:] != labels[:, :-1]
    mask[1:] |= below
    mask[:-1] |= below
    mask[:, 1:] |= beside
    mask[:, :-1] |= beside
    return mask


def nearest(
    labels: NDArray[Any],
    front: NDArray[np.bool_],
    sources: NDArray[np.bool_],
    places: NDArray[np.int64],
    px: int,
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the value of the nearest front pixel of each place, and whether it is a source.

    Of several as near the lowest value counts, and a source among those of one value.
    """
    width = labels.shape[1] + 2 * px
    y, x = np.divmod(places, labels.shape[1])
    centres, found = (y + px) * width + x + px, np.zeros(len(places), np.int64)
    fronts = np.pad(front, px).ravel()
    values, ours = np.pad(labels, px).ravel(), np.pad(sources, px).ravel()
    open_, offsets = np.arange(len(places)), disc(px)[1:]
    square = (offsets**2).sum(axis=1)
    for distance in np.unique(square):
        best = np.full(len(open_), _NONE)
        for dy, dx in offsets[square == distance].tolist():
            there = centres + (dy * width + dx)
            hit = np.flatnonzero(fronts[there])
            there = there[hit]
            key = 2 * values[there].astype(np.int64) + ~ours[there]
            best[hit] = np.minimum(best[hit], key)
        done = best < _NONE
        found[open_[done]] = best[done] + 2
        open_, centres = open_[~done], centres[~done]
        if not len(open_):
            break
    value = (np.maximum(found - 2, 0) // 2).astype(labels.dtype)
    return value, (found > 0) & (found % 2 == 0)


def meets_another(labels: NDArray[Any], px: int) -> NDArray[np.bool_]:
    """Return the pixels that have another value than their own within `px`."""
    mask = np.zeros(labels.shape, bool)
    height, width = labels.shape
    for dy, dx in disc(px)[1:].tolist():
        if (dy, dx) < (0, 0) or dy >= height or abs(dx) >= width:
            continue
        upper = slice(0, height - dy), slice(max(-dx, 0), width - max(dx, 0))
        lower = slice(dy, height), slice(max(dx, 0), width - max(-dx, 0))
        other = labels[upper] != labels[lower]
        mask[upper] |= other
        mask[lower] |= other
    return mask


def commonest(labels: NDArray[Any], places: NDArray[np.int64], px: int) -> NDArray[Any]:
    """Return the commonest value other than 0 within `px` of each place."""
    present = np.unique(labels[rims(labels)])
    present = present[present != 0]
    if not len(present):
        return np.asarray(labels.ravel()[places])
    if len(present) <= _KINDS:
        return _commonest_of_few(labels, places, px, present)
    steps = disc(px)
    padded, own = np.pad(labels, px), labels.ravel()[places]
    y, x = np.divmod(places, labels.shape[1])
    centres = (y + px) * padded.shape[1] + x + px
    offsets = (steps[:, 0] * padded.shape[1] + steps[:, 1])[:, None]
    result = np.empty(len(places), labels.dtype)
    size = max(1, _AT_ONCE // len(steps))
    for start in range(0, len(places), size):
        part = slice(start, start + size)
        around = padded.ravel()[centres[part] + offsets]
        result[part] = _commonest_of_many(around, own[part])
    return result


def _commonest_of_few(
    labels: NDArray[Any], places: NDArray[np.int64], px: int, present: NDArray[Any]
) -> NDArray[Any]:
    """Count one value at a time in all discs at once."""
    own = labels.ravel()[places]
    best, most_found = own.copy(), np.full(len(places), -1, np.int32)
    for value in present:
        count = 2 * _counted(labels == value, px).ravel()[places].astype(np.int32)
        count += own == value
        better = count > most_found
        best[better], most_found[better] = value, count[better]
    return best


def _counted(mask: NDArray[np.bool_], px: int) -> NDArray[Any]:
    """Return how many pixels of a mask lie within `px` of each, row by row of the disc."""
    kind = np.uint8 if len(disc(px)) < 256 else np.uint16
    height, width = mask.shape
    ones: NDArray[Any] = mask.astype(kind)
    total: NDArray[Any] = np.zeros(mask.shape, kind)
    wide, reached = ones.copy(), 0
    for dy in range(px, -1, -1):
        half = int(np.sqrt(px * px - dy * dy))
        for shift in range(reached + 1, min(half, width - 1) + 1):
            wide[:, shift:] += ones[:, : width - shift]
            wide[:, : width - shift] += ones[:, shift:]
        reached = max(reached, half)
        if dy == 0:
            total += wide
        elif dy < height:
            np.add(total[dy:], wide[:-dy], out=total[dy:])
            np.add(total[:-dy], wide[dy:], out=total[:-dy])
    return total


def _commonest_of_many(around: NDArray[Any], own: NDArray[Any]) -> NDArray[Any]:
    """Return the commonest value other than 0 of each column; `own` wins a tie.

    Where more than half of what is labelled has the own value, the others need no counting.
    """
    same = np.count_nonzero(around == own, axis=0)
    known = np.count_nonzero(around, axis=0)
    open_ = np.flatnonzero((2 * same <= known) | (own == 0))
    result = own.copy()
    result[open_] = _longest_run(np.sort(around[:, open_], axis=0), own[open_])
    return result


def _longest_run(around: NDArray[Any], own: NDArray[Any]) -> NDArray[Any]:
    """Return the commonest value other than 0 of each sorted column; `own` wins a tie."""
    best, most_found = own.copy(), np.full(len(own), -1)
    run = np.zeros(len(own), np.int64)
    for index in range(len(around)):
        here = around[index]
        run = run + 1 if index == 0 else np.where(here == around[index - 1], run + 1, 1)
        count = np.where(here == 0, -1, 2 * run + (here == own))
        better = count > most_found
        best[better], most_found[better] = here[better], count[better]
    return best
