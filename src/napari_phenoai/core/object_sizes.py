"""How large each object is and where it lies, counted block by block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ObjectSize", "ObjectSizes"]


@dataclass(frozen=True, slots=True)
class ObjectSize:
    """What one object measures.

    ``box`` is the half-open rectangle ``(y0, x0, y1, x1)`` round it in pixels, ``y`` and
    ``x`` are the mean of its pixels.
    """

    area_px: int
    y: float
    x: float
    box: tuple[int, int, int, int]


class ObjectSizes:
    """Counts the pixels of objects of one plane.

    Examples
    --------
    >>> sizes = ObjectSizes()
    >>> sizes.add(0, 0, np.array([[0, 7], [0, 7]]))
    >>> sizes.add(0, 2, np.array([[7], [0]]))
    >>> sizes.of[7].area_px, sizes.of[7].box
    (3, (0, 1, 2, 3))
    """

    def __init__(self) -> None:
        self._found: dict[int, NDArray[np.int64]] = {}

    def add(self, y: int, x: int, ids: NDArray[Any]) -> None:
        """Count a block whose first pixel lies at row `y` and column `x`; 0 is no object."""
        rows, columns = np.nonzero(ids)
        if not len(rows):
            return
        present, places = np.unique(ids[rows, columns], return_inverse=True)
        rows, columns = rows + y, columns + x
        order = np.argsort(places, kind="stable")
        starts = np.searchsorted(places[order], np.arange(len(present)))
        parts = np.column_stack(
            [
                np.bincount(places),
                np.add.reduceat(rows[order], starts),
                np.add.reduceat(columns[order], starts),
                np.minimum.reduceat(rows[order], starts),
                np.minimum.reduceat(columns[order], starts),
                -np.maximum.reduceat(rows[order], starts) - 1,
                -np.maximum.reduceat(columns[order], starts) - 1,
            ]
        )
        for number, part in zip(present.tolist(), parts, strict=True):
            old = self._found.get(number)
            self._found[number] = part if old is None else _sum(old, part)

    @property
    def of(self) -> dict[int, ObjectSize]:
        """What each object measures, by its id."""
        return {number: _size(part.tolist()) for number, part in sorted(self._found.items())}


def _sum(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([one[:3] + other[:3], np.minimum(one[3:], other[3:])])


def _size(part: list[int]) -> ObjectSize:
    area, ys, xs, y0, x0, y1, x1 = part
    return ObjectSize(area, ys / area, xs / area, (y0, x0, -y1, -x1))
