"""Tools that make objects anew of what is there: parted at their necks, or piece by piece."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from napari_phenoai.core.basins import NECK
from napari_phenoai.core.editing.runs import runs_of, stretches
from napari_phenoai.core.editing.tool import Draft, Tool
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.instances import Objects, survey
from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_phenoai.core.editing.canvas import Canvas
    from napari_phenoai.core.editing.runs import Runs
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
        _check_objects(canvas)
        shape, labels = canvas.labels.shape, canvas.labels.ravel()
        places, lengths = stretches(labels)
        classes = self.table.as_classes(labels[places], strict=False)
        classes[~canvas.loose(labels[places])] = 0
        numbers = self.parting.numbers(classes.repeat(lengths).reshape(shape), self.neck).ravel()
        places, lengths = stretches(numbers, labels)
        found, before = numbers[places], labels[places]
        kept = _owners(found, before, lengths, self.table.first)
        count = int(found.max(initial=0))
        new = [number for number in range(1, count + 1) if number not in kept]
        ids = np.zeros(count + 1, labels.dtype)
        if new:
            first = canvas.first_new_id(len(new))
            ids[new] = range(first, first + len(new))
        ids[list(kept)] = list(kept.values())
        after = np.where(found > 0, ids[found], before).repeat(lengths)
        return Draft(0, 0, after.reshape(shape), any(canvas.open_sides))


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
        _check_objects(canvas)
        labels = canvas.labels
        wanted: Callable[[NDArray[Any]], NDArray[np.bool_]] = canvas.loose
        if self.at is not None:
            place = canvas.place(*self.at)
            if place is None or not canvas.loose(labels[place]):
                missing = place is None and canvas.in_plane(*self.at)
                return Draft.nothing(canvas, touches_border=missing)
            wanted = partial(_equal, labels[place])
        runs = runs_of(labels, wanted)
        single = _single(canvas, runs)
        if not len(single):
            return Draft.nothing(canvas, touches_border=any(canvas.open_sides))
        first = canvas.first_new_id(len(single))
        ids = np.zeros(runs.count, labels.dtype)
        ids[single] = range(first, first + len(single))
        new = runs.painted(ids)
        return Draft(0, 0, np.where(new > 0, new, labels), any(canvas.open_sides))


def _equal(value: np.unsignedinteger[Any], values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(values == value)


def _check_objects(canvas: Canvas) -> None:
    if not canvas.objects:
        what = "Classes are not parted into objects."
        raise InputError(what, hint="Use it in a project of single objects.")


def _owners(
    numbers: NDArray[Any], ids: NDArray[Any], sizes: NDArray[np.int64], first: int
) -> dict[int, int]:
    """Return which new object keeps which id: by the number of common pixels, each once.

    Objects are numbered from 1; ids below `first` are classes and are not kept. `sizes`
    are the pixels that each pair of number and id stands for.
    """
    top = int(ids.max(initial=0)) + 1
    inside = numbers > 0
    keys = numbers[inside].astype(np.int64) * top + ids[inside]
    pairs, places = np.unique(keys, return_inverse=True)
    counts = np.bincount(places, sizes[inside], len(pairs))
    order = np.lexsort((pairs, -counts))
    kept: dict[int, int] = {}
    taken: set[int] = set()
    for pair in pairs[order].tolist():
        number, its = divmod(pair, top)
        if its >= first and number not in kept and its not in taken:
            kept[number] = its
            taken.add(its)
    return kept


def _single(canvas: Canvas, runs: Runs) -> NDArray[np.int64]:
    """Return the regions that are not the main piece of their object."""
    owner = np.zeros(runs.count, np.int64)
    owner[runs.regions] = canvas.labels[runs.rows, runs.starts]
    opens = runs.reaching(canvas.open_sides)
    order = np.lexsort((np.arange(runs.count), -runs.sizes, ~opens, owner))
    main = np.ones(runs.count, bool)
    main[1:] = owner[order][1:] != owner[order][:-1]
    rest = order[~main]
    return np.sort(rest[~opens[rest]])
