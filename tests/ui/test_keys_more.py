"""Opacity, paint-only and a new class by key: the mouse never leaves the canvas."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest
from napari.layers import Labels
from napari.settings import get_settings
from napari.utils.action_manager import action_manager
from napari.utils.key_bindings import coerce_keybinding
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QLabel

from napari_phenoai.io.project import Project
from napari_phenoai.testing.project import tiny_project
from napari_phenoai.ui.keys import IN_FORCE, KEYS
from napari_phenoai.ui.looks import OPACITIES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot
    from tests.ui.conftest import Hands

    from napari_phenoai.ui.desk import Desk

NEW = ("fainter", "stronger", "paint_only", "add_class")


@pytest.fixture
def hands(tmp_path: Path, open_workbench: Callable[[Path], Hands]) -> Hands:
    """Return the hands at a viewer with a project that nobody has worked in."""
    path = tmp_path / "field.phenoai"
    tiny_project(path).close()
    return open_workbench(path)


def _holder(hands: Hands) -> Any:
    window = hands.dock.window()
    assert window is not None
    return window.focusWidget()


def _desk(hands: Hands) -> Desk:
    assert hands.session.desk is not None
    return hands.session.desk


def _type(hands: Hands, qtbot: QtBot, text: str, end: str) -> None:
    """Type into what has the keyboard, as a person does."""
    from qtpy.QtCore import Qt

    keyboard: Any = qtbot
    keyboard.keyClicks(_holder(hands), text)
    keyboard.keyClick(_holder(hands), getattr(Qt.Key, f"Key_{end}"))


def test_no_two_actions_share_a_key() -> None:
    keys = [coerce_keybinding(key.key) for key in KEYS]
    taken = [coerce_keybinding(key) for key in ("Control-Z", "Control-Shift-Z", *"0123456789")]
    assert len(set(keys + taken)) == len(keys) + len(taken)
    assert {key.action for key in KEYS} >= set(NEW)


def test_the_new_keys_take_nothing_from_napari(hands: Hands) -> None:
    """Neither a Labels layer nor the viewer uses them by default."""
    del hands
    ours = {coerce_keybinding(key.key): key.action for key in KEYS if key.action in NEW}
    providers = {name: action.keymapprovider for name, action in action_manager._actions.items()}
    taken = {
        key
        for name, keys in get_settings().shortcuts.shortcuts.items()
        for key in keys
        if providers.get(name) is Labels or "Viewer" in str(providers.get(name))
    }
    assert taken, "napari has keys"
    assert not {ours[key] for key in taken if key in ours}


def test_opacity_goes_in_steps(hands: Hands) -> None:
    layer, page = hands.viewer.layers["PhenoAI tile"], hands.dock.page
    assert layer.opacity == 0.55
    seen = []
    for _ in OPACITIES:
        hands.key("Down")
        seen.append(round(float(layer.opacity), 2))
    assert seen == [0.4, 0.25, 0.1, 0.1, 0.1, 0.1, 0.1], "it stays visible"
    assert page.view.opacity.value() == 10
    for _ in range(2):
        hands.key("Up")
    assert layer.opacity == 0.4
    page.view.opacity.setValue(50)
    hands.key("Up")
    assert layer.opacity == 0.55, "the next step above what the slider said"
    assert hands.viewer.layers["PhenoAI labels"].opacity == pytest.approx(layer.opacity)


def test_paint_only_by_key(worked_project: Path, open_workbench: Callable[[Path], Hands]) -> None:
    hands = open_workbench(worked_project)
    page = hands.dock.page
    desk = _desk(hands)
    assert desk.has_prediction
    assert desk.labels.all()
    hands.key("P", shift=True)
    assert (desk.paint_only, page.paint_only.isChecked()) == (True, True)
    assert not desk.labels.any(), "only what is painted counts"
    assert hands.viewer.layers["PhenoAI prediction"].visible
    hands.key("2")
    hands.stroke((30, 20), (30, 44))
    painted = desk.labels == 2
    assert painted.any()
    hands.key("P", shift=True)
    assert (desk.paint_only, page.paint_only.isChecked()) == (False, False)
    assert desk.labels.all()
    assert (desk.labels[painted] == 2).all(), "what was painted stays"
    assert _holder(hands) is hands.canvas

    hands.paint_anywhere()
    hands.key("P", shift=True)
    assert not hands.session.paint_only
    assert "Paint only is for tiles" in hands.painting.note


def test_a_class_is_added_without_the_mouse(hands: Hands, qtbot: QtBot, tmp_path: Path) -> None:
    page, tools = hands.dock.page, hands.dock.bench.tools
    hands.canvas.setFocus()
    hands.key("C", shift=True)
    field = page.classes.new_name
    hands.wait(field.isVisible)
    assert _holder(hands) is field, "one types the name at once"
    hands.wait(lambda: not field.visibleRegion().isEmpty())
    _type(hands, qtbot, "Bud scale", "Return")
    assert not field.isVisible()
    assert _holder(hands) is hands.canvas, "Enter gives the keyboard back"
    project = hands.session.project
    assert project is not None
    new = {item.name: item.id for item in project.scheme.active}["Bud scale"]
    assert tools.class_id == new, "one may paint it"
    assert hands.viewer.layers["PhenoAI tile"].selected_label == new
    hands.stroke((30, 20), (30, 44))
    assert (_desk(hands).labels == new).any()

    hands.key("C", shift=True)
    hands.wait(field.isVisible)
    _type(hands, qtbot, "not this", "Escape")
    assert not field.isVisible()
    assert _holder(hands) is hands.canvas
    assert "not this" not in project.scheme.names

    hands.key("C", shift=True)
    hands.wait(field.isVisible)
    _type(hands, qtbot, "Bud scale", "Return")
    assert len(project.scheme.active) == 3, "a name that is there is refused"
    assert _holder(hands) is hands.canvas
    hands.session.close_project()
    hands.wait(lambda: not hands.session.background.busy)
    with Project.open(tmp_path / "field.phenoai") as again:
        assert "Bud scale" in again.scheme.names


def test_a_note_gives_the_keyboard_back(hands: Hands, qtbot: QtBot) -> None:
    hands.dock.page.note.setFocus()
    _type(hands, qtbot, "blurred", "Return")
    assert _holder(hands) is hands.canvas
    hands.key("E")
    assert hands.dock.bench.tools.tool == "eraser"


@pytest.mark.parametrize("size", [(1366, 768), (1920, 1080)])
def test_the_page_of_keys_has_room(hands: Hands, size: tuple[int, int]) -> None:
    hands.viewer.window.resize(*size)
    hands.wait(lambda: hands.viewer.window._qt_window.height() <= size[1])
    hands.key("F1")
    sheet = hands.dock.sheet
    assert sheet is not None
    hands.wait(sheet.isVisible)
    QApplication.processEvents()
    texts = [item.text() for item in sheet.findChildren(QLabel)]
    for key in KEYS:
        assert key.text in texts
        assert key.printed in texts
    assert sheet.width() <= 1366
    assert sheet.height() <= 768 - 60, "a title bar and a panel need room too"


def test_rows_of_classes_that_went_listen_no_more(hands: Hands) -> None:
    """Each change of the classes makes new rows; the table of keys must not know the old ones."""
    project = hands.session.project
    assert project is not None
    rows = hands.dock.page.classes.rows

    def rename(number: int) -> None:
        name = f"soil {number} "
        hands.session.change_scheme(project.scheme.renamed(1, name))
        hands.wait(lambda: name in hands.dock.page.classes.rows[1].name.whole())

    rename(0)
    _let_go(hands)
    before = len(IN_FORCE.changed)
    for number in range(1, 21):
        rename(number)
    _let_go(hands)
    assert hands.dock.page.classes.rows is not rows
    assert len(IN_FORCE.changed) == before


def _let_go(hands: Hands) -> None:
    """Let Qt delete what it was told to delete."""
    hands.wait(lambda: not hands.session.background.busy)
    gc.unfreeze()
    gc.collect()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    hands.qtbot.wait(50)
    gc.collect()
