"""Objects in the Workbench: painted, cut, picked, given a class; by real mouse and key events."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.object_table import FIRST_OBJECT, ObjectTable
from napari_phenoai.core.ports import TrainSettings
from napari_phenoai.core.progress import finish
from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.loop.queueing import refresh_queue
from napari_phenoai.loop.retrain import retrain
from napari_phenoai.loop.review import decide
from napari_phenoai.testing.project import tiny_project
from napari_phenoai.testing.scenes import rosettes
from napari_phenoai.ui.drafts import load_draft
from napari_phenoai.ui.objects_colours import (
    code_colours,
    coded,
    codes_of,
    object_colours,
    present_ids,
)
from napari_phenoai.ui.objects_held import HeldObjects

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from tests.ui.conftest import Hands

    from napari_phenoai.ui.desk import Desk


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """Return a closed project of objects with two classes, in which nobody has worked."""
    path = tmp_path / "field.phenoai"
    with tiny_project(path, 2, instances=True) as project:
        project.update_scheme(project.scheme.added("flower"))
        finish(refresh_queue(project, count=8))
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a closed project of objects with a model."""
    path = tmp_path_factory.mktemp("objects") / "field.phenoai"
    with tiny_project(path, 2, instances=True) as project:
        for number, image in enumerate(project.images()):
            truth = rosettes(number, image.plane, spacing_px=80).classes
            for x in (0, 64):
                tile = Tile(image.id, 32, x, 64, 64)
                labels = np.ascontiguousarray(truth[tile.slices])
                decide(project, tile, "corrected", labels=labels, author="ana")
        finish(retrain(project, TrainSettings(family="forest", extra={"trees": 10})))
    return path


def _desk(hands: Hands) -> Desk:
    assert hands.session.desk is not None
    return hands.session.desk


def _ids(labels: NDArray[np.uint32]) -> list[int]:
    return [number for number in np.unique(labels).tolist() if number >= FIRST_OBJECT]


def _line(hands: Hands) -> str:
    assert hands.dock.page is not None
    return hands.dock.page.object.text()


def test_strokes_make_one_object_until_a_new_one_is_begun(
    empty: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    hands = open_workbench(empty)
    hands.key("2")
    hands.stroke((10, 10), (10, 40))
    hands.stroke((14, 10), (14, 40))
    labels = _desk(hands).labels
    assert labels.dtype == np.uint32
    (first,) = _ids(labels)
    assert f"Object {first}: plant" in _line(hands)
    hands.key("Comma")
    hands.stroke((30, 10), (30, 40))
    assert len(_ids(labels)) == 2
    hands.key("3")
    hands.stroke((50, 10), (50, 40))
    assert len(_ids(labels)) == 3
    assert "flower" in _line(hands)
    hands.key("1")
    hands.stroke((60, 10), (60, 60))
    assert 1 in labels
    tile = _desk(hands).tile
    hands.key("Return")
    project = hands.session.project
    assert project is not None
    hands.wait(project.reviews.all)
    (review,) = project.reviews.all()
    assert review.known == "painted"
    assert sorted((review.objects or {}).values()) == [2, 2, 3]
    hands.wait(lambda: np.array_equal(project.labels(tile.image).values(tile), labels))
    classes = project.reviews.mask(review)
    assert (classes[10, 20], classes[30, 20], classes[50, 20], classes[60, 20]) == (2, 2, 3, 1)


def test_a_predicted_tile_that_is_right_costs_one_key(
    trained: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    hands = open_workbench(trained)
    hands.wait(lambda: _desk(hands).has_prediction)
    desk = _desk(hands)
    assert desk.objects is not None
    assert set(_ids(desk.labels)) <= set(desk.objects.classes)
    project = hands.session.project
    assert project is not None
    before = len(project.reviews.all())
    hands.key("Return")
    hands.wait(lambda: len(project.reviews.all()) > before)
    review = project.reviews.current()[desk.tile.key]
    assert (review.verdict, review.changed_px) == ("accepted", 0)
    assert review.objects is not None


def test_a_cut_makes_two_objects_of_one_class(
    empty: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    hands = open_workbench(empty)
    hands.key("2")
    hands.dock.bench.tools.set_size(9)
    hands.stroke((20, 10), (20, 50))
    (first,) = _ids(_desk(hands).labels)
    hands.key("C")
    hands.stroke((5, 30), (40, 30))
    hands.wait(lambda: len(_ids(_desk(hands).labels)) == 2)
    desk = _desk(hands)
    assert desk.objects is not None
    hands.wait(lambda: len(desk.objects.classes) == 2 if desk.objects else False)
    assert set(desk.objects.classes.values()) == {2}
    assert first in desk.objects.classes
    assert (desk.classes[20, 12], desk.classes[20, 48]) == (2, 2)


def test_ids_follow_cut_merge_delete_and_undo(
    empty: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    hands = open_workbench(empty)
    desk = _desk(hands)
    assert desk.objects is not None
    hands.key("2")
    hands.stroke((20, 10), (20, 50))
    (first,) = _ids(desk.labels)
    hands.key("C")
    hands.stroke((5, 25), (40, 25))
    hands.wait(lambda: len(_ids(desk.labels)) == 2)
    parted = desk.labels.copy()
    (second,) = set(_ids(parted)) - {first}
    assert (parted > 0).sum() == (desk.labels > 0).sum()
    assert parted[20, 45] == first, "the larger part keeps the id"

    hands.key("M")
    hands.stroke((20, 12), (20, 45))
    hands.wait(lambda: _ids(desk.labels) == [second])
    hands.key("Z")
    np.testing.assert_array_equal(desk.labels, parted)

    hands.key("Delete")
    hands.click(20, 12)
    hands.wait(lambda: _ids(desk.labels) == [first])
    hands.key("Z")
    np.testing.assert_array_equal(desk.labels, parted)
    hands.key("Z", shift=True)
    hands.wait(lambda: _ids(desk.labels) == [first])

    hands.key("B")
    hands.key("3")
    hands.stroke((50, 10), (50, 40))
    (third,) = set(_ids(desk.labels)) - {first}
    assert third not in (first, second), "no id is given twice, not even a deleted one"
    hands._move((20, 45))
    hands.key("Period")
    hands.wait(lambda: hands.dock.bench.objects.current == first)
    hands.key("3")
    project, tile, labels = hands.session.project, desk.tile, desk.labels.copy()
    assert project is not None
    hands.key("Return")
    hands.wait(lambda: np.array_equal(project.labels(tile.image).values(tile), labels))
    hands.wait(project.reviews.all)
    (review,) = project.reviews.all()
    assert sorted((review.objects or {}).values()) == [3, 3]
    table = project.labels(tile.image).table
    assert table is not None
    assert {number: table.classes[number] for number in (first, third)} == {first: 3, third: 3}


def _two_that_touch(hands: Hands) -> int:
    """Paint two blobs as one object, as a model would find them; return its id."""
    hands.key("2")
    for column in (20, 33):
        hands.click(30, column)
    (number,) = _ids(_desk(hands).labels)
    return number


def test_a_slider_parts_all_objects_of_the_tile_and_enter_takes_it(
    empty: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    hands = open_workbench(empty)
    number, desk = _two_that_touch(hands), _desk(hands)
    before = desk.labels.copy()

    hands.key("V", shift=True)
    hands.wait(lambda: _previewed(hands))
    np.testing.assert_array_equal(desk.labels, before)
    for _ in range(16):
        hands.key("BracketLeft")
    hands.wait(lambda: not _previewed(hands) and "nothing to part" in hands.dock.bench.hand.words)
    options: Any = hands.dock.bench.hand.modes["part"].options()
    assert options.isVisible()
    options.sliders["neck"].setValue(16)
    hands.wait(lambda: _previewed(hands))
    hands.key("Return")
    hands.wait(lambda: len(_ids(desk.labels)) == 2)
    parted = desk.labels.copy()
    assert number in _ids(parted)
    np.testing.assert_array_equal(parted > 0, before > 0)
    assert desk.objects is not None
    hands.wait(lambda: set(_ids(parted)) <= set(desk.objects.classes if desk.objects else ()))
    assert {desk.objects.classes[one] for one in _ids(parted)} == {2}
    hands.key("Z")
    np.testing.assert_array_equal(desk.labels, before)
    hands.key("Z", shift=True)
    np.testing.assert_array_equal(desk.labels, parted)

    options.sliders["neck"].setValue(0)
    hands.wait(lambda: _previewed(hands))
    hands.key("Escape")
    assert not _previewed(hands)
    assert hands.dock.bench.tools.tool == "brush"
    np.testing.assert_array_equal(desk.labels, parted)
    tile = desk.tile.key
    hands.key("V", shift=True)
    hands.wait(lambda: _previewed(hands))
    hands.key("Return")
    hands.wait(lambda: len(_ids(desk.labels)) == 1)
    hands.wait(lambda: "nothing to part" in hands.dock.bench.hand.words)
    hands.key("Return")
    hands.wait(lambda: _desk(hands).tile.key != tile if hands.session.desk else False)


def _previewed(hands: Hands) -> bool:
    layers = hands.viewer.layers
    return "PhenoAI preview" in layers and bool(layers["PhenoAI preview"].visible)


def test_loose_pieces_become_objects(empty: Path, open_workbench: Callable[[Path], Hands]) -> None:
    hands = open_workbench(empty)
    hands.key("2")
    for column in (12, 45):
        hands.click(30, column)
    desk = _desk(hands)
    (number,) = _ids(desk.labels)
    hands.key("M", shift=True)
    hands.click(30, 12)
    hands.wait(lambda: len(_ids(desk.labels)) == 2)
    assert number in _ids(desk.labels)
    assert desk.labels[30, 12] != desk.labels[30, 45]


def test_in_a_project_of_classes_nothing_is_parted(
    tmp_path: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    path = tmp_path / "classes.phenoai"
    tiny_project(path).close()
    hands = open_workbench(path)
    hands.key("2")
    hands.click(30, 20)
    before = _desk(hands).labels.copy()
    hands.key("V", shift=True)
    assert "only in projects of single objects" in hands.dock.bench.hand.words
    hands.click(30, 20)
    hands.key("M", shift=True)
    hands.click(30, 20)
    hands.wait(lambda: "Nothing to change" in hands.dock.bench.hand.words)
    np.testing.assert_array_equal(_desk(hands).labels, before)


def test_objects_come_after_classes_in_one_window(
    trained: Path, worked_project: Path, tmp_path: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    hands = open_workbench(worked_project)
    hands.key("2")
    path = Path(shutil.copytree(trained, tmp_path / "cells.phenoai"))
    assert hands.session.open_project(path)
    assert hands.session.learner is not None
    hands.session.learner.set_auto(auto=False)
    hands.wait(lambda: hands.session.desk is not None)
    hands.ready()
    hands.key("2")
    hands.key("B")
    before = _ids(_desk(hands).labels)
    hands.stroke((5, 5), (5, 30))
    (new,) = set(_ids(_desk(hands).labels)) - set(before)
    assert hands.viewer.layers["PhenoAI tile"].selected_label == new
    assert hands.session.open_project(worked_project)
    hands.wait(lambda: hands.session.desk is not None)
    hands.ready()
    assert hands.viewer.layers["PhenoAI tile"].selected_label == 2


def test_a_picked_object_gets_the_class_that_is_chosen(
    empty: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    hands = open_workbench(empty)
    hands.key("2")
    hands.stroke((20, 10), (20, 50))
    hands.key("Comma")
    hands.stroke((40, 10), (40, 50))
    first, second = _ids(_desk(hands).labels)
    hands._move((20, 30))
    hands.key("Period")
    hands.wait(lambda: hands.dock.bench.objects.current == first)
    assert "picked" in _line(hands)
    hands.key("3")
    desk = _desk(hands)
    assert desk.objects is not None
    assert desk.objects.classes == {first: 3, second: 2}
    assert desk.touched
    hands.wait(lambda: not hands.session.background.busy)
    assert hands.session.project is not None
    draft = load_draft(hands.session.project.path, desk.tile)
    assert draft is not None
    assert draft.objects == {first: 3, second: 2}


def test_a_locked_class_keeps_its_objects(
    empty: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    hands = open_workbench(empty)
    hands.key("2")
    hands.stroke((20, 10), (20, 50))
    before = _desk(hands).labels.copy()
    hands.key("K")
    hands.key("3")
    hands.stroke((5, 30), (40, 30))
    after = _desk(hands).labels
    np.testing.assert_array_equal(after[before > 0], before[before > 0])
    assert len(_ids(after)) == 2


def test_painting_anywhere_keeps_objects_and_undo_takes_them_back(
    empty: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    hands = open_workbench(empty)
    hands.paint_anywhere()
    hands.key("3")
    hands.stroke((30, 30), (30, 80))
    hands.settle()
    project, tile = hands.session.project, _window(hands)
    assert project is not None
    store = project.labels(tile.image)
    (number,) = _ids(store.values(tile))
    assert store.table is not None
    assert store.table.objects == {number: 3}
    hands.key("Z")
    hands.wait(lambda: not store.values(tile).any())
    assert store.table.objects == {}
    hands.settle()


def _window(hands: Hands) -> Tile:
    assert hands.painting.window is not None
    return hands.painting.window.tile


def test_ids_beyond_the_reserved_ones_are_replaced() -> None:
    asked: list[int] = []

    def reserve(count: int) -> int:
        asked.append(count)
        return 5000

    scheme = ClassScheme.of(["soil", "plant"])
    held = HeldObjects({300: 2}, scheme, reserve, spare=range(310, 312), painted=2)
    before = np.ones((1, 6), np.uint32)
    labels = np.array([[310, 311, 312, 313, 1, 1]], np.uint32)
    assert held.follow(before, labels)
    assert labels.tolist() == [[310, 311, 5000, 5001, 1, 1]]
    assert held.classes == {300: 2, 310: 2, 311: 2, 5000: 2, 5001: 2}
    assert held.next_id > 5001
    assert asked


def test_codes_draw_each_object_in_its_own_colour() -> None:
    for names in (["soil", "leaf"], ["soil", "leaf", "bud"]):
        scheme = ClassScheme.of(names)
        objects = {number: scheme.ids[-1 if number % 3 else 1] for number in range(256, 300)}
        table = ObjectTable.over(scheme.ids, objects)
        ids = np.array([*objects, 1, 0, 5000], np.uint32)
        codes = coded(ids, table)
        colours = code_colours(scheme, background_alpha=0)
        wanted = object_colours(scheme, objects, background_alpha=0)
        for number, code in zip(objects, codes.tolist(), strict=False):
            assert colours[code] == wanted[number]
            assert code in codes_of({objects[number]})
            assert code not in codes_of({1})
        assert codes[-3:].tolist() == [1, 0, 0]


def test_objects_beyond_the_tile_are_drawn_as_objects(
    trained: Path, tmp_path: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    path = Path(shutil.copytree(trained, tmp_path / "field.phenoai"))
    hands = open_workbench(path)
    project = hands.session.project
    assert project is not None
    layer = hands.viewer.layers["PhenoAI labels"]
    assert layer.visible
    tile = _desk(hands).tile
    image = next(one for one in project.images() if one.id == tile.image)
    there = project.labels(image.id).values(Tile(image.id, 0, 0, *image.plane))
    free = np.ones(image.plane, bool)
    free[tile.slices] = False
    beyond = np.unique(there[free & (there >= FIRST_OBJECT)])
    assert len(beyond) > 1, "there are objects beside the tile"
    table = project.labels(image.id).table
    assert table is not None
    wanted = np.where(free, coded(there, table), 0)

    def drawn() -> bool:
        shown = layer.data[0][0 : image.plane[0], 0 : image.plane[1]]
        return np.array_equal(np.asarray(shown), wanted)

    hands.wait(drawn)
    colours = layer.colormap.color_dict
    seen = {tuple(np.round(colours[code], 3)) for code in np.unique(wanted[free]) if code > 255}
    assert len(seen) > 1, "neighbours have colours of their own"


def test_a_hidden_class_is_hidden_beyond_the_tile_too(
    trained: Path, tmp_path: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    path = Path(shutil.copytree(trained, tmp_path / "field.phenoai"))
    hands = open_workbench(path)
    hands.key("2")
    hands.key("I")
    colours = hands.viewer.layers["PhenoAI labels"].colormap.color_dict
    assert all(colours[code][3] == 0 for code in codes_of({2}))
    hands.key("I")
    colours = hands.viewer.layers["PhenoAI labels"].colormap.color_dict
    assert all(colours[code][3] == 1 for code in codes_of({2}))


def test_colours_tell_classes_and_neighbours_apart() -> None:
    one = object_colours(ClassScheme.of(["soil", "leaf"]), {300: 2, 301: 2}, background_alpha=0)
    assert one[300] != one[301]
    scheme = ClassScheme.of(["soil", "leaf", "bud"])
    two = object_colours(scheme, {300: 2, 301: 2, 305: 3}, background_alpha=0)
    assert two[300] == two[2]
    assert two[300] != two[301]
    assert two[305] == two[3]
    assert present_ids(np.array([[0, 7], [1 << 30, 7]], np.uint32)) == [0, 7, 1 << 30]
