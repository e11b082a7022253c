"""Counting and comparing values inside discs, only where there is something to compare."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.editing.strokes import disc

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["commonest", "core_px", "meets_another", "nearest", "rims", "spread"]

_AT_ONCE = 65_536
_MOST = 4_000_000
_CHECKED_PX = 24
_KINDS = 8
_SAMPLE = 4096
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
    present = _few_values(labels)
    if present is not None and not len(present):
        return np.asarray(labels.ravel()[places])
    if present is not None:
        return _commonest_of_few(labels, places, px, present)
    result = labels.ravel()[places].copy()
    padded, steps = np.pad(labels, px), disc(px)
    y, x = np.divmod(places, labels.shape[1])
    centres = (y + px) * padded.shape[1] + x + px
    offsets = steps[:, 0] * padded.shape[1] + steps[:, 1]
    size = min(_AT_ONCE, max(1, _MOST // len(steps)))
    for start in range(0, len(places), size):
        part = slice(start, start + size)
        open_ = start + _undecided(padded.ravel(), centres[part], offsets, result[part])
        around = padded.ravel()[centres[open_] + offsets[:, None]]
        result[open_] = _longest_run(np.sort(around, axis=0), result[open_])
    return result


def core_px(px: int) -> int:
    """Return how far from all rims a pixel must be for `commonest` to keep its value.

    No pixel within that distance is at a rim, so these and those next to them have its
    value: more than half of its disc, also where the border of the window cuts that off.

    Examples
    --------
    >>> core_px(1), core_px(3), core_px(20)
    (1, 2, 14)
    """
    inner = range(1, px if px <= _CHECKED_PX else 1)
    return next((size for size in inner if _rules(size, px)), px)


@lru_cache(maxsize=1024)
def _rules(inner: int, px: int) -> bool:
    """Tell whether what is known to be equal is the larger part of each disc that is cut off."""
    whole = np.zeros((2 * px + 1, 2 * px + 1), bool)
    whole[tuple((disc(px) + px).T)] = True
    core = np.zeros_like(whole)
    core[tuple((disc(inner) + px).T)] = True
    return bool((2 * _cut_off(spread(core, 1)) > _cut_off(whole)).all())


def _cut_off(there: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count pixels round a middle one that are left where sides of the window cut them off."""
    px = len(there) // 2
    sums = np.pad(there.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    rows = sums[px + 1 :, None] - sums[None, : px + 1]
    return np.asarray(rows[..., px + 1 :, None] - rows[..., None, : px + 1])


def _few_values(labels: NDArray[Any]) -> NDArray[Any] | None:
    """Return the values other than 0 at rims; None where there are more than `_KINDS`."""
    at_rims = labels[rims(labels)]
    if labels.dtype == np.uint8:
        present = np.flatnonzero(np.bincount(at_rims, minlength=1)).astype(labels.dtype)
    elif len(np.unique(at_rims[:_SAMPLE])) > _KINDS + 1:
        return None
    else:
        present = np.unique(at_rims)
    present = present[present != 0]
    return present if len(present) <= _KINDS else None


def _undecided(
    flat: NDArray[Any], centres: NDArray[np.int64], offsets: NDArray[np.int64], own: NDArray[Any]
) -> NDArray[np.int64]:
    """Return which places do not have their own value in more than half of the disc.

    The nearest pixels are counted first: most places need no others.
    """
    needed = len(offsets) // 2 + 1
    open_ = np.flatnonzero(own != 0)
    same = np.zeros(len(open_), np.int32)
    first = 0
    for last in sorted({min(needed + needed // 4, len(offsets)), len(offsets)}):
        here, mine = centres[open_], own[open_]
        for offset in offsets[first:last].tolist():
            same += flat[here + offset] == mine
        left = same < needed
        open_, same, first = open_[left], same[left], last
    return np.union1d(open_, np.flatnonzero(own == 0))


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
