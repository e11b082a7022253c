"""The ledger: queue, jobs, edit journal, small settings, and an index of the record files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_phenoai.core.records import JobRecord, QueueItem, now
from napari_phenoai.io.database import Database
from napari_phenoai.io.decisions import DecisionsUnderWay
from napari_phenoai.io.journal import Journal
from napari_phenoai.io.migrations import MIGRATIONS
from napari_phenoai.io.processes import ProcessMark

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from napari_phenoai.io.folders import FileMark

__all__ = ["Ledger"]

_ITEM = ("tile", "position", "score", "reason", "strategy", "role", "model", "state")


class Ledger:
    """``ledger.sqlite`` of a project; usable from any thread, by several processes.

    Opening it marks jobs whose process has died as ``lost``.

    Parameters
    ----------
    path : Path
        The file; made when it is not there.

    Attributes
    ----------
    journal : Journal
        All edits of people's labels.
    decisions : DecisionsUnderWay
        Reviews whose labels are not written yet.

    Raises
    ------
    NewerFormatError
        If a newer version of the package made the file.
    ProjectError
        If the file is damaged; it can be rebuilt.
    DiskError
        If the disk is full or read-only.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database = Database(path, MIGRATIONS)
        self.journal = Journal(self._database)
        self.decisions = DecisionsUnderWay(self._database)
        self._mark_lost()

    def close(self) -> None:
        """Close the file, when no other thread is using it; it opens again with the next use."""
        self._database.close()

    # ------------------------------------------------------------------ queue

    def set_queue(self, round_id: str, items: Sequence[QueueItem]) -> None:
        """Make `items` the queue from now on, under the name of a round.

        Older queues are kept; one of the same name is replaced.
        """
        rows = [tuple(getattr(item, name) for name in _ITEM) for item in items]
        marks = ", ".join("?" for _ in _ITEM)
        with self._database.transaction() as db:
            db.execute("DELETE FROM queues WHERE round = ?", (round_id,))
            made = now().isoformat()
            db.execute("INSERT INTO queues (round, made) VALUES (?, ?)", (round_id, made))
            (number,) = db.execute("SELECT max(number) FROM queues").fetchone()
            statement = f"INSERT INTO queue_items (queue, {', '.join(_ITEM)}) VALUES (?, {marks})"  # noqa: S608 - constants only
            db.executemany(statement, [(number, *row) for row in rows])

    def queue(self) -> list[QueueItem]:
        """Return the newest queue in the order of its positions; empty when there is none."""
        statement = f"""
            SELECT {", ".join(_ITEM)} FROM queue_items
            WHERE queue = (SELECT max(number) FROM queues) ORDER BY position, tile
            """  # noqa: S608 - constants only
        with self._database.reading() as db:
            rows = db.execute(statement).fetchall()
        return [QueueItem.model_validate(dict(zip(_ITEM, row, strict=True))) for row in rows]

    def queue_round(self) -> str | None:
        """Return the round whose queue is the newest; None when there is none."""
        with self._database.reading() as db:
            row = db.execute("SELECT round FROM queues ORDER BY number DESC LIMIT 1").fetchone()
        return None if row is None else str(row[0])

    def mark(self, tile_key: str, state: str) -> bool:
        """Set the state of a tile in the newest queue.

        Returns
        -------
        bool
            False when the tile is not in that queue.

        Raises
        ------
        pydantic.ValidationError
            If there is no such state.
        """
        QueueItem.model_validate({"tile": tile_key, "position": 0, "state": state})
        statement = """
            UPDATE queue_items SET state = ?
            WHERE queue = (SELECT max(number) FROM queues) AND tile = ?
            """
        with self._database.transaction() as db:
            return db.execute(statement, (state, tile_key)).rowcount > 0

    # ------------------------------------------------------------------- jobs

    def save_job(self, job: JobRecord) -> None:
        """Write what is known of `job`, in place of what was known before."""
        statement = """
            INSERT INTO jobs (id, state, process, started, record) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET state = excluded.state, process = excluded.process,
                record = excluded.record
            """
        process = ProcessMark.of(job.pid).model_dump_json()
        started = job.started.isoformat()
        with self._database.transaction() as db:
            db.execute(statement, (job.id, job.state, process, started, job.model_dump_json()))

    def jobs(self) -> list[JobRecord]:
        """Return all jobs, newest first."""
        with self._database.reading() as db:
            rows = db.execute("SELECT record FROM jobs ORDER BY started DESC, id DESC").fetchall()
        return [JobRecord.model_validate_json(record) for (record,) in rows]

    def _mark_lost(self) -> None:
        with self._database.reading() as db:
            running = db.execute("SELECT process, record FROM jobs WHERE state = 'running'")
            rows = running.fetchall()
        for process, record in rows:
            mark = ProcessMark.parse(process)
            if mark is None or not mark.alive:
                self._lose(JobRecord.model_validate_json(record))

    def _lose(self, job: JobRecord) -> None:
        lost = job.but(
            state="lost",
            what=f"{job.title} ended without a word: its process is gone.",
            hint="Start it again; everything saved until then is there.",
            ended=now(),
        )
        statement = "UPDATE jobs SET state = 'lost', record = ? WHERE id = ? AND state = 'running'"
        with self._database.transaction() as db:
            db.execute(statement, (lost.model_dump_json(), job.id))

    # --------------------------------------------------------------- settings

    def get_setting(self, key: str) -> str | None:
        """Return the value kept under `key`; None when there is none."""
        with self._database.reading() as db:
            row = db.execute("SELECT value FROM settings WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def set_setting(self, key: str, value: str, *, durable: bool = True) -> None:
        """Keep `value` under `key`; where it is not `durable`, a power cut may take it back."""
        statement = """
            INSERT INTO settings (key, value) VALUES (?, ?)
            ON CONFLICT (key) DO UPDATE SET value = excluded.value
            """
        with self._database.transaction(durable=durable) as db:
            db.execute(statement, (key, value))

    # ------------------------------------------------------------------ index

    def indexed(self, kind: str) -> dict[str, tuple[FileMark, str]]:
        """Return the indexed files of one kind of record: how each looked, and its JSON."""
        statement = "SELECT file, size, mtime_ns, record FROM records WHERE kind = ?"
        with self._database.reading() as db:
            rows = db.execute(statement, (kind,)).fetchall()
        return {file: ((size, mtime_ns), record) for file, size, mtime_ns, record in rows}

    def index(self, kind: str, rows: Iterable[tuple[str, FileMark, str, str]]) -> None:
        """Put files into the index: name, how it looks, id and JSON of each."""
        statement = """
            INSERT INTO records (kind, file, size, mtime_ns, id, record) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (kind, file) DO UPDATE SET id = excluded.id, size = excluded.size,
                mtime_ns = excluded.mtime_ns, record = excluded.record
            """
        values = [(kind, file, *mark, name, record) for file, mark, name, record in rows]
        with self._database.transaction() as db:
            db.executemany(statement, values)

    def unindex(self, kind: str, files: Iterable[str]) -> None:
        """Take files out of the index, as they are gone."""
        with self._database.transaction() as db:
            statement = "DELETE FROM records WHERE kind = ? AND file = ?"
            db.executemany(statement, [(kind, file) for file in files])

    def clear_index(self) -> None:
        """Forget the index of record files; it is made anew when they are listed next."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM records")

    def problem(self) -> str | None:
        """Return what SQLite finds wrong with the file; None when it is sound."""
        with self._database.reading() as db:
            (result,) = db.execute("PRAGMA quick_check(1)").fetchone()
        return None if result == "ok" else str(result)
