"""Keeps the mask under way on the disk while somebody paints it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari_phenoai.ui.drafts import drop_draft, save_draft

if TYPE_CHECKING:
    from psygnal import SignalInstance

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.io.project import Project
    from napari_phenoai.ui.background import Background
    from napari_phenoai.ui.desk import Desk
    from napari_phenoai.ui.drafts import Draft

__all__ = ["DraftKeeper"]


class DraftKeeper:
    """Writes drafts in the background; of several versions of one, only the newest.

    Parameters
    ----------
    project : Project
        Open.
    background : Background
        Lane ``writes`` is used.
    failed : SignalInstance
        Told of errors, on the main thread.
    """

    def __init__(self, project: Project, background: Background, failed: SignalInstance) -> None:
        self._project = project
        self._background = background
        self._failed = failed
        self._waiting: dict[str, Draft] = {}

    def keep(self, desk: Desk, seconds: float) -> None:
        """Write the mask of `desk`, after `seconds` of work; drop it where it is as it was."""
        tile = desk.tile
        if desk.touched:
            self._waiting[tile.key] = desk.draft(seconds)
        else:
            self.forget(tile)
            self._do(partial(drop_draft, self._project.path, tile))
        self._do(partial(self._write, tile))

    def forget(self, tile: Tile) -> None:
        """Do not write the draft of `tile` any more."""
        self._waiting.pop(tile.key, None)

    def _do(self, work: partial[None]) -> None:
        self._background.do("writes", work, otherwise=self._failed.emit)

    def _write(self, tile: Tile) -> None:
        draft = self._waiting.pop(tile.key, None)
        if draft is not None:
            save_draft(self._project.path, tile, draft)
