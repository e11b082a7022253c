"""The shelf: tiles that were on the desk a while ago, as they were left."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_phenoai.core.edits import Edit
    from napari_phenoai.ui.desk import Desk

__all__ = ["Shelf"]

_PLACES = 32


class Shelf:
    """Keeps the last 32 desks that were put on it."""

    def __init__(self) -> None:
        self._desks: dict[str, Desk] = {}

    def put(self, desk: Desk) -> None:
        """Keep `desk`, in place of an older one of its tile."""
        self._desks.pop(desk.tile.key, None)
        self._desks[desk.tile.key] = desk
        while len(self._desks) > _PLACES:
            self._desks.pop(next(iter(self._desks)))

    def get(self, tile_key: str) -> Desk | None:
        """Return the desk of a tile; it stays on the shelf."""
        return self._desks.get(tile_key)

    def take_in(self, edit: Edit) -> None:
        """Bring what was painted on the whole image into the desks."""
        for desk in self._desks.values():
            desk.take_in(edit)
