"""The ledger: transactions, migrations, jobs that died, damage."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.records import JobRecord, QueueItem
from napari_phenoai.errors import NewerFormatError, ProjectError
from napari_phenoai.io.database import Database
from napari_phenoai.io.ledger import Ledger
from napari_phenoai.io.migrations import MIGRATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "ledger.sqlite")
    yield opened
    opened.close()


def item(position: int, **changes: object) -> QueueItem:
    tile = Tile("leaf", 0, position * 256, 256, 256)
    return QueueItem(tile=tile.key, position=position).but(**changes)


queue_items = st.lists(
    st.builds(
        QueueItem,
        tile=st.integers(0, 10**6).map(lambda x: Tile("leaf", 0, x, 8, 8).key),
        position=st.integers(0, 1000),
        score=st.none() | st.floats(0, 1),
        reason=st.text(max_size=20).filter(lambda text: "\x00" not in text),
        role=st.sampled_from(["train", "heldout"]),
        model=st.none() | st.just("unet-1"),
    ),
    max_size=8,
    unique_by=lambda one: one.tile,
)


@settings(deadline=None, max_examples=20)
@given(queue_items)
def test_a_queue_comes_back_in_order(
    tmp_path_factory: pytest.TempPathFactory, items: list[QueueItem]
) -> None:
    ledger = Ledger(tmp_path_factory.mktemp("ledger") / "ledger.sqlite")
    ledger.set_queue("r1", [item(0)])
    ledger.set_queue("r2", items)
    assert ledger.queue() == sorted(items, key=lambda one: (one.position, one.tile))
    assert ledger.queue_round() == "r2"
    ledger.close()


def test_marks_go_to_the_newest_queue_only(ledger: Ledger) -> None:
    assert ledger.queue() == []
    assert ledger.queue_round() is None
    assert not ledger.mark(item(0).tile, "accepted")
    ledger.set_queue("r1", [item(0), item(1)])
    assert ledger.mark(item(1).tile, "flagged")
    assert [one.state for one in ledger.queue()] == ["waiting", "flagged"]
    ledger.set_queue("r2", [item(1)])
    assert [one.state for one in ledger.queue()] == ["waiting"]
    assert not ledger.mark(item(0).tile, "accepted")
    ledger.set_queue("r1", [item(3)])
    assert ledger.queue() == [item(3)]
    with pytest.raises(ValidationError):
        ledger.mark(item(3).tile, "nonsense")


def test_a_queue_is_replaced_whole_or_not_at_all(ledger: Ledger) -> None:
    ledger.set_queue("r1", [item(0)])
    with pytest.raises(sqlite3.IntegrityError):
        ledger.set_queue("r1", [item(1), item(1)])
    assert ledger.queue() == [item(0)]


def test_settings(ledger: Ledger, tmp_path: Path) -> None:
    assert ledger.get_setting("tile") is None
    ledger.set_setting("tile", "a")
    ledger.set_setting("tile", "b")
    again = Ledger(tmp_path / "ledger.sqlite")
    assert again.get_setting("tile") == "b"
    again.close()


def test_it_is_kept_the_safe_way(ledger: Ledger, tmp_path: Path) -> None:
    with ledger._database.reading() as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert db.execute("PRAGMA foreign_keys").fetchone() == (1,)
        tables = db.execute("SELECT name, strict FROM pragma_table_list WHERE type = 'table'")
        strict = {name: strict for name, strict in tables if not name.startswith("sqlite_")}
    edits = {"edits", "edit_parts", "edit_planes", "stale_chunks", "object_ids"}
    edits |= {"decisions_under_way"}
    assert set(strict) == {"records", "queues", "queue_items", "jobs", "settings"} | edits
    assert set(strict.values()) == {1}


def test_other_programs_can_ask_the_index(ledger: Ledger, tmp_path: Path) -> None:
    ledger.index("round", [("a.json", (1, 2), "a", '{"kind": "training", "served": "m"}')])
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as db:
        assert db.execute("SELECT id, kind, served FROM rounds").fetchall() == [
            ("a", "training", "m")
        ]


DEAD = """
import sys
from pathlib import Path
from napari_phenoai.core.records import JobRecord
from napari_phenoai.io.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
ledger.save_job(JobRecord(id="1", kind="train", title="Training"))
ledger.save_job(JobRecord(id="2", kind="predict", title="Done", state="done"))
"""


def test_jobs_of_dead_processes_are_lost(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    subprocess.run([sys.executable, "-c", DEAD, str(path)], check=True)
    ledger = Ledger(path)
    mine = JobRecord(id="3", kind="train", title="Mine", pid=os.getpid())
    ledger.save_job(mine)
    ledger.close()
    again = Ledger(path)
    states = {job.id: job.state for job in again.jobs()}
    assert states == {"1": "lost", "2": "done", "3": "running"}
    lost = next(job for job in again.jobs() if job.id == "1")
    assert lost.hint
    assert lost.ended is not None
    again.save_job(mine.but(state="done"))
    assert [job.state for job in again.jobs() if job.id == "3"] == ["done"]
    again.close()


def test_threads_and_processes_write_at_once(ledger: Ledger, tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from napari_phenoai.io.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
for n in range(40):
    ledger.set_setting(f"child {n}", str(n))
"""
    child = subprocess.Popen([sys.executable, "-c", code, str(ledger.path)])
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: ledger.set_setting(f"thread {n}", str(n)), range(80)))
    assert child.wait(300) == 0
    assert all(ledger.get_setting(f"thread {n}") == str(n) for n in range(80))
    assert all(ledger.get_setting(f"child {n}") == str(n) for n in range(40))


def test_connections_of_ended_threads_are_closed(ledger: Ledger) -> None:
    for _ in range(5):
        thread = threading.Thread(target=ledger.queue)
        thread.start()
        thread.join()
    ledger.queue()
    assert len(ledger._database._connections) <= 2


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.sqlite", MIGRATIONS)

    def stopped_half_way() -> None:
        with database.transaction() as db:
            db.execute("INSERT INTO settings VALUES ('a', 'b')")
            with database.transaction() as inner:
                inner.execute("INSERT INTO settings VALUES ('c', 'd')")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped_half_way()
    with database.reading() as db:
        assert db.execute("SELECT count(*) FROM settings").fetchone() == (0,)
    database.close()


def test_migrations_run_once_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    first = ("CREATE TABLE a (n INTEGER) STRICT",)
    second = ("INSERT INTO a VALUES (1)", "ALTER TABLE a ADD COLUMN m INTEGER")
    Database(path, [first]).close()
    for _ in range(2):
        Database(path, [first, second]).close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT n, m FROM a").fetchall() == [(1, None)]
    with pytest.raises(sqlite3.OperationalError):
        Database(path, [first, second, ("INSERT INTO a VALUES (2, 2)", "nonsense")])
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM a").fetchone() == (1,)


def test_a_newer_ledger_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    Ledger(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(NewerFormatError) as caught:
        Ledger(path)
    assert str(path) in caught.value.what


def test_a_damaged_ledger_is_named_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"this is no database " * 100)
    with pytest.raises(ProjectError, match="damaged") as caught:
        Ledger(path)
    assert str(path) in caught.value.what
    assert "--rebuild" in caught.value.hint


def test_closing_waits_for_the_thread_inside(ledger: Ledger) -> None:
    inside, leave, order = threading.Event(), threading.Event(), []

    def use() -> None:
        with ledger._database.transaction() as db:
            inside.set()
            assert leave.wait(60)
            db.execute("INSERT INTO settings VALUES ('a', 'b')")
            with ledger._database.reading() as again:
                assert again is db
            order.append("used")

    def close() -> None:
        ledger.close()
        order.append("closed")

    user, closer = threading.Thread(target=use), threading.Thread(target=close)
    user.start()
    assert inside.wait(60)
    closer.start()
    closer.join(0.1)
    assert closer.is_alive()
    late = threading.Thread(target=lambda: order.append(str(ledger.get_setting("a"))))
    late.start()
    late.join(0.1)
    assert late.is_alive()
    leave.set()
    for thread in (user, closer, late):
        thread.join(60)
        assert not thread.is_alive()
    assert order[0] == "used"
    assert set(order) == {"used", "closed", "b"}


CLOSE_OFTEN = """
import sys, threading, time
from pathlib import Path
from napari_phenoai.core.records import QueueItem
from napari_phenoai.io.ledger import Ledger

ledger = Ledger(Path(sys.argv[1]))
ledger.set_queue("r", [QueueItem(tile=f"a@0,0,{n},8,8", position=n) for n in range(400)])
turns = []

def use() -> None:
    while len(turns) < 400:
        assert len(ledger.queue()) == 400
        ledger.set_setting("a", "b")
        turns.append(1)

threads = [threading.Thread(target=use) for _ in range(4)]
for thread in threads:
    thread.start()
while len(turns) < 400 and any(thread.is_alive() for thread in threads):
    ledger.close()
    time.sleep(0.001)
for thread in threads:
    thread.join()
ledger.close()
assert len(turns) >= 400, turns
"""


def test_closing_under_the_hands_of_other_threads_is_safe(tmp_path: Path) -> None:
    code = [sys.executable, "-X", "faulthandler", "-c", CLOSE_OFTEN, str(tmp_path / "l.sqlite")]
    done = subprocess.run(code, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr


def test_closing_inside_ones_own_use_does_not_wait_for_itself(ledger: Ledger) -> None:
    with ledger._database.reading():
        ledger.close()
    assert ledger.queue() == []


def test_a_project_of_the_version_before_gets_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    database = Database(path, MIGRATIONS[:1])
    with database.transaction() as db:
        db.execute("INSERT INTO settings VALUES ('a', 'b')")
    database.close()
    again = Ledger(path)
    assert again.get_setting("a") == "b"
    assert again.journal.entries() == []
    again.close()
