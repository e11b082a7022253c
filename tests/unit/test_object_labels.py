"""Labels of objects: ids in the pixels, their classes in a table, both changed together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_phenoai.core.edits import Edit
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.object_table import FIRST_OBJECT, ObjectTable
from napari_phenoai.errors import DiskError, InputError, LabelError, ProjectError
from napari_phenoai.io.doctor import check_project
from napari_phenoai.io.project import Project
from napari_phenoai.loop.history import History
from napari_phenoai.testing.project import tiny_project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_phenoai.io.labels import LabelStore

PLANT, FLOWER = 2, 3


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with tiny_project(tmp_path / "field.phenoai", 1, instances=True) as made:
        made.update_scheme(made.scheme.added("bud"))
        yield made


def store_of(project: Project) -> tuple[LabelStore, str]:
    image = project.images()[0].id
    return project.labels(image), image


def drawn(project: Project, box: tuple[int, int, int, int], its: int) -> int:
    """Draw one object, a rectangle, and return its id."""
    store, image = store_of(project)
    number = store.reserve(1)
    tile = Tile(image, *box)
    store.write(tile, np.full(tile.shape, number, np.uint32), objects={number: its})
    return number


def test_ids_are_kept_with_their_classes(project: Project) -> None:
    store, image = store_of(project)
    first, second = drawn(project, (0, 0, 20, 20), PLANT), drawn(project, (30, 30, 9, 9), FLOWER)
    store.write(Tile(image, 60, 60, 10, 10), np.ones((10, 10), np.uint8))
    assert (first, second) == (FIRST_OBJECT, FIRST_OBJECT + 1)
    whole = Tile(image, 0, 0, 160, 192)
    ids, classes = store.values(whole), store.read(whole)
    assert ids.dtype == np.uint32
    assert (ids[:20, :20] == first).all()
    assert (classes[:20, :20] == PLANT).all()
    assert (classes[30:39, 30:39] == FLOWER).all()
    assert (classes[60:70, 60:70] == 1).all(), "background has no object"
    assert np.array_equal(np.asarray(store.levels[0]), classes), "viewers are shown classes"
    assert store.table is not None
    assert store.table.objects == {first: PLANT, second: FLOWER}


def test_other_programs_read_ids_and_table(project: Project) -> None:
    store, image = store_of(project)
    number = drawn(project, (10, 20, 30, 40), PLANT)
    array = zarr.open_array(store.path / "0", mode="r")
    assert array.dtype == np.uint32
    assert (np.asarray(array)[10:40, 20:60] == number).all()
    assert (store.path / "objects.csv").read_text() == f"id,class\n{number},{PLANT}\n"
    ome = json.loads((store.path / "zarr.json").read_text())["attributes"]["ome"]
    assert "image-label" in ome
    assert image in str(store.path)


def test_undo_takes_the_object_out_of_the_table_and_redo_brings_it_back(project: Project) -> None:
    store, image = store_of(project)
    number = drawn(project, (10, 20, 30, 40), PLANT)
    history = History(project)
    whole = Tile(image, 0, 0, 160, 192)
    painted = store.values(whole)
    history.undo()
    assert store.table is not None
    assert store.table.objects == {}
    assert not store.values(whole).any()
    history.redo()
    assert store.table.objects == {number: PLANT}
    assert np.array_equal(store.values(whole), painted)


def test_an_edit_may_change_a_class_and_no_pixel(project: Project) -> None:
    store, image = store_of(project)
    number = drawn(project, (10, 20, 5, 5), PLANT)
    tile = Tile(image, 10, 20, 5, 5)
    here = store.values(tile)
    store.apply(Edit(tile, here, here, "class", objects={number: (PLANT, FLOWER)}))
    assert (store.read(tile) == FLOWER).all()
    History(project).undo()
    assert (store.read(tile) == PLANT).all()


def test_the_table_survives_a_restart_and_an_id_is_never_given_twice(tmp_path: Path) -> None:
    with tiny_project(tmp_path / "field.phenoai", 1, instances=True) as made:
        number = drawn(made, (10, 20, 5, 5), PLANT)
        store, image = store_of(made)
        kept = store.reserve(4)
    with Project.open(tmp_path / "field.phenoai") as again:
        store = again.labels(image)
        assert store.table is not None
        assert store.table.objects == {number: PLANT}
        assert store.reserve(1) == kept + 4


def test_an_id_that_the_ledger_forgot_is_not_given_either(project: Project) -> None:
    store, image = store_of(project)
    tile = Tile(image, 0, 0, 4, 4)
    store.write(tile, np.full((4, 4), 900, np.uint32), objects={900: PLANT})
    assert store.reserve(1) == 901


def test_what_a_crash_left_is_completed_with_its_table(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, image = store_of(project)
    drawn(project, (0, 0, 4, 4), PLANT)
    number = store.reserve(1)
    tile = Tile(image, 10, 10, 4, 4)
    with monkeypatch.context() as patch:
        patch.setattr("napari_phenoai.io.journal.Journal.settle", _no_room)
        monkey = np.full((4, 4), number, np.uint32)
        store.write(tile, monkey, objects={number: FLOWER})
    (store.path / "objects.csv").write_text(f"id,class\n{FIRST_OBJECT},{PLANT}\n")
    store.close()
    with Project.open(project.path) as again:
        table = again.labels(image).table
        assert table is not None
        assert table.objects[number] == FLOWER


def _no_room(*_: object) -> None:
    raise DiskError("The disk is full.", hint="Free some space.")


def test_an_id_without_a_class_is_refused(project: Project) -> None:
    store, image = store_of(project)
    tile = Tile(image, 0, 0, 4, 4)
    with pytest.raises(LabelError, match="without a class: 700"):
        store.write(tile, np.full((4, 4), 700, np.uint32))
    with pytest.raises(LabelError, match=r"Object 700 .* class 1"):
        store.write(tile, np.full((4, 4), 700, np.uint32), objects={700: 1})
    with pytest.raises(LabelError, match="Object 7 "):
        store.write(tile, np.full((4, 4), 7, np.uint32), objects={7: PLANT})
    assert not store.values(tile).any()


def test_a_damaged_table_is_named(project: Project) -> None:
    store, _ = store_of(project)
    drawn(project, (0, 0, 4, 4), PLANT)
    (store.path / "objects.csv").write_text("id,class\n300,nonsense\n")
    with pytest.raises(ProjectError, match=r"objects\.csv is damaged"):
        assert store.table


def test_the_doctor_compares_table_and_pixels(project: Project) -> None:
    store, _ = store_of(project)
    number = drawn(project, (0, 0, 4, 4), PLANT)
    assert check_project(project.path) == []
    (store.path / "objects.csv").write_text("id,class\n")
    (finding,) = check_project(project.path)
    assert finding.level == "error"
    assert str(number) in finding.what


def test_a_project_of_classes_stays_one(tmp_path: Path) -> None:
    with Project.create(tmp_path / "a.phenoai", ["soil", "plant"]) as semantic:
        text = (semantic.path / "project.json").read_text()
        assert not {"kind", "neck", "smallest_px"} & set(json.loads(text))
        with pytest.raises(InputError, match="semantic"):
            semantic.update(kind="instance")
    with Project.create(tmp_path / "b.phenoai", ["soil", "plant"], instances=True) as made:
        assert json.loads((made.path / "project.json").read_text())["kind"] == "instance"
        assert made.update(neck=0.5).neck == 0.5


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(st.integers(FIRST_OBJECT, 1 << 25), st.integers(2, 9), max_size=6),
    st.integers(0, 1000),
)
def test_classes_are_looked_up_right(objects: dict[int, int], seed: int) -> None:
    table = ObjectTable.over([1, 2], objects)
    values = [0, *table.classes]
    ids = np.random.default_rng(seed).choice(np.array(values, np.uint32), (5, 7))
    expected = np.vectorize(lambda value: table.classes.get(int(value), 0))(ids)
    assert np.array_equal(table.as_classes(ids), expected)
    assert table.objects == objects
    assert table.next_id > max(objects, default=0)
