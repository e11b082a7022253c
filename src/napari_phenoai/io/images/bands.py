"""Walk through the full resolution of an image in aligned pieces of bounded size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.io.images.orientation import Orientation
from napari_phenoai.io.images.problems import explained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from napari_phenoai.io.images.lazy import LazyImage

__all__ = ["Piece", "ascending", "pieces", "spans"]

GRID_PX = 512
_PIECE_BYTES = 96 << 20


@dataclass(frozen=True)
class Piece:
    """A window of one plane with its pixels ``(c, y, x)``, upright."""

    z: int
    y: slice
    x: slice
    pixels: NDArray[Any]


def pieces(image: LazyImage) -> Iterator[Piece]:
    """Yield windows that cover every pixel of `image` once.

    Windows begin and end on a grid of 512 px (or at the border), so that two of
    them never share a chunk. Files that can only be decoded from top to bottom
    are, in one pass.

    Raises
    ------
    ImageError
        If the file is damaged.
    """
    for z in range(image.shape[0]):
        if image.stream is None:
            yield from _picked(image, z)
        else:
            yield from _streamed(image, image.stream, z)


def spans(length: int, step: int) -> list[slice]:
    """Return slices of `step` from 0 to `length`; the last may be shorter."""
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]


def ascending(length: int, step: int, *, flipped: bool) -> list[slice]:
    """Return stored slices whose shown places lie on the grid of `step`.

    Where the axis is flipped, the first stored piece is the last shown one and
    so the odd-sized one comes first.

    Examples
    --------
    >>> ascending(10, 4, flipped=True)
    [slice(0, 2, None), slice(2, 6, None), slice(6, 10, None)]
    """
    if not flipped:
        return spans(length, step)
    return [slice(length - s.stop, length - s.start) for s in reversed(spans(length, step))]


def _picked(image: LazyImage, z: int) -> Iterator[Piece]:
    _, count, rows, columns = image.shape
    _, chunk_y, chunk_x = image.chunk
    item = count * image.dtype.itemsize
    height = _on_grid(max(chunk_y, GRID_PX))
    while height > GRID_PX and height * min(columns, chunk_x) * item > _PIECE_BYTES:
        height -= GRID_PX
    width = max(GRID_PX, _PIECE_BYTES // (height * item) // GRID_PX * GRID_PX)
    for y in spans(rows, height):
        for x in spans(columns, width):
            yield Piece(z, y, x, image.window(z, slice(0, count), y, x))


def _streamed(image: LazyImage, stream: Callable[[int], Any], z: int) -> Iterator[Piece]:
    orientation = Orientation.from_tag(image.orientation)
    _, count, *plane = image.shape
    shown = (plane[0], plane[1])
    rows, columns = orientation.shown_shape(shown)
    step = max(
        GRID_PX, _PIECE_BYTES // (columns * count * image.dtype.itemsize) // GRID_PX * GRID_PX
    )
    step = min(step, 4 * GRID_PX)
    flipped = orientation.flip_x if orientation.transposed else orientation.flip_y
    with explained(image.uri):
        stored = stream(z)
        if (stored.bands, stored.height, stored.width) != (count, rows, columns):
            raise ValueError("it has changed since it was opened")
    for band in ascending(rows, step, flipped=flipped):
        with explained(image.uri):
            data = stored.crop(0, band.start, columns, band.stop - band.start).write_to_memory()
            lines = np.frombuffer(data, image.dtype).reshape(-1, columns, count)
        y, x = orientation.shown_window(band, slice(0, columns), shown)
        yield Piece(z, y, x, orientation.apply(np.moveaxis(lines, 2, 0)))


def _on_grid(length: int) -> int:
    return -(-length // GRID_PX) * GRID_PX
