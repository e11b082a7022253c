"""Strokes and outlines as masks."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_phenoai.core.editing.canvas import Canvas

__all__ = ["Mark", "disc", "inside", "line", "stroke"]


@dataclass(frozen=True, eq=False)
class Mark:
    """A mask somewhere on a plane.

    Parameters
    ----------
    y, x : int
        First row and column in the plane; may be negative.
    mask : ndarray of bool, shape (rows, columns)
        What belongs to it.
    """

    y: int
    x: int
    mask: NDArray[np.bool_]

    def on(self, canvas: Canvas) -> tuple[tuple[slice, slice], NDArray[np.bool_], bool]:
        """Return its box in the window, the mask there, and whether some of it was cut off.

        What lies outside the plane does not count as cut off.
        """
        rows, own_rows = _meet(self.y - canvas.tile.y, self.mask.shape[0], canvas.tile.height)
        columns, own_columns = _meet(self.x - canvas.tile.x, self.mask.shape[1], canvas.tile.width)
        top, _ = _meet(self.y, self.mask.shape[0], canvas.plane[0])
        left, _ = _meet(self.x, self.mask.shape[1], canvas.plane[1])
        own = self.mask[own_rows, own_columns]
        whole = self.mask[
            top.start - self.y : top.stop - self.y, left.start - self.x : left.stop - self.x
        ]
        return (rows, columns), own, int(own.sum()) < int(whole.sum())


def line(points: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """Return the pixels of a polyline in order, each next to the one before at an edge.

    As no step is diagonal, nothing can pass through such a line at a corner.

    Parameters
    ----------
    points : sequence of (y, x)
        Its corners; one gives one pixel.

    Returns
    -------
    ndarray of int64, shape (n, 2)

    Examples
    --------
    >>> line([(0, 0), (1, 2)]).tolist()
    [[0, 0], [0, 1], [1, 1], [1, 2]]
    """
    if not points:
        raise InputError("A stroke without a point was given.", hint="Give at least one (y, x).")
    parts = [np.array([points[0]], np.int64)]
    for first, last in pairwise(points):
        dy, dx = last[0] - first[0], last[1] - first[1]
        steps = np.arange(1, abs(dy) + abs(dx) + 1)
        across = (2 * steps * abs(dx) + len(steps)) // (2 * max(1, len(steps)))
        y = first[0] + np.sign(dy) * (steps - across)
        parts.append(np.stack([y, first[1] + np.sign(dx) * across], axis=1))
    return np.concatenate(parts)


def disc(radius: float) -> NDArray[np.int64]:
    """Return the offsets (y, x) of all pixels within `radius`, nearest first.

    Examples
    --------
    >>> len(disc(1)), len(disc(2))
    (5, 13)
    """
    most = int(radius)
    grid = np.indices((2 * most + 1, 2 * most + 1)).reshape(2, -1).T - most
    square = (grid**2).sum(axis=1)
    order = np.argsort(square, kind="stable")
    result: NDArray[np.int64] = grid[order][square[order] <= radius**2]
    return result


def stroke(points: Sequence[tuple[int, int]], width_px: float = 1) -> Mark:
    """Return what a round brush of `width_px` marks on its way along `points`."""
    path = line(points)
    offsets = disc(max(width_px - 1, 0) / 2)
    every = np.unique(path, axis=0)
    places = (every[:, None, :] + offsets[None]).reshape(-1, 2)
    y, x = (int(value) for value in places.min(axis=0))
    mask = np.zeros((places.max(axis=0) - (y, x) + 1).tolist(), bool)
    mask[places[:, 0] - y, places[:, 1] - x] = True
    return Mark(y, x, mask)


def inside(points: Sequence[tuple[int, int]]) -> Mark:
    """Return the closed outline through `points` and all that lies inside it."""
    from skimage.draw import polygon2mask

    rim = stroke([*points, points[0]] if points else points)
    corners: Any = np.array(points) - (rim.y, rim.x)
    filled = polygon2mask(rim.mask.shape, corners) if len(points) > 2 else rim.mask
    return Mark(rim.y, rim.x, rim.mask | filled)


def _meet(start: int, length: int, limit: int) -> tuple[slice, slice]:
    first, last = min(max(start, 0), limit), min(max(start + length, 0), limit)
    return slice(first, last), slice(first - start, last - start)
