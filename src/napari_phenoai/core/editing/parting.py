"""Tools that make objects anew of what is there: parted at their necks, or piece by piece."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from napari_phenoai.core.basins import NECK
from napari_phenoai.core.editing.regions import same_valued
from napari_phenoai.core.editing.tool import Draft, Tool
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.instances import Objects, survey
from napari_phenoai.core.locking import locked_mask
from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.editing.canvas import Canvas
    from napari_phenoai.core.instances import Survey
    from napari_phenoai.core.object_table import ObjectTable

__all__ = ["PartAll", "Parting", "Pieces"]


class Parting:
    """What was found in the last mask of classes, so that the slider only joins it anew."""

    def __init__(self) -> None:
        self._known: tuple[NDArray[np.uint8], Survey] | None = None

    def numbers(self, classes: NDArray[np.uint8], neck: float) -> NDArray[np.uint32]:
        """Return objects from 1, in raster order of their middles; 0 where `classes` is 0.

        Parameters
        ----------
        classes : ndarray of uint8, shape (y, x)
            What consists of objects; 0 elsewhere. Kept, so it must not be changed.
        neck : float
            As in `objects_of`.
        """
        known = self._known
        if known is None or not np.array_equal(known[0], classes):
            tile = Tile("window", 0, 0, *classes.shape)
            present = set(np.unique(classes).tolist()) - {0}
            block = survey(lambda part: classes[part.slices], tile, tile.shape, present)
            known = self._known = classes, block
        return Objects([known[1]], neck=neck).ids(known[1])


@dataclass(frozen=True)
class PartAll(Tool):
    """Make all objects of a window anew from their classes, parted where they are narrow.

    What touches and has one class is joined first, so the slider alone says where objects
    end. Each object keeps the id that most of its pixels had, as far as no other one has
    it; the others get new ones. Pixels only change their id, never their class.

    Parameters
    ----------
    table : ObjectTable
        The class of each object.
    neck : float
        In [0, 1], the slider: objects are parted where they are narrower than this share
        of the smaller part's width. 0 parts nothing: connected regions.
    parting : Parting
        Remembers the window while the slider is moved.

    Raises
    ------
    InputError
        If the labels are classes, or the neck is impossible.
    """

    name: ClassVar[str] = "part"
    tip: ClassVar[str] = "Makes all objects anew from their classes."

    table: ObjectTable
    neck: float = NECK
    parting: Parting = field(default_factory=Parting, compare=False)

    def draft(self, canvas: Canvas) -> Draft:
        """Return the objects with their ids."""
        loose = _loose(canvas)
        classes = self.table.as_classes(canvas.labels, strict=False)
        classes = np.where(loose, classes, 0).astype(np.uint8)
        numbers = self.parting.numbers(classes, self.neck)
        found = numbers > 0
        kept = _owners(numbers[found], canvas.labels[found], self.table.first)
        count = int(numbers.max(initial=0))
        new = [number for number in range(1, count + 1) if number not in kept]
        ids = np.zeros(count + 1, canvas.labels.dtype)
        if new:
            first = canvas.first_new_id(len(new))
            ids[new] = range(first, first + len(new))
        ids[list(kept)] = list(kept.values())
        values = np.where(found, ids[numbers], canvas.labels)
        return Draft(0, 0, values, any(canvas.open_sides))


@dataclass(frozen=True)
class Pieces(Tool):
    """Give pieces of an object that do not touch each other ids of their own.

    The largest piece keeps the id (of several as large the first in raster order); so do
    pieces at an open side of the window, which may be connected beyond it.

    Parameters
    ----------
    at : (y, x), optional
        Only the object that has this pixel; without it, all of them.

    Raises
    ------
    InputError
        If the labels are classes.
    """

    name: ClassVar[str] = "pieces"
    tip: ClassVar[str] = "Gives pieces that do not touch ids of their own."

    at: tuple[int, int] | None = None

    def draft(self, canvas: Canvas) -> Draft:
        """Return the new ids."""
        loose = _loose(canvas)
        if self.at is not None:
            place = canvas.place(*self.at)
            if place is None or not loose[place]:
                missing = place is None and canvas.in_plane(*self.at)
                return Draft.nothing(canvas, touches_border=missing)
            loose &= canvas.labels == canvas.labels[place]
        numbers, count = same_valued(np.where(loose, canvas.labels, 0))
        single = _single(canvas, numbers, count)
        if not len(single):
            return Draft.nothing(canvas, touches_border=any(canvas.open_sides))
        first = canvas.first_new_id(len(single))
        ids = np.zeros(count + 1, canvas.labels.dtype)
        ids[single] = range(first, first + len(single))
        new = ids[numbers]
        return Draft(0, 0, np.where(new > 0, new, canvas.labels), any(canvas.open_sides))


def _loose(canvas: Canvas) -> NDArray[np.bool_]:
    """Return the pixels of objects that are not locked."""
    if not canvas.objects:
        what = "Classes are not parted into objects."
        raise InputError(what, hint="Use it in a project of single objects.")
    loose = canvas.front(canvas.labels)
    return loose & ~locked_mask(canvas.labels, canvas.locked) if canvas.locked else loose


def _owners(numbers: NDArray[Any], ids: NDArray[Any], first: int) -> dict[int, int]:
    """Return which new object keeps which id: by the number of common pixels, each once.

    Ids below `first` are classes and are not kept.
    """
    top = int(ids.max(initial=0)) + 1
    pairs, counts = np.unique(numbers.astype(np.int64) * top + ids, return_counts=True)
    order = np.lexsort((pairs, -counts))
    kept: dict[int, int] = {}
    taken: set[int] = set()
    for pair in pairs[order].tolist():
        number, its = divmod(pair, top)
        if its >= first and number not in kept and its not in taken:
            kept[number] = its
            taken.add(its)
    return kept


def _single(canvas: Canvas, numbers: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Return the regions that are not the main piece of their object."""
    owner = np.zeros(count + 1, np.int64)
    owner[numbers.ravel()] = canvas.labels.ravel()
    owner[0] = 0
    sizes = np.bincount(numbers.ravel(), minlength=count + 1)
    opens = np.zeros(count + 1, bool)
    edges = (numbers[0], numbers[:, 0], numbers[-1], numbers[:, -1])
    for goes_on, edge in zip(canvas.open_sides, edges, strict=True):
        if goes_on:
            opens[edge] = True
    order = np.lexsort((np.arange(count + 1), -sizes, ~opens, owner))
    main = np.ones(count + 1, bool)
    main[1:] = owner[order][1:] != owner[order][:-1]
    rest = order[~main]
    return np.sort(rest[(rest > 0) & ~opens[rest]])
