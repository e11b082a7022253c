"""Embeddings made in the background: of what is asked about now, then of what comes next."""

from __future__ import annotations

import time
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_phenoai.ml.sam.cache import EmbeddingCache, embedding_of
from napari_phenoai.ml.sam.embedding import GivenUpError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.io.project import Project
    from napari_phenoai.ml.sam.embedding import Embedding
    from napari_phenoai.ml.sam.prompter import Prompter
    from napari_phenoai.ui.background import Background

__all__ = ["LANE", "Embeddings"]

LANE = "embeddings"
_IN_MEMORY = 12


class Embeddings:
    """Prepares tiles one after the other, in the order in which they are wanted.

    What runs for a tile that is wanted no more, or less than another, is stopped within a
    second; that it has to be made again costs less than to wait for it. Methods belong to
    the main thread, where all signals are emitted too.

    Parameters
    ----------
    background : Background
        Lane ``embeddings`` is used.
    cache : EmbeddingCache, optional
        Where they are kept; the cache of the user, unless told otherwise.

    Attributes
    ----------
    wanted : list of Tile
        What is or will be made, the first first.
    began : float or None
        When the one under way began (`time.monotonic`); None while none is.

    Signals
    -------
    ready : Tile
        Its embedding is there.
    failed : Tile, Exception
        It cannot be made.
    changed
        Another one is under way, or none.
    """

    ready = Signal(object)
    failed = Signal(object, object)
    changed = Signal()

    def __init__(self, background: Background, cache: EmbeddingCache | None = None) -> None:
        self.cache = cache or EmbeddingCache()
        self.wanted: list[Tile] = []
        self.began: float | None = None
        self._background = background
        self._project: Project | None = None
        self._prompter: Prompter | None = None
        self._kept: OrderedDict[str, Embedding] = OrderedDict()
        self._broken: set[str] = set()
        self._now: Tile | None = None

    @property
    def prompter(self) -> Prompter | None:
        """The network that makes them."""
        return self._prompter

    @property
    def under_way(self) -> Tile | None:
        """The tile whose embedding is being made."""
        return self._now

    def serve(self, project: Project | None, prompter: Prompter | None) -> None:
        """Make embeddings of this project with this network from now on."""
        if project is not self._project or prompter is not self._prompter:
            self._project, self._prompter = project, prompter
            self._kept.clear()
            self._broken.clear()
            self.wanted = []

    def get(self, tile: Tile) -> Embedding | None:
        """Return the embedding of a tile if it is in memory."""
        found = self._kept.get(tile.key)
        if found is not None:
            self._kept.move_to_end(tile.key)
        return found

    def want(self, tiles: Sequence[Tile]) -> None:
        """Prepare these tiles, the first one first; all others are wanted no more."""
        self.wanted = [
            tile for tile in tiles if tile.key not in self._kept and tile.key not in self._broken
        ]
        self._next()

    def stop(self) -> None:
        """Prepare nothing more."""
        self.serve(None, None)

    # --- inside

    def _next(self) -> None:
        project, prompter = self._project, self._prompter
        if self._now is not None or not self.wanted or project is None or prompter is None:
            return
        tile = self._now = self.wanted[0]
        self.began = time.monotonic()
        self._background.do(
            LANE,
            partial(self._made, project, prompter, tile),
            then=partial(self._on_made, prompter, tile),
            otherwise=partial(self._on_error, prompter, tile),
        )
        self.changed.emit()

    def _made(self, project: Project, prompter: Prompter, tile: Tile) -> Embedding:
        """Return the embedding; runs in the lane."""

        def go_on() -> bool:
            wanted = self.wanted
            return prompter is self._prompter and bool(wanted) and wanted[0] == tile

        return embedding_of(prompter, self.cache, project.source(tile.image), tile, go_on=go_on)

    def _on_made(self, prompter: Prompter, tile: Tile, embedding: Embedding) -> None:
        self._end(tile)
        if prompter is self._prompter:
            self._kept[tile.key] = embedding
            while len(self._kept) > _IN_MEMORY:
                self._kept.popitem(last=False)
            self.ready.emit(tile)
        self._go_on()

    def _on_error(self, prompter: Prompter, tile: Tile, error: Exception) -> None:
        given_up = isinstance(error, GivenUpError)
        self._end(tile, keep=given_up)
        if prompter is self._prompter and not given_up:
            self._broken.add(tile.key)
            self.failed.emit(tile, error)
        self._go_on()

    def _end(self, tile: Tile, *, keep: bool = False) -> None:
        self._now = self.began = None
        if not keep:
            self.wanted = [other for other in self.wanted if other != tile]

    def _go_on(self) -> None:
        self._next()
        if self._now is None:
            self.changed.emit()
