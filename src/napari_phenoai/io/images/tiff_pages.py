"""Windows out of TIFF pages: only the strips or tiles that they touch are decoded."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import numpy as np

from napari_phenoai.io.images.cache import PixelCache

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["MappedPages", "Pages", "Segments", "StackedPages", "TiledPages"]

_KEEP_SEGMENT_BYTES = 1 << 20
_segments = PixelCache(256 << 20)


class Pages(Protocol):
    """A list of equally large pages ``(samples, y, x)``.

    ``segment`` is the extent ``(y, x)`` that has to be decoded at once.
    """

    @property
    def samples(self) -> int: ...  # noqa: D102

    @property
    def plane(self) -> tuple[int, int]: ...  # noqa: D102

    @property
    def dtype(self) -> np.dtype[Any]: ...  # noqa: D102

    @property
    def segment(self) -> tuple[int, int]: ...  # noqa: D102

    def read(self, page: int, y: slice, x: slice) -> NDArray[Any]:
        """Return a window ``(samples, y, x)`` of one page."""
        ...


@dataclass(frozen=True)
class MappedPages:
    """Pages that lie uncompressed and one after the other in the file."""

    path: Path
    stored: np.dtype[Any]
    offset: int
    shaped: tuple[int, int, int, int, int]

    @property
    def samples(self) -> int:
        """Number of samples per pixel."""
        return self.shaped[1] * self.shaped[4]

    @property
    def plane(self) -> tuple[int, int]:
        """Rows and columns of a page."""
        return self.shaped[2], self.shaped[3]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values in the byte order of this machine."""
        return self.stored.newbyteorder("=")

    @property
    def segment(self) -> tuple[int, int]:
        """One row: any piece can be read on its own."""
        return 1, self.shaped[3]

    def read(self, page: int, y: slice, x: slice) -> NDArray[Any]:
        """Return a window ``(samples, y, x)`` of one page."""
        mapped = np.memmap(self.path, self.stored, "r", self.offset, self.shaped)
        window = np.array(mapped[page, :, y, x, :])
        return _samples_first(window).astype(self.dtype, copy=False)


@dataclass(frozen=True)
class Segments:
    """Where the strips or tiles of one page lie; ``None`` for a page that is missing."""

    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    tables: bytes | None = None


@dataclass(frozen=True)
class TiledPages:
    """Pages of strips or tiles, compressed or not.

    ``decoder`` is the page whose decoder fits all others; ``shaped`` is
    ``(planar samples, depth, y, x, interleaved samples)`` with depth 1.
    """

    path: Path
    decoder: Any = field(repr=False)
    shaped: tuple[int, int, int, int, int]
    segment: tuple[int, int]
    dtype: np.dtype[Any]
    pages: tuple[Segments | None, ...] = field(repr=False)
    nodata: float = 0

    @property
    def samples(self) -> int:
        """Number of samples per pixel."""
        return self.shaped[0] * self.shaped[4]

    @property
    def plane(self) -> tuple[int, int]:
        """Rows and columns of a page."""
        return self.shaped[2], self.shaped[3]

    def read(self, page: int, y: slice, x: slice) -> NDArray[Any]:
        """Return a window ``(samples, y, x)`` of one page."""
        shape = (self.shaped[0], y.stop - y.start, x.stop - x.start, self.shaped[4])
        out = np.full(shape, self.nodata, self.dtype)
        table = self.pages[page]
        if table is not None:
            with self.path.open("rb") as stream:
                for place in self._touched(y, x):
                    self._paste(out, (y.start, x.start), stream, table, place)
        return _samples_first(out)

    def _touched(self, y: slice, x: slice) -> list[tuple[int, int, int]]:
        height, width = self.segment
        return [
            (sample, row, column)
            for sample in range(self.shaped[0])
            for row in range(y.start // height, -(-y.stop // height))
            for column in range(x.start // width, -(-x.stop // width))
        ]

    def _paste(
        self,
        out: NDArray[Any],
        origin: tuple[int, int],
        stream: BinaryIO,
        table: Segments,
        place: tuple[int, int, int],
    ) -> None:
        sample, row, column = place
        pixels = self._decoded(stream, table, place)
        if pixels is None:
            return
        top, left = row * self.segment[0] - origin[0], column * self.segment[1] - origin[1]
        height = min(pixels.shape[0], self.plane[0] - row * self.segment[0])
        width = min(pixels.shape[1], self.plane[1] - column * self.segment[1])
        y0, y1 = max(top, 0), min(top + height, out.shape[1])
        x0, x1 = max(left, 0), min(left + width, out.shape[2])
        out[sample, y0:y1, x0:x1] = pixels[y0 - top : y1 - top, x0 - left : x1 - left]

    def _decoded(
        self, stream: BinaryIO, table: Segments, place: tuple[int, int, int]
    ) -> NDArray[Any] | None:
        sample, row, column = place
        rows, columns = (-(-n // step) for n, step in zip(self.plane, self.segment, strict=True))
        index = (sample * rows + row) * columns + column
        if index >= len(table.offsets) or not table.sizes[index]:
            return None
        nbytes = self.segment[0] * self.segment[1] * self.shaped[4] * self.dtype.itemsize
        if nbytes < _KEEP_SEGMENT_BYTES:
            return self._decode(stream, table, index)
        status = os.fstat(stream.fileno())
        key = (str(self.path), status.st_size, status.st_mtime_ns, table.offsets[index])
        return _segments.get(key, lambda: self._decode(stream, table, index))

    def _decode(self, stream: BinaryIO, table: Segments, index: int) -> NDArray[Any]:
        stream.seek(table.offsets[index])
        data = stream.read(table.sizes[index])
        if len(data) < table.sizes[index]:
            raise EOFError(f"the file ends inside strip or tile {index}")
        extra = {"jpegtables": table.tables} if table.tables is not None else {}
        if self.decoder.jpegheader is not None:
            extra["jpegheader"] = self.decoder.jpegheader
        pixels, _, shape = self.decoder.decode(data, index, **extra)
        return np.asarray(pixels[0, : shape[1], : shape[2]], self.dtype)


@dataclass(frozen=True)
class StackedPages:
    """Pages sorted into ``(z, c)``; fills `Planes`.

    Parameters
    ----------
    pages : Pages
        All pages of the level.
    order : tuple of tuple of int
        ``order[z][c]`` is the number of the page that holds it.
    """

    pages: Pages
    order: Sequence[Sequence[int]]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Extent ``(z, c, y, x)``."""
        count = len(self.order[0]) * self.pages.samples
        return (len(self.order), count, *self.pages.plane)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixel values."""
        return self.pages.dtype

    @property
    def chunk(self) -> tuple[int, int, int]:
        """Extent ``(c, y, x)`` of the smallest piece."""
        return (self.pages.samples, *self.pages.segment)

    def read(self, z: int, c: slice, y: slice, x: slice) -> NDArray[Any]:
        """Return the window as ``(c, y, x)``."""
        samples = self.pages.samples
        first, last = c.start // samples, -(-c.stop // samples)
        parts = [self.pages.read(page, y, x) for page in self.order[z][first:last]]
        whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return whole[c.start - first * samples : c.stop - first * samples]


def _samples_first(window: NDArray[Any]) -> NDArray[Any]:
    planar, height, width, interleaved = window.shape
    return np.moveaxis(window, 3, 1).reshape(planar * interleaved, height, width)
