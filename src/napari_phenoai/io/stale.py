"""Which chunks of the label images have changed since the lower levels were made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari_phenoai.io.database import Database

__all__ = ["Chunk", "StaleChunks"]

Chunk = tuple[int, int, int]
"""Plane, row and column of a chunk at full resolution."""


class StaleChunks:
    """Marks in the ledger, each with the number of the last edit of the chunk.

    Parameters
    ----------
    database : Database
        The ledger's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def mark(self, image: str, chunks: Iterable[Chunk], edit: int) -> None:
        """Note that `edit` changes `chunks` of an image."""
        with self._database.transaction() as db:
            rows = [(image, *chunk, edit) for chunk in chunks]
            db.executemany("INSERT OR REPLACE INTO stale_chunks VALUES (?, ?, ?, ?, ?)", rows)

    def of(self, image: str) -> dict[Chunk, int]:
        """Return the marked chunks of an image whose last edit is settled."""
        statement = """
            SELECT z, row, "column", edit FROM stale_chunks WHERE image = ?
            AND edit NOT IN (SELECT number FROM edits WHERE image = ? AND settled = 0)
            ORDER BY z, row, "column"
            """
        with self._database.reading() as db:
            rows = db.execute(statement, (image, image)).fetchall()
        return {(z, row, column): edit for z, row, column, edit in rows}

    def clear(self, image: str, chunks: Mapping[Chunk, int]) -> None:
        """Take marks away unless a later edit has made them anew."""
        statement = """
            DELETE FROM stale_chunks
            WHERE image = ? AND z = ? AND row = ? AND "column" = ? AND edit <= ?
            """
        with self._database.transaction(durable=False) as db:
            db.executemany(statement, [(image, *chunk, edit) for chunk, edit in chunks.items()])
