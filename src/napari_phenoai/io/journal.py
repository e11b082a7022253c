"""The edit journal: every change of people's labels, in order, before it is in the array."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.edits import Edit
from napari_phenoai.errors import InputError, ProjectError
from napari_phenoai.io.chunk_parts import CHUNK_PX
from napari_phenoai.io.journal_entry import NEXT, PLACE, TOP, JournalEntry, entries_where, tile_at
from napari_phenoai.io.journal_planes import planes_of, record_planes
from napari_phenoai.io.object_ids import ObjectIds, packed_objects, unpacked_objects
from napari_phenoai.io.packing import packed, unpacked
from napari_phenoai.io.pruning import KEPT_EDITS, prune_edits
from napari_phenoai.io.stale import StaleChunks

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.io.database import Database

__all__ = ["Journal", "JournalEntry"]


class Journal:
    """All edits of a project in the order in which they were made, kept in its ledger.

    An edit is recorded as an intent before the label image is changed, and settled
    after that is on the disk; what is left as an intent by a crash is done again.
    Undo and redo are edits too, which revert an earlier one. The newest
    2,000 edits can be undone; older ones are dropped in the background.

    Parameters
    ----------
    database : Database
        The ledger's.

    Attributes
    ----------
    stale : StaleChunks
        Where the lower levels of the label images are behind.
    object_ids : ObjectIds
        Which ids of objects are free.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.stale = StaleChunks(database)
        self.object_ids = ObjectIds(database)

    # ---------------------------------------------------------------- writing

    def record(self, edit: Edit, *, reverts: int | None = None) -> int:
        """Write `edit` down as an intent; when this returns, it survives a power cut.

        Parameters
        ----------
        edit : Edit
            What will be done; its ``before`` must be what the label image holds.
        reverts : int, optional
            Number of the edit that it takes back: the last one about its entry.

        Returns
        -------
        int
            Its number.

        Raises
        ------
        InputError
            If `reverts` has been taken back already.
        DiskError
            If the disk is full or read-only; nothing is recorded then.
        """
        parts = list(edit.parts(CHUNK_PX))
        own, others = _by_plane(parts, edit.tile.z)
        rows = [(*_box(part.tile), packed(part.before), packed(part.after)) for part in own]
        with self._database.transaction() as db:
            root = _root(db, reverts)
            number = _insert(db, edit, sum(part.pixels for part in parts), reverts, root)
            statement = f"INSERT INTO edit_parts VALUES ({number}, ?, ?, ?, ?, ?, ?)"  # noqa: S608
            db.executemany(statement, rows)
            record_planes(db, number, others)
            if root is None:
                db.execute("UPDATE edits SET cut_off = 1 WHERE undone = 1 AND cut_off = 0")
            else:
                db.execute("UPDATE edits SET undone = 1 - undone WHERE number = ?", (root,))
            self.stale.mark(edit.tile.image, [_chunk(part.tile) for part in parts], number)
        return number

    def settle(self, number: int) -> None:
        """Note that the label image on the disk has the edit."""
        with self._database.transaction(durable=False) as db:
            db.execute("UPDATE edits SET settled = 1 WHERE number = ?", (number,))

    def prune(self, stop: Callable[[], bool], *, keep: int = KEPT_EDITS) -> int:
        """Drop the oldest edits where there are many more than `keep`; see `prune_edits`.

        Parameters
        ----------
        stop : callable
            Asked now and then whether to leave the rest for later.
        keep : int
            How many edits can be undone afterwards.

        Returns
        -------
        int
            How many were dropped.
        """
        return prune_edits(self._database, keep, stop)

    # ---------------------------------------------------------------- reading

    def number_of(self, edit_id: str) -> int | None:
        """Return the number under which an edit was recorded; None when it was not."""
        with self._database.reading() as db:
            row = db.execute("SELECT number FROM edits WHERE id = ?", (edit_id,)).fetchone()
        return None if row is None else int(row[0])

    def pending(self, image: str) -> list[tuple[int, Edit]]:
        """Return the edits of an image that were intended and not settled, oldest first."""
        statement = "SELECT number FROM edits WHERE image = ? AND settled = 0 ORDER BY number"
        with self._database.reading() as db:
            numbers = [number for (number,) in db.execute(statement, (image,)).fetchall()]
        return [(number, self.edit(number)) for number in numbers]

    def edit(self, number: int) -> Edit:
        """Return one edit with its pixels.

        Raises
        ------
        InputError
            If there is none with this number.
        ProjectError
            If its pixels are damaged.
        """
        fields = f"id, tool, author, at, dtype, objects, {PLACE}"
        statement = f"SELECT {fields} FROM edits WHERE number = ?"  # noqa: S608
        with self._database.reading() as db:
            row = db.execute(statement, (number,)).fetchone()
            parts = db.execute("SELECT * FROM edit_parts WHERE edit = ?", (number,)).fetchall()
        if row is None:
            hint = "Take a number from the list of edits."
            raise InputError(f"There is no edit {number} in the journal.", hint=hint)
        name, tool, author, at, dtype, objects, *place = row
        tile = tile_at(place)
        before, after = np.zeros(tile.shape, dtype), np.zeros(tile.shape, dtype)
        try:
            for _, *box, old, new in parts:
                rows, columns = _window(tile, box)
                before[rows, columns] = unpacked(old, (box[2], box[3]), before.dtype)
                after[rows, columns] = unpacked(new, (box[2], box[3]), after.dtype)
            made, changes = datetime.fromisoformat(at), unpacked_objects(objects)
            own = Edit(tile, before, after, tool, author, made, name, changes)
            with self._database.reading() as db:
                return replace(own, more=planes_of(db, number, own))
        except (RuntimeError, ValueError) as error:
            hint = "Later edits can still be undone; the labels themselves are not touched."
            raise ProjectError(f"Edit {number} in the journal is damaged.", hint=hint) from error

    # ---------------------------------------------------------------- history

    def entries(self, limit: int = 200, before: int | None = None) -> list[JournalEntry]:
        """Return edits of people, newest first, without their pixels.

        Parameters
        ----------
        limit : int
            At most so many.
        before : int, optional
            Only those with a smaller number: the next page of a long list.
        """
        where = "WHERE root IS NULL AND number < ? ORDER BY number DESC LIMIT ?"
        last = np.iinfo(np.int64).max if before is None else before
        return self._entries(where, int(last), limit)

    def entry(self, number: int) -> JournalEntry:
        """Return one edit of a person; `InputError` if there is none with this number."""
        for found in self._entries("WHERE root IS NULL AND number = ?", number):
            return found
        hint = "Take a number from the list of edits."
        raise InputError(f"There is no edit {number} in the history.", hint=hint)

    def count(self) -> int:
        """Return how many entries the history has."""
        with self._database.reading() as db:
            (count,) = db.execute("SELECT count(*) FROM edits WHERE root IS NULL").fetchone()
        return int(count)

    def to_undo(self) -> JournalEntry | None:
        """Return what undo takes back: the newest edit that is done; None when there is none."""
        return next(iter(self._entries(f"WHERE number = {TOP}")), None)

    def to_redo(self) -> JournalEntry | None:
        """Return what redo brings back; None when nothing was undone since the last new edit."""
        return next(iter(self._entries(f"WHERE number = {NEXT}")), None)

    def steps_to(self, number: int) -> int:
        """Return how many redos, or undos if negative, make `number` the last one done.

        0 stands for the state before the first edit that the journal still has.

        Raises
        ------
        InputError
            If there is no such entry, or it was undone and other edits were made since.
        """
        entry = self.entry(number) if number else None
        done = entry is None or entry.state == "done"
        if not done and entry is not None and not entry.reachable:
            hint = "Only what was undone last can be brought back; paint it again."
            raise InputError(f"Edit {number} was undone, and others were made since.", hint=hint)
        statement = "SELECT count(*) FROM edits WHERE undone = 1 AND cut_off = 0 AND number <= ?"
        if done:
            statement = (
                "SELECT -count(*) FROM edits WHERE root IS NULL AND undone = 0 AND number > ?"
            )
        with self._database.reading() as db:
            (steps,) = db.execute(statement, (number,)).fetchone()
        return int(steps)

    def _entries(self, where: str, *values: int) -> list[JournalEntry]:
        with self._database.reading() as db:
            return entries_where(db, where, *values)


def _root(db: sqlite3.Connection, reverts: int | None) -> int | None:
    """Return the entry that the edit `reverts` is about, after checking that it is the last."""
    if reverts is None:
        return None
    statement = """
        SELECT coalesce(root, number), (SELECT max(number) FROM edits AS later
            WHERE later.root = coalesce(edits.root, edits.number))
        FROM edits WHERE number = ?
        """
    root, last = db.execute(statement, (reverts,)).fetchone() or (None, None)
    if root is None or reverts != (last or root):
        hint = "Look at the history again: it has changed meanwhile."
        raise InputError(f"Edit {reverts} cannot be taken back, or was already.", hint=hint)
    return int(root)


def _insert(
    db: sqlite3.Connection, edit: Edit, pixels: int, reverts: int | None, root: int | None
) -> int:
    statement = f"""
        INSERT INTO edits (id, dtype, tool, author, at, objects, pixels, reverts, root, {PLACE})
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """  # noqa: S608 - constants only
    about = (edit.id, edit.before.dtype.str, edit.tool, edit.author, edit.at.isoformat())
    place = (edit.tile.image, edit.tile.z, *_box(edit.tile))
    number = db.execute(
        statement, (*about, packed_objects(edit.objects), pixels, reverts, root, *place)
    ).lastrowid
    return int(number or 0)


def _by_plane(parts: list[Edit], z: int) -> tuple[list[Edit], list[Edit]]:
    """Return the parts in plane `z`, and all others."""
    own = [part for part in parts if part.tile.z == z]
    return own, [part for part in parts if part.tile.z != z]


def _box(tile: Tile) -> tuple[int, int, int, int]:
    return tile.y, tile.x, tile.height, tile.width


def _window(tile: Tile, box: list[int]) -> tuple[slice, slice]:
    y, x, height, width = box
    return slice(y - tile.y, y - tile.y + height), slice(x - tile.x, x - tile.x + width)


def _chunk(tile: Tile) -> tuple[int, int, int]:
    return tile.z, tile.y // CHUNK_PX, tile.x // CHUNK_PX
