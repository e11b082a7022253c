"""Painting anywhere on an image that is larger than the window, by real mouse and key events."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.progress import finish
from napari_phenoai.io.project import Project
from napari_phenoai.testing.large import large_image
from napari_phenoai.testing.project import tiny_project
from napari_phenoai.ui.docks import show_dock
from napari_phenoai.ui.history import HistoryDock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot
    from tests.ui.conftest import Hands

    from napari_phenoai.io.journal_entry import JournalEntry

SIZE = (5000, 6000)


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an image larger than the window, with something to see in two places."""
    path = tmp_path_factory.mktemp("large") / "large.ome.zarr"
    return large_image(path, SIZE, patches=[(1024, 1024, 512), (4096, 4608, 512)])


@pytest.fixture
def hands(tmp_path: Path, picture: Path, open_workbench: Callable[[Path], Hands]) -> Hands:
    """Return the hands at a project with one large image."""
    path = tmp_path / "large.phenoai"
    with Project.create(path, ["soil", "plant", "weed"], tile_px=1024) as project:
        finish(project.add_image(str(picture)))
    return open_workbench(path)


def _stored(hands: Hands, tile: Tile | None = None) -> NDArray[np.uint8]:
    assert hands.session.project is not None
    tile = tile or hands.window.tile
    return hands.session.project.labels(tile.image).read(tile)


def _entries(hands: Hands) -> list[JournalEntry]:
    assert hands.session.project is not None
    return hands.session.project.journal.entries()


def _shows(hands: Hands) -> None:
    """Check that the layer, its place and the disk agree."""
    hands.settle()
    layer: Any = hands.dock.bench.layers.tile
    window = hands.window.tile
    assert layer.name == "PhenoAI window"
    assert layer.data is hands.window.painted
    assert tuple(layer.translate) == (window.y * layer.scale[0], window.x * layer.scale[1])
    np.testing.assert_array_equal(layer.data, _stored(hands))
    drawn: Any = hands.viewer.window._qt_viewer.canvas.layer_to_visual[layer]
    np.testing.assert_array_equal(layer._slice.image.raw, layer.data)
    assert drawn.node.visible


def test_napari_tools_paint_the_label_image(hands: Hands) -> None:
    hands.paint_anywhere()
    hands.look(1300, 1300)
    window = hands.window.tile
    y, x = 1300 - window.y, 1300 - window.x
    hands.key("2")
    hands.stroke((y, x), (y, x + 60))
    hands.key("3")
    hands.key("P")
    for corner in ((y + 20, x), (y + 20, x + 60), (y + 80, x + 60), (y + 80, x)):
        hands.click(*corner)
    hands.key("Return")
    hands.key("2")
    hands.key("G")
    hands.click(y + 50, x + 30)
    hands.key("0")
    hands.stroke((y, x + 30), (y, x + 32))
    _shows(hands)

    labels = _stored(hands)
    assert labels[y, x] == 2
    assert labels[y, x + 31] == 0
    assert labels[y + 50, x + 30] == 2
    tools = [entry.tool for entry in reversed(_entries(hands))]
    assert tools == ["brush", "polygon", "fill", "eraser"]
    assert hands.session.current is not None
    assert hands.session.current.state == "waiting"


def test_the_window_follows_the_view_and_loses_nothing(hands: Hands) -> None:
    hands.paint_anywhere()
    hands.key("2")
    seen = set()
    for y, x in ((1200, 1200), (2500, 3000), (4300, 4800), (4990, 5990), (1200, 1200)):
        hands.look(y, x)
        window = hands.window.tile
        seen.add(window.key)
        row, column = min(y, 4950) - window.y, min(x, 5950) - window.x
        hands.stroke((row, column), (row, column + 30))
        hands.viewer.scene.camera.center = (0, y, x + 1)
    _shows(hands)
    assert len(seen) == 4
    assert hands.window.painted[1200 - hands.window.tile.y, 1200 - hands.window.tile.x] == 2
    for y, x in ((1200, 1210), (2500, 3010), (4300, 4810), (4950, 5960)):
        assert _stored(hands, Tile(hands.window.tile.image, y, x, 1, 1)).all()


def test_around_the_window_nothing_old_is_shown(hands: Hands) -> None:
    hands.paint_anywhere()
    hands.look(1200, 1200)
    overlay = hands.viewer.layers["PhenoAI labels"]
    hands.key("2")
    window = hands.window.tile
    hands.stroke((1200 - window.y, 1200 - window.x), (1200 - window.y, 1260 - window.x))
    hands.settle()
    level = overlay.data[0]
    assert not np.asarray(level[1195:1205, 1200:1260]).any(), "drawn twice"
    hands.look(4300, 4800)
    hands.wait(lambda: np.all(np.asarray(level[1200:1201, 1205:1255]) == 2))
    hands.key("Z", control=True)
    hands.settle()
    hands.look(4300, 4800)
    hands.wait(lambda: not np.asarray(level[1195:1205, 1200:1260]).any())


def test_undo_goes_on_elsewhere_and_after_a_restart(hands: Hands) -> None:
    hands.paint_anywhere()
    hands.key("2")
    for y, x in ((1200, 1200), (4300, 4800)):
        hands.look(y, x)
        row, column = y - hands.window.tile.y, x - hands.window.tile.x
        hands.stroke((row, column), (row, column + 30))
    hands.settle()
    assert hands.session.project is not None
    hands.session.open_project(hands.session.project.path)
    hands.ready()
    hands.paint_anywhere()
    hands.look(100, 5000)
    for y, x in ((4300, 4800), (1200, 1200)):
        hands.key("Z", control=True)
        hands.settle()
        hands.wait(partial(_is_there, hands, y, x))
        _shows(hands)
        assert not hands.window.painted.any(), "undone, and the view went there to show it"
    hands.key("Z")
    hands.settle()
    assert "nothing more to undo" in hands.dock.page.status.next_step.text()
    hands.key("Z", control=True, shift=True)
    hands.settle()
    assert hands.window.painted.any()


def _is_there(hands: Hands, y: int, x: int) -> bool:
    window = hands.window.tile
    return window.intersects(Tile(window.image, y, x, 1, 1))


def test_the_history_lists_every_edit_and_goes_to_it(hands: Hands, qtbot: QtBot) -> None:
    hands.paint_anywhere()
    for number, (y, x) in enumerate(((1200, 1200), (1300, 1200), (4300, 4800))):
        hands.key(str(number + 1))
        hands.look(y, x)
        row, column = y - hands.window.tile.y, x - hands.window.tile.x
        hands.stroke((row, column), (row, column + 30))
    hands.settle()
    dock = show_dock(hands.viewer, "History")
    assert isinstance(dock, HistoryDock)
    hands.wait(lambda: dock.model.rowCount() == 3)
    assert [entry.tile.y // 100 for entry in dock.model.entries] == [42, 12, 11]
    first = dock.model.index(2, 1)
    mouse: Any = qtbot
    place = dock.view.visualRect(first).center()
    mouse.mouseClick(dock.view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    hands.settle()
    hands.wait(lambda: dock.model.entries[2].current)
    assert [entry.state for entry in dock.model.entries] == ["undone", "undone", "done"]
    assert hands.window.tile.intersects(dock.model.entries[2].tile)
    _shows(hands)
    assert set(np.unique(hands.window.painted)) == {0, 1}

    dock.redo.click()
    hands.settle()
    hands.wait(lambda: dock.model.entries[1].current)
    assert set(np.unique(hands.window.painted)) == {0, 1, 2}
    assert "brush" in str(dock.model.data(first))


def test_zoomed_out_the_frame_is_told_of(hands: Hands) -> None:
    hands.paint_anywhere()
    hands.look(2500, 3000, zoom=0.1)
    step = hands.dock.page.status.next_step
    hands.wait(lambda: "zoom in" in step.text())
    layer: Any = hands.dock.bench.layers.tile
    assert layer.bounding_box.visible
    hands.look(2500, 3000, zoom=1)
    hands.wait(lambda: "zoom in" not in step.text())
    hands.look(2500, 3000, zoom=0.1)
    hands.key("2")
    hands.stroke((100, 1900), (100, 2300))
    hands.settle()
    hands.wait(lambda: "reached the frame" in step.text())


def test_the_page_says_so_once_one_can_paint(hands: Hands) -> None:
    step = hands.dock.page.status.next_step
    hands.viewer.scene.camera.zoom = 4
    hands.key("Q")
    hands.wait(lambda: step.text() == "Paint what is wrong; every stroke is saved at once.")
    assert hands.painting.window is not None


def test_the_queue_waits_and_gets_what_was_painted(hands: Hands) -> None:
    assert hands.session.desk is not None
    tile = hands.session.desk.tile
    hands.key("2")
    hands.stroke((100, 100), (100, 300))
    hands.paint_anywhere()
    assert not hands.dock.page.decisions.isVisible()
    assert hands.dock.page.painting.isVisible()
    hands.key("Return")
    hands.key("S")
    hands.key("Backspace")
    assert hands.session.current is not None
    assert hands.session.current.where == tile
    assert hands.session.current.state == "waiting"

    hands.look(tile.y + 500, tile.x + 500, zoom=0.5)
    hands.key("3")
    window = hands.window.tile
    row, column = tile.y + 200 - window.y, tile.x + 100 - window.x
    hands.stroke((row, column), (row, column + 200))
    hands.settle()
    hands.key("Q")
    hands.ready()
    labels = hands.session.desk.labels
    assert (labels[100, 110:290] == 2).all()
    assert (labels[200, 110:290] == 3).all()
    hands.stroke((300, 100), (300, 300))
    hands.key("Z", control=True)
    assert not labels[300].any()
    assert (labels[200, 110:290] == 3).all()


def test_the_queue_says_when_no_stroke_is_left_to_undo(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("napari_phenoai.ui.tools.show_info", said.append)
    hands.key("2")
    for row in range(120):
        hands.viewer.layers["PhenoAI tile"].paint((8 * row, 50), 2)
    for _ in range(121):
        hands.key("Z", control=True)
    assert hands.session.desk is not None
    assert not hands.session.desk.labels.any()
    assert said == ["No stroke is left to undo in this tile."]


def test_a_click_in_the_queue_ends_painting(hands: Hands) -> None:
    hands.paint_anywhere()
    item = hands.session.upcoming()[-1]
    hands.session.open_item(item)
    hands.ready()
    assert not hands.session.paints_anywhere
    assert hands.session.current is not None
    assert hands.session.current.where == item.where
    assert hands.viewer.layers["PhenoAI tile"].data.shape == item.where.shape


def test_closing_in_the_middle_of_a_stroke_keeps_it(hands: Hands) -> None:
    hands.paint_anywhere()
    hands.look(1300, 1300)
    hands.key("2")
    window = hands.window.tile
    left = Qt.MouseButton.LeftButton
    mouse: Any = hands.qtbot
    start = hands.point(1300 - window.y, 1300 - window.x)
    mouse.mouseMove(hands.canvas, start)
    mouse.mousePress(hands.canvas, left, pos=start)
    assert hands.session.project is not None
    path = hands.session.project.path
    hands.session.close_project()
    mouse.mouseRelease(hands.canvas, left, pos=start)
    hands.wait(lambda: not hands.session.background.busy)
    with Project.open(path) as project:
        spot = Tile(window.image, 1300, 1300, 1, 1)
        assert project.labels(window.image).read(spot)[0, 0] == 2


def test_images_and_planes_are_chosen_in_the_box(
    tmp_path: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    path = tmp_path / "field.phenoai"
    with tiny_project(path, 1) as project:
        stack = large_image(tmp_path / "stack.ome.zarr", (900, 700), planes=4)
        finish(project.add_image(str(stack)))
    hands = open_workbench(path)
    hands.paint_anywhere()
    box = hands.dock.page.painting
    ids = [box.image.itemData(at) for at in range(box.image.count())]
    other = next(at for at, key in enumerate(ids) if "stack" in key)
    box.image.setCurrentIndex(other)
    box.image.activated.emit(other)
    hands.wait(lambda: hands.painting.window is not None and hands.window.tile.image == ids[other])
    hands.wait(lambda: hands.dock.bench.layers.window.shown)
    box.plane.setValue(2)
    hands.wait(lambda: hands.painting.window is not None and hands.window.tile.z == 2)
    hands.key("2")
    hands.look(450, 350)
    hands.stroke((450, 350), (450, 380))
    hands.key("PageDown")
    hands.wait(lambda: hands.painting.window is not None and hands.window.tile.z == 3)
    assert not hands.window.painted.any()
    assert box.plane.value() == 3
    hands.key("PageUp")
    hands.wait(lambda: hands.painting.window is not None and hands.window.tile.z == 2)
    hands.wait(lambda: hands.dock.bench.layers.window.shown)
    assert hands.window.painted[450, 360] == 2
    _shows(hands)


def test_it_works_with_slices_loaded_in_threads(hands: Hands) -> None:
    from napari.settings import get_settings

    experimental = get_settings().experimental
    experimental.async_ = True
    try:
        hands.paint_anywhere()
        for y, x in ((1300, 1300), (4300, 4800)):
            hands.look(y, x)
            hands.key("2")
            row, column = y - hands.window.tile.y, x - hands.window.tile.x
            hands.stroke((row, column), (row, column + 40))
        hands.key("Z", control=True)
        hands.settle()
        layer: Any = hands.dock.bench.layers.stack.tile
        hands.wait(lambda: layer.loaded)
        _shows(hands)
        assert len([entry for entry in _entries(hands) if entry.state == "done"]) == 1
    finally:
        experimental.async_ = False


def test_the_prediction_lies_below_while_painting(
    worked_project: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    hands = open_workbench(worked_project)
    hands.wait(lambda: hands.session.standing.served is not None)
    hands.wait(lambda: "PhenoAI prediction" in hands.viewer.layers)
    prediction = hands.viewer.layers["PhenoAI prediction"]
    assert not prediction.visible
    hands.paint_anywhere()
    assert prediction.visible
    below = hands.viewer.layers.index(prediction)
    assert below < hands.viewer.layers.index(hands.dock.bench.layers.stack.tile)
    shown = hands.window.painted.any(axis=1)
    assert shown.any(), "people's labels of decided tiles are there"
    assert not shown.all(), "and nothing of the prediction"
    former = hands.dock.bench.layers.scene
    hands.session.standing = replace(hands.session.standing, served=None)
    hands.session.standing_changed.emit()
    hands.wait(lambda: hands.dock.bench.layers.scene is not former)
    drawn = hands.viewer.layers["PhenoAI labels"].data[0]
    assert not np.asarray(drawn[:, :]).any(), "labels are drawn twice under the window"
    hands.key("Q")
    hands.ready()
    assert not prediction.visible


def test_an_image_is_shown_before_its_tiles_are_chosen(
    tmp_path: Path, picture: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    path = tmp_path / "large.phenoai"
    with Project.create(path, ["soil", "plant"]) as project:
        finish(project.add_image(str(picture)))
    other = tmp_path / "other.phenoai"
    tiny_project(other).close()
    hands = open_workbench(other)
    shown: list[bool] = []
    hands.session.standing_changed.connect(lambda: shown.append(hands.session.current is None))
    assert hands.session.open_project(path)
    layers = hands.dock.bench.layers
    hands.wait(lambda: layers.scene is not None and layers.scene.picture.shape == SIZE)
    assert shown[0]
    hands.wait(lambda: hands.session.desk is not None)
