"""Write an image as an OME-Zarr 0.5 pyramid, piece by piece."""

from __future__ import annotations

from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.progress import Progress, Work
from napari_phenoai.io.images.bands import GRID_PX, Piece, pieces, spans

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_phenoai.io.images.lazy import LazyImage

__all__ = ["PyramidPlan", "halved", "plan_pyramid", "write_levels"]

_ALL = slice(None)
_WRITERS = 4
_TOGETHER = 4
_PIECE_BYTES = 96 << 20


@dataclass(frozen=True)
class PyramidPlan:
    """Which arrays a pyramid consists of.

    ``shapes`` are ``(z, c, y, x)`` from full resolution to the first level that
    is at most 512 px high and wide.
    """

    shapes: tuple[tuple[int, int, int, int], ...]
    dtype: np.dtype[Any]

    @property
    def flat(self) -> bool:
        """Whether there is only one plane, so that the arrays have no axis ``z``."""
        return self.shapes[0][0] == 1

    @property
    def axes(self) -> str:
        """Axes of the arrays: ``cyx`` or ``czyx``."""
        return "cyx" if self.flat else "czyx"

    @property
    def pixels(self) -> int:
        """Number of pixels of all levels and planes together."""
        return sum(z * y * x for z, _, y, x in self.shapes)

    def key(self, z: int, y: slice, x: slice, c: slice = _ALL) -> tuple[Any, ...]:
        """Return the index of a window into an array, by default of all channels."""
        return (c, y, x) if self.flat else (c, z, y, x)

    def array_shape(self, level: int) -> tuple[int, ...]:
        """Return the shape of the array of a level."""
        z, c, y, x = self.shapes[level]
        return (c, y, x) if self.flat else (c, z, y, x)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Chunks of 512 px, with up to four channels in one."""
        count = self.shapes[0][1]
        c = count if count <= _TOGETHER else 1
        return (c, *(() if self.flat else (1,)), GRID_PX, GRID_PX)


def plan_pyramid(shape: tuple[int, int, int, int], dtype: np.dtype[Any]) -> PyramidPlan:
    """Return the levels for an image of `shape` ``(z, c, y, x)``.

    Examples
    --------
    >>> plan_pyramid((1, 3, 1025, 800), np.dtype("uint8")).shapes
    ((1, 3, 1025, 800), (1, 3, 513, 400), (1, 3, 257, 200))
    """
    shapes = [shape]
    while max(shapes[-1][2:]) > GRID_PX:
        z, c, y, x = shapes[-1]
        shapes.append((z, c, -(-y // 2), -(-x // 2)))
    return PyramidPlan(tuple(shapes), dtype)


def write_levels(image: LazyImage, plan: PyramidPlan, folder: Path) -> Work[list[Any]]:
    """Write all levels of `image` into the zarr group `folder`, which is made.

    Full resolution is written first, then each level from the one before it.
    Neither takes more memory than a few pieces of 96 MiB.

    Returns
    -------
    list of zarr.Array
        The levels, full resolution first.

    Raises
    ------
    ImageError
        If `image` cannot be read.
    OSError
        If `folder` cannot be written.
    """
    import zarr
    from zarr.codecs import BloscCodec

    group = zarr.create_group(str(folder), zarr_format=3)
    arrays = [
        group.create_array(
            str(level),
            shape=plan.array_shape(level),
            chunks=plan.chunks,
            dtype=plan.dtype,
            compressors=BloscCodec(cname="zstd", clevel=1, shuffle="bitshuffle"),
            dimension_names=tuple(plan.axes),
        )
        for level in range(len(plan.shapes))
    ]
    done = 0
    with ThreadPoolExecutor(_WRITERS) as pool:
        for piece in pieces(image):
            _store(pool, arrays[0], plan, piece)
            done += piece.pixels.shape[1] * piece.pixels.shape[2]
            yield Progress(done, plan.pixels, "full resolution")
        for level in range(1, len(arrays)):
            for z, y, x in _windows(plan, level):
                below = plan.key(z, _doubled(y), _doubled(x))
                pixels = halved(np.asarray(arrays[level - 1][below]))
                _store(pool, arrays[level], plan, Piece(z, y, x, pixels))
                done += pixels.shape[1] * pixels.shape[2]
                yield Progress(done, plan.pixels, f"level {level} of {len(arrays) - 1}")
    return arrays


def _store(pool: ThreadPoolExecutor, array: Any, plan: PyramidPlan, piece: Piece) -> None:
    """Write a piece chunk by chunk; when this returns or raises, nothing is under way."""

    def put(window: tuple[slice, slice, slice]) -> None:
        c, y, x = window
        shown = slice(piece.y.start + y.start, piece.y.start + y.stop)
        across = slice(piece.x.start + x.start, piece.x.start + x.stop)
        array[plan.key(piece.z, shown, across, c)] = piece.pixels[window]

    edges = (plan.chunks[0], GRID_PX, GRID_PX)
    c, y, x = (spans(n, edge) for n, edge in zip(piece.pixels.shape, edges, strict=True))
    futures = [pool.submit(put, window) for window in product(c, y, x)]
    wait(futures, return_when=FIRST_EXCEPTION)
    for future in futures:
        future.cancel()
    wait(futures)
    for future in futures:
        if not future.cancelled():
            future.result()


def halved(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return the means of 2 x 2 px, rounded to nearest, in the type of `pixels`.

    Parameters
    ----------
    pixels : ndarray, shape (c, y, x)
        Any numbers. The last row and column of an odd extent count twice.

    Returns
    -------
    ndarray, shape (c, ceil(y / 2), ceil(x / 2))
    """
    odd = [(0, 0), *((0, length % 2) for length in pixels.shape[1:])]
    if any(extra for _, extra in odd):
        pixels = np.pad(pixels, odd, mode="edge")
    wide = _wide(pixels.dtype)
    total = pixels[:, 0::2, 0::2].astype(wide)
    for y, x in ((0, 1), (1, 0), (1, 1)):
        total += pixels[:, y::2, x::2]
    if wide.kind == "f":
        mean = total / 4
        return (mean if pixels.dtype.kind == "f" else np.rint(mean)).astype(pixels.dtype)
    total += 2
    total >>= 2
    return total.astype(pixels.dtype)


def _wide(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.kind == "f" or dtype.itemsize == 8:
        return np.dtype(np.float64)
    return np.dtype(f"{dtype.kind}{2 * dtype.itemsize}")


def _windows(plan: PyramidPlan, level: int) -> Sequence[tuple[int, slice, slice]]:
    depth, count, rows, columns = plan.shapes[level]
    column_bytes = 4 * GRID_PX * count * plan.dtype.itemsize
    width = max(GRID_PX, _PIECE_BYTES // column_bytes // GRID_PX * GRID_PX)
    return [
        (z, y, x)
        for z in range(depth)
        for y in spans(rows, GRID_PX)
        for x in spans(columns, min(width, 8 * GRID_PX))
    ]


def _doubled(window: slice) -> slice:
    return slice(2 * window.start, 2 * window.stop)
