"""Parts of objects: which a stroke touches, what it leaves, which ids they get."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.editing.regions import components, object_at
from napari_phenoai.core.editing.tool import Draft

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.editing.canvas import Canvas
    from napari_phenoai.core.editing.regions import Region

__all__ = ["fallen_apart", "line_between", "regions_at", "renumbered", "round_all"]

_EDGES = ((-1, 0), (0, -1), (0, 1), (1, 0))
_CORNERS = ((-1, -1), (-1, 1), (1, -1), (1, 1))


def regions_at(canvas: Canvas, places: NDArray[np.int64]) -> list[Region]:
    """Return the objects that have pixels at these rows and columns of the window."""
    found: list[Region] = []
    done = np.zeros(canvas.tile.shape, bool)
    for row, column in places.tolist():
        if done[row, column]:
            continue
        region = object_at(canvas, row + canvas.tile.y, column + canvas.tile.x)
        if region is not None:
            done[region.box] |= region.mask
            found.append(region)
    return found


def fallen_apart(region: Region, under: NDArray[np.bool_], crumb_px: int) -> NDArray[np.int64]:
    """Return the parts of a region that a stroke leaves, numbered from 1.

    Pixels under the stroke, and in parts of fewer than `crumb_px`, go to the nearest part.
    """
    rest = region.mask & ~under
    parts, _ = components(rest)
    large = np.bincount(parts.ravel()) >= crumb_px
    large[0] = False
    count = int(large.sum())
    if count < 2:
        return region.mask.astype(np.int64)
    numbers = np.where(large, np.cumsum(large), 0)[parts]
    sizes = np.bincount(numbers.ravel(), minlength=count + 1)
    lost = np.argwhere(region.mask & (numbers == 0))
    return _given_to_nearest(numbers, sizes, lost)


def _given_to_nearest(
    parts: NDArray[np.int64], sizes: NDArray[np.int64], lost: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Let parts grow over what is lost, step by step, so that each stays connected.

    Where several come to a pixel in one step, one at its edges wins over one at its
    corners, then the smaller part, then the first.
    """
    order = np.lexsort((np.arange(1, len(sizes)), sizes[1:])) + 1
    rank = np.zeros(len(sizes), np.int64)
    rank[order] = np.arange(1, len(sizes))
    grown = np.pad(rank[parts], 1)
    left = lost + 1
    while len(left):
        best = _least_beside(grown, left, _EDGES)
        corner = _least_beside(grown, left, _CORNERS)
        best = np.where(best < len(sizes), best, corner)
        done = best < len(sizes)
        grown[left[done, 0], left[done, 1]] = best[done]
        left = left[~done]
    return np.asarray(np.concatenate([[0], order])[grown[1:-1, 1:-1]])


def _least_beside(
    ranks: NDArray[np.int64], places: NDArray[np.int64], steps: tuple[tuple[int, int], ...]
) -> NDArray[np.int64]:
    """Return the lowest rank next to each place; more than any where there is none."""
    beside = np.stack([ranks[places[:, 0] + dy, places[:, 1] + dx] for dy, dx in steps])
    return np.asarray(np.where(beside == 0, np.iinfo(np.int64).max, beside).min(axis=0))


def line_between(parts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return the pixels that touch a part with a lower number, corners included."""
    height, width = parts.shape
    padded = np.pad(parts, 1)
    mask = np.zeros(parts.shape, bool)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            there = padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
            mask |= (there > 0) & (there < parts)
    return mask


def renumbered(
    canvas: Canvas, regions: list[Region], parts: list[NDArray[np.int64]], *, cut: bool
) -> Draft:
    """Give all parts of each region but the largest a new id."""
    count = sum(int(part.max(initial=0)) - 1 for part in parts)
    if not count:
        return Draft.nothing(canvas, touches_border=cut)
    new = canvas.first_new_id(count)
    rows, columns = round_all([region.box for region in regions])
    values = canvas.labels[rows, columns].copy()
    for region, part in zip(regions, parts, strict=True):
        sizes = np.bincount(part.ravel())[1:]
        ids = np.zeros(len(sizes) + 1, values.dtype)
        others = [index + 1 for index in range(len(sizes)) if index != int(np.argmax(sizes))]
        ids[others] = range(new, new + len(others))
        new += len(others)
        y, x = region.rows.start - rows.start, region.columns.start - columns.start
        here = values[y : y + part.shape[0], x : x + part.shape[1]]
        here[...] = np.where(ids[part] != 0, ids[part], here)
    return Draft(rows.start, columns.start, values, cut)


def round_all(boxes: list[tuple[slice, slice]]) -> tuple[slice, slice]:
    """Return the smallest box round some boxes."""
    return (
        slice(min(box[0].start for box in boxes), max(box[0].stop for box in boxes)),
        slice(min(box[1].start for box in boxes), max(box[1].stop for box in boxes)),
    )
