"""Image pyramids that never make a viewer wait: coarse at once, fine when it has come."""

from __future__ import annotations

import math
from collections import OrderedDict
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_phenoai.ui.blocks import BLOCK_PX, Window
from napari_phenoai.ui.inlays import lay_in, paint_in
from napari_phenoai.ui.patient_level import PatientLevel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_phenoai.core.edits import Edit
    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.ui.blocks import BlockReader

__all__ = ["PatientPyramid"]

_MEMORY_BYTES = 128 * 2**20
_SMALL_PX = 1024 * 1024

_Key = tuple[int, int, int]

Inlay = tuple["Tile", "NDArray[Any] | int"]


class PatientPyramid:
    """One plane of a multiscale image, cached in blocks that threads fetch.

    Indexing a level returns at once. Blocks that are not here yet are filled from
    a coarser level, or with 0; `arrived` tells when more of them have come.

    Parameters
    ----------
    shapes : sequence of (int, int)
        Rows and columns of each level, from full resolution downwards.
    dtype : numpy dtype
        Of the pixels as `read` returns them.
    read : callable
        ``read(level, rows, columns)`` with two slices returns an array
        ``(y, x)`` or ``(y, x, samples)``; runs in a thread.
    reader : BlockReader
        Whose threads are used.
    samples : int or None
        Colour samples per pixel; None for a plain plane.
    memory_bytes : int
        How much of it is kept; the coarsest level always is.

    """

    arrived = Signal(object)
    failed = Signal(object)

    def __init__(
        self,
        shapes: Sequence[tuple[int, int]],
        dtype: np.dtype[Any],
        read: Callable[[int, slice, slice], NDArray[Any]],
        reader: BlockReader,
        *,
        samples: int | None = None,
        memory_bytes: int = _MEMORY_BYTES,
    ) -> None:
        self.shapes = tuple(shapes)
        self.dtype = np.dtype(dtype)
        self.samples = samples
        self._memory_bytes = memory_bytes
        self._inlay: Inlay | None = None
        self._whole: NDArray[Any] | None = None
        self._read = read
        self._reader = reader
        self._lock = Lock()
        self._blocks: OrderedDict[_Key, NDArray[Any]] = OrderedDict()
        self._asked: set[_Key] = set()
        self._stale: set[_Key] = set()
        self._bytes = 0
        self._failed = False

    @property
    def levels(self) -> list[PatientLevel]:
        """Array-likes for a multiscale layer."""
        return [PatientLevel(self, index) for index in range(len(self.shapes))]

    @property
    def pending(self) -> bool:
        """Whether blocks are on the way."""
        return bool(self._asked)

    @property
    def inlay(self) -> Inlay | None:
        """Pixels shown in place of those of the image: a tile and its array, or one value."""
        return self._inlay

    @inlay.setter
    def inlay(self, inlay: Inlay | None) -> None:
        with self._lock:
            self._inlay = inlay
            if self._whole is not None:
                self._whole[...] = 0
                for block in self._plane(self._last).blocks():
                    self._into_whole((self._last, *block))

    def ask(self, level: int, rows: slice, columns: slice) -> None:
        """Begin to read a rectangle at `level`, as far as it is not here."""
        self._request(level, self._window(level, rows, columns))

    def whole(self) -> NDArray[Any]:
        """Return the coarsest level as one array that goes on changing with the pyramid.

        A viewer may keep it: blocks that come later, what is painted and the inlay are
        written into it. What is not here yet is 0.
        """
        plane = self._plane(self._last)
        with self._lock:
            whole = self._whole
            if whole is None:
                whole = self._whole = self._empty(plane)
                for block in plane.blocks():
                    self._into_whole((self._last, *block))
        self._request(self._last, plane)
        return whole

    def prepare(self) -> None:
        """Read the coarsest level in this thread, if it is small: the first drawing shows it."""
        plane = self._plane(self._last)
        if plane.y1 * plane.x1 <= _SMALL_PX:
            for block in plane.blocks():
                self._fetch((self._last, *block))

    def forget(self, tile: Tile | None = None) -> None:
        """Read the blocks under `tile` anew when they are next looked at; all without one.

        Until they have come, the old ones are shown.
        """
        with self._lock:
            self._stale |= {key for key in self._blocks if tile is None or self._touches(key, tile)}
        if self._whole is not None:
            self._request(self._last, self._plane(self._last))

    def paint(self, edit: Edit) -> None:
        """Show a change of a plain plane at once, before it can be read: roughly at coarse levels.

        Blocks under it that are being read are read once more.
        """
        with self._lock:
            self._stale |= {key for key in self._asked if self._touches(key, edit.tile)}
            for key in self._blocks:
                if self._touches(key, edit.tile):
                    window = self._block(key)
                    paint_in(self._blocks[key], window, self._scale(key[0]), edit)
                    self._into_whole(key)

    def release(self) -> None:
        """Let go of all blocks in memory."""
        with self._lock:
            self._blocks.clear()
            self._whole = None
            self._bytes = 0

    def window(self, level: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return pixels of a rectangle at `level` as far as they are known."""
        window = self._window(level, rows, columns)
        lacking = [block for block in window.blocks() if not self._has(level, *block)]
        pixels = self._rough(level, window) if lacking else self._empty(window)
        self._paste(level, window, pixels)
        self._request(level, window)
        if self._inlay is not None:
            lay_in(pixels, window, self._scale(level), *self._inlay)
        return pixels

    @property
    def _last(self) -> int:
        return len(self.shapes) - 1

    def _plane(self, level: int) -> Window:
        height, width = self.shapes[level]
        return Window(0, height, 0, width)

    def _block(self, key: _Key) -> Window:
        level, row, column = key
        height, width = self.shapes[level]
        top, left = row * BLOCK_PX, column * BLOCK_PX
        return Window(top, min(height, top + BLOCK_PX), left, min(width, left + BLOCK_PX))

    def _window(self, level: int, rows: slice, columns: slice) -> Window:
        height, width = self.shapes[level]
        y0, y1, _ = rows.indices(height)
        x0, x1, _ = columns.indices(width)
        return Window(y0, max(y0, y1), x0, max(x0, x1))

    def _into_whole(self, key: _Key) -> None:
        """Write a block into the array that was handed out; with the lock held."""
        level, block = key[0], self._blocks.get(key)
        if self._whole is None or level != self._last or block is None:
            return
        window = self._block(key)
        target = self._whole[window.y0 : window.y1, window.x0 : window.x1]
        target[...] = block
        if self._inlay is not None:
            lay_in(target, window, self._scale(level), *self._inlay)

    def _has(self, level: int, row: int, column: int) -> bool:
        return (level, row, column) in self._blocks

    def _scale(self, level: int) -> tuple[float, float]:
        (rows, columns), (height, width) = self.shapes[0], self.shapes[level]
        return rows / height, columns / width

    def _empty(self, window: Window) -> NDArray[Any]:
        shape: tuple[int, ...] = (window.y1 - window.y0, window.x1 - window.x0)
        return np.zeros(shape if self.samples is None else (*shape, self.samples), self.dtype)

    def _paste(self, level: int, window: Window, pixels: NDArray[Any]) -> None:
        for row, column in window.blocks():
            with self._lock:
                block = self._blocks.get((level, row, column))
                if block is None:
                    continue
                self._blocks.move_to_end((level, row, column))
            top, left = row * BLOCK_PX, column * BLOCK_PX
            y0, y1 = max(window.y0, top), min(window.y1, top + block.shape[0])
            x0, x1 = max(window.x0, left), min(window.x1, left + block.shape[1])
            target = (slice(y0 - window.y0, y1 - window.y0), slice(x0 - window.x0, x1 - window.x0))
            pixels[target] = block[y0 - top : y1 - top, x0 - left : x1 - left]

    def _rough(self, level: int, window: Window) -> NDArray[Any]:
        for coarse in range(level + 1, len(self.shapes)):
            scale_y = self.shapes[coarse][0] / self.shapes[level][0]
            scale_x = self.shapes[coarse][1] / self.shapes[level][1]
            part = Window(
                int(window.y0 * scale_y),
                min(self.shapes[coarse][0], math.ceil(window.y1 * scale_y)),
                int(window.x0 * scale_x),
                min(self.shapes[coarse][1], math.ceil(window.x1 * scale_x)),
            )
            if all(self._has(coarse, *block) for block in part.blocks()):
                known = self._empty(part)
                self._paste(coarse, part, known)
                rows = (np.arange(window.y0, window.y1) * scale_y).astype(int) - part.y0
                columns = (np.arange(window.x0, window.x1) * scale_x).astype(int) - part.x0
                rows, columns = rows.clip(0, len(known) - 1), columns.clip(0, known.shape[1] - 1)
                rough: NDArray[Any] = known[rows[:, None], columns[None, :]]
                return rough
        return self._empty(window)

    def _request(self, level: int, window: Window) -> None:
        for row, column in window.blocks():
            key = (level, row, column)
            wanted = key in self._stale or not self._has(*key)
            if wanted and key not in self._asked and not self._failed:
                self._asked.add(key)
                self._stale.discard(key)
                self._reader.ask(partial(self._fetch, key))

    def _fetch(self, key: _Key) -> None:
        window = self._block(key)
        rows, columns = slice(window.y0, window.y1), slice(window.x0, window.x1)
        try:
            block = np.ascontiguousarray(self._read(key[0], rows, columns))
        except Exception as error:  # noqa: BLE001 - handed to the listener whole
            self._failed = True
            self._asked.discard(key)
            self.failed.emit(error)
            return
        self._keep(key, block)
        self.arrived.emit(self)
        if self._whole is not None and key[0] == self._last and key in self._stale:
            self._request(self._last, window)

    def _keep(self, key: _Key, block: NDArray[Any]) -> None:
        with self._lock:
            self._asked.discard(key)
            former = self._blocks.pop(key, None)
            self._blocks[key] = block
            self._into_whole(key)
            self._bytes += block.nbytes - (0 if former is None else former.nbytes)
            for other in [key for key in self._blocks if key[0] != self._last]:
                if self._bytes <= self._memory_bytes:
                    break
                self._bytes -= self._blocks.pop(other).nbytes

    def _touches(self, key: _Key, tile: Tile) -> bool:
        level, row, column = key
        scale_y, scale_x = self._scale(level)
        y0, x0 = row * BLOCK_PX * scale_y, column * BLOCK_PX * scale_x
        below = tile.y < y0 + BLOCK_PX * scale_y and tile.x < x0 + BLOCK_PX * scale_x
        return below and tile.y1 > y0 and tile.x1 > x0
