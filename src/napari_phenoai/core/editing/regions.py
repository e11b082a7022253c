"""Connected regions, found without looking at more of the window than they need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_phenoai.core.editing.canvas import Canvas

__all__ = ["Region", "components", "object_at", "region_at", "same_valued"]

_FIRST_PX = 96
"""Half the edge of the box in which a region is looked for first."""


@dataclass(frozen=True, eq=False)
class Region:
    """A connected region of a window.

    Parameters
    ----------
    rows, columns : slice
        The smallest box round it.
    mask : ndarray of bool
        Its pixels in that box.
    """

    rows: slice
    columns: slice
    mask: NDArray[np.bool_]

    @property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns."""
        return self.rows, self.columns

    def leaves(self, canvas: Canvas) -> bool:
        """Tell whether it may go on outside the window."""
        return canvas.leaves(self.rows, self.columns)

    def within(self, rows: slice, columns: slice) -> NDArray[np.bool_]:
        """Return its mask in another box, which must contain its own."""
        mask = np.zeros((rows.stop - rows.start, columns.stop - columns.start), bool)
        y, x = self.rows.start - rows.start, self.columns.start - columns.start
        mask[y : y + self.mask.shape[0], x : x + self.mask.shape[1]] = self.mask
        return mask


def components(mask: NDArray[np.bool_], *, corners: bool = True) -> tuple[NDArray[np.int32], int]:
    """Return the connected regions of a mask, numbered from 1 in raster order, and their count.

    Parameters
    ----------
    mask : ndarray of bool, shape (y, x)
        What to connect.
    corners : bool
        Whether pixels that touch at a corner are connected.
    """
    from scipy import ndimage

    structure = np.ones((3, 3), bool) if corners else None
    numbers, count = ndimage.label(mask, structure)
    return numbers, int(count)


def same_valued(values: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """Return the connected regions of equal values other than 0, and their count.

    They are numbered from 1 in raster order; corners connect.
    """
    from skimage.measure import label

    numbers, count = label(values, background=0, return_num=True, connectivity=2)
    return numbers, int(count)


def object_at(canvas: Canvas, y: int, x: int) -> Region | None:
    """Return the connected pixels with the value of a pixel of the plane.

    None when that lies outside the window, or is unlabelled or background.
    """
    place = canvas.place(y, x)
    if place is None:
        return None
    value = canvas.labels[place]
    if not canvas.front(canvas.labels[place[0] : place[0] + 1, place[1]]).all():
        return None

    def same(rows: slice, columns: slice) -> NDArray[np.bool_]:
        return np.asarray(canvas.labels[rows, columns] == value)

    return region_at(same, canvas.tile.shape, place, corners=True)


def region_at(
    belongs: Callable[[slice, slice], NDArray[np.bool_]],
    shape: tuple[int, int],
    seed: tuple[int, int],
    *,
    corners: bool,
) -> Region:
    """Return the region round a pixel of which `belongs` is true.

    Parameters
    ----------
    belongs : callable
        Returns the mask of a box; true at the seed.
    shape : tuple of int
        Rows and columns in all.
    seed : tuple of int
        Row and column.
    corners : bool
        Whether pixels that touch at a corner are connected.

    Notes
    -----
    The box grows on those sides that the region reaches, so a small region in a large
    window costs little.
    """
    rows = slice(max(seed[0] - _FIRST_PX, 0), min(seed[0] + _FIRST_PX, shape[0]))
    columns = slice(max(seed[1] - _FIRST_PX, 0), min(seed[1] + _FIRST_PX, shape[1]))
    while True:
        numbers, _ = components(belongs(rows, columns), corners=corners)
        mask = numbers == numbers[seed[0] - rows.start, seed[1] - columns.start]
        wider = _widened(rows, mask.any(axis=1), shape[0])
        broader = _widened(columns, mask.any(axis=0), shape[1])
        if (wider, broader) == (rows, columns):
            return _cropped(rows.start, columns.start, mask)
        rows, columns = wider, broader


def _widened(part: slice, used: NDArray[np.bool_], limit: int) -> slice:
    more = 2 * (part.stop - part.start)
    start = max(part.start - more, 0) if used[0] else part.start
    return slice(start, min(part.stop + more, limit) if used[-1] else part.stop)


def _cropped(y: int, x: int, mask: NDArray[np.bool_]) -> Region:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    left, right = int(columns[0]), int(columns[-1]) + 1
    return Region(
        slice(y + top, y + bottom), slice(x + left, x + right), mask[top:bottom, left:right].copy()
    )
