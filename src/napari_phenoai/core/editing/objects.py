"""Tools for whole objects: cut, split, merge, number anew."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count, islice
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from napari_phenoai.core.basins import NECK, basins, joined, squared_distance
from napari_phenoai.core.editing.canvas import checked_value
from napari_phenoai.core.editing.parts import (
    fallen_apart,
    line_between,
    regions_at,
    renumbered,
    round_all,
)
from napari_phenoai.core.editing.regions import object_at
from napari_phenoai.core.editing.runs import runs_of
from napari_phenoai.core.editing.strokes import line, stroke
from napari_phenoai.core.editing.tool import Draft, Tool
from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.editing.canvas import Canvas
    from napari_phenoai.core.editing.regions import Region

__all__ = ["Cut", "Merge", "Renumber", "Split"]

Point = tuple[int, int]


@dataclass(frozen=True)
class Cut(Tool):
    """Cut objects in two along a stroke.

    Classes: the stroke becomes background where it crosses a class. It has no diagonal
    steps, so that what lies on its two sides does not touch, not even at corners.

    Objects: an object that the stroke divides becomes several. The largest part (of
    those as large the first in raster order) keeps the id, the others get new ones. What
    lies under the stroke goes to the nearest part, the smaller one of two as near, so no
    pixel of an object is lost. An object that does not fall apart stays as it is.

    Parameters
    ----------
    points : tuple of (y, x)
        The stroke.
    width_px : float
        Its width.
    value : int, optional
        Cut only this class or object.
    crumb_px : int
        Parts of an object with fewer pixels count as lying under the stroke.
    """

    name: ClassVar[str] = "cut"
    tip: ClassVar[str] = "Drag across: cuts what touches."

    points: tuple[Point, ...]
    width_px: float = 1
    value: int | None = None
    crumb_px: int = 3

    def draft(self, canvas: Canvas) -> Draft:
        """Return background under the stroke, or the parts with their ids."""
        box, mask, cut = stroke(self.points, self.width_px).on(canvas)
        labels = canvas.labels[box]
        mask = mask & canvas.front(labels)
        if self.value is not None:
            mask &= labels == self.value
        if not canvas.objects:
            return Draft.painted(canvas, box, mask, canvas.ground, touches_border=cut)
        regions = regions_at(canvas, np.argwhere(mask) + np.array([box[0].start, box[1].start]))
        cut |= any(region.leaves(canvas) for region in regions)
        under = np.zeros(canvas.tile.shape, bool)
        under[box] = mask
        parts = [fallen_apart(each, under[each.box], self.crumb_px) for each in regions]
        return renumbered(canvas, regions, parts, cut=cut)


@dataclass(frozen=True)
class Split(Tool):
    """Split an object at its necks, by the watershed of its distance transform.

    Objects: the largest part keeps the id, the others get new ones. Classes: a line of
    background parts them; pixels that touch an earlier part become background.

    Parameters
    ----------
    at : (y, x)
        One of its pixels.
    neck : float
        In [0, 1], the slider: it is cut where it is narrower than this share of the
        smaller part's width. 0 cuts nowhere.
    apart_px : float
        Parts whose middles are nearer to each other than this stay together.
    """

    name: ClassVar[str] = "split"
    tip: ClassVar[str] = "Click: splits the object where it is narrow."

    at: Point
    neck: float = NECK
    apart_px: float = 0

    def __post_init__(self) -> None:
        if not 0 <= self.neck <= 1:
            hint = "Give a share between 0 and 1."
            raise InputError(f"A neck of {self.neck} is impossible.", hint=hint)

    def draft(self, canvas: Canvas) -> Draft:
        """Return the parts with their ids, or background between them."""
        region = object_at(canvas, *self.at)
        if region is None:
            missing = canvas.place(*self.at) is None and canvas.in_plane(*self.at)
            return Draft.nothing(canvas, touches_border=missing)
        parts = self._parts(canvas, region)
        cut = region.leaves(canvas)
        if canvas.objects:
            return renumbered(canvas, [region], [parts], cut=cut)
        return Draft.painted(
            canvas, region.box, line_between(parts), canvas.ground, touches_border=cut
        )

    def _parts(self, canvas: Canvas, region: Region) -> NDArray[np.int64]:
        """Return the parts of a region, numbered from 1 in the order of their middles."""
        rows = slice(max(region.rows.start - 1, 0), min(region.rows.stop + 1, canvas.tile.height))
        columns = slice(
            max(region.columns.start - 1, 0), min(region.columns.stop + 1, canvas.tile.width)
        )
        mask = region.within(rows, columns)
        values = mask.astype(np.uint8)
        numbers, graph = basins(values, squared_distance(values, mask))
        tops = joined(graph, neck=self.neck, apart_px=self.apart_px)
        order = np.unique(tops)
        order = order[np.lexsort((graph.x[order], graph.y[order]))]
        place = np.zeros(len(tops), np.int64)
        place[order] = np.arange(1, len(order) + 1)
        parts = np.concatenate([[0], place[tops]])[numbers]
        y, x = region.rows.start - rows.start, region.columns.start - columns.start
        return np.asarray(parts[y : y + region.mask.shape[0], x : x + region.mask.shape[1]])


@dataclass(frozen=True)
class Merge(Tool):
    """Make one of all that a stroke touches.

    Objects: all get the id of the first one touched. Classes: what has no class under the
    stroke, between the first and the last pixel of the class touched first, becomes that class.

    Parameters
    ----------
    points : tuple of (y, x)
        The stroke.
    width_px : float
        Width of what is painted.
    bridge : bool
        Whether what is no object under the stroke becomes part of the merged one;
        always so with classes.

    Notes
    -----
    Only connected parts that the stroke touches change: a part elsewhere that has the
    same id keeps it.
    """

    name: ClassVar[str] = "merge"
    tip: ClassVar[str] = "Drag from one object to another: makes them one."
    paints_unlabelled: ClassVar[bool] = True

    points: tuple[Point, ...]
    width_px: float = 1
    bridge: bool = False

    def draft(self, canvas: Canvas) -> Draft:
        """Return the touched objects in one id, or the bridge."""
        path = line(self.points)
        start = path - (canvas.tile.y, canvas.tile.x)
        shape = canvas.tile.shape
        seen = ((start >= 0) & (start < shape)).all(axis=1)
        in_plane = ((path >= 0) & (path < canvas.plane)).all(axis=1)
        cut, here = bool((in_plane & ~seen).any()), start[seen]
        values = canvas.labels[here[:, 0], here[:, 1]]
        front = np.flatnonzero(canvas.front(values))
        if not len(front):
            return Draft.nothing(canvas, touches_border=cut)
        keeper = int(values[front[0]])
        regions: list[Region] = []
        if canvas.objects:
            others = here[front][values[front] != keeper]
            regions = regions_at(canvas, others)
            cut |= any(region.leaves(canvas) for region in regions)
        last = front[-1] if canvas.objects else np.flatnonzero(values == keeper)[-1]
        between = here[front[0] : last + 1] + np.array([canvas.tile.y, canvas.tile.x])
        return self._merged(canvas, regions, between, keeper, cut=cut)

    def _merged(
        self,
        canvas: Canvas,
        regions: list[Region],
        between: NDArray[np.int64],
        keeper: int,
        *,
        cut: bool,
    ) -> Draft:
        bridge = stroke([(int(y), int(x)) for y, x in between], self.width_px)
        box, mask, narrow = bridge.on(canvas)
        rows, columns = round_all([box, *(region.box for region in regions)])
        chosen = np.zeros((rows.stop - rows.start, columns.stop - columns.start), bool)
        if self.bridge or not canvas.objects:
            y, x = box[0].start - rows.start, box[1].start - columns.start
            part = chosen[y : y + mask.shape[0], x : x + mask.shape[1]]
            part |= mask & ~canvas.front(canvas.labels[box])
            cut |= narrow
        for region in regions:
            chosen |= region.within(rows, columns)
        return Draft.painted(canvas, (rows, columns), chosen, keeper, touches_border=cut)


@dataclass(frozen=True)
class Renumber(Tool):
    """Number objects 1, 2, 3, ... in the order of their first pixels, row by row.

    Every connected part becomes an object of its own (corners connect). Background and
    locked objects keep their values, which no other gets. Only a whole plane can be
    numbered: a window that is not all of it always touches the border.
    """

    name: ClassVar[str] = "renumber"
    tip: ClassVar[str] = "Numbers all objects anew, without gaps."

    def draft(self, canvas: Canvas) -> Draft:
        """Return the new ids."""
        if not canvas.objects:
            raise InputError("Classes have no numbers of objects.", hint="Use it on objects.")
        runs = runs_of(canvas.labels, canvas.loose)
        kept = canvas.locked | {canvas.ground}
        free = (value for value in count(1) if value not in kept)
        ids = list(islice(free, runs.count))
        checked_value(canvas, max(ids, default=0))
        new = runs.painted(np.array(ids, canvas.labels.dtype))
        return Draft(0, 0, np.where(new > 0, new, canvas.labels), any(canvas.open_sides))
