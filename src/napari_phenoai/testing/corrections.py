"""A simulated person who corrects objects with the pixel tools until they are exact."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.editing import Canvas, Cut, Delete, Mark, Merge, Split, Stamp, use
from napari_phenoai.core.geometry import Tile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.editing import Tool

__all__ = ["Corrected", "corrected", "same_objects"]

_SHARE = 0.3
"""An object of the truth counts as swallowed when so much of it lies in a larger one."""


@dataclass(frozen=True, eq=False)
class Corrected:
    """What the person ended with.

    Parameters
    ----------
    ids : ndarray of uint32, shape (y, x)
        The objects.
    gestures : dict of str to int
        How often each tool was used.
    painted_px : tuple of int
        How many pixels each region that was painted had.
    """

    ids: NDArray[np.uint32]
    gestures: dict[str, int]
    painted_px: tuple[int, ...]


def corrected(
    start: NDArray[Any], truth: NDArray[Any], *, split_first: bool = True, tolerance_px: int = 0
) -> Corrected:
    """Correct objects until they are those of the truth.

    What is no object is deleted, objects that hold several are split by a click or cut by
    strokes along their border, pieces of one object are merged, and what is then still
    wrong is painted, region by region.

    Parameters
    ----------
    start, truth : ndarray of integers, shape (y, x)
        Ids of objects; 0 where there is none.
    split_first : bool
        Whether a click with the split tool is tried before strokes are drawn.
    tolerance_px : int
        Wrong regions with fewer pixels are left as they are.

    Returns
    -------
    Corrected
        Its objects are those of the truth, but for what was tolerated; their ids may be
        others.
    """
    person = _Person(start.astype(np.uint32), truth.astype(np.int64), tolerance_px)
    person.delete()
    person.part(split_first=split_first)
    person.merge()
    person.paint()
    return Corrected(person.ids, dict(person.gestures), tuple(person.painted_px))


def same_objects(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Tell whether two arrays of ids hold the same objects, whatever their numbers."""
    pairs = np.unique(np.stack([one.ravel().astype(np.int64), other.ravel()]), axis=1)
    background = (pairs == 0).any(axis=0)
    if (pairs[:, background] != 0).any():
        return False
    return all(len(np.unique(row)) == len(row) for row in pairs)


class _Person:
    def __init__(
        self, ids: NDArray[np.uint32], truth: NDArray[np.int64], tolerance_px: int
    ) -> None:
        self._tolerance_px = tolerance_px
        self.ids = ids
        self.truth = truth
        self.gestures: Counter[str] = Counter()
        self.painted_px: list[int] = []
        self._next = max(int(ids.max(initial=0)), 0) + 1
        self._area = np.bincount(truth.ravel())

    def delete(self) -> None:
        """Delete what lies mostly where there is nothing."""
        for number in _present(self.ids):
            mask = self.ids == number
            if 2 * np.count_nonzero(self.truth[mask]) < np.count_nonzero(mask):
                self._use(Delete(_first(mask)))

    def part(self, *, split_first: bool) -> None:
        """Split or cut what holds several objects."""
        for number in _present(self.ids):
            held = self._held(number)
            if len(held) > 1 and split_first:
                self._try_split(number, held)
            for true in held[:-1]:
                here = self.ids[self.truth == true]
                own = int(np.argmax(np.bincount(here)))
                if own and len(self._held(own)) > 1:
                    self._cut_out(own, true)

    def merge(self) -> None:
        """Merge the pieces of one object."""
        for true in _present(self.truth):
            mask = self.truth == true
            pieces = [
                number
                for number in _present(self.ids[mask])
                if 2 * np.count_nonzero(mask & (self.ids == number))
                > np.count_nonzero(self.ids == number)
            ]
            for piece in pieces[1:]:
                stroke = _contact(self.ids == pieces[0], self.ids == piece)
                if stroke is not None:
                    self._use(Merge(stroke))

    def paint(self) -> None:
        """Paint what is still wrong, one connected region at a time."""
        taken: set[int] = set()
        for true in sorted(_present(self.truth), key=lambda true: -int(self._area[true])):
            mask = self.truth == true
            counts = np.bincount(self.ids[mask])
            counts[[number for number in (0, *taken) if number < len(counts)]] = 0
            own = int(np.argmax(counts)) if counts.any() else self._next
            self._next = max(self._next, own + 1)
            taken.add(own)
            self._fill(mask & (self.ids != own), own)
            self._fill((self.truth == 0) & (self.ids == own), 0)
        self._fill((self.truth == 0) & (self.ids != 0), 0)

    def _held(self, number: int) -> list[int]:
        """Return the objects of the truth that an object holds, the smallest first."""
        counts = np.bincount(self.truth[self.ids == number], minlength=1)
        counts[0] = 0
        held = np.flatnonzero(counts > _SHARE * self._area[: len(counts)])
        return [int(true) for true in held[np.argsort(counts[held], kind="stable")]]

    def _try_split(self, number: int, held: list[int]) -> None:
        canvas = self._canvas()
        after = use(Split(_first(self.ids == number)), canvas).applied(canvas)
        owners = {int(np.argmax(np.bincount(after[self.truth == true]))) for true in held}
        parts = set(np.unique(after[self.ids == number]).tolist())
        if len(owners) == len(held) == len(parts):
            self._use(Split(_first(self.ids == number)))

    def _cut_out(self, number: int, true: int) -> None:
        """Draw along the border of one object, where it touches others of the truth."""
        inside = (self.ids == number) & (self.truth == true)
        others = (self.ids == number) & (self.truth != true) & (self.truth != 0)
        for stroke in _strokes(inside & _beside(others)):
            self._use(Cut(stroke))

    def _fill(self, mask: NDArray[np.bool_], value: int) -> None:
        from scipy import ndimage

        regions, _ = ndimage.label(mask, np.ones((3, 3), bool))
        for index, box in enumerate(ndimage.find_objects(regions), start=1):
            mark = Mark(box[0].start, box[1].start, regions[box] == index)
            if mark.mask.sum() < self._tolerance_px:
                continue
            self.painted_px.append(int(mark.mask.sum()))
            self._use(Stamp(mark, value))

    def _canvas(self) -> Canvas:
        tile = Tile("truth", 0, 0, *self.ids.shape)
        return Canvas(tile, tile.shape, self.ids, objects=True, next_id=self._next)

    def _use(self, tool: Tool) -> None:
        canvas = self._canvas()
        outcome = use(tool, canvas)
        self.ids = outcome.applied(canvas)
        self.gestures["paint" if isinstance(tool, Stamp) else tool.name] += 1
        self._next = max(self._next, int(outcome.after.max(initial=0)) + 1)


def _present(ids: NDArray[Any]) -> list[int]:
    return [int(number) for number in np.unique(ids) if number]


def _first(mask: NDArray[np.bool_]) -> tuple[int, int]:
    y, x = np.unravel_index(int(np.argmax(mask)), mask.shape)
    return int(y), int(x)


def _beside(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy import ndimage

    return np.asarray(ndimage.binary_dilation(mask, np.ones((3, 3), bool)))


def _contact(
    one: NDArray[np.bool_], other: NDArray[np.bool_]
) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Return a stroke of two pixels from one mask into another; None where they do not touch."""
    touching = np.argwhere(one & _beside(other))
    for y, x in touching.tolist():
        for dy, dx in ((-1, 0), (0, -1), (0, 1), (1, 0)):
            row, column = y + dy, x + dx
            inside = 0 <= row < one.shape[0] and 0 <= column < one.shape[1]
            if inside and other[row, column]:
                return (y, x), (row, column)
    return None


def _strokes(mask: NDArray[np.bool_]) -> list[tuple[tuple[int, int], ...]]:
    """Return one stroke along each connected region of a thin mask."""
    from scipy import ndimage

    regions, count = ndimage.label(mask, np.ones((3, 3), bool))
    strokes = []
    for index in range(1, count + 1):
        left = np.argwhere(regions == index)
        far = np.argmax(((left - left.mean(axis=0)) ** 2).sum(axis=1))
        order = []
        while len(left):
            point = left[far]
            order.append((int(point[0]), int(point[1])))
            left = np.delete(left, far, axis=0)
            far = np.argmin(((left - point) ** 2).sum(axis=1)) if len(left) else far
        strokes.append(tuple(order))
    return strokes
