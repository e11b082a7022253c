"""Cutting the only image of a data set in two: a part to train on and one to test on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.splits import GAP_PX
from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Part", "halves", "whole"]

_ENOUGH_PLANES = 6
_LEAST_PX = 4 * GAP_PX
_GAP_PLANES = 1


@dataclass(frozen=True, slots=True)
class Part:
    """A box of an image: half-open ranges of planes, rows and columns."""

    planes: tuple[int, int]
    rows: tuple[int, int]
    columns: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of planes, rows and columns."""
        return tuple(end - start for start, end in (self.planes, self.rows, self.columns))  # type: ignore[return-value]


def whole(shape: tuple[int, int, int]) -> Part:
    """Return all of an image of `shape` ``(planes, rows, columns)``."""
    planes, rows, columns = shape
    return Part((0, planes), (0, rows), (0, columns))


def halves(
    shape: tuple[int, int, int], share: float, seed: int, name: Path | str
) -> tuple[Part, Part]:
    """Return a part to train on and a smaller one to test on, with a gap between them.

    A stack of six planes or more is cut between planes, anything else across its longer
    edge; which end is tested is drawn by `seed`.

    Parameters
    ----------
    shape : tuple of int
        Planes, rows and columns.
    share : float
        Share of the length that is tested.
    seed : int
        Decides between the two ends.
    name : Path or str
        Of the image, for the error.

    Raises
    ------
    InputError
        If the image is too small to be cut.
    """
    axis = 0 if shape[0] >= _ENOUGH_PLANES else 1 + int(shape[2] > shape[1])
    gap = _GAP_PLANES if axis == 0 else GAP_PX
    length = shape[axis]
    if axis and length < _LEAST_PX:
        what = f"{name} is the only image and too small to be cut in two."
        raise InputError(what, hint="Give test images and masks of their own.")
    tested = max(1, round(share * (length - gap)))
    ranges = (0, length - tested - gap), (length - tested, length)
    if np.random.default_rng(seed).random() < 0.5:
        ranges = (length - ranges[0][1], length), (0, tested)
    return _along(shape, axis, ranges[0]), _along(shape, axis, ranges[1])


def _along(shape: tuple[int, int, int], axis: int, span: tuple[int, int]) -> Part:
    spans = [(0, length) for length in shape]
    spans[axis] = span
    return Part(*spans)
