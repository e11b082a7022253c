"""Tools that tidy up: filling holes, removing specks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from napari_phenoai.core.editing.canvas import checked_value
from napari_phenoai.core.editing.discs import rims
from napari_phenoai.core.editing.regions import components, region_at
from napari_phenoai.core.editing.runs import runs_of
from napari_phenoai.core.editing.tool import Draft, Tool

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        labels = canvas.labels
        runs = runs_of(labels, canvas.front if self.value is None else self._is_value)
        small = runs.sizes < self.below_px
        if canvas.scope is not None:
            small &= runs.meeting(*canvas.scope_slices)
        opens = runs.reaching(canvas.open_sides)
        if self.inner:
            small &= ~opens
        cut = bool((small & opens).any())
        places, regions = runs.pixels(small)
        values = labels.copy()
        if self.into is not None:
            values.ravel()[places] = checked_value(canvas, self.into)
            return Draft(0, 0, values, cut)
        new, known = _commonest_round(labels, regions, places, runs.count)
        found = known[regions]
        values.ravel()[places[found]] = new[regions[found]]
        return Draft(0, 0, values, cut)

    def _is_value(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        return np.asarray(values == self.value)


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


def _extremes(
    labels: NDArray[Any], numbers: NDArray[Any], chosen: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the lowest and the highest value round each region; lowest > highest without any."""
    low = np.full(len(chosen), np.iinfo(np.int64).max)
    high = np.full(len(chosen), -1)
    places = np.flatnonzero(rims(numbers > 0) & chosen[numbers])
    for here, there in _steps(places, labels.shape, _EDGES):
        regions, values = numbers.ravel()[here], labels.ravel()[there].astype(np.int64)
        foreign = numbers.ravel()[there] != regions
        np.minimum.at(low, regions[foreign], values[foreign])
        np.maximum.at(high, regions[foreign], values[foreign])
    return low, high


def _commonest_round(
    labels: NDArray[Any], regions: NDArray[Any], places: NDArray[np.int64], count: int
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the commonest value round each region, and whether there is anything round it.

    `regions` has the number of the region of each place; what has its value and touches it,
    at a corner too, belongs to it.
    """
    flat, own = labels.ravel(), np.zeros(labels.size, np.int64)
    own[places] = regions
    pairs = []
    most = int(labels.max(initial=0)) + 1
    for here, there in _steps(places, labels.shape, _EDGES + _CORNERS):
        foreign = flat[there] != flat[here]
        pairs.append(own[here[foreign]] * most + flat[there[foreign]])
    found, counts = np.unique(np.concatenate(pairs), return_counts=True)
    round_, values = np.divmod(found, most)
    result, known = np.zeros(count, labels.dtype), np.zeros(count, bool)
    known[round_] = True
    order = np.lexsort((-values, counts))
    result[round_[order]] = values[order].astype(labels.dtype)
    return result, known


def _steps(
    places: NDArray[np.int64], shape: tuple[int, ...], steps: tuple[tuple[int, int], ...]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield, for each step, the places from which it stays in the window, and where it leads."""
    height, width = shape
    y, x = np.divmod(places, width)
    for dy, dx in steps:
        inside = (y + dy >= 0) & (y + dy < height) & (x + dx >= 0) & (x + dx < width)
        yield places[inside], places[inside] + dy * width + dx
