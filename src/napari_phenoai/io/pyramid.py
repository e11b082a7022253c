"""Pyramids of planes in OME-Zarr 0.5: written tile by tile, read at any time."""

from __future__ import annotations

import shutil
from itertools import pairwise
from types import EllipsisType
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.io.chunks import CHUNK_PX, Chunks, read_group, write_group
from napari_phenoai.io.files import PARTIAL, disk_errors, fsync_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile

__all__ = ["Level", "Pyramid"]


class Level:
    """One level as an array for viewers: lazy, read-only, there before the first write.

    It is indexed like a numpy array; integers, slices and ``...`` read only what
    they need. ``numpy.asarray`` reads all of it.

    Parameters
    ----------
    chunks : Chunks
        The array behind it.
    """

    def __init__(self, chunks: Chunks) -> None:
        self._chunks = chunks
        self.shape = chunks.shape
        self.dtype = chunks.dtype
        self.ndim = len(self.shape)
        self.size = int(np.prod(self.shape))
        self.chunks = (1,) * (self.ndim - 2) + (CHUNK_PX, CHUNK_PX)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        parts = key if isinstance(key, tuple) else (key,)
        if not all(isinstance(part, (int, np.integer, slice, EllipsisType)) for part in parts):
            return np.asarray(self[...][key], dtype=self.dtype)
        empty = np.broadcast_to(np.empty((), self.dtype), self.shape)[key]
        if empty.size == 0:
            return np.empty(empty.shape, self.dtype)
        windows, rest = zip(*map(_window, _expanded(parts, self.ndim), self.shape), strict=True)
        planes = range(windows[0].start, windows[0].stop) if self.ndim == 3 else range(1)
        pixels = [self._read(z, *windows[-2:]) for z in planes]
        result: NDArray[Any] = np.stack(pixels) if self.ndim == 3 else pixels[0]
        return np.asarray(result[rest], dtype=self.dtype)

    def _read(self, z: int, rows: slice, columns: slice) -> NDArray[Any]:
        return self._chunks.read(z, rows, columns)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype=dtype)

    def __len__(self) -> int:
        return self.shape[0]


class Pyramid:
    """The levels of one image in a zarr group; level 0 is where the others come from.

    A flat image has arrays ``(y, x)``, a stack ``(z, y, x)``. Chunks are 512 x 512
    and unsharded; each level halves the one before. Not safe for two writers at once.

    Parameters
    ----------
    folder : Path
        The zarr group; `create` makes it.
    shape : tuple of int
        Extent ``(z, y, x)`` at full resolution.
    fill : int
        Value where nothing was written.
    reduce : callable
        Makes one pixel from each 2 x 2 block.
    truth : bool
        Whether level 0 cannot be computed again; see `Chunks`.
    dtype : type
        uint8 for classes, uint32 for ids of objects.
    """

    def __init__(
        self,
        folder: Path,
        shape: tuple[int, int, int],
        *,
        fill: int,
        reduce: Callable[[NDArray[Any]], NDArray[Any]],
        truth: bool,
        dtype: type[np.unsignedinteger[Any]] = np.uint8,
    ) -> None:
        self.folder = folder
        self.dtype = np.dtype(dtype)
        self._reduce = reduce
        self._arrays = [
            Chunks(
                folder / str(number), extent, fill=fill, truth=truth and number == 0, dtype=dtype
            )
            for number, extent in enumerate(_extents(shape))
        ]

    @property
    def exists(self) -> bool:
        """Whether it was made."""
        return (self.folder / "zarr.json").exists()

    @property
    def count(self) -> int:
        """Number of levels."""
        return len(self._arrays)

    @property
    def levels(self) -> list[Level]:
        """All levels from full resolution downwards, as lazy arrays."""
        return [Level(array) for array in self._arrays]

    @property
    def arrays(self) -> tuple[Chunks, ...]:
        """What is behind the levels."""
        return tuple(self._arrays)

    def read(self, tile: Tile) -> NDArray[Any]:
        """Return the pixels ``(y, x)`` of `tile` at full resolution.

        Raises
        ------
        ProjectError
            If a chunk is damaged.
        DiskError
            If the folder is gone or cannot be read.
        """
        return self._arrays[0].read(tile.z, *tile.slices)

    def write(self, tile: Tile, values: NDArray[Any]) -> bool:
        """Write the pixels ``(y, x)`` of `tile` at full resolution only.

        Returns
        -------
        bool
            Whether anything has changed, so that `refresh` is needed.

        Raises
        ------
        ProjectError
            If a chunk is damaged.
        DiskError
            If the disk is full, read-only or gone.
        """
        return self._arrays[0].write(tile.z, *tile.slices, values)

    def writing(
        self, tile: Tile, values: NDArray[Any]
    ) -> AbstractContextManager[Callable[[], bool]]:
        """Prepare what `write` does, and give a function that does it, hardly able to fail."""
        return self._arrays[0].writing(tile.z, *tile.slices, values)

    def discard_damaged(self, tile: Tile) -> None:
        """Remove damaged chunks that `tile` covers; `ProjectError` if it covers one in part."""
        self._arrays[0].discard_damaged(tile.z, *tile.slices)

    def sweep(self) -> None:
        """Remove what a killed writer left beside the chunks; there must be none now."""
        with disk_errors(self.folder, "cleaned"):
            for path in list(self.folder.rglob(f".*{PARTIAL}")):
                path.unlink(missing_ok=True)

    def refresh(self, tile: Tile) -> None:
        """Make the levels above `tile` anew from full resolution."""
        rows, columns = tile.slices
        for below, array in pairwise(self._arrays):
            rows, columns = _halved(rows), _halved(columns)
            height, width = below.shape[-2:]
            values = below.read(tile.z, _doubled(rows, height), _doubled(columns, width))
            odd = [(0, extent % 2) for extent in values.shape]
            array.write(tile.z, rows, columns, self._reduce(np.pad(values, odd, mode="edge")))

    def fits(self, tile: Tile) -> bool:
        """Tell whether no pixel of any level lies partly inside `tile`."""
        step = 2 ** (self.count - 1)
        starts = tile.y % step == 0 and tile.x % step == 0
        ends = zip((tile.y1, tile.x1), self._arrays[0].shape[-2:], strict=True)
        return starts and all(end % step == 0 or end == extent for end, extent in ends)

    def write_all(self, tile: Tile, values: NDArray[Any]) -> None:
        """Write the pixels ``(y, x)`` of `tile`, which `fits`, at all levels, coarsest first.

        No level is read back where whole chunks are written; and a chunk of level 0
        that is there tells that the levels above it are right.

        Raises
        ------
        ProjectError
            If a chunk is damaged.
        DiskError
            If the disk is full, read-only or gone.
        """
        rows, columns = tile.slices
        parts = [(rows, columns, values)]
        for _ in self._arrays[1:]:
            rows, columns = _halved(rows), _halved(columns)
            odd = [(0, extent % 2) for extent in values.shape]
            values = self._reduce(np.pad(values, odd, mode="edge"))
            parts.append((rows, columns, values))
        for array, (rows, columns, values) in zip(
            reversed(self._arrays), reversed(parts), strict=True
        ):
            array.write(tile.z, rows, columns, values)

    def chunk_path(self, z: int, row: int, column: int) -> Path:
        """Return the file of a chunk of level 0; not there when it is all fill value."""
        return self._arrays[0].path(z, row, column)

    def damaged(self) -> Iterator[Path]:
        """Yield the chunk files of level 0 that cannot be decoded."""
        yield from self._arrays[0].damaged()

    def create(self, attributes: dict[str, Any]) -> None:
        """Make the group with empty levels, whole or not at all.

        Raises
        ------
        DiskError
            If the disk is full or read-only.
        """
        staged = self.folder.with_name(f".{self.folder.name}{PARTIAL}")
        with disk_errors(self.folder, "made"):
            if staged.exists():
                shutil.rmtree(staged)
            for array in self._arrays:
                array.create(staged / array.folder.name)
            write_group(staged, attributes)
            staged.rename(self.folder)
            fsync_dir(self.folder.parent)

    def describe(self, attributes: dict[str, Any]) -> None:
        """Give the group new OME attributes unless it has them already.

        Raises
        ------
        DiskError
            If the disk is full or read-only.
        """
        if read_group(self.folder) != attributes:
            write_group(self.folder, attributes)


def _extents(shape: tuple[int, int, int]) -> Iterator[tuple[int, ...]]:
    planes, rows, columns = shape
    stack = () if planes == 1 else (planes,)
    yield (*stack, rows, columns)
    while max(rows, columns) > CHUNK_PX:
        rows, columns = -(-rows // 2), -(-columns // 2)
        yield (*stack, rows, columns)


def _halved(extent: slice) -> slice:
    return slice(extent.start // 2, -(-extent.stop // 2))


def _doubled(extent: slice, limit: int) -> slice:
    return slice(2 * extent.start, min(2 * extent.stop, limit))


def _expanded(parts: tuple[Any, ...], ndim: int) -> tuple[Any, ...]:
    place = next((k for k, part in enumerate(parts) if part is ...), len(parts))
    missing = ndim - sum(part is not ... for part in parts)
    return (*parts[:place], *[slice(None)] * missing, *parts[place + 1 :])


def _window(part: Any, extent: int) -> tuple[slice, Any]:
    """Return the window to read along one axis, and the index into it."""
    if not isinstance(part, slice):
        start = int(part) % extent
        return slice(start, start + 1), 0
    wanted = range(*part.indices(extent))
    first, last = sorted((wanted[0], wanted[-1]))
    return slice(first, last + 1), slice(None, None, part.step)
