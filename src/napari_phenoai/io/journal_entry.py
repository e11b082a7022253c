"""What the history lists: people's edits, each with its state, without their pixels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from napari_phenoai.core.geometry import Tile
from napari_phenoai.io.journal_planes import PLANES

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

__all__ = ["NEXT", "PLACE", "TOP", "JournalEntry", "entries_where", "tile_at"]

PLACE = "image, z, y, x, height, width"
TOP = "(SELECT max(number) FROM edits WHERE root IS NULL AND undone = 0)"
NEXT = "(SELECT min(number) FROM edits WHERE undone = 1 AND cut_off = 0)"
_ENTRY = f"""
    SELECT number, id, tool, author, at, pixels, undone, cut_off, number IS {TOP},
        coalesce((SELECT max(number) FROM edits AS later WHERE later.root = edits.number), number),
        {PLANES}, {PLACE}
    FROM edits
    """  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One edit of a person as the history lists it; undo and redo change its state.

    Parameters
    ----------
    number : int
        Its place in the journal; later edits have larger numbers.
    id : str
        The id of the edit.
    tile : Tile
        Where it lies.
    tool, author : str
        What made it, and who.
    at : datetime
        When, in UTC.
    pixels : int
        How many pixels it changed.
    state : str
        ``done`` or ``undone``.
    current : bool
        Whether it is the last one that is done: the one that undo takes back.
    reachable : bool
        False for an undone edit that redo cannot bring back, as others were made since.
    last : int
        Number of the newest edit about it: itself, its undo or its redo.
    more_planes : int
        In how many other planes of the stack it changed something.
    """

    number: int
    id: str
    tile: Tile
    tool: str
    author: str
    at: datetime
    pixels: int
    state: Literal["done", "undone"]
    current: bool
    reachable: bool
    last: int
    more_planes: int = 0


def entries_where(db: sqlite3.Connection, where: str, *values: int) -> list[JournalEntry]:
    """Return the entries that a WHERE clause with `values` selects, in its order."""
    rows = db.execute(_ENTRY + where, values).fetchall()
    return [
        JournalEntry(
            number,
            name,
            tile_at(place),
            tool,
            author,
            datetime.fromisoformat(at),
            pixels,
            "undone" if undone else "done",
            bool(top),
            not cut_off,
            last,
            more,
        )
        for number, name, tool, author, at, pixels, undone, cut_off, top, last, more, *place in rows
    ]


def tile_at(place: Iterable[Any]) -> Tile:
    """Return the tile that the columns `PLACE` of a row name."""
    image, z, y, x, height, width = place
    return Tile(image, y, x, height, width, z)
