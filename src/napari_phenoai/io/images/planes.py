"""Planes: the one shape that every file format is brought into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.io.images.orientation import Orientation

__all__ = ["Finish", "Finished", "Oriented", "PlaneArray", "Planes"]

Shape = tuple[int, int, int, int]
Finish = Callable[["NDArray[Any]"], "NDArray[Any]"]


class Planes(Protocol):
    """One resolution level of an image, read window by window.

    ``shape`` is ``(z, c, y, x)``; ``chunk`` is ``(c, y, x)``, the piece that the
    file hands out at once.
    """

    @property
    def shape(self) -> Shape: ...  # noqa: D102

    @property
    def dtype(self) -> np.dtype[Any]: ...  # noqa: D102

    @property
    def chunk(self) -> tuple[int, int, int]: ...  # noqa: D102

    def read(self, z: int, c: slice, y: slice, x: slice) -> NDArray[Any]:
        """Return the window as ``(c, y, x)``; slices have a start, a stop and step 1."""
        ...


@dataclass(frozen=True)
class Oriented:
    """Planes turned upright."""

    planes: Planes
    orientation: Orientation

    @property
    def shape(self) -> Shape:
        """Extent ``(z, c, y, x)`` as shown."""
        z, c, y, x = self.planes.shape
        return (z, c, *self.orientation.shown_shape((y, x)))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixel values."""
        return self.planes.dtype

    @property
    def chunk(self) -> tuple[int, int, int]:
        """Extent ``(c, y, x)`` of a chunk as shown."""
        c, y, x = self.planes.chunk
        return (c, *self.orientation.shown_shape((y, x)))

    def read(self, z: int, c: slice, y: slice, x: slice) -> NDArray[Any]:
        """Return the window as ``(c, y, x)``."""
        rows, columns = self.orientation.stored_window(y, x, self.shape[2:])
        return self.orientation.apply(self.planes.read(z, c, rows, columns))


@dataclass(frozen=True)
class Finished:
    """Planes whose values are mapped: palette to RGB, CMYK to RGB, alpha dropped.

    `finish` maps all channels of a window at once; ``count`` and ``dtype`` say
    what comes out of it.
    """

    planes: Planes
    finish: Finish
    count: int
    dtype: np.dtype[Any]

    @property
    def shape(self) -> Shape:
        """Extent ``(z, c, y, x)`` after the mapping."""
        z, _, y, x = self.planes.shape
        return z, self.count, y, x

    @property
    def chunk(self) -> tuple[int, int, int]:
        """Extent ``(c, y, x)`` of a chunk after the mapping."""
        return (self.count, *self.planes.chunk[1:])

    def read(self, z: int, c: slice, y: slice, x: slice) -> NDArray[Any]:
        """Return the window as ``(c, y, x)``."""
        whole = self.planes.read(z, slice(0, self.planes.shape[1]), y, x)
        return self.finish(whole)[c]


@dataclass(frozen=True)
class PlaneArray:
    """Planes as an array ``(z, c, y, x)`` that can be sliced, as dask wants it."""

    planes: Planes

    @property
    def shape(self) -> Shape:
        """Extent ``(z, c, y, x)``."""
        return self.planes.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixel values."""
        return self.planes.dtype

    @property
    def ndim(self) -> int:
        """Always 4."""
        return 4

    def __getitem__(self, key: tuple[slice | int, ...]) -> NDArray[Any]:
        wanted = [_positions(part, n) for part, n in zip(key, self.shape, strict=True)]
        out = np.empty(tuple(len(positions) for positions in wanted), self.dtype)
        if out.size:
            windows = [slice(min(p), max(p) + 1) for p in wanted[1:]]
            steps = tuple(slice(None, None, p.step) for p in wanted[1:])
            for place, z in enumerate(wanted[0]):
                out[place] = self.planes.read(z, *windows)[steps]
        return out[tuple(slice(None) if isinstance(part, slice) else 0 for part in key)]


def _positions(part: slice | int, length: int) -> range:
    if isinstance(part, slice):
        return range(*part.indices(length))
    place = range(length)[part]
    return range(place, place + 1)
