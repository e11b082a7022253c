"""Keys, docks and viewers: everything works where it should, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_phenoai.testing.project import tiny_project
from napari_phenoai.ui.keys import KEYS
from napari_phenoai.ui.session import session_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot
    from tests.ui.conftest import Hands


@pytest.fixture
def hands(tmp_path: Path, open_workbench: Callable[[Path], Hands]) -> Hands:
    """Return the hands at a viewer with a project that nobody has worked in."""
    path = tmp_path / "field.phenoai"
    tiny_project(path).close()
    return open_workbench(path)


def _labels(hands: Hands) -> np.ndarray[Any, np.dtype[np.uint8]]:
    assert hands.session.desk is not None
    return hands.session.desk.labels


def test_tools_and_classes_by_key(hands: Hands) -> None:
    tools = hands.dock.bench.tools
    layer = hands.viewer.layers["PhenoAI tile"]
    for key, tool, mode in (
        ("E", "eraser", "erase"),
        ("G", "fill", "fill"),
        ("P", "polygon", "polygon"),
        ("B", "brush", "paint"),
    ):
        hands.key(key)
        assert (tools.tool, str(layer.mode)) == (tool, mode)
        assert hands.dock.page.tools.buttons[tool].isChecked()
    hands.key("1")
    assert layer.selected_label == 1
    hands.key("Equal")
    assert layer.selected_label == 2
    hands.key("M")
    assert layer.selected_label == 2, "a class that does not exist was chosen"
    assert tools.tool == "merge"
    hands.key("B")
    before = layer.brush_size
    hands.key("BracketRight")
    assert layer.brush_size > before


def test_fill_polygon_and_eraser_paint_what_they_say(hands: Hands) -> None:
    hands.key("2")
    hands.key("P")
    for corner in ((10, 10), (10, 40), (40, 40), (40, 10)):
        hands.click(*corner)
    hands.key("Return")
    assert _labels(hands)[25, 25] == 2
    assert hands.session.current is not None
    assert hands.session.current.state == "waiting", "Enter closed the polygon and decided too"

    hands.key("1")
    hands.key("G")
    hands.click(55, 55)
    assert _labels(hands)[55, 55] == 1
    assert _labels(hands)[25, 25] == 2

    hands.key("E")
    hands.stroke((20, 20), (20, 30))
    assert _labels(hands)[20, 25] == 0


def test_the_tool_stays_from_tile_to_tile(hands: Hands) -> None:
    hands.stroke((10, 10), (10, 50))
    hands.key("E")
    hands.key("Return")
    hands.ready()
    layer = hands.viewer.layers["PhenoAI tile"]
    assert (hands.dock.bench.tools.tool, str(layer.mode)) == ("eraser", "erase")

    hands.session.open_item(hands.session.upcoming()[-1])
    hands.ready()
    assert (hands.dock.bench.tools.tool, str(layer.mode)) == ("eraser", "erase")

    hands.key("H")
    hands.key("H")
    assert (hands.dock.bench.tools.tool, str(layer.mode)) == ("eraser", "erase")


def test_view_keys(hands: Hands) -> None:
    layer = hands.viewer.layers["PhenoAI tile"]
    hands.key("O")
    assert layer.contour > 0
    hands.key("O")
    assert layer.contour == 0
    hands.key("H")
    assert not layer.visible
    hands.key("H")
    assert layer.visible
    hands.key("D")
    assert hands.viewer.layers["PhenoAI prediction"].visible
    assert hands.dock.page.view.boxes["prediction"].isChecked()
    hands.viewer.scene.camera.zoom = 0.01
    hands.key("Home")
    assert hands.viewer.scene.camera.zoom > 0.1


def test_the_key_sheet_comes_and_goes(hands: Hands, qtbot: QtBot) -> None:
    keyboard: Any = qtbot
    window = hands.dock.window()
    assert window is not None
    window.activateWindow()
    hands.canvas.setFocus()
    hands.wait(window.isActiveWindow)
    keyboard.keyClicks(hands.canvas, "?")
    hands.wait(lambda: hands.dock.sheet is not None and hands.dock.sheet.isVisible())
    keyboard.keyClick(hands.dock.sheet, Qt.Key.Key_Escape)
    assert hands.dock.sheet is not None
    assert not hands.dock.sheet.isVisible()
    hands.key("F1")
    assert hands.dock.sheet.isVisible()


def test_keys_typed_into_a_field_decide_nothing(hands: Hands, qtbot: QtBot) -> None:
    item = hands.session.current
    note = hands.dock.page.note
    note.setFocus()
    keyboard: Any = qtbot
    keyboard.keyClicks(note, "fxs blurred")
    keyboard.keyClick(note, Qt.Key.Key_Return)
    keyboard.keyClick(note, Qt.Key.Key_Backspace)
    assert hands.session.current == item
    assert hands.session.desk is not None
    assert hands.session.desk.note.startswith("fxs blurre")


def test_another_labels_layer_keeps_its_own_keys(hands: Hands) -> None:
    other = hands.viewer.add_labels(np.zeros((64, 64), np.uint8), name="mine")
    hands.viewer.layers.selection.active = other
    item = hands.session.current
    hands.key("X")
    hands.key("F")
    assert str(other.mode) == "fill"
    assert hands.session.current == item


def test_closing_the_dock_leaves_nothing_behind(hands: Hands) -> None:
    def bound() -> set[str]:
        return {str(key) for key in hands.viewer.keymap}

    ours = {key.key for key in KEYS if key.everywhere}
    assert ours & bound()
    hands.viewer.window.remove_dock_widget(hands.dock)
    assert not ours & bound()
    assert not [layer for layer in hands.viewer.layers if layer.name.startswith("PhenoAI")]
    assert not hands.viewer.mouse_move_callbacks
    assert hands.session.project is not None

    hands.session.next_item()
    hands.session.close_project()


def test_a_key_bound_before_comes_back(
    tmp_path: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    pressed: list[int] = []
    path = tmp_path / "field.phenoai"
    tiny_project(path).close()
    hands = open_workbench(path)
    hands.viewer.window.remove_dock_widget(hands.dock)
    hands.viewer.bind_key("T", lambda _: pressed.append(1))
    hands.key("T")
    assert pressed == [1]
    assert hands.session.training is None


def test_two_viewers_work_apart(tmp_path: Path, open_workbench: Callable[[Path], Hands]) -> None:
    hands = []
    for name in ("one", "other"):
        path = tmp_path / f"{name}.phenoai"
        tiny_project(path).close()
        hands.append(open_workbench(path))
    one, other = hands
    assert session_of(one.viewer) is not session_of(other.viewer)
    item = other.session.current
    one.stroke((10, 10), (10, 50))
    assert not _labels(other).any()
    one.key("Return")
    assert other.session.current == item
    assert other.session.queue[0].state == "waiting"


def test_an_empty_workbench_says_how_to_begin(
    make_napari_viewer: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    qtbot: QtBot,
) -> None:
    from napari_phenoai.ui import sample_field
    from napari_phenoai.ui.workbench import WorkbenchDock

    monkeypatch.setattr(sample_field, "sample_folder", lambda: tmp_path)
    viewer = make_napari_viewer(show=True)
    dock = WorkbenchDock(viewer)
    viewer.window.add_dock_widget(dock, name="Workbench")
    texts = [dock.welcome.sample.caption(), dock.welcome.new.text(), dock.welcome.open.text()]
    assert texts == [
        "Open the sample field",
        "New project from a folder of images",
        "Open a project",
    ]
    mouse: Any = qtbot
    mouse.mouseClick(dock.welcome.sample, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dock.session.desk is not None, timeout=60_000)
    assert (tmp_path / "sample field.phenoai" / "project.json").exists()
    assert dock.page.isVisible()
    assert "paint some soil and some plant" in dock.page.status.next_step.text()
    dock.session.close()
