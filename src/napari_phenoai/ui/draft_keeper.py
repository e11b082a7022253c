"""Keeps the mask under way on the disk while somebody paints it."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from napari_phenoai.errors import DiskError, PhenoError
from napari_phenoai.io.files import write_atomic
from napari_phenoai.io.spare import SpareFiles
from napari_phenoai.ui.drafts import (
    draft_name,
    draft_path,
    drafted_tile,
    drop_draft,
    packed_draft,
    save_draft,
    unpacked_draft,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from psygnal import SignalInstance

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.io.project import Project
    from napari_phenoai.ui.background import Background
    from napari_phenoai.ui.desk import Desk
    from napari_phenoai.ui.drafts import Draft

__all__ = ["DraftKeeper"]

_log = logging.getLogger(__name__)


class DraftKeeper:
    """Writes drafts in the background; of several versions of one, only the newest.

    What cannot be written, as the disk is full, is tried again at the end, and then kept in
    the user's own folder until the project is opened the next time.

    Parameters
    ----------
    project : Project
        Open.
    background : Background
        Lane ``writes`` is used.
    failed : SignalInstance
        Told of errors, on the main thread; once of one that stays.
    """

    def __init__(self, project: Project, background: Background, failed: SignalInstance) -> None:
        self._project = project
        self._background = background
        self._failed = failed
        self._spare = SpareFiles(project.spec.id, ".draft.npz")
        self._told: str | None = None
        self._waiting: dict[str, Draft] = {}
        self._lost: dict[Tile, Draft] = {}

    def keep(self, desk: Desk, seconds: float) -> None:
        """Write the mask of `desk`, after `seconds` of work; drop it where it is as it was."""
        tile = desk.tile
        if desk.touched:
            self._waiting[tile.key] = desk.draft(seconds)
            self._do(partial(self._write, tile))
        else:
            self.forget(tile)
            self._do(partial(drop_draft, self._project.path, tile))

    def forget(self, tile: Tile) -> None:
        """Do not write the draft of `tile` any more."""
        self._waiting.pop(tile.key, None)
        self._do(partial(self._lost.pop, tile, None))

    def bring_back(self) -> None:
        """Write what a former session kept outside of the project, as its disk was full."""
        self._do(self._restore)

    def close(self) -> None:
        """Try once more to write what could not be, and keep it elsewhere where that fails."""
        self._do(self._write_or_spare)

    def _do(self, work: Callable[[], object]) -> None:
        self._background.do("writes", work, otherwise=self._on_error)

    def _on_error(self, error: Exception) -> None:
        if str(error) != self._told:
            self._told = str(error)
            self._failed.emit(error)

    # --- work, in the lane

    def _write(self, tile: Tile) -> None:
        draft = self._waiting.pop(tile.key, None)
        if draft is not None:
            self._lost[tile] = draft
            save_draft(self._project.path, tile, draft)
            del self._lost[tile]
            self._told = None

    def _write_or_spare(self) -> None:
        problem: DiskError | None = None
        for tile, draft in list(self._lost.items()):
            try:
                save_draft(self._project.path, tile, draft)
            except DiskError as error:
                path = self._spare.keep(draft_name(tile), packed_draft(draft))
                _log.warning("What was painted in a tile is kept in %s.", path)
                problem = error
            del self._lost[tile]
        if problem is not None:
            what = f"What was painted in a tile could not be saved. {problem.what}"
            hint = "It is kept in your own folder, and comes back when the project is opened."
            raise PhenoError(what, hint=hint) from problem

    def _restore(self) -> None:
        for name, path in self._spare.files().items():
            tile = drafted_tile(name)
            if tile is None or unpacked_draft(path, tile) is None:
                continue
            if self._outdated(tile, path):
                self._spare.set_aside(name)
                continue
            write_atomic(draft_path(self._project.path, tile), path.read_bytes())
            self._spare.drop(name)

    def _outdated(self, tile: Tile, path: Path) -> bool:
        """Tell whether somebody went on with this tile after the file was written."""
        written = path.stat().st_mtime
        draft, review = draft_path(self._project.path, tile), self._project.reviews.current()
        if draft.exists() and draft.stat().st_mtime > written:
            return True
        decided = review.get(tile.key)
        return decided is not None and decided.at.timestamp() > written
