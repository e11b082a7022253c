"""Objects from a mask of classes: touching ones are parted at their necks.

An image of any size is worked off in blocks: `survey` looks at one block, `Objects`
joins what all of them found, for one position of the slider, and gives each block its
ids. The result is the same to the pixel for every way to cut the image into blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.basins import NECK, Graph, highest, joined
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.object_table import ObjectTable
from napari_phenoai.core.surveys import Survey, survey
from napari_phenoai.errors import InputError, LabelError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

__all__ = ["Objects", "Survey", "objects_of", "survey"]


class Objects:
    """All objects of a plane, for one position of the slider.

    Parameters
    ----------
    surveys : sequence of Survey
        Of blocks that together are the plane, each pixel in one.
    neck : float
        In [0, 1], the slider: objects are parted where they are narrower than this share
        of the smaller part's width. 0 parts nothing: connected regions.
    apart_px : float
        Parts whose middles are nearer to each other than this stay together.
    smallest_px : int
        Objects with fewer pixels are left out.
    first_id : int
        Id of the first object; they are numbered in raster order of their middles.

    Attributes
    ----------
    table : ObjectTable
        The class of each id.
    """

    def __init__(
        self,
        surveys: Sequence[Survey],
        *,
        neck: float = NECK,
        apart_px: float = 0,
        smallest_px: int = 1,
        first_id: int = 1,
    ) -> None:
        if not 0 <= neck <= 1:
            raise InputError(f"A neck of {neck} is impossible.", hint="Give 0 to 1.")
        self._starts = np.cumsum([0, *(len(one.classes) for one in surveys)])
        self._order = {one.tile: index for index, one in enumerate(surveys)}
        nodes, graph, classes, area = _one_graph(surveys, self._starts)
        tops = joined(graph, neck=neck, apart_px=apart_px)
        sizes = np.bincount(tops, area, len(tops)).astype(np.int64)
        kept = np.flatnonzero((tops == np.arange(len(tops))) & (sizes >= smallest_px))
        kept = kept[np.lexsort((graph.x[kept], graph.y[kept]))]
        ids = np.zeros(len(tops) + 1, np.int64)
        ids[kept] = np.arange(first_id, first_id + len(kept))
        self._ids = ids[tops][nodes] if len(tops) else np.zeros(0, np.int64)
        numbers = range(first_id, first_id + len(kept))
        self.table = ObjectTable(dict(zip(numbers, classes[kept].tolist(), strict=True)))

    def ids(self, block: Survey, dtype: type[np.unsignedinteger[Any]] = np.uint32) -> NDArray[Any]:
        """Return the ids of one block.

        Parameters
        ----------
        block : Survey
            With its pixels; for one that was made `lean`, survey the block again.
        dtype : type
            uint16 or uint32.

        Returns
        -------
        ndarray of `dtype`, shape (height, width)
            0 where there is no object.

        Raises
        ------
        InputError
            If the block is not one of those given before, or has no pixels.
        LabelError
            If there are too many objects for the type.
        """
        if block.tile not in self._order or block.basins is None:
            hint = "Survey the block again, and give it with its pixels."
            raise InputError(f"The pixels of block {block.tile.key} are missing.", hint=hint)
        if self.table.next_id - 1 > np.iinfo(dtype).max:
            what = f"{self.table.next_id - 1} objects do not fit {np.dtype(dtype)}."
            raise LabelError(what, hint="Use uint32.")
        start = int(self._starts[self._order[block.tile]])
        own = self._ids[start : start + len(block.classes)].astype(dtype)
        return np.asarray(np.concatenate([np.zeros(1, dtype), own])[block.basins])


def objects_of(
    labels: NDArray[Any],
    classes: Collection[int],
    *,
    neck: float = NECK,
    apart_px: float = 0,
    smallest_px: int = 1,
) -> tuple[NDArray[np.uint32], ObjectTable]:
    """Return the objects of a mask that fits into memory.

    Parameters
    ----------
    labels : ndarray of integers, shape (y, x)
        Classes; all of the plane.
    classes : collection of int
        Classes that consist of objects.
    neck, apart_px, smallest_px
        As in `Objects`.

    Returns
    -------
    ids : ndarray of uint32, shape (y, x)
        0 where there is no object.
    table : ObjectTable
        The class of each.

    Examples
    --------
    >>> mask = np.zeros((9, 20), np.uint8)
    >>> mask[1:8, 1:8] = mask[4, 8:10] = mask[1:8, 10:17] = 2
    >>> ids, table = objects_of(mask, {2})
    >>> len(table.classes), len(objects_of(mask, {2}, neck=0)[1].classes)
    (2, 1)
    """
    tile = Tile("plane", 0, 0, *labels.shape)
    block = survey(lambda part: labels[part.slices], tile, tile.shape, classes)
    found = Objects([block], neck=neck, apart_px=apart_px, smallest_px=smallest_px)
    return found.ids(block), found.table


def _one_graph(
    surveys: Sequence[Survey], starts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], Graph, NDArray[np.int64], NDArray[np.int64]]:
    """Join the graphs of all blocks.

    Returns
    -------
    nodes : ndarray of int64
        For each node of each block, in order, the basin of the plane that it belongs to.
    graph, classes, area_px
        Of the basins of the plane, in raster order of their summits.
    """
    y, x, height = (
        np.concatenate([getattr(one.graph, name) for one in surveys])
        for name in ("y", "x", "height")
    )
    classes, area, outside = (
        np.concatenate([getattr(one, name) for one in surveys])
        for name in ("classes", "area_px", "outside")
    )
    target = _targets(surveys, starts, y, x, outside)
    tops = np.flatnonzero(target == np.arange(len(target)))
    tops = tops[np.lexsort((x[tops], y[tops]))]
    place = np.zeros(len(target), np.int64)
    place[tops] = np.arange(len(tops))
    nodes = place[target]
    parts = [
        np.column_stack([np.sort(nodes[one.graph.passes[:, :2] + start]), one.graph.passes[:, 2]])
        for one, start in zip(surveys, starts[:-1].tolist(), strict=True)
    ]
    passes = np.concatenate(parts)
    passes = highest(passes[passes[:, 0] != passes[:, 1]])
    graph = Graph(y[tops], x[tops], height[tops], passes)
    whole = np.bincount(nodes, area, len(tops)).astype(np.int64)
    return nodes, graph, classes[tops], whole


def _targets(
    surveys: Sequence[Survey],
    starts: NDArray[np.int64],
    y: NDArray[np.int64],
    x: NDArray[np.int64],
    outside: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Follow pixels outside a block to the nodes of the blocks that have them."""
    rims = [
        one.rim + np.array([0, 0, start - 1]) for one, start in zip(surveys, starts, strict=False)
    ]
    rim = np.concatenate(rims)
    target = np.arange(len(y))
    if outside.any():
        width = max(int(rim[:, 1].max(initial=0)), int(x.max())) + 1
        keys = rim[:, 0] * width + rim[:, 1]
        order = np.argsort(keys)
        wanted = y[outside] * width + x[outside]
        found = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
        if not np.array_equal(keys[found], wanted):
            hint = "Give surveys of blocks that together are the whole plane."
            raise InputError("The blocks of the plane leave gaps.", hint=hint)
        target[outside] = rim[found, 2]
    while True:
        further = target[target]
        if np.array_equal(further, target):
            return target
        target = further
