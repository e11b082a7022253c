"""Levels of a patient pyramid, as arrays for viewers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.ui.pyramid import PatientPyramid

__all__ = ["PatientLevel"]


class PatientLevel:
    """One level of a `PatientPyramid`, as much an array as a viewer needs.

    napari asks for the coarsest level once, as an array, and keeps that for as long as
    the layer has these data: for its thumbnail, and to draw it when that level is seen
    (always where there is no other). So the array of that level is `PatientPyramid.whole`,
    which stays up to date; a copy would go on showing what was there at first.
    """

    def __init__(self, pyramid: PatientPyramid, level: int) -> None:
        self._pyramid = pyramid
        self._level = level

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, columns and, for a colour image, samples."""
        plane = self._pyramid.shapes[self._level]
        samples = self._pyramid.samples
        return plane if samples is None else (*plane, samples)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixel values."""
        return self._pyramid.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        parts = key if isinstance(key, tuple) else (key,)
        parts = tuple(part for part in parts if part is not Ellipsis)
        parts += (slice(None),) * (self.ndim - len(parts))
        rows, columns = (_as_slice(part) for part in parts[:2])
        pixels = self._pyramid.window(self._level, rows, columns)
        within = tuple(slice(None) if isinstance(part, slice) else 0 for part in parts[:2])
        part: NDArray[Any] = pixels[(*within, *parts[2:])]
        return part

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        last = self._level == len(self._pyramid.shapes) - 1
        pixels = self._pyramid.whole() if last else self[:, :]
        if dtype is not None and np.dtype(dtype) != pixels.dtype:
            return pixels.astype(dtype)
        return pixels.copy() if copy else pixels


def _as_slice(part: Any) -> slice:
    return part if isinstance(part, slice) else slice(int(part), int(part) + 1)
