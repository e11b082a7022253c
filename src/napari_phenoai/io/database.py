"""SQLite with our habits: a connection per thread, WAL, explicit transactions, migrations."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from napari_phenoai.errors import DiskError, LockedError, NewerFormatError, ProjectError
from napari_phenoai.io.files import disk_errors, make_folder
from napari_phenoai.io.users import Users

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["Database", "sqlite_errors"]

_BUSY_SECONDS = 30.0
_DISK = {
    sqlite3.SQLITE_FULL: ("the disk is full", "Free some space on that disk and try again."),
    sqlite3.SQLITE_READONLY: (
        "it is read-only",
        "Copy the project to a disk and folder that you can write to.",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "it cannot be opened",
        "Check that the folder is there and that you may write to it.",
    ),
    sqlite3.SQLITE_IOERR: ("the disk reports an error", "Copy the project to another disk."),
}


@contextmanager
def sqlite_errors(path: Path) -> Iterator[None]:
    """Turn errors of SQLite about the file `path` into errors with a remedy.

    Raises
    ------
    DiskError
        If the disk is full, read-only or gone.
    LockedError
        If another process kept the file locked for half a minute.
    ProjectError
        If the file is damaged.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _DISK:
            reason, hint = _DISK[code]
            raise DiskError(f"{path} cannot be used: {reason}.", hint=hint) from error
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            hint = "Wait until the other window or command is done, and try again."
            raise LockedError(f"{path} is in use by another process.", hint=hint) from error
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            hint = "Run phenoai doctor --rebuild: it makes the ledger anew from the other files."
            raise ProjectError(f"{path} is damaged ({error}).", hint=hint) from error
        raise


class Database:
    """One SQLite file, used from any thread and from several processes.

    Parameters
    ----------
    path : Path
        The file; it and its folder are made when needed.
    migrations : sequence of sequence of str
        Statements of each step; the file remembers how many it has had.

    Raises
    ------
    NewerFormatError
        If a newer version of the package has migrated the file further.
    ProjectError, DiskError
        If the file is damaged, or cannot be opened for writing.
    """

    def __init__(self, path: Path, migrations: Sequence[Sequence[str]]) -> None:
        self.path = path
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._users = Users()
        self._connections: dict[threading.Thread, sqlite3.Connection] = {}
        make_folder(path.parent)
        with disk_errors(path):
            path.open("ab").close()
        try:
            self._migrate(migrations)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give this thread's connection, outside of a transaction unless in one already."""
        with self._users.inside(), sqlite_errors(self.path):
            yield self._connection()

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """Give a connection inside a write transaction: all of it happens, or none.

        A transaction inside another one is part of it. One that is not `durable` is
        done for all who look, but a power cut may take it back, with all that follow.
        """
        with self.reading() as db:
            if db.in_transaction:
                yield db
                return
            db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the connections of all threads; the next use opens a new one.

        Waits until the other threads that are using theirs just now have finished.
        """
        with self._users.alone():
            with self._lock:
                connections, self._connections = self._connections, {}
            if self._pid == os.getpid():
                for connection in connections.values():
                    connection.close()

    def _migrate(self, migrations: Sequence[Sequence[str]]) -> None:
        with self.reading() as db:
            version = _version(db)
        if version == len(migrations):
            return
        with self.transaction() as db:
            version = _version(db)
            if version > len(migrations):
                text = f"{self.path} has format {version}; this version knows up to"
                hint = "Update napari-phenoai: pip install --upgrade napari-phenoai."
                raise NewerFormatError(f"{text} {len(migrations)}.", hint=hint)
            for step in migrations[version:]:
                for statement in step:
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {len(migrations)}")

    def _connection(self) -> sqlite3.Connection:
        thread = threading.current_thread()
        with self._lock:
            self._forget_if_forked()
            if thread not in self._connections:
                self._close_dead()
                self._connections[thread] = self._connect()
            return self._connections[thread]

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(
            self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            db.close()
            raise
        return db

    def _close_dead(self) -> None:
        for thread in [thread for thread in self._connections if not thread.is_alive()]:
            self._connections.pop(thread).close()

    def _forget_if_forked(self) -> None:
        if self._pid != os.getpid():
            self._pid, self._connections = os.getpid(), {}


def _version(db: sqlite3.Connection) -> int:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return int(version)
