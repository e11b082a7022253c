"""Pruning: the journal keeps the newest edits, and its file does not grow for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from napari_phenoai.io.database import Database

__all__ = ["KEPT_EDITS", "prune_edits"]

KEPT_EDITS = 2000
"""So many edits can always be undone."""

_SURPLUS = 200
"""So many more gather before any is dropped."""

_BATCH = 20
"""Entries dropped in one transaction, so that a stroke never waits long for it."""

_DONE = "root IS NULL AND undone = 0"
_NEWEST_BUT = "SELECT number FROM edits WHERE {} ORDER BY number DESC LIMIT 1 OFFSET ?"
_DOOMED = f"""
    SELECT number FROM edits WHERE root IS NULL
    AND ((number < :done AND ({_DONE} OR cut_off = 1)) OR (number < :cut_off AND cut_off = 1))
    ORDER BY number LIMIT {_BATCH}
    """  # noqa: S608 - constants only


def prune_edits(
    database: Database, keep: int, stop: Callable[[], bool], *, surplus: int = _SURPLUS
) -> int:
    """Drop the oldest edits, with their undos and redos, once there are more than enough.

    What redo can bring back always stays. Nothing is dropped while an edit waits to be
    completed, as after a crash. Each transaction drops a few whole entries; a crash
    between two leaves a history that is right and only longer.

    Parameters
    ----------
    database : Database
        The ledger's.
    keep : int
        So many edits that are done stay, and all that came after the oldest of them; of
        edits that were undone for good, no more than as many.
    stop : callable
        Asked between two transactions whether to leave the rest for later.
    surplus : int
        How many more than `keep` there must be before any is dropped.

    Returns
    -------
    int
        How many entries of the history were dropped.

    Raises
    ------
    LockedError, DiskError
        If another process writes for very long, or the disk is full or read-only.
    """
    dropped = 0
    with database.reading() as db:
        wanted = any(_newest_but(db, keep + surplus, which) for which in (_DONE, "cut_off = 1"))
    while wanted and not stop():
        with database.transaction(durable=False) as db:
            gone = _drop_some(db, keep)
        dropped += gone
        wanted = gone > 0
    return dropped


def _drop_some(db: sqlite3.Connection, keep: int) -> int:
    if db.execute("SELECT 1 FROM edits WHERE settled = 0 LIMIT 1").fetchone():
        return 0
    oldest = {"done": _newest_but(db, keep - 1, _DONE)}
    oldest["cut_off"] = _newest_but(db, keep - 1, "cut_off = 1")
    doomed = [number for (number,) in db.execute(_DOOMED, oldest).fetchall()]
    marks = ", ".join("?" for _ in doomed)
    statement = f"DELETE FROM edits WHERE number IN ({marks}) OR root IN ({marks})"  # noqa: S608
    db.execute(statement, [*doomed, *doomed])
    return len(doomed)


def _newest_but(db: sqlite3.Connection, others: int, which: str) -> int:
    """Return the number of the edit that has so many newer ones of its kind; 0 without any."""
    row = db.execute(_NEWEST_BUT.format(which), (others,)).fetchone()
    return int(row[0]) if row else 0
