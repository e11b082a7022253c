"""Masks and decisions that meet a full disk as the project is closed: none is lost."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np
import psygnal
import pytest

from napari_phenoai.core.prompts import Prompts, PromptTake
from napari_phenoai.core.records import QueueItem
from napari_phenoai.errors import DiskError, InputError, LabelError
from napari_phenoai.io.project import Project
from napari_phenoai.io.spare import SpareFiles
from napari_phenoai.loop.proposing import Proposal
from napari_phenoai.loop.review import decide
from napari_phenoai.testing.full_disk import fill, free, small_disk
from napari_phenoai.testing.project import tiny_project
from napari_phenoai.ui import draft_keeper, saving
from napari_phenoai.ui.decision_files import Saving, packed_decision, unpacked_decision
from napari_phenoai.ui.desk import Decision
from napari_phenoai.ui.drafts import draft_name, draft_path, drafted_tile, load_draft
from napari_phenoai.ui.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.ui.desk import Desk

FULL = DiskError("The disk is full.", hint="Make room.")


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        psygnal.emit_queued()
        time.sleep(0.002)


class Person:
    """Somebody who works in one project, in one session after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.errors: list[Exception] = []
        self.told: list[str] = []
        self.session = self._new()

    def _new(self) -> Session:
        session = Session()
        session.introduce("ana")
        session.error_raised.connect(self.errors.append)
        session.told.connect(self.told.append)
        assert session.open_project(self.folder)
        assert session.learner is not None
        session.learner.set_auto(auto=False)
        until(lambda: session.desk is not None)
        return session

    @property
    def desk(self) -> Desk:
        assert self.session.desk is not None
        return self.session.desk

    def paint(self, value: int, rows: int = 20) -> None:
        self.desk.labels[:rows, :20] = value
        self.session.mark_edited()

    def rest(self) -> None:
        until(lambda: not self.session.background.busy and not self.session.jobs)

    def leave(self) -> None:
        self.session.close_project()
        self.rest()
        self.session.close()

    def come_back(self) -> None:
        self.errors.clear()
        self.session = self._new()
        self.rest()

    def open(self, tile: Tile) -> None:
        item = next(item for item in self.session.queue if item.tile == tile.key)
        self.session.open_item(item)
        until(lambda: self.session.desk is not None and self.session.desk.tile == tile)


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return where spare files go; the better place is on the disk that runs full."""
    folders = tmp_path / "disk" / "unsaved", tmp_path / "unsaved"
    monkeypatch.setattr("napari_phenoai.io.spare.spare_folders", lambda: folders)
    return folders[1]


@pytest.fixture
def person(room: Path, tmp_path: Path) -> Iterator[Person]:
    """Return somebody at a project that nobody has worked in."""
    del room
    (tmp_path / "disk").touch()  # no folder can be made there
    tiny_project(tmp_path / "field.phenoai").close()
    made = Person(tmp_path / "field.phenoai")
    yield made
    if made.session.project is not None:
        made.leave()


@pytest.fixture
def crowded(room: Path, tmp_path: Path) -> Iterator[tuple[Person, Path]]:
    """Return somebody at a project on a small disk, and that disk."""
    del room
    with ExitStack() as stack:
        try:
            disk = stack.enter_context(small_disk(tmp_path / "disk", 24))
        except InputError as error:
            pytest.skip(error.what)
        tiny_project(disk / "field.phenoai").close()
        made = Person(disk / "field.phenoai")
        yield made, disk
        free(disk)
        if made.session.project is not None:
            made.leave()


def waiting(room: Path, ending: str) -> list[Path]:
    return list(room.rglob(f"*.{ending}.npz"))


def test_a_mask_under_way_outlives_a_full_disk(crowded: tuple[Person, Path], room: Path) -> None:
    person, disk = crowded
    tile = person.desk.tile
    person.paint(1)
    person.rest()
    fill(disk)
    person.paint(2, rows=30)
    painted = person.desk.labels.copy()
    person.leave()
    assert any("kept in your own folder" in str(error) for error in person.errors)
    assert len(waiting(room, "draft")) == 1
    free(disk)
    person.come_back()
    person.open(tile)
    np.testing.assert_array_equal(person.desk.labels, painted)
    assert person.desk.restored
    assert not waiting(room, "draft")


def test_a_decision_outlives_a_full_disk(crowded: tuple[Person, Path], room: Path) -> None:
    person, disk = crowded
    tile = person.desk.tile
    person.paint(1)
    person.paint(2, rows=10)
    person.desk.note = "half in the shade"
    person.rest()
    painted = person.desk.labels.copy()
    fill(disk)
    person.session.decide("accepted")
    person.leave()
    assert any("could not be saved" in str(error) for error in person.errors)
    assert len(waiting(room, "decision")) == 1
    free(disk)
    with Project.open(person.folder) as project:
        assert not project.labels(tile.image).read(tile).any()
    person.come_back()
    assert person.told == ["A decision of last time could not be saved then; saved now."]
    assert person.session.project is not None
    review = person.session.project.reviews.current()[tile.key]
    assert (review.verdict, review.author, review.note) == ("corrected", "ana", "half in the shade")
    np.testing.assert_array_equal(person.session.project.reviews.mask(review), painted)
    np.testing.assert_array_equal(person.session.project.labels(tile.image).read(tile), painted)
    assert next(one.state for one in person.session.queue if one.tile == tile.key) == "corrected"
    assert not draft_path(person.folder, tile).exists()
    assert not waiting(room, "decision")
    person.leave()
    person.told.clear()
    person.come_back()
    assert not person.told, "what is in the project now came back once more"


def refusing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the disk have no room for decisions and drafts."""

    def full(*_: object, **__: object) -> None:
        raise FULL

    monkeypatch.setattr(saving, "decide", full)
    monkeypatch.setattr(draft_keeper, "save_draft", full)


def test_what_fails_is_tried_again_at_the_end(
    person: Person, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = person.desk.tile
    person.paint(1)
    with monkeypatch.context() as patch:
        refusing(patch)
        person.session.decide("accepted")
        until(lambda: person.session.desk is not None and person.desk.tile != first)
        second = person.desk.tile
        person.paint(2)
        until(lambda: person.errors)
        person.rest()
    person.leave()
    assert not waiting(room, "decision")
    assert not waiting(room, "draft")
    with Project.open(person.folder) as project:
        assert project.reviews.current()[first.key].teaches
    draft = load_draft(person.folder, second)
    assert draft is not None
    assert (draft.labels[:20, :20] == 2).all()


def test_both_come_back_where_they_were_kept_elsewhere(
    person: Person, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = person.desk.tile
    person.paint(1)
    with monkeypatch.context() as patch:
        refusing(patch)
        person.session.decide("rejected")
        until(lambda: person.session.desk is not None and person.desk.tile != first)
        second = person.desk.tile
        person.paint(2)
        person.leave()
    assert len(waiting(room, "decision")) == 1
    drafts = {drafted_tile(path.name.removesuffix(".draft.npz")) for path in waiting(room, "draft")}
    assert second in drafts
    assert sum("could not be saved" in str(error) for error in person.errors) >= 2
    person.come_back()
    assert person.session.project is not None
    assert person.session.project.reviews.current()[first.key].verdict == "rejected"
    assert not draft_path(person.folder, first).exists(), "the draft outlived its decision"
    person.open(second)
    assert (person.desk.labels[:20, :20] == 2).all()
    assert not waiting(room, "draft")


def test_a_tile_that_somebody_goes_on_with_is_not_decided_by_the_past(
    person: Person, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tile = person.desk.tile
    person.paint(1)
    with monkeypatch.context() as patch:
        refusing(patch)
        person.session.decide("accepted")
        until(lambda: person.errors)
        person.session.back()
        until(lambda: person.session.desk is not None and person.desk.tile == tile)
        person.paint(2)
        person.leave()
    assert not waiting(room, "decision"), "a decision was kept that was taken back"
    (path,) = waiting(room, "draft")
    assert path.name.startswith(draft_name(tile))
    person.come_back()
    person.open(tile)
    assert (person.desk.labels[:20, :20] == 2).all()
    assert person.session.project is not None
    assert tile.key not in person.session.project.reviews.current()


def test_what_is_outdated_or_refused_is_set_aside(
    person: Person, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = person.desk.tile
    person.paint(1)
    with monkeypatch.context() as patch:
        refusing(patch)
        person.session.decide("accepted")
        until(lambda: person.session.desk is not None and person.desk.tile != first)
        second = person.desk.tile
        person.paint(1)
        person.session.decide("accepted")
        person.leave()
    assert len(waiting(room, "decision")) == 2
    with Project.open(person.folder) as project:
        decide(project, first, "corrected", labels=np.full(first.shape, 2, np.uint8))

    def refuse(*_: object, **__: object) -> None:
        raise LabelError("There is no such class.", hint="Choose another.")

    with monkeypatch.context() as patch:
        patch.setattr(saving, "decide", refuse)
        person.come_back()
    assert not waiting(room, "decision")
    assert len(list(room.rglob("*.decision.npz.refused"))) == 2
    assert any(isinstance(error, LabelError) for error in person.errors)
    assert person.session.project is not None
    now = person.session.project.reviews.current()
    assert now[first.key].verdict == "corrected"
    assert second.key not in now


def test_a_disk_that_is_still_full_keeps_them_for_later(
    person: Person, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.paint(1)
    with monkeypatch.context() as patch:
        refusing(patch)
        person.session.decide("accepted")
        person.leave()
        assert len(waiting(room, "decision")) == 1
        person.come_back()
        assert any("full" in str(error) for error in person.errors)
        person.leave()
    assert len(waiting(room, "decision")) == 1


@pytest.mark.parametrize("objects", [False, True])
def test_a_decision_comes_back_as_it_was(tmp_path: Path, objects: bool) -> None:
    ids = np.arange(300, 316, dtype=np.uint32).reshape(4, 4) if objects else None
    proposal = Proposal(
        np.ones((4, 4), np.uint8), "m1", ids=ids, objects={300: 2} if objects else {}
    )
    prompts = Prompts.model_validate({"steps": []})
    taken = PromptTake(
        tile="leaf@0,0,0,4,4", prompts=prompts, model="m", chosen=None, value=2, area_px=3,
        score=0.5, grid=8,
    )  # fmt: skip
    decision = Decision(
        QueueItem(tile="leaf@0,0,0,4,4", position=3, reason="because", score=0.25),
        "corrected",
        np.full((4, 4), 2, np.uint32 if objects else np.uint8),
        "painted",
        proposal,
        (taken,),
        {300: 2} if objects else None,
    )
    made = Saving(decision, 12.5, "ana", "note", "r1")
    path = SpareFiles("p", ".decision.npz", [tmp_path]).keep("one", packed_decision(made))
    back = unpacked_decision(path)
    assert back is not None
    assert (back.seconds, back.author, back.note, back.replaces) == (12.5, "ana", "note", "r1")
    found = back.decision
    assert (found.item, found.verdict, found.known) == (decision.item, "corrected", "painted")
    assert (found.prompts, found.objects) == ((taken,), decision.objects)
    assert found.labels is not None
    assert decision.labels is not None
    assert found.labels.dtype == decision.labels.dtype
    np.testing.assert_array_equal(found.labels, decision.labels)
    np.testing.assert_array_equal(found.proposal.labels, proposal.labels)
    assert (found.proposal.model_id, found.proposal.objects) == ("m1", proposal.objects)
    assert (found.proposal.ids is None) == (not objects)
    if objects:
        np.testing.assert_array_equal(found.proposal.ids, ids)
    path.write_bytes(b"no zip")
    assert unpacked_decision(path) is None
