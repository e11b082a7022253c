"""Runs: stretches of one value in a row, and the regions that they make up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.editing.regions import same_valued

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["Runs", "runs_of", "stretches"]

_DENSE = 8
"""From one run in so many pixels on, it is faster to number the pixels than to join the runs."""


@dataclass(frozen=True, eq=False)
class Runs:
    """All runs of some values, row by row; regions of one value connect at corners too.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the window.
    rows, starts, stops : ndarray of int64, shape (n,)
        Row, first column, and the column after the last one.
    regions : ndarray of int, shape (n,)
        Number of the region that each belongs to, from 0.
    count : int
        How many regions there are.
    """

    shape: tuple[int, int]
    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    regions: NDArray[Any]
    count: int

    @property
    def sizes(self) -> NDArray[np.int64]:
        """How many pixels each region has."""
        return np.bincount(
            self.regions, weights=self.stops - self.starts, minlength=self.count
        ).astype(np.int64)

    def meeting(self, rows: slice, columns: slice) -> NDArray[np.bool_]:
        """Tell which regions have pixels in a box."""
        there = (self.rows >= rows.start) & (self.rows < rows.stop)
        there &= (self.starts < columns.stop) & (self.stops > columns.start)
        return self._marked(there)

    def reaching(self, sides: tuple[bool, bool, bool, bool]) -> NDArray[np.bool_]:
        """Tell which regions touch one of these sides: top, left, bottom, right."""
        top, left, bottom, right = sides
        there = np.zeros(len(self.rows), bool)
        for wanted, at_side in (
            (top, self.rows == 0),
            (left, self.starts == 0),
            (bottom, self.rows == self.shape[0] - 1),
            (right, self.stops == self.shape[1]),
        ):
            if wanted:
                there |= at_side
        return self._marked(there)

    def pixels(self, chosen: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Return where the pixels of chosen regions lie in the flat window, and their regions.

        Parameters
        ----------
        chosen : ndarray of bool, shape (count,)
            Which regions.
        """
        wanted = np.flatnonzero(chosen[self.regions])
        lengths = self.stops[wanted] - self.starts[wanted]
        first = self.rows[wanted] * self.shape[1] + self.starts[wanted]
        return first.repeat(lengths) + _counted(lengths), self.regions[wanted].repeat(lengths)

    def painted(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return a window in which each region has its value; 0 elsewhere.

        Parameters
        ----------
        values : ndarray, shape (count,)
            The value of each region; gives the type of the window.
        """
        borders = np.stack([self.starts, self.stops], axis=1) + self.rows[:, None] * self.shape[1]
        lengths = np.diff(borders.ravel(), prepend=0, append=self.shape[0] * self.shape[1])
        each = np.zeros(len(lengths), values.dtype)
        each[1::2] = values[self.regions]
        return each.repeat(lengths).reshape(self.shape)

    def _marked(self, there: NDArray[np.bool_]) -> NDArray[np.bool_]:
        marked = np.zeros(self.count, bool)
        marked[self.regions[there]] = True
        return marked


def stretches(*windows: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where stretches of pixels begin that are equal in each window, and their lengths.

    Places are those of the flat windows; a stretch may go on in the next row.
    """
    first, *others = (window.ravel() for window in windows)
    begins = np.ones(first.size, bool)
    np.not_equal(first[1:], first[:-1], out=begins[1:])
    for other in others:
        begins[1:] |= other[1:] != other[:-1]
    places = np.flatnonzero(begins)
    return places, np.diff(places, append=first.size)


def runs_of(labels: NDArray[Any], wanted: Callable[[NDArray[Any]], NDArray[np.bool_]]) -> Runs:
    """Return the runs of a window, joined to regions of one value; corners connect.

    Parameters
    ----------
    labels : ndarray, shape (y, x)
        Classes or ids.
    wanted : callable
        Tells which of some values count.
    """
    width = labels.shape[1]
    begins = np.ones(labels.shape, bool)
    np.not_equal(labels[:, 1:], labels[:, :-1], out=begins[:, 1:])
    places = np.flatnonzero(begins)
    values, lengths = labels.ravel()[places], np.diff(places, append=labels.size)
    kept = wanted(values)
    places, values, lengths = places[kept], values[kept], lengths[kept]
    rows, starts = np.divmod(places, width)
    stops = starts + lengths
    if len(places) > labels.size // _DENSE:
        numbers, count = same_valued(np.where(wanted(labels), labels.astype(np.int64) + 1, 0))
        return Runs(labels.shape, rows, starts, stops, numbers.ravel()[places] - 1, count)
    regions, count = _joined(rows, starts, stops, values, width)
    return Runs(labels.shape, rows, starts, stops, regions, count)


def _joined(
    rows: NDArray[np.int64],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    values: NDArray[Any],
    width: int,
) -> tuple[NDArray[Any], int]:
    """Return the region of each run: runs of one value that touch those of the next row."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    number, stride = len(rows), width + 2
    below = (rows + 1) * stride
    first = np.searchsorted(rows * stride + stops, below + starts, side="left")
    last = np.searchsorted(rows * stride + starts, below + stops, side="right")
    touched = np.maximum(last - first, 0)
    one = np.arange(number).repeat(touched)
    other = first.repeat(touched) + _counted(touched)
    same = values[one] == values[other]
    pairs = one[same], other[same]
    graph = coo_matrix((np.ones(len(pairs[0]), bool), pairs), (number, number))
    count, regions = connected_components(graph, directed=False)
    return regions, int(count)


def _counted(lengths: NDArray[Any]) -> NDArray[np.int64]:
    """Return 0, 1, 2 ... for each of some lengths, one after the other."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.asarray(np.arange(total) - (ends - lengths).repeat(lengths))
