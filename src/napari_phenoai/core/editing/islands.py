"""Tools that tidy up: filling holes, removing specks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from napari_phenoai.core.editing.discs import rims
from napari_phenoai.core.editing.regions import components, region_at, same_valued
from napari_phenoai.core.editing.tool import Draft, Tool

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.editing.canvas import Canvas

__all__ = ["FillHoles", "RemoveSpecks"]

_EDGES = ((-1, 0), (0, -1), (0, 1), (1, 0))
_CORNERS = ((-1, -1), (-1, 1), (1, -1), (1, 1))


@dataclass(frozen=True)
class FillHoles(Tool):
    """Fill holes in objects.

    A hole is a connected region of background (edge to edge) with one and the same object
    or class all round it; a region that touches the border of the plane is none.

    Parameters
    ----------
    at : (y, x), optional
        Only the hole with this pixel.
    value : int, optional
        Only holes in this value.
    most_px : int, optional
        Larger holes are left alone.
    unlabelled : bool
        Whether unlabelled pixels may be part of a hole and are filled.
    """

    name: ClassVar[str] = "holes"
    tip: ClassVar[str] = "Fills holes in objects."

    at: tuple[int, int] | None = None
    value: int | None = None
    most_px: int | None = None
    unlabelled: bool = False

    @property
    def covers_unlabelled(self) -> bool:
        """Whether unlabelled pixels are filled."""
        return self.unlabelled

    def draft(self, canvas: Canvas) -> Draft:
        """Return the holes in the value that is round them."""
        rows, columns = slice(0, canvas.tile.height), slice(0, canvas.tile.width)
        if self.at is None:
            numbers, count = components(self._empty(canvas, rows, columns), corners=False)
            return self._filled(canvas, rows, columns, numbers, count)
        seed = canvas.place(*self.at)
        here = None if seed is None else _pixel(*seed)
        if seed is None or here is None or not self._empty(canvas, *here).all():
            cut = seed is None and canvas.in_plane(*self.at)
            return Draft.nothing(canvas, touches_border=cut)

        def empty(rows: slice, columns: slice) -> NDArray[np.bool_]:
            return self._empty(canvas, rows, columns)

        region = region_at(empty, canvas.tile.shape, seed, corners=False)
        rows, columns = _wider(region.rows, rows.stop), _wider(region.columns, columns.stop)
        return self._filled(canvas, rows, columns, region.within(rows, columns).astype(np.int32), 1)

    def _empty(self, canvas: Canvas, rows: slice, columns: slice) -> NDArray[np.bool_]:
        here = canvas.labels[rows, columns]
        mask = np.asarray(here == canvas.ground) if canvas.ground else np.zeros(here.shape, bool)
        return mask | (here == 0) if self.unlabelled or not canvas.ground else mask

    def _filled(
        self, canvas: Canvas, rows: slice, columns: slice, numbers: NDArray[np.int32], count: int
    ) -> Draft:
        labels = canvas.labels[rows, columns]
        ends, opens = _at_sides(canvas, rows, columns, numbers, count)
        chosen = _within(canvas, rows, columns, numbers, count) & ~ends
        if self.most_px is not None:
            chosen &= np.bincount(numbers.ravel(), minlength=count + 1) <= self.most_px
        chosen[0] = False
        one, other = _extremes(labels, numbers, chosen)
        single = chosen & ((one == other) | (one > other))
        single &= (one > other) | canvas.front(one)
        if self.value is not None:
            single &= (one > other) | (one == self.value)
        cut = bool((single & opens).any())
        holes = (single & ~opens & (one == other))[numbers]
        values = labels.copy()
        values[holes] = one[numbers[holes]]
        return Draft(rows.start, columns.start, values, cut)


@dataclass(frozen=True)
class RemoveSpecks(Tool):
    """Remove small connected regions (corners connect).

    A speck gets the value that most of its neighbouring pixels have, the lowest of these
    if several are as frequent.

    Parameters
    ----------
    below_px : int
        Regions with fewer pixels are specks.
    value : int, optional
        Only regions of this value.
    into : int, optional
        What specks become instead.
    inner : bool
        Whether to leave regions alone that may go on outside the window.
    """

    name: ClassVar[str] = "specks"
    tip: ClassVar[str] = "Removes small islands."

    below_px: int
    value: int | None = None
    into: int | None = None
    inner: bool = False

    def draft(self, canvas: Canvas) -> Draft:
        """Return the specks in the value of what is round them."""
        rows, columns = slice(0, canvas.tile.height), slice(0, canvas.tile.width)
        labels = canvas.labels
        numbers, count = self._numbered(canvas)
        sizes = np.bincount(numbers.ravel(), minlength=count + 1)
        small = (sizes < self.below_px) & _within(canvas, rows, columns, numbers, count)
        small[0] = False
        _, opens = _at_sides(canvas, rows, columns, numbers, count)
        if self.inner:
            small &= ~opens
        cut, mask = bool((small & opens).any()), small[numbers]
        if self.into is not None:
            return Draft.painted(canvas, (rows, columns), mask, self.into, touches_border=cut)
        places = np.flatnonzero(mask)
        new, known = _commonest_round(labels, numbers, places, count)
        places = places[known[numbers.ravel()[places]]]
        values = labels.copy()
        values.ravel()[places] = new[numbers.ravel()[places]]
        return Draft(0, 0, values, cut)

    def _numbered(self, canvas: Canvas) -> tuple[NDArray[Any], int]:
        if self.value is not None:
            return components(canvas.labels == self.value)
        front = canvas.front(canvas.labels)
        return same_valued(np.where(front, canvas.labels, 0))


def _pixel(y: int, x: int) -> tuple[slice, slice]:
    return slice(y, y + 1), slice(x, x + 1)


def _wider(part: slice, limit: int) -> slice:
    return slice(max(part.start - 1, 0), min(part.stop + 1, limit))


def _within(
    canvas: Canvas, rows: slice, columns: slice, numbers: NDArray[Any], count: int
) -> NDArray[np.bool_]:
    """Tell which regions have pixels in the scope."""
    if canvas.scope is None:
        return np.ones(count + 1, bool)
    within = np.zeros(count + 1, bool)
    top, left = canvas.scope_slices
    part = numbers[
        max(top.start - rows.start, 0) : max(top.stop - rows.start, 0),
        max(left.start - columns.start, 0) : max(left.stop - columns.start, 0),
    ]
    within[part] = True
    return within


def _at_sides(
    canvas: Canvas, rows: slice, columns: slice, numbers: NDArray[Any], count: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which regions touch the border of the plane, and which that of the window only."""
    ends, opens = np.zeros(count + 1, bool), np.zeros(count + 1, bool)
    height, width = canvas.tile.shape
    reached = (rows.start == 0, columns.start == 0, rows.stop == height, columns.stop == width)
    edges = (numbers[0], numbers[:, 0], numbers[-1], numbers[:, -1])
    for at_side, goes_on, edge in zip(reached, canvas.open_sides, edges, strict=True):
        if at_side:
            (opens if goes_on else ends)[edge] = True
    return ends, opens


def _neighbours(
    labels: NDArray[Any],
    numbers: NDArray[Any],
    places: NDArray[np.int64],
    steps: tuple[tuple[int, int], ...],
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return, for each pixel next to one of these places, the place's region and its value."""
    height, width = labels.shape
    y, x = np.divmod(places, width)
    own = numbers.ravel()[places]
    regions, values = [], []
    for dy, dx in steps:
        inside = (y + dy >= 0) & (y + dy < height) & (x + dx >= 0) & (x + dx < width)
        there = places[inside] + dy * width + dx
        foreign = numbers.ravel()[there] != own[inside]
        regions.append(own[inside][foreign])
        values.append(labels.ravel()[there[foreign]])
    return np.concatenate(regions), np.concatenate(values)


def _extremes(
    labels: NDArray[Any], numbers: NDArray[Any], chosen: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the lowest and the highest value round each region; lowest > highest without any."""
    low = np.full(len(chosen), np.iinfo(np.int64).max)
    high = np.full(len(chosen), -1)
    places = np.flatnonzero(rims(numbers > 0) & chosen[numbers])
    regions, values = _neighbours(labels, numbers, places, _EDGES)
    np.minimum.at(low, regions, values.astype(np.int64))
    np.maximum.at(high, regions, values.astype(np.int64))
    return low, high


def _commonest_round(
    labels: NDArray[Any], numbers: NDArray[Any], places: NDArray[np.int64], count: int
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the commonest value round each region, and whether there is anything round it."""
    regions, values = _neighbours(labels, numbers, places, _EDGES + _CORNERS)
    result, known = np.zeros(count + 1, labels.dtype), np.zeros(count + 1, bool)
    known[regions] = True
    if len(regions):
        pairs, counts = np.unique(np.stack([regions, values]), axis=1, return_counts=True)
        order = np.lexsort((-pairs[1].astype(np.int64), counts))
        result[pairs[0][order]] = pairs[1][order].astype(labels.dtype)
    return result, known
