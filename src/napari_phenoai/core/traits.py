"""Traits: area, cover and number of objects of each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.scheme import ClassScheme

__all__ = ["ClassTraits", "TraitCounter", "class_traits"]


@dataclass(frozen=True, slots=True)
class ClassTraits:
    """What one class amounts to in one plane.

    Parameters
    ----------
    class_id, name : int, str
        The class.
    area_px : int
        Its pixels.
    area_um2, area_mm2 : float or None
        The same in square micrometres and millimetres; None where the size of
        a pixel is unknown.
    cover : float or None
        Its share of all pixels that have a class, in [0, 1]; None if none has.
    objects : int or None
        Connected regions, pixels touching at a corner counted as one; None for
        the background.
    """

    class_id: int
    name: str
    area_px: int
    area_um2: float | None
    area_mm2: float | None
    cover: float | None
    objects: int | None


def class_traits(
    labels: NDArray[np.uint8],
    scheme: ClassScheme,
    pixel_um: float | None = None,
    *,
    min_object_px: int = 1,
) -> list[ClassTraits]:
    """Return the traits of every class in use, in the order of the scheme.

    Parameters
    ----------
    labels : ndarray of uint8, shape (y, x)
        Class values; 0 where unlabelled. Merged classes count as what they
        were merged into.
    scheme : ClassScheme
        The classes.
    pixel_um : float, optional
        Edge of a pixel in micrometres.
    min_object_px : int
        Objects with fewer pixels are not counted.

    Examples
    --------
    >>> from napari_phenoai.core.scheme import ClassScheme
    >>> labels = np.array([[1, 2, 1], [1, 1, 2], [2, 1, 1]], np.uint8)
    >>> soil, plant = class_traits(labels, ClassScheme.of(["soil", "plant"]), pixel_um=1000)
    >>> plant.area_px, plant.objects, plant.area_mm2, round(plant.cover, 3)
    (3, 2, 3.0, 0.333)
    """
    counter = TraitCounter(scheme, labels.shape[1], min_object_px=min_object_px)
    counter.add(0, 0, labels)
    return counter.traits(pixel_um)


class TraitCounter:
    """Counts block by block, so that a plane never has to be in memory whole.

    Objects that reach over the border of blocks are joined (union-find over the
    objects that touch a border); memory grows with the width of the plane and
    the number of those objects only.

    Parameters
    ----------
    scheme : ClassScheme
        The classes; merged ones count as what they were merged into.
    width : int
        Columns of the plane.
    min_object_px : int
        Objects with fewer pixels are not counted.
    """

    def __init__(self, scheme: ClassScheme, width: int, *, min_object_px: int = 1) -> None:
        self._scheme = scheme
        self._smallest = min_object_px
        self._area = np.zeros(256, np.int64)
        self._objects = np.zeros(256, np.int64)
        self._open = _Forest()
        self._above = np.zeros(width, np.int64)
        self._below = np.zeros(width, np.int64)
        self._left = np.zeros(0, np.int64)
        self._next = (0, 0)
        self._rows = 0

    def add(self, y: int, x: int, labels: NDArray[np.uint8]) -> None:
        """Count one block; blocks come row by row, left to right, without gaps.

        Parameters
        ----------
        y, x : int
            First row and column of the block in the plane. All blocks of one
            row have the same height.
        labels : ndarray of uint8, shape (y, x)
            Class values; 0 where unlabelled.

        Raises
        ------
        InputError
            If the block is not the one that comes next.
        """
        self._check(y, x, labels.shape)
        labels = self._scheme.resolved(labels)
        self._area += np.bincount(labels.ravel(), minlength=256)
        ids = self._numbered(labels)
        self._join(x, ids)
        self._advance(y, x, labels.shape, ids)

    def traits(self, pixel_um: float | None = None) -> list[ClassTraits]:
        """Return the traits of what was added so far."""
        objects = self._objects + self._open.counts(self._smallest)
        known = int(self._area[1:].sum())
        square = None if pixel_um is None else pixel_um**2
        return [
            ClassTraits(
                class_id=item.id,
                name=item.name,
                area_px=int(self._area[item.id]),
                area_um2=None if square is None else float(self._area[item.id] * square),
                area_mm2=None if square is None else float(self._area[item.id] * square / 1e6),
                cover=float(self._area[item.id] / known) if known else None,
                objects=None if item.id == self._scheme.background else int(objects[item.id]),
            )
            for item in self._scheme.active
        ]

    @property
    def unlabelled_px(self) -> int:
        """Pixels without a class so far."""
        return int(self._area[0])

    def _check(self, y: int, x: int, shape: tuple[int, ...]) -> None:
        fits = x + shape[1] <= self._above.size and (x == 0 or shape[0] == self._rows)
        if (y, x) != self._next or not fits:
            what = f"A block of {shape[0]} x {shape[1]} px at row {y}, column {x} does not follow."
            hint = f"Give the block at row {self._next[0]}, column {self._next[1]}."
            raise InputError(what, hint=hint)

    def _numbered(self, labels: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Return ids of the objects that touch the block's border; count the others."""
        from skimage.measure import label

        front = np.where(labels == self._scheme.background, 0, labels)
        regions, count = label(front, background=0, connectivity=2, return_num=True)
        areas = np.bincount(regions.ravel(), minlength=count + 1)
        classes = np.zeros(count + 1, np.uint8)
        classes[regions] = front
        touching = np.zeros(count + 1, bool)
        for edge in (regions[0], regions[-1], regions[:, 0], regions[:, -1]):
            touching[edge] = True
        touching[0] = False
        inner = ~touching & (areas >= self._smallest)
        inner[0] = False
        self._objects += np.bincount(classes[inner], minlength=256)
        ids = np.zeros(count + 1, np.int64)
        ids[touching] = self._open.grow(classes[touching], areas[touching])
        result: NDArray[np.int64] = ids[regions]
        return result

    def _join(self, x: int, ids: NDArray[np.int64]) -> None:
        rows, columns = ids.shape
        for shift in (-1, 0, 1):
            here = np.arange(columns)
            there = here + x + shift
            inside = (there >= 0) & (there < self._above.size)
            self._open.union_all(ids[0][inside], self._above[there[inside]])
            if x:
                low, high = max(0, -shift), rows - max(0, shift)
                self._open.union_all(ids[low:high, 0], self._left[low + shift : high + shift])

    def _advance(self, y: int, x: int, shape: tuple[int, ...], ids: NDArray[np.int64]) -> None:
        stop = x + shape[1]
        self._below[x:stop] = ids[-1]
        self._left, self._rows = ids[:, -1].copy(), shape[0]
        if stop == self._above.size:
            self._above, self._below = self._below, np.zeros_like(self._below)
            self._next = (y + shape[0], 0)
        else:
            self._next = (y, stop)


class _Forest:
    """Union-find over objects with a class and an area; id 0 is no object."""

    def __init__(self) -> None:
        self._parent = [0]
        self._class = [0]
        self._size = [0]

    def grow(self, classes: NDArray[np.uint8], areas: NDArray[np.int64]) -> NDArray[np.int64]:
        start = len(self._parent)
        ids = np.arange(start, start + classes.size)
        self._parent.extend(ids.tolist())
        self._class.extend(classes.tolist())
        self._size.extend(areas.tolist())
        return ids

    def union_all(self, one: NDArray[np.int64], other: NDArray[np.int64]) -> None:
        both = (one > 0) & (other > 0)
        for first, second in np.unique(np.stack([one[both], other[both]]), axis=1).T.tolist():
            if self._class[first] == self._class[second]:
                self._union(first, second)

    def counts(self, smallest: int) -> NDArray[np.int64]:
        result = np.zeros(256, np.int64)
        for index, parent in enumerate(self._parent):
            if index and index == parent and self._size[index] >= smallest:
                result[self._class[index]] += 1
        return result

    def _union(self, one: int, other: int) -> None:
        one, other = self._root(one), self._root(other)
        if one != other:
            self._parent[other] = one
            self._size[one] += self._size[other]

    def _root(self, index: int) -> int:
        while self._parent[index] != index:
            self._parent[index] = self._parent[self._parent[index]]
            index = self._parent[index]
        return index
