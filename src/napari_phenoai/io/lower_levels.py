"""The lower levels of a label image: made anew soon after an edit, in the background."""

from __future__ import annotations

import threading
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING

from napari_phenoai.core.geometry import Tile, cover
from napari_phenoai.core.progress import Progress
from napari_phenoai.errors import PhenoError
from napari_phenoai.io.chunk_parts import CHUNK_PX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import ImageRecord
    from napari_phenoai.io.journal import Journal
    from napari_phenoai.io.pyramid import Pyramid
    from napari_phenoai.io.stale import Chunk

__all__ = ["LowerLevels"]

_DELAY_SECONDS = 0.25
"""Strokes that follow each other closely are seen to together."""

_GROUP = 4
"""Chunks on a side of what is made anew in one go: one chunk of the level after next."""


class LowerLevels:
    """Makes the levels below full resolution follow the edits.

    The ledger remembers which chunks have changed, so that nothing is forgotten when
    the program ends in between. Where the journal has grown long, its oldest edits are
    dropped at the same occasion.

    Parameters
    ----------
    pyramid : Pyramid
        The label image.
    image : ImageRecord
        What it labels.
    journal : callable
        Returns the journal of the project.

    Attributes
    ----------
    listeners : list of callable
        Each is called with a tile after all levels above it were made anew; in the
        thread that did it.
    """

    def __init__(
        self, pyramid: Pyramid, image: ImageRecord, journal: Callable[[], Journal]
    ) -> None:
        self.listeners: list[Callable[[Tile], None]] = []
        self._pyramid = pyramid
        self._image = image
        self._journal = journal
        self._working = threading.RLock()
        self._state = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wanted = False
        self._hurry = threading.Event()
        self._stop = threading.Event()

    @property
    def wanted(self) -> bool:
        """Whether they are being made, or soon will be."""
        with self._state:
            working = self._thread is not None and not self._stop.is_set()
            return working or self._wanted

    def soon(self) -> None:
        """See to it in a moment, in a thread that ends when all is done."""
        with self._state:
            self._wanted = True
            if self._thread is None:
                self._start()

    def stop(self, seconds: float) -> None:
        """Let the thread finish for at most `seconds`; what is left is left for later.

        What `soon` asks for after that time is seen to by another thread.
        """
        with self._state:
            thread = self._thread
        if thread is None:
            return
        own = thread is threading.current_thread()
        self._hurry.set()
        if not own:
            thread.join(seconds)
        with self._state:
            if self._thread is thread:
                self._wanted = False
                self._stop.set()
        if not own:
            thread.join()

    def update(self, stop: threading.Event | None = None) -> None:
        """Make anew, here and now, all that is behind; or what can be done until `stop` is set.

        Raises
        ------
        ProjectError
            If a chunk at full resolution is damaged; the rest is done.
        DiskError
            If the disk is full or read-only.
        """
        problem: PhenoError | None = None
        with self._working:
            for tile, chunks in self._stale():
                if stop is not None and stop.is_set():
                    break
                try:
                    self.remake(tile)
                except PhenoError as error:
                    problem = error
                    continue
                self._journal().stale.clear(self._image.id, chunks)
        if problem is not None:
            raise problem

    def remake(self, tile: Tile) -> None:
        """Make the levels above `tile` anew."""
        with self._working:
            self._pyramid.refresh(tile)
        for listener in list(self.listeners):
            listener(tile)

    def remade(self, opened: Callable[[], AbstractContextManager[None]]) -> Work[None]:
        """Make all of them anew from full resolution, each part with the lock that `opened` takes.

        Raises
        ------
        LockedError
            If another process writes the label image.
        """
        planes = range(self._image.shape[0])
        tiles = [
            tile for z in planes for tile in cover(self._image.id, self._image.plane, 2048, z=z)
        ]
        for done, tile in enumerate(tiles, start=1):
            with opened():
                self.remake(tile)
            yield Progress(done, len(tiles), f"overview of {self._image.name}")

    def _stale(self) -> Iterator[tuple[Tile, dict[Chunk, int]]]:
        """Yield what is behind: a tile, and the marks in the ledger that it covers."""
        groups: dict[Chunk, dict[Chunk, int]] = defaultdict(dict)
        for (z, row, column), edit in self._journal().stale.of(self._image.id).items():
            groups[z, row // _GROUP, column // _GROUP][z, row, column] = edit
        for chunks in groups.values():
            yield self._tile(chunks), chunks

    def _tile(self, chunks: dict[Chunk, int]) -> Tile:
        planes, rows, columns = zip(*chunks, strict=True)
        y, x = min(rows) * CHUNK_PX, min(columns) * CHUNK_PX
        y1, x1 = (max(rows) + 1) * CHUNK_PX, (max(columns) + 1) * CHUNK_PX
        return Tile(self._image.id, y, x, y1 - y, x1 - x, planes[0]).clipped(self._image.plane)

    def _run(self) -> None:
        while self._go_on():
            self._hurry.wait(_DELAY_SECONDS)
            with suppress(PhenoError):
                self.update(self._stop)
            with suppress(PhenoError):
                self._journal().prune(self._stop.is_set)

    def _go_on(self) -> bool:
        """Tell whether there is more to do; where there is not, the thread ends."""
        with self._state:
            if self._wanted and not self._stop.is_set():
                self._wanted = False
                return True
            self._thread = None
            if self._wanted:
                self._start()
            return False

    def _start(self) -> None:
        self._hurry.clear()
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name=f"levels of {self._image.id}")
        self._thread.start()
