"""Surveys: what one block of a plane contributes to the objects of the whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.basins import Graph, basins, squared_distance
from napari_phenoai.core.context import grown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile

__all__ = ["Survey", "survey"]

_HALO_PX = 32


@dataclass(frozen=True, eq=False)
class Survey:
    """What one block contributes.

    Parameters
    ----------
    tile : Tile
        The block.
    basins : ndarray of int32, shape (height, width), or None
        The node of each of its pixels, from 1; None after `lean`.
    graph : Graph
        Its nodes, with summits in pixels of the plane. A node is a basin, or a pixel just
        outside the block into which basins of the block lead.
    outside : ndarray of bool, shape (n,)
        Which nodes are such pixels.
    classes, area_px : ndarray of int64, shape (n,)
        Class of each node, and its pixels in the block.
    rim : ndarray of int64, shape (m, 3)
        Row and column in the plane, and node, of the pixels along the block's border.
    """

    tile: Tile
    basins: NDArray[np.int32] | None
    graph: Graph
    outside: NDArray[np.bool_]
    classes: NDArray[np.int64]
    area_px: NDArray[np.int64]
    rim: NDArray[np.int64]

    def lean(self) -> Survey:
        """Return the survey without its pixels, for images that do not fit into memory."""
        return replace(self, basins=None)


def survey(
    read: Callable[[Tile], NDArray[Any]],
    tile: Tile,
    plane: tuple[int, int],
    classes: Collection[int],
) -> Survey:
    """Look at one block.

    Parameters
    ----------
    read : callable
        Returns the classes ``(height, width)`` of any tile of the plane. It is asked for
        more than the block, until the thickest object in it is seen from side to side.
    tile : Tile
        The block.
    plane : tuple of int
        Rows and columns of the image.
    classes : collection of int
        Classes that consist of objects; all others are left out.
    """
    inner = grown(tile, 1, plane)
    halo = _HALO_PX
    while True:
        outer = grown(tile, halo, plane)
        values = read(outer)
        front = np.isin(values, list(classes))
        height = squared_distance(values, front)
        rows, columns = _within(inner, outer)
        if _is_sure(height, inner, outer, plane):
            break
        halo *= 2
    return _surveyed(tile, inner, values[rows, columns], height[rows, columns])


def _within(inner: Tile, outer: Tile) -> tuple[slice, slice]:
    y, x = inner.y - outer.y, inner.x - outer.x
    return slice(y, y + inner.height), slice(x, x + inner.width)


def _is_sure(height: NDArray[np.int64], inner: Tile, outer: Tile, plane: tuple[int, int]) -> bool:
    """Tell whether no pixel beyond `outer` can be nearer than what was measured in `inner`."""
    rows, columns = _within(inner, outer)
    here = height[rows, columns]
    y, x = np.ogrid[rows, columns]
    gap = np.full(here.shape, np.iinfo(np.int64).max)
    if outer.y > 0:
        gap = np.minimum(gap, y + 1)
    if outer.x > 0:
        gap = np.minimum(gap, x + 1)
    if outer.y1 < plane[0]:
        gap = np.minimum(gap, outer.height - y)
    if outer.x1 < plane[1]:
        gap = np.minimum(gap, outer.width - x)
    gap = np.minimum(gap, 1 << 30)
    return bool((here <= gap * gap).all()) or outer.shape == plane


def _surveyed(tile: Tile, inner: Tile, values: NDArray[Any], height: NDArray[np.int64]) -> Survey:
    rows, columns = _within(tile, inner)
    ring = np.ones(values.shape, bool)
    ring[rows, columns] = False
    numbers, graph = basins(values, height, ring)
    place = Graph(graph.y + inner.y, graph.x + inner.x, graph.height, graph.passes)
    outside = ring[graph.y, graph.x]
    core = np.ascontiguousarray(numbers[rows, columns])
    area = np.bincount(core.ravel(), minlength=len(outside) + 1)[1:]
    classes = values[graph.y, graph.x].astype(np.int64)
    rim = _rim(tile, core)
    return Survey(tile, core, place, outside, classes, area, rim)


def _rim(tile: Tile, core: NDArray[np.int32]) -> NDArray[np.int64]:
    edge = np.zeros(core.shape, bool)
    edge[[0, -1]] = edge[:, [0, -1]] = True
    y, x = np.nonzero(edge & (core > 0))
    return np.stack([y + tile.y, x + tile.x, core[y, x]], axis=1).astype(np.int64)
