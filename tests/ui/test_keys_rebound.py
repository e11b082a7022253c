"""Keys that a person chose on napari's settings page, in a window that is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from napari.settings import get_plugin_settings
from qtpy.QtWidgets import QLabel

from napari_phenoai.testing.project import tiny_project
from napari_phenoai.ui.handtools.status import dropping_words
from napari_phenoai.ui.keys import IN_FORCE, key_of
from napari_phenoai.ui.preferences import PLUGIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.ui.conftest import Hands


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what is shown to the person about keys."""
    words: list[str] = []
    monkeypatch.setattr(
        "napari_phenoai.ui.key_settings.report", lambda error: words.append(str(error))
    )
    return words


@pytest.fixture
def keyboard() -> Iterator[Any]:
    """Return the settings of the keys; what was chosen is forgotten afterwards."""
    settings = get_plugin_settings(PLUGIN).keyboard
    yield settings
    settings.reset()
    IN_FORCE.choose({})


@pytest.fixture
def hands(
    keyboard: Any, told: list[str], tmp_path: Path, open_workbench: Callable[[Path], Hands]
) -> Hands:
    """Return the hands at a viewer with a project that nobody has worked in."""
    del keyboard, told
    path = tmp_path / "field.phenoai"
    tiny_project(path).close()
    return open_workbench(path)


def test_new_keys_work_at_once_and_old_ones_no_more(hands: Hands, keyboard: Any) -> None:
    hands.key("F1")
    sheet = hands.dock.sheet
    assert sheet is not None
    hands.wait(sheet.isVisible)
    assert "Enter" in _caps(sheet)
    sheet.hide()

    page, tools = hands.dock.page, hands.dock.bench.tools
    keyboard.key_accept = "Shift+F5"
    keyboard.key_brush = "F6"
    keyboard.key_merge = "F7"
    keyboard.key_class_2 = "F8"
    hands.wait(lambda: key_of("accept") == "Shift+F5" and key_of("class_2") == "F8")

    layer = hands.viewer.layers["PhenoAI tile"]
    hands.key("1")
    assert layer.selected_label == 1
    hands.key("2")
    assert layer.selected_label == 1, "the old key chose a class"
    hands.key("F8")
    assert layer.selected_label == 2
    hands.key("F7")
    assert tools.tool == "merge"
    hands.key("B")
    assert tools.tool == "merge", "the old key took up the brush"
    hands.key("F6")
    assert tools.tool == "brush"

    hands.stroke((10, 10), (10, 50))
    first = hands.session.current
    hands.key("Return")
    assert hands.session.current == first, "the old key decided"
    hands.key("F5", shift=True)
    hands.wait(lambda: hands.session.current != first)
    hands.ready()

    caps = _caps(sheet)
    assert "Shift+F5" in caps
    assert "Enter" not in caps
    assert "1  F8  3  4  5  6  7  8  9" in caps
    assert "(F6)" in page.tools.buttons["brush"].toolTip()
    assert "Shift+F5" in page.decisions.accept.accessibleName()
    assert "press Shift+F5" in page.status.next_step.text()
    rows = list(page.classes.rows.values())
    assert "key F8" in rows[1].toolTip()
    assert rows[1].swatch.text() == "F8"


def test_an_empty_key_unbinds_and_nothing_names_it(hands: Hands, keyboard: Any) -> None:
    keyboard.update({"key_skip": "", "key_drop": ""})
    hands.wait(lambda: not key_of("skip"))
    first = hands.session.current
    hands.key("S")
    assert hands.session.current == first
    button = hands.dock.page.decisions.buttons["skip"]
    assert button.toolTip() == "Leave this tile undecided and go on"
    assert button.accessibleName() == "Skip"
    assert dropping_words() == ""
    hands.key("W")
    hands.wait(lambda: hands.dock.bench.tools.tool == "wand")
    assert "drops" not in hands.dock.bench.hand.words
    keyboard.reset()
    hands.wait(lambda: key_of("skip") == "S")
    assert "Esc drops" in hands.dock.bench.hand.words


def test_a_refused_key_is_told_once_and_the_old_one_stays(
    hands: Hands, keyboard: Any, told: list[str]
) -> None:
    keyboard.key_accept = "S"
    hands.wait(lambda: told)
    keyboard.key_brush = "F6"
    hands.wait(lambda: key_of("brush") == "F6")
    assert len(told) == 1
    assert "used already: Skip" in told[0]
    assert "stays Enter" in told[0]
    assert (key_of("accept"), key_of("skip")) == ("Enter", "S")
    hands.stroke((10, 10), (10, 50))
    first = hands.session.current
    hands.key("Return")
    hands.wait(lambda: hands.session.current != first)


def test_keys_set_before_hold_from_the_start_and_go_with_the_dock(
    keyboard: Any, told: list[str], tmp_path: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    keyboard.key_zoom = "F9"
    path = tmp_path / "field.phenoai"
    tiny_project(path).close()
    hands = open_workbench(path)
    hands.viewer.scene.camera.zoom = 0.01
    hands.key("F9")
    assert hands.viewer.scene.camera.zoom > 0.1
    assert "F9" in {str(key) for key in hands.viewer.keymap}
    hands.viewer.window.remove_dock_widget(hands.dock)
    keyboard.key_zoom = "F10"
    hands.wait(lambda: key_of("zoom") == "F10")
    assert not {"F9", "F10"} & {str(key) for key in hands.viewer.keymap}
    assert not told


def _caps(sheet: Any) -> set[str]:
    return {label.text() for label in sheet.findChildren(QLabel)}
