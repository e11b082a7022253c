"""Counting and comparing values inside discs, only where there is something to compare."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.editing.strokes import disc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["commonest", "core_px", "meets_another", "nearest", "rims", "spread"]

_AT_ONCE = 16_384
_MOST = 4_000_000
_BAND = 131_072
_CHECKED_PX = 24
_KINDS = 8
_SAMPLE = 4096
_Window = tuple[slice, slice]


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
    width, none = labels.shape[1] + 2 * px, np.iinfo(labels.dtype).max
    keys = np.pad(np.where(front, labels - 1, none), px, constant_values=none).ravel()
    ours = None if sources is front else np.pad(sources, px).ravel()
    offsets = disc(px)[1:]
    rings = (offsets**2).sum(axis=1)
    steps = [(offsets[rings == ring] + px) @ (width, 1) for ring in np.unique(rings)]
    value, own = np.zeros(len(places), labels.dtype), np.zeros(len(places), bool)
    for start in range(0, len(places), _AT_ONCE):
        y, x = np.divmod(places[start : start + _AT_ONCE], labels.shape[1])
        corners, open_ = y * width + x, np.arange(start, start + len(y))
        for ring in steps:
            there = np.stack([keys[step:][corners] for step in ring])
            best = there.min(axis=0)
            hit, left = np.flatnonzero(best < none), np.flatnonzero(best == none)
            value[open_[hit]] = best[hit] + 1
            own[open_[hit]] = True
            if ours is not None:
                mine = np.stack([ours[step:][corners] for step in ring])
                own[open_[hit]] = ((there == best) & mine).any(axis=0)[hit]
            open_, corners = open_[left], corners[left]
    return value, own


def meets_another(labels: NDArray[Any], px: int) -> NDArray[np.bool_]:
    """Return the pixels that have another value than their own within `px`."""
    mask = np.zeros(labels.shape, bool)
    for upper, lower in _pairs(labels.shape, px):
        other = labels[upper] != labels[lower]
        mask[upper] |= other
        mask[lower] |= other
    return mask


def commonest(labels: NDArray[Any], places: NDArray[np.int64], px: int) -> NDArray[Any]:
    """Return the commonest value other than 0 within `px` of each place."""
    present = _few_values(labels, places)
    if present is not None and not len(present):
        return np.asarray(labels.ravel()[places])
    if present is not None:
        return _commonest_of_few(labels, places, px, present)
    steps, result = disc(px), labels.ravel()[places]
    ruled = _like_themselves(labels, px).ravel()[places] > len(steps) // 2
    open_ = np.flatnonzero(~ruled | (result == 0))
    padded = np.pad(labels, px)
    y, x = np.divmod(places[open_], labels.shape[1])
    centres = (y + px) * padded.shape[1] + x + px
    offsets = steps[:, 0] * padded.shape[1] + steps[:, 1]
    size = max(1, _MOST // len(steps))
    for start in range(0, len(open_), size):
        part = open_[start : start + size]
        around = padded.ravel()[centres[start : start + size] + offsets[:, None]]
        result[part] = _longest_run(np.sort(around, axis=0), result[part])
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


def _few_values(labels: NDArray[Any], places: NDArray[np.int64]) -> NDArray[Any] | None:
    """Return the values other than 0 at rims; None where there are more than `_KINDS`.

    All places are of regions that have rims, so some of them may tell at once.
    """
    if len(np.unique(labels.ravel()[places[:: 1 + len(places) // _SAMPLE]])) > _KINDS:
        return None
    at_rims = labels[rims(labels)]
    if labels.dtype == np.uint8:
        present = np.flatnonzero(np.bincount(at_rims, minlength=1)).astype(labels.dtype)
    else:
        present = np.unique(at_rims)
    present = present[present != 0]
    return present if len(present) <= _KINDS else None


def _like_themselves(labels: NDArray[Any], px: int) -> NDArray[Any]:
    """Count the pixels within `px` of each that have its value; itself is one of them."""
    counts = np.ones(labels.shape, np.min_scalar_type(len(disc(px))))
    for upper, lower in _pairs(labels.shape, px):
        same = (labels[upper] == labels[lower]).view(np.uint8)
        counts[upper] += same
        counts[lower] += same
    return counts


def _pairs(shape: tuple[int, ...], px: int) -> Iterator[tuple[_Window, _Window]]:
    """Yield windows whose pixels are up to `px` from each other, every pair of pixels once.

    Their rows are few, so that what is read for one step is still at hand for the next.
    """
    height, width = shape
    rows = max(1, _BAND // width)
    steps = [(dy, dx) for dy, dx in disc(px).tolist() if (dy, dx) > (0, 0) and abs(dx) < width]
    for top in range(0, height, rows):
        for dy, dx in steps:
            bottom = min(top + rows, height - dy)
            if top < bottom:
                left = slice(max(-dx, 0), width - max(dx, 0))
                right = slice(max(dx, 0), width - max(-dx, 0))
                yield (slice(top, bottom), left), (slice(top + dy, bottom + dy), right)


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
