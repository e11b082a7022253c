"""Blocks: squares in which pyramids are read, and the threads that read them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from napari_phenoai.core.niceness import step_thread_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["BLOCK_PX", "BlockReader", "Window", "overlap"]

BLOCK_PX = 512
"""Edge of a block, in pixels of its level."""


@dataclass(frozen=True)
class Window:
    """A half-open rectangle at one level."""

    y0: int
    y1: int
    x0: int
    x1: int

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Yield row and column of every block that the rectangle touches."""
        for row in range(self.y0 // BLOCK_PX, -(-self.y1 // BLOCK_PX)):
            for column in range(self.x0 // BLOCK_PX, -(-self.x1 // BLOCK_PX)):
                yield row, column


class BlockReader:
    """Threads that read blocks, the last one asked for first."""

    def __init__(self, threads: int = 2) -> None:
        self._pool = ThreadPoolExecutor(
            threads, thread_name_prefix="phenoai-blocks", initializer=step_thread_back
        )
        self._stack: list[Callable[[], None]] = []
        self._lock = Lock()
        self._open = True

    def ask(self, read: Callable[[], None]) -> None:
        """Run `read` in a thread, before everything asked for earlier; not after the end."""
        with self._lock:
            if self._open:
                self._stack.append(read)
                self._pool.submit(self._next)

    def shutdown(self) -> None:
        """Stop the threads after the reads that have begun."""
        with self._lock:
            self._open = False
        self._stack.clear()
        self._pool.shutdown(wait=True)

    def _next(self) -> None:
        try:
            read = self._stack.pop()
        except IndexError:
            return
        read()


def overlap(start: int, stop: int, scale: float, low: int, high: int) -> tuple[int, int]:
    """Return where ``start`` to ``stop`` at full resolution lies in ``low`` to ``high``.

    Parameters
    ----------
    start, stop : int
        Half-open range at full resolution.
    scale : float
        Full-resolution pixels per pixel of the level.
    low, high : int
        Half-open range at the level.

    Returns
    -------
    tuple of int
        Half-open range at the level; empty where they do not meet.
    """
    first = min(max(round(start / scale), low), high)
    return first, max(first, min(round(stop / scale), high))
