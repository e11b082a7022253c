"""The edit journal: order, undo stack, intents, and how fast it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_phenoai.core.edits import Edit
from napari_phenoai.core.geometry import Tile
from napari_phenoai.errors import InputError, ProjectError
from napari_phenoai.io.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_phenoai.io.journal import Journal


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "ledger.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def journal(ledger: Ledger) -> Journal:
    return ledger.journal


def edit(number: int = 0, *, image: str = "leaf", dtype: str = "uint8", z: int = 0) -> Edit:
    rng = np.random.default_rng(number)
    tile = Tile(image, 400 + number, 300, 300, 500, z)
    before, after = rng.integers(0, 3, (2, *tile.shape)).astype(dtype)
    return Edit(tile, before, after, "brush", "ana")


def same(one: Edit, other: Edit) -> bool:
    """Whether two edits change the same pixels in the same way."""
    pixels = one.changed
    return (
        (one.id, one.tile, one.tool, one.author, one.at)
        == (other.id, other.tile, other.tool, other.author, other.at)
        and one.before.dtype == other.before.dtype
        and np.array_equal(pixels, other.changed)
        and np.array_equal(one.before[pixels], other.before[pixels])
        and np.array_equal(one.after[pixels], other.after[pixels])
    )


@pytest.mark.parametrize("dtype", ["uint8", "uint32", "int16"])
def test_an_edit_comes_back_as_it_was(journal: Journal, dtype: str) -> None:
    made = edit(dtype=dtype, z=4)
    assert journal.number_of(made.id) is None
    number = journal.record(made)
    assert same(journal.edit(number), made)
    assert journal.number_of(made.id) == number


def test_edits_are_pending_until_they_are_settled(journal: Journal) -> None:
    first, second = edit(1), edit(2)
    numbers = [journal.record(first), journal.record(second), journal.record(edit(image="stem"))]
    assert [number for number, _ in journal.pending("leaf")] == numbers[:2]
    assert same(journal.pending("leaf")[0][1], first)
    journal.settle(numbers[0])
    assert [number for number, _ in journal.pending("leaf")] == numbers[1:2]


def test_the_history_lists_edits_of_people_newest_first(journal: Journal) -> None:
    made = [edit(number) for number in range(5)]
    numbers = [journal.record(one) for one in made]
    assert [entry.number for entry in journal.entries()] == numbers[::-1]
    assert [entry.number for entry in journal.entries(2, before=numbers[3])] == numbers[1:3][::-1]
    newest = journal.entries(1)[0]
    assert (newest.id, newest.tile, newest.tool) == (made[4].id, made[4].tile, "brush")
    assert (newest.author, newest.at, newest.pixels) == ("ana", made[4].at, made[4].pixels)
    assert (newest.state, newest.current, newest.reachable) == ("done", True, True)
    assert [entry.current for entry in journal.entries()] == [True, *[False] * 4]
    assert journal.count() == 5


class Stack:
    """What undo and redo mean, in a few lines."""

    def __init__(self) -> None:
        self.all: list[int] = []
        self.done: list[int] = []
        self.undone: list[int] = []


@settings(deadline=None, max_examples=25)
@given(st.lists(st.sampled_from(["edit", "edit", "undo", "undo", "redo"]), max_size=25))
def test_undo_and_redo_are_a_stack(
    tmp_path_factory: pytest.TempPathFactory, acts: list[str]
) -> None:
    ledger = Ledger(tmp_path_factory.mktemp("journal") / "ledger.sqlite")
    journal, model = ledger.journal, Stack()
    for act in acts:
        source = {"undo": journal.to_undo, "redo": journal.to_redo}.get(act)
        if source is None:
            model.all.append(journal.record(small()))
            model.done.append(model.all[-1])
            model.undone.clear()
            continue
        entry = source()
        taken, given = (model.done, model.undone) if act == "undo" else (model.undone, model.done)
        assert (entry is None) == (not taken)
        if entry is not None:
            assert entry.number == taken[-1]
            journal.record(small(), reverts=entry.last)
            given.append(taken.pop())
    entries = {entry.number: entry for entry in journal.entries()}
    assert sorted(entries) == model.all
    assert [number for number in model.all if entries[number].state == "done"] == model.done
    current = [number for number, entry in entries.items() if entry.current]
    assert current == model.done[-1:]
    assert journal.steps_to(0) == -len(model.done)
    for number in model.all:
        if number in model.done:
            assert journal.steps_to(number) == -len(model.done[model.done.index(number) + 1 :])
        elif number in model.undone:
            assert journal.steps_to(number) == len(model.undone) - model.undone.index(number)
        else:
            assert not entries[number].reachable
            with pytest.raises(InputError, match="others were made since"):
                journal.steps_to(number)
    ledger.close()


def small() -> Edit:
    tile = Tile("leaf", 0, 0, 1, 1)
    return Edit(tile, np.zeros((1, 1), np.uint8), np.ones((1, 1), np.uint8))


def test_the_same_edit_is_not_taken_back_twice(journal: Journal) -> None:
    number = journal.record(small())
    undone = journal.record(small(), reverts=number)
    for wrong in (number, 99):
        with pytest.raises(InputError, match="cannot be taken back"):
            journal.record(small(), reverts=wrong)
    assert journal.count() == 1
    journal.record(small(), reverts=undone)
    top = journal.to_undo()
    assert top is not None
    assert top.last == undone + 1


def test_unknown_numbers_are_refused(journal: Journal) -> None:
    undo = journal.record(small(), reverts=journal.record(small()))
    for ask in (journal.edit, journal.entry, journal.steps_to):
        with pytest.raises(InputError, match="no edit 77"):
            ask(77)
    with pytest.raises(InputError, match="in the history"):
        journal.entry(undo)


def test_damaged_pixels_are_told(journal: Journal, ledger: Ledger) -> None:
    number = journal.record(edit())
    with ledger._database.transaction() as db:
        db.execute("UPDATE edit_parts SET after = x'00'")
    with pytest.raises(ProjectError, match=f"Edit {number} in the journal is damaged"):
        journal.edit(number)


def test_marks_of_lower_levels_wait_for_the_edit(journal: Journal) -> None:
    first = journal.record(edit())
    assert journal.stale.of("leaf") == {}
    journal.settle(first)
    chunks = {(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1)}
    assert set(journal.stale.of("leaf")) == chunks
    assert journal.stale.of("stem") == {}
    seen = journal.stale.of("leaf")
    second = journal.record(small())
    journal.settle(second)
    journal.stale.clear("leaf", seen)
    assert journal.stale.of("leaf") == {(0, 0, 0): second}


def test_the_thousandth_edit_is_as_much_work_as_the_first_and_takes_little_room(
    journal: Journal, ledger: Ledger
) -> None:
    tile = Tile("leaf", 40_000, 40_000, 60, 80)
    before, after = np.zeros(tile.shape, np.uint8), np.ones(tile.shape, np.uint8)
    said: list[str] = []
    with ledger._database.reading() as db:
        db.set_trace_callback(said.append)
    counts = []
    for _ in range(1000):
        said.clear()
        journal.settle(journal.record(Edit(tile, before, after)))
        counts.append(len(said))
    assert set(counts[1:]) == {counts[1]}
    assert counts[1] > 1
    assert journal.count() == 1000
    said.clear()
    assert len(journal.entries(200)) == 200
    assert journal.to_undo() is not None
    assert len(said) < 10
    ledger.close()
    assert ledger.path.stat().st_size < 2 << 20
