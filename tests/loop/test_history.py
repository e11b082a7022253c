"""Undo and redo over images and restarts, and jumping through the history."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_phenoai.core.edits import edit_between
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.records import ImageRecord
from napari_phenoai.errors import InputError, LockedError
from napari_phenoai.io.files import write_json
from napari_phenoai.io.project import Project
from napari_phenoai.loop.history import History
from napari_phenoai.testing.strokes import Canvas, step_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_phenoai.testing.strokes import Step

IMAGES = {"leaf": (1100, 1300), "root": (600, 520)}


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk: these tests are about what is written, not when."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def make_project(folder: Path) -> Project:
    project = Project.create(folder, ["soil", "plant"])
    for image, (rows, columns) in IMAGES.items():
        record = ImageRecord(
            id=image,
            name=image,
            uri=image,
            original=image,
            shape=(1, 3, rows, columns),
            dtype="uint8",
            fingerprint="f",
        )
        write_json(folder / "images" / f"{image}.json", record)
    return project


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with make_project(tmp_path / "p.phenoai") as made:
        yield made


def pixels(project: Project, image: str) -> NDArray[np.uint8]:
    return np.asarray(project.labels(image).levels[0])


def paint(project: Project, step: Step) -> None:
    store = project.labels(step.tile.image)
    edit = step.edit(store.read(step.tile))
    if edit is not None:
        store.apply(edit)


def stroke(project: Project, image: str, value: int, y: int = 0) -> int:
    store, tile = project.labels(image), Tile(image, y, 500, 40, 20)
    before = store.read(tile)
    edit = edit_between(tile, before, np.full_like(before, value))
    assert edit is not None
    return store.apply(edit)


def test_undo_goes_back_over_images_and_a_restart(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.phenoai") as project:
        stroke(project, "leaf", 1)
        stroke(project, "root", 2)
    with Project.open(tmp_path / "p.phenoai") as project:
        history = History(project, author="ben")
        edit = history.undo()
        assert edit is not None
        assert (edit.tile.image, edit.tool, edit.author) == ("root", "undo", "ben")
        assert not pixels(project, "root").any()
        assert pixels(project, "leaf").any()
    with Project.open(tmp_path / "p.phenoai") as project:
        history = History(project)
        assert history.undo() is not None
        assert history.undo() is None
        assert not pixels(project, "leaf").any()
        assert [entry.state for entry in history.entries()] == ["undone", "undone"]
        for _ in range(2):
            assert history.redo() is not None
        assert history.redo() is None
        assert (pixels(project, "leaf")[:40, 500:520] == 1).all()
        assert (pixels(project, "root")[:40, 500:520] == 2).all()


def test_jumping_goes_to_the_entry_and_no_further(project: Project) -> None:
    numbers = [stroke(project, "leaf", 1 + number % 2) for number in range(6)]
    history = History(project)
    assert len(history.jump(numbers[1])) == 4
    assert [entry.number for entry in history.entries() if entry.current] == [numbers[1]]
    assert (pixels(project, "leaf")[:40, 500:520] == 2).all()
    assert len(history.jump(numbers[4])) == 3
    assert history.jump(numbers[4]) == []
    assert len(history.jump(0)) == 5
    assert not pixels(project, "leaf").any()
    assert len(history.jump(numbers[5])) == 6


def test_what_was_undone_before_a_new_edit_stays_out_of_reach(project: Project) -> None:
    first, second = stroke(project, "leaf", 1), stroke(project, "leaf", 2, y=100)
    history = History(project)
    history.undo()
    third = stroke(project, "root", 1)
    assert history.redo() is None
    with pytest.raises(InputError, match="others were made since"):
        history.jump(second)
    states = {entry.number: (entry.state, entry.reachable) for entry in history.entries()}
    assert states == {first: ("done", True), second: ("undone", False), third: ("done", True)}
    assert len(history.jump(0)) == 2
    assert len(history.jump(third)) == 2
    assert not pixels(project, "leaf")[100:140].any()


def test_a_jump_can_be_stopped_between_two_edits(project: Project) -> None:
    numbers = [stroke(project, "leaf", 1 + number % 2) for number in range(6)]
    history = History(project)
    work = history.jumping(numbers[0])
    progress = next(work)
    assert (progress.done, progress.total) == (1, 5)
    work.close()
    assert [entry.number for entry in history.entries() if entry.current] == [numbers[4]]


def test_decisions_are_in_the_history_and_can_be_taken_back(project: Project) -> None:
    from napari_phenoai.loop.review import decide

    tile = Tile("leaf", 512, 0, 256, 256)
    decide(project, tile, "corrected", labels=np.full(tile.shape, 2, np.uint8), author="ana")
    history = History(project)
    (entry,) = history.entries()
    assert (entry.tool, entry.tile, entry.author) == ("review", tile, "ana")
    history.undo()
    assert not pixels(project, "leaf").any()
    assert len(project.reviews.all()) == 1


def test_an_image_that_another_window_writes_is_named(project: Project) -> None:
    stroke(project, "leaf", 1)
    project.labels("leaf").close()
    with Project.open(project.path) as other:
        stroke(other, "leaf", 2)
        with pytest.raises(LockedError, match="leaf"):
            History(project).undo()
        assert len(History(other).jump(0)) == 2


@pytest.mark.usefixtures("no_waiting")
@settings(
    deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 10**6))
def test_random_edits_are_undone_to_the_first_byte_by_byte(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("history") / "p.phenoai"
    canvas, states = Canvas(IMAGES), []
    with make_project(folder) as project:
        history = History(project)
        for number in range(30):
            step = step_at(number, seed, IMAGES)
            canvas.take(step)
            if step.kind == "paint":
                paint(project, step)
            else:
                (history.undo if step.kind == "undo" else history.redo)()
        for image, plane in canvas.planes.items():
            assert np.array_equal(pixels(project, image), plane)
    with Project.open(folder) as project:
        history = History(project)
        while history.undo() is not None:
            states.append({image: pixels(project, image) for image in IMAGES})
        assert not any(plane.any() for plane in states[-1].values())
        for state in states[-2::-1]:
            history.redo()
            assert all(np.array_equal(pixels(project, image), state[image]) for image in IMAGES)


@pytest.mark.usefixtures("no_waiting")
def test_a_thousand_edits_are_undone_after_a_restart(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.phenoai") as project:
        whole = Tile("root", 0, 0, *IMAGES["root"])
        first = np.random.default_rng(0).integers(0, 3, whole.shape, np.uint8)
        project.labels("root").write(whole, first)
        (begin,) = project.journal.entries()
        number = 0
        while project.journal.count() < 1001:
            paint(project, step_at(number, 5, IMAGES, radius=(2, 12), reach=80))
            number += 1
            if project.journal.count() == 101:
                hundredth = project.journal.entries(1)[0]
                then = {image: pixels(project, image) for image in IMAGES}
    with Project.open(tmp_path / "p.phenoai") as project:
        history = History(project)
        assert len(history.jump(begin.number)) == 1000
        assert np.array_equal(pixels(project, "root"), first)
        assert not pixels(project, "leaf").any()
        assert len(history.jump(0)) == 1
        assert not list(project.labels("root").path.glob("0/c/*/*"))
    with Project.open(tmp_path / "p.phenoai") as project:
        assert len(History(project).jump(hundredth.number)) == 101
        assert all(np.array_equal(pixels(project, image), then[image]) for image in IMAGES)
