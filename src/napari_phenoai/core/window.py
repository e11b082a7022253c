"""The edit window: which part of a plane lies in memory to be painted, and what changed in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.geometry import Tile

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "STEP_PX",
    "WINDOW_PX",
    "View",
    "changed_box",
    "follow",
    "inside",
    "reaches_border",
    "window_at",
]

WINDOW_PX = 2048
"""Largest extent of a window: 4 MB of labels, undone in 25 ms; at twice that it takes 140 ms."""

STEP_PX = 512
"""Windows begin at multiples of this, the edge of a chunk of labels."""


@dataclass(frozen=True, slots=True)
class View:
    """What is seen of a plane, in pixels of the plane.

    Parameters
    ----------
    y, x : float
        Its middle; may lie outside the plane.
    height, width : float
        Its extent.
    """

    y: float
    x: float
    height: float
    width: float


def window_at(image: str, plane: tuple[int, int], y: float, x: float, *, z: int = 0) -> Tile:
    """Return the window whose middle lies as near as possible to a point.

    Parameters
    ----------
    image : str
        Id of the image.
    plane : tuple of int
        Rows and columns of the image.
    y, x : float
        The point, in pixels.
    z : int
        Index of the plane.

    Returns
    -------
    Tile
        At most 2048 px in height and width; begins at multiples of 512 px and ends
        there or with the plane, so it consists of whole chunks.

    Examples
    --------
    >>> window_at("scan", (100_000, 100_000), 5_000, 99_999).key
    'scan@0,4096,98304,2048,1696'
    """
    top, height = _extent(plane[0], y)
    left, width = _extent(plane[1], x)
    return Tile(image, top, left, height, width, z)


def follow(window: Tile, plane: tuple[int, int], view: View) -> Tile:
    """Return the window for what is seen now: the same one as long as it serves.

    It serves while the middle of the view lies in its inner half and, if the view is
    smaller than a window, all of the view lies in it.
    """
    best = window_at(window.image, plane, view.y, view.x, z=window.z)
    if best == window:
        return window
    near = _is_near(window.y, window.height, view.y) and _is_near(window.x, window.width, view.x)
    small = max(view.height, view.width) <= WINDOW_PX - STEP_PX
    return window if near and (not small or inside(window, plane, view)) else best


def inside(window: Tile, plane: tuple[int, int], view: View) -> bool:
    """Tell whether all of the plane that is seen lies in `window`."""
    rows = _is_within(window.y, window.y1, plane[0], view.y, view.height)
    return rows and _is_within(window.x, window.x1, plane[1], view.x, view.width)


def reaches_border(tile: Tile, window: Tile, plane: tuple[int, int]) -> bool:
    """Tell whether `tile` touches a border of `window` that is not one of the plane.

    A stroke that does may have been cut off there.
    """
    before = (tile.y <= window.y > 0) or (tile.x <= window.x > 0)
    return before or tile.y1 >= window.y1 < plane[0] or tile.x1 >= window.x1 < plane[1]


def changed_box(
    before: NDArray[np.integer[Any]], after: NDArray[np.integer[Any]], *, step_px: int = STEP_PX
) -> tuple[slice, slice] | None:
    """Return a box round all pixels that differ, in whole steps; None when there are none.

    Parameters
    ----------
    before, after : ndarray of integers, shape (y, x)
        Two states of one window.
    step_px : int
        They are compared by squares of this extent: quick where they are equal.
    """
    height, width = after.shape
    found = [
        (y, x)
        for y in range(0, height, step_px)
        for x in range(0, width, step_px)
        if not np.array_equal(
            before[y : y + step_px, x : x + step_px], after[y : y + step_px, x : x + step_px]
        )
    ]
    if not found:
        return None
    rows, columns = zip(*found, strict=True)
    return (
        slice(min(rows), min(max(rows) + step_px, height)),
        slice(min(columns), min(max(columns) + step_px, width)),
    )


def _extent(length: int, middle: float) -> tuple[int, int]:
    last = max(0, -(-(length - WINDOW_PX) // STEP_PX) * STEP_PX)
    start = round((middle - WINDOW_PX / 2) / STEP_PX) * STEP_PX
    start = min(max(start, 0), last)
    return start, min(WINDOW_PX, length - start)


def _is_near(start: int, length: int, middle: float) -> bool:
    return abs(middle - (start + length / 2)) <= max(length / 4, STEP_PX / 2)


def _is_within(start: int, stop: int, limit: int, middle: float, extent: float) -> bool:
    first, last = max(middle - extent / 2, 0), min(middle + extent / 2, limit)
    return first >= last or (first >= start and last <= stop)
