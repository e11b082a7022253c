"""Basins: where the distance to the outline of objects leads uphill, and how they are joined.

Every pixel of an object leads to its highest neighbour, up to a summit of the distance
transform: all that lead to one summit are a basin. Two basins that touch belong to one
object where the pass between them is nearly as high as the lower summit. This is a
watershed in which each step looks at neighbours only, so that an image can be worked
off in blocks with exactly the same result; and the slider only joins basins anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NECK", "Graph", "basins", "highest", "joined", "squared_distance"]

NECK = 0.8
"""Where to cut unless told otherwise: necks narrower than this share of the smaller part."""

_BEFORE = ((-1, -1), (-1, 0), (-1, 1), (0, -1))
_AFTER = ((0, 1), (1, -1), (1, 0), (1, 1))


@dataclass(frozen=True, eq=False)
class Graph:
    """Basins and the passes between them.

    Parameters
    ----------
    y, x : ndarray of int64, shape (n,)
        Where the summit of each basin lies.
    height : ndarray of int64, shape (n,)
        Its squared distance to the outline, in px².
    passes : ndarray of int64, shape (m, 3)
        Pairs of basins (from 0) that touch, and the squared height of the pass.
    """

    y: NDArray[np.int64]
    x: NDArray[np.int64]
    height: NDArray[np.int64]
    passes: NDArray[np.int64]


def squared_distance(values: NDArray[Any], front: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the squared distance of each front pixel to the nearest one of another value.

    Parameters
    ----------
    values : ndarray of integers, shape (y, x)
        Classes or ids.
    front : ndarray of bool, shape (y, x)
        Where to measure.

    Returns
    -------
    ndarray of int64, shape (y, x)
        In px²; 0 where `front` is false. Nothing lies outside the array; where no pixel
        has another value, the distance is larger than any in the array.

    Notes
    -----
    Measured region by region: the nearest pixel outside a region never belongs to another
    region of the same value, as something lies between the two.
    """
    from scipy import ndimage

    result = np.zeros(values.shape, np.int64)
    for value in np.unique(values[front]).tolist():
        numbers, _ = ndimage.label(front & (values == value), np.ones((3, 3), bool))
        for number, (rows, columns) in enumerate(ndimage.find_objects(numbers), start=1):
            box = (
                slice(max(rows.start - 1, 0), rows.stop + 1),
                slice(max(columns.start - 1, 0), columns.stop + 1),
            )
            part = numbers[box] == number
            if part.all():
                result[box] = sum(values.shape) ** 2
            else:
                far = ndimage.distance_transform_edt(part)[part]
                result[box][part] = np.rint(far * far)
    return result


def basins(
    values: NDArray[Any], height: NDArray[np.int64], roots: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.int32], Graph]:
    """Divide objects into basins.

    Parameters
    ----------
    values : ndarray of integers, shape (y, x)
        Classes or ids; only equal ones belong together.
    height : ndarray of int64, shape (y, x)
        What leads uphill; 0 where there is no object.
    roots : ndarray of bool, shape (y, x), optional
        Pixels that lead nowhere and are basins of their own.

    Returns
    -------
    numbers : ndarray of int32, shape (y, x)
        Basins from 1; 0 where there is no object.
    graph : Graph
        With basin 1 at index 0.

    Notes
    -----
    Of neighbours as high, the first in raster order is taken, the pixel itself included.
    """
    rows, columns = values.shape
    padded, flat = np.pad(values, 1).ravel(), np.pad(height, 1).ravel()
    width = columns + 2
    places = np.flatnonzero(flat > 0)
    own, best = padded[places], np.full(len(places), -1, np.int64)
    up = places.copy()
    for dy, dx in (*_BEFORE, (0, 0), *_AFTER):
        there = places + (dy * width + dx)
        level = np.where(padded[there] == own, flat[there], 0)
        higher = (level > best) & (level > 0)
        up[higher], best[higher] = there[higher], level[higher]
    if roots is not None:
        fixed = np.pad(roots, 1).ravel()[places]
        up[fixed] = places[fixed]
    numbers, summits = _followed(places, up, flat.size)
    passes = _passes(places, numbers, flat, padded, width)
    graph = Graph(summits // width - 1, summits % width - 1, flat[summits], passes)
    shown = numbers.reshape(rows + 2, width)[1:-1, 1:-1]
    return np.ascontiguousarray(shown), graph


def joined(graph: Graph, *, neck: float = NECK, apart_px: float = 0) -> NDArray[np.int64]:
    """Tell which basins belong to one object.

    Parameters
    ----------
    graph : Graph
        Basins and passes.
    neck : float
        In [0, 1]. Two parts stay together where the neck between them is at least this
        share of the smaller part's width; 0 joins all that touches.
    apart_px : float
        Parts whose summits are nearer to each other than this stay together, too.

    Returns
    -------
    ndarray of int64, shape (n,)
        For each basin the index of the basin with the highest summit of its object.
    """
    order = np.argsort(_ranking(graph.height, graph.y, graph.x), kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    parent = list(range(len(order)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    heights, ys, xs = graph.height[order].tolist(), graph.y[order].tolist(), graph.x[order].tolist()
    share, near = neck * neck, apart_px * apart_px
    for one, other, level in _sorted_passes(graph, rank):
        top, low = sorted((root(one), root(other)))
        if top == low:
            continue
        gap = (ys[top] - ys[low]) ** 2 + (xs[top] - xs[low]) ** 2
        if level >= share * heights[low] or gap < near:
            parent[low] = top
    found = np.fromiter((root(index) for index in range(len(order))), np.int64, len(order))
    return np.asarray(order[found][rank])


def _ranking(
    height: NDArray[np.int64], y: NDArray[np.int64], x: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the place of each summit in the order of height, then raster order."""
    order = np.lexsort((x, y, -height))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank


def _sorted_passes(graph: Graph, rank: NDArray[np.int64]) -> list[list[int]]:
    """Return the passes between ranks, the highest first, then by ranks."""
    pairs = np.sort(rank[graph.passes[:, :2]], axis=1)
    order = np.lexsort((pairs[:, 1], pairs[:, 0], -graph.passes[:, 2]))
    rows: list[list[int]] = np.column_stack([pairs, graph.passes[:, 2]])[order].tolist()
    return rows


def _followed(
    places: NDArray[np.int64], up: NDArray[np.int64], size: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Follow each place to its summit; return the numbers of the basins and the summits."""
    index = np.zeros(size, np.int64)
    index[places] = np.arange(len(places))
    target = index[up]
    while True:
        further = target[target]
        if np.array_equal(further, target):
            break
        target = further
    tops = np.flatnonzero(target == np.arange(len(places)))
    number = np.zeros(len(places), np.int32)
    number[tops] = np.arange(1, len(tops) + 1)
    numbers = np.zeros(size, np.int32)
    numbers[places] = number[target]
    return numbers, places[tops]


def _passes(
    places: NDArray[np.int64],
    numbers: NDArray[np.int32],
    height: NDArray[np.int64],
    values: NDArray[Any],
    width: int,
) -> NDArray[np.int64]:
    """Return the passes between basins; all arrays but the places are padded and flat."""
    parts = []
    here_number, own = numbers[places], values[places]
    for dy, dx in _AFTER:
        there = places + (dy * width + dx)
        other = numbers[there]
        meets = (other != here_number) & (other != 0)
        meets &= values[there] == own
        pair = np.sort(np.stack([here_number[meets], other[meets]], axis=1) - 1, axis=1)
        level = np.minimum(height[places[meets]], height[there[meets]])
        parts.append(np.column_stack([pair.astype(np.int64), level]))
    return highest(np.concatenate(parts))


def highest(passes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return one row per pair of basins, with the highest of its passes."""
    order = np.lexsort((-passes[:, 2], passes[:, 1], passes[:, 0]))
    ordered = passes[order]
    first = np.ones(len(ordered), bool)
    first[1:] = (ordered[1:, :2] != ordered[:-1, :2]).any(axis=1)
    return np.asarray(ordered[first])
