"""The other planes of an edit of a stack, in the journal."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.geometry import Tile
from napari_phenoai.io.packing import packed, unpacked

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from napari_phenoai.core.edits import Edit

__all__ = ["PLANES", "planes_of", "record_planes"]

PLANES = "(SELECT count(DISTINCT z) FROM edit_planes WHERE edit = edits.number)"
"""How many planes an edit changes besides its own."""


def record_planes(db: sqlite3.Connection, number: int, parts: Sequence[Edit]) -> None:
    """Write down what the edit `number` changes in other planes than its own.

    Parameters
    ----------
    db : sqlite3.Connection
        In a transaction.
    number : int
        Of the edit.
    parts : sequence of Edit
        At most one for each chunk of a plane.
    """
    rows = [
        (
            part.tile.z,
            part.tile.y,
            part.tile.x,
            part.tile.height,
            part.tile.width,
            packed(part.before),
            packed(part.after),
        )
        for part in parts
    ]
    statement = f"INSERT INTO edit_planes VALUES ({number}, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
    db.executemany(statement, rows)


def planes_of(db: sqlite3.Connection, number: int, own: Edit) -> tuple[Edit, ...]:
    """Return what the edit `number` changes in other planes, in their order.

    Parameters
    ----------
    db : sqlite3.Connection
        For reading.
    number : int
        Of the edit.
    own : Edit
        What it changes in its own plane; the others are like it.

    Raises
    ------
    RuntimeError, ValueError
        If pixels are damaged.
    """
    statement = "SELECT * FROM edit_planes WHERE edit = ? ORDER BY z, y, x"
    rows = [row[1:] for row in db.execute(statement, (number,)).fetchall()]
    return tuple(_plane(own, z, list(parts)) for z, parts in groupby(rows, lambda row: int(row[0])))


def _plane(own: Edit, z: int, rows: list[tuple[int, int, int, int, int, bytes, bytes]]) -> Edit:
    y, x = min(row[1] for row in rows), min(row[2] for row in rows)
    y1, x1 = max(row[1] + row[3] for row in rows), max(row[2] + row[4] for row in rows)
    before = np.zeros((y1 - y, x1 - x), own.before.dtype)
    after = before.copy()
    for _, top, left, height, width, old, new in rows:
        box = slice(top - y, top - y + height), slice(left - x, left - x + width)
        before[box] = unpacked(old, (height, width), before.dtype)
        after[box] = unpacked(new, (height, width), after.dtype)
    tile = Tile(own.tile.image, y, x, y1 - y, x1 - x, z)
    return replace(own, tile=tile, before=before, after=after, objects={}, more=())
