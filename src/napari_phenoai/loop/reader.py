"""Reads the blocks of one image, with context, so that each pixel is decoded about once."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.context import grown, mirrored, read_with_context
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.plan import CORE_PX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_phenoai.core.ports import ImageSource

__all__ = ["BlockReader"]

_LIMIT_BYTES = 64 * 2**20
_LARGEST_PX = 2048

_Place = tuple[int, int, int]


class BlockReader:
    """Windows into one image, read in whole chunks that neighbouring windows share.

    Blocks overlap by their context, which is small against a block but touches a
    whole row of chunks. These are kept until the next blocks have used them.

    Parameters
    ----------
    source : ImageSource
        The image. Where it says nothing of its chunks, or they are larger than
        2048 px, each window is read by itself.
    context_px : int
        Pixels round a block that are read with it.
    limit_bytes : int
        How much of decoded pixels is kept.
    """

    def __init__(
        self, source: ImageSource, context_px: int, *, limit_bytes: int = _LIMIT_BYTES
    ) -> None:
        self._source = source
        self._context = context_px
        self._limit = limit_bytes
        self._cell = _cell_px(source)
        self._kept: OrderedDict[_Place, NDArray[np.generic]] = OrderedDict()
        self._bytes = 0

    def read(self, area: Tile) -> NDArray[np.generic]:
        """Return the pixels of `area` and its context, as `read_with_context` does.

        Raises
        ------
        InputError
            If the area reaches beyond the image.
        ImageError
            If the pixels cannot be read.
        """
        plane = (self._source.shape[2], self._source.shape[3])
        inside = area.y >= 0 and area.x >= 0 and area.y1 <= plane[0] and area.x1 <= plane[1]
        if self._cell is None or not inside:
            return read_with_context(self._source, area, self._context)
        inner = grown(area, self._context, plane)
        return mirrored(self._window(inner, self._cell), inner, area, self._context)

    def _window(self, inner: Tile, cell: tuple[int, int]) -> NDArray[np.generic]:
        self._fetch(inner, cell)
        shape = (self._source.shape[1], *inner.shape)
        result = np.empty(shape, self._source.dtype)
        for place in _places(inner, cell):
            y, x = place[1] * cell[0], place[2] * cell[1]
            pixels = self._kept[place]
            rows = slice(max(y, inner.y), min(y + pixels.shape[1], inner.y1))
            columns = slice(max(x, inner.x), min(x + pixels.shape[2], inner.x1))
            there = (_moved(rows, -inner.y), _moved(columns, -inner.x))
            result[:, *there] = pixels[:, *(_moved(rows, -y), _moved(columns, -x))]
        self._forget()
        return result

    def _fetch(self, inner: Tile, cell: tuple[int, int]) -> None:
        """Read the cells of `inner` that are not here, in one rectangle."""
        missing = [place for place in _places(inner, cell) if place not in self._kept]
        for place in _places(inner, cell):
            if place in self._kept:
                self._kept.move_to_end(place)
        if not missing:
            return
        rows, columns = [place[1] for place in missing], [place[2] for place in missing]
        y, x = min(rows) * cell[0], min(columns) * cell[1]
        height, width = (max(rows) + 1) * cell[0] - y, (max(columns) + 1) * cell[1] - x
        plane = (self._source.shape[2], self._source.shape[3])
        whole = Tile(inner.image, y, x, height, width, inner.z).clipped(plane)
        pixels = self._source.read(whole)
        for place in _places(whole, cell):
            top, left = place[1] * cell[0] - y, place[2] * cell[1] - x
            if place not in self._kept:
                piece = pixels[:, top : top + cell[0], left : left + cell[1]].copy()
                self._kept[place] = piece
                self._bytes += piece.nbytes

    def _forget(self) -> None:
        while self._bytes > self._limit and self._kept:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= dropped.nbytes


def _cell_px(source: ImageSource) -> tuple[int, int] | None:
    """Return the extent of the pieces to read: chunks, several where they are small."""
    chunk = getattr(source, "chunk", None)
    if chunk is None or max(chunk[1:]) > _LARGEST_PX:
        return None
    rows, columns = (-(-CORE_PX // edge) * edge for edge in chunk[1:])
    return rows, columns


def _places(tile: Tile, cell: tuple[int, int]) -> Iterator[_Place]:
    for row in range(tile.y // cell[0], -(-tile.y1 // cell[0])):
        for column in range(tile.x // cell[1], -(-tile.x1 // cell[1])):
            yield tile.z, row, column


def _moved(extent: slice, by: int) -> slice:
    return slice(extent.start + by, extent.stop + by)
