"""Pruning of the edit journal: bounded, whole entries only, and undo goes as far as it says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_phenoai.core.edits import Edit
from napari_phenoai.core.geometry import Tile
from napari_phenoai.errors import InputError
from napari_phenoai.io.database import Database
from napari_phenoai.io.journal import Journal
from napari_phenoai.io.migrations import MIGRATIONS
from napari_phenoai.io.pruning import KEPT_EDITS, prune_edits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEEP = 6


def go_on() -> bool:
    return False


class Page:
    """One pixel whose value is painted, undone and redone, with a journal of it."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path, MIGRATIONS)
        self.journal = Journal(self.database)
        self.value = 0
        self.done: list[tuple[int, int]] = []
        self.undone: list[tuple[int, int]] = []

    def act(self, what: str) -> None:
        if what == "edit":
            self._edit()
        elif what == "undo" and self.done:
            self._turn(self.done, self.undone)
        elif what == "redo" and self.undone:
            self._turn(self.undone, self.done)

    def prune(self, keep: int = KEEP) -> int:
        return prune_edits(self.database, keep, go_on, surplus=0)

    def numbers(self) -> list[int]:
        return sorted(entry.number for entry in self.journal.entries(10_000))

    def rows(self, table: str) -> int:
        with self.database.reading() as db:
            (count,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
        return int(count)

    def _edit(self) -> None:
        before = self.value
        self.value = 1 + (before + len(self.done)) % 250
        self.done.append((self._record(before, self.value, None), before))
        self.undone.clear()

    def _turn(self, source: list[tuple[int, int]], target: list[tuple[int, int]]) -> None:
        number, other = source.pop()
        last = self.journal.entry(number).last
        known = self.journal.edit(last)
        assert int(known.before[0, 0]) == other
        self._record(self.value, other, last)
        target.append((number, self.value))
        self.value = other

    def _record(self, before: int, after: int, reverts: int | None) -> int:
        old, new = (np.full((1, 1), value, np.uint8) for value in (before, after))
        edit = Edit(Tile("leaf", 0, 0, 1, 1), old, new, "brush", "ana")
        number = self.journal.record(edit, reverts=reverts)
        self.journal.settle(number)
        return number


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    made = Page(tmp_path / "ledger.sqlite")
    yield made
    made.database.close()


ACTS = ("edit", "edit", "edit", "undo", "undo", "redo", "prune")


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from(ACTS), max_size=60))
def test_what_is_kept_is_the_end_of_the_history_and_can_be_undone(
    tmp_path_factory: pytest.TempPathFactory, acts: list[str]
) -> None:
    page = Page(tmp_path_factory.mktemp("pruned") / "ledger.sqlite")
    for act in [*acts, "prune"]:
        if act != "prune":
            page.act(act)
            continue
        page.prune()
        kept = page.numbers()
        left = [one for one in page.done if one[0] in kept]
        assert left == page.done[len(page.done) - len(left) :]
        assert len(left) == min(KEEP, len(page.done))
        assert {number for number, _ in page.undone} <= set(kept), "redo lost something"
        page.done = left
    entries = page.journal.entries(10_000)
    assert [entry.number for entry in entries if entry.state == "done"][::-1] == [
        number for number, _ in page.done
    ]
    assert sum(not entry.reachable for entry in entries) <= KEEP
    assert page.journal.count() == len(entries)
    assert page.rows("edits") == page.rows("edit_parts")
    assert page.journal.steps_to(0) == -len(page.done)
    while page.done:
        page.act("undo")
    assert page.journal.to_undo() is None
    while page.undone:
        page.act("redo")
    assert page.journal.to_redo() is None
    page.database.close()


def test_a_long_journal_stays_bounded(page: Page) -> None:
    for number in range(60):
        page.act("edit")
        page.act("undo" if number % 3 else "edit")
    assert page.prune() > 0
    assert len([entry for entry in page.journal.entries(99) if entry.state == "done"]) == KEEP
    assert page.rows("edits") <= 2 * KEEP + 2 * KEEP
    assert page.rows("edit_parts") == page.rows("edits")
    assert page.prune() == 0
    oldest = page.numbers()[0]
    with pytest.raises(InputError, match="no edit 1 in the history"):
        page.journal.steps_to(1)
    assert page.journal.steps_to(oldest) <= 0
    assert page.journal.entries(9, before=oldest) == []


def test_only_undone_edits_are_bounded_too(page: Page) -> None:
    page.act("edit")
    for _ in range(40):
        page.act("edit")
        page.act("undo")
    page.prune()
    states = [entry.state for entry in page.journal.entries(99)]
    assert states.count("done") == 1, "the one edit that counts was dropped"
    assert states.count("undone") <= KEEP + 1
    page.act("redo")
    assert page.journal.to_redo() is None


def test_nothing_is_dropped_while_an_edit_waits_to_be_completed(page: Page) -> None:
    for _ in range(20):
        page.act("edit")
    tile, values = Tile("root", 0, 0, 1, 1), np.zeros((1, 1), np.uint8)
    number = page.journal.record(Edit(tile, values, values + 1, "brush", "ana"))
    assert page.prune() == 0
    assert page.journal.count() == 21
    assert [one for one, _ in page.journal.pending("root")] == [number]
    page.journal.settle(number)
    assert page.prune() == 21 - KEEP


def test_a_surplus_gathers_first_and_stopping_leaves_the_rest(page: Page) -> None:
    for _ in range(90):
        page.act("edit")
    assert prune_edits(page.database, 80, go_on, surplus=10) == 0
    page.act("edit")
    asked: list[int] = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 1

    assert 0 < prune_edits(page.database, 10, stop, surplus=10) < 81
    assert page.journal.count() > 10
    assert prune_edits(page.database, 10, go_on, surplus=10) > 0
    assert page.journal.count() == 10


def test_a_thousand_edits_can_be_undone_by_default(page: Page) -> None:
    assert KEPT_EDITS >= 1000
    for _ in range(5):
        page.act("edit")
    assert page.journal.prune(go_on) == 0
    assert page.journal.prune(go_on, keep=1) == 0, "no surplus has gathered"


_DIES = """
import os, signal, sys
from pathlib import Path
from napari_phenoai.io import pruning
from napari_phenoai.io.database import Database
from napari_phenoai.io.migrations import MIGRATIONS

path, calls = Path(sys.argv[1]), int(sys.argv[2])
drop = pruning._drop_some

def dying(db, keep):
    global calls
    gone = drop(db, keep)
    calls -= 1
    if not calls:
        os.kill(os.getpid(), signal.SIGKILL)  # before the transaction ends
    return gone

pruning._drop_some = dying
pruning.prune_edits(Database(path, MIGRATIONS), 6, lambda: False, surplus=0)
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of POSIX")
@pytest.mark.parametrize("call", [1, 2])
def test_a_kill_in_the_middle_leaves_whole_entries(page: Page, call: int) -> None:
    for _ in range(30):
        page.act("edit")
        page.act("undo")
        page.act("redo")
    page.database.close()
    command = [sys.executable, "-c", _DIES, str(page.database.path), str(call)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = page.journal.count()
    assert left == (30 if call == 1 else 10), "the batch that was cut off was half done"
    assert page.rows("edits") == page.rows("edit_parts") == 3 * left
    assert page.prune() == left - KEEP
    page.done = page.done[-KEEP:]
    for _ in range(KEEP):
        page.act("undo")
    assert page.journal.to_undo() is None
