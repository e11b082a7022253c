"""The grid of chunks: which of them a window meets, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CHUNK_PX", "ChunkPart", "chunk_parts"]

CHUNK_PX = 512
"""Edge length of a chunk in pixels."""


@dataclass(frozen=True, slots=True)
class ChunkPart:
    """Where one chunk meets a window: in the chunk and in the window."""

    row: int
    column: int
    inside: tuple[slice, slice]
    window: tuple[slice, slice]

    @property
    def whole(self) -> bool:
        """Whether the window covers the chunk."""
        return all(part.start == 0 and part.stop == CHUNK_PX for part in self.inside)


def chunk_parts(rows: slice, columns: slice) -> Iterator[ChunkPart]:
    """Yield the chunks that a window of rows and columns meets."""
    for row, inside_y, window_y in _spans(rows):
        for column, inside_x, window_x in _spans(columns):
            yield ChunkPart(row, column, (inside_y, inside_x), (window_y, window_x))


def _spans(extent: slice) -> Iterator[tuple[int, slice, slice]]:
    for number in range(extent.start // CHUNK_PX, -(-extent.stop // CHUNK_PX)):
        origin = number * CHUNK_PX
        start, stop = max(extent.start, origin), min(extent.stop, origin + CHUNK_PX)
        inside = slice(start - origin, stop - origin)
        yield number, inside, slice(start - extent.start, stop - extent.start)
