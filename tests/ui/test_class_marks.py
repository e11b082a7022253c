"""Locks and eyes of classes, by real mouse and key events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_phenoai.io.project import Project
from napari_phenoai.testing.project import tiny_project
from napari_phenoai.ui.drafts import draft_path, load_draft

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QWidget
    from tests.ui.conftest import Hands

    from napari_phenoai.ui.class_marks import ClassMarks


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a closed project of three classes that nobody has worked in."""
    path = tmp_path / "field.phenoai"
    with tiny_project(path) as made:
        made.update_scheme(made.scheme.added("weed"))
    return path


@pytest.fixture
def hands(project: Path, open_workbench: Callable[[Path], Hands]) -> Hands:
    """Return the hands at that project."""
    return open_workbench(project)


def _marks(hands: Hands) -> ClassMarks:
    return hands.dock.bench.marks


def _labels(hands: Hands) -> NDArray[np.uint8]:
    assert hands.session.desk is not None
    return hands.session.desk.labels


def _click(qtbot: QtBot, widget: QWidget) -> None:
    mouse: Any = qtbot
    mouse.mouseClick(widget, Qt.MouseButton.LeftButton)


def _plant_row(hands: Hands, qtbot: QtBot) -> None:
    """Paint a row of plant and lock the class by its button."""
    hands.key("2")
    hands.stroke((30, 5), (30, 58))
    row = hands.dock.page.classes.rows[2]
    _click(qtbot, row.lock)
    assert row.lock.on
    assert "unlock" in row.lock.toolTip()


@pytest.mark.parametrize("tool", ["brush", "eraser", "fill", "polygon"])
def test_no_tool_changes_locked_pixels_of_a_tile(hands: Hands, qtbot: QtBot, tool: str) -> None:
    _plant_row(hands, qtbot)
    hands.key("1")
    hands.stroke((55, 5), (55, 58))
    before = _labels(hands).copy()
    hands.key("3")
    if tool == "brush":
        hands.stroke((10, 30), (50, 30))
    elif tool == "eraser":
        hands.key("E")
        hands.stroke((10, 30), (58, 30))
        assert _labels(hands)[55, 30] == 0
    elif tool == "fill":
        hands.key("G")
        hands.click(30, 30)
    else:
        hands.key("P")
        for corner in ((10, 10), (10, 50), (50, 50), (50, 10)):
            hands.click(*corner)
        hands.key("Return")
    after = _labels(hands)
    plant = before == 2
    assert plant.any()
    assert (after[plant] == 2).all()
    if tool in ("brush", "polygon"):
        assert (after == 3).any(), "what is not locked is painted"
    hands.key("Z", control=True)
    if tool != "fill":  # nothing was filled, so undo takes back the stroke before
        np.testing.assert_array_equal(_labels(hands), before)
        if tool in ("brush", "polygon"):
            hands.key("Z", control=True, shift=True)
            np.testing.assert_array_equal(_labels(hands), after)
            assert (_labels(hands)[plant] == 2).all()


def test_a_locked_class_may_grow_and_is_free_again_when_unlocked(
    hands: Hands, qtbot: QtBot
) -> None:
    _plant_row(hands, qtbot)
    grown = int((_labels(hands) == 2).sum())
    hands.stroke((50, 5), (50, 58))
    assert int((_labels(hands) == 2).sum()) > grown
    hands.key("K")
    assert not _marks(hands).locked
    hands.key("3")
    hands.stroke((10, 30), (58, 30))
    assert _labels(hands)[30, 30] == 3


def test_a_locked_pixel_lights_the_lock_up(hands: Hands, qtbot: QtBot) -> None:
    _plant_row(hands, qtbot)
    lock = hands.dock.page.classes.rows[2].lock
    hands.key("3")
    hands.stroke((5, 30), (10, 30))
    before = lock.alarmed
    hands.stroke((10, 30), (50, 30))
    assert (before, lock.alarmed) == (False, True)
    hands.wait(lambda: not lock.alarmed)


def test_scripts_are_held_off_too(hands: Hands, qtbot: QtBot, project: Path) -> None:
    _plant_row(hands, qtbot)
    assert hands.session.desk is not None
    tile = hands.session.desk.tile
    layer: Any = hands.dock.bench.layers.tile
    plant = _labels(hands) == 2
    rows, columns = np.nonzero(np.ones_like(plant))
    layer.data_setitem((rows, columns), np.full(rows.shape, 3, np.uint8))
    assert (_labels(hands)[plant] == 2).all()
    assert (_labels(hands)[~plant] == 3).all()
    layer.data[...] = 1
    layer.refresh()
    assert (_labels(hands)[plant] == 2).all()
    assert (_labels(hands)[~plant] == 1).all()
    hands.wait(lambda: draft_path(project, tile).exists() and not hands.session.background.busy)
    draft = load_draft(project, tile)
    assert draft is not None
    np.testing.assert_array_equal(draft.labels, _labels(hands))


def test_anywhere_locked_pixels_reach_neither_window_nor_journal(
    hands: Hands, qtbot: QtBot
) -> None:
    hands.paint_anywhere()
    hands.key("2")
    hands.stroke((30, 10), (30, 60))
    hands.settle()
    plant = hands.window.painted == 2
    hands.key("K")
    assert _marks(hands).locked == {2}
    hands.key("3")
    hands.stroke((10, 30), (60, 30))
    hands.window.painted[40:60, 5:60] = 1
    hands.window.painted[30, 12] = 1
    hands.painting.flush()
    hands.settle()
    assert plant.any()
    assert (hands.window.painted[plant] == 2).all()
    assert (hands.window.painted == 3).any()
    assert hands.session.project is not None
    stored = hands.session.project.labels(hands.window.tile.image).read(hands.window.tile)
    np.testing.assert_array_equal(stored, hands.window.painted)
    journal = hands.session.project.journal
    later = [journal.edit(entry.number) for entry in journal.entries()][1:]
    assert all(not (edit.before[edit.changed] == 2).any() for edit in later)
    for _ in range(3):
        hands.key("Z", control=True)
    hands.settle()
    assert not (hands.window.painted == 2).any(), "undo is no tool"


def _alpha(hands: Hands, name: str, value: int) -> float:
    layer: Any = hands.viewer.layers[name]
    return float(layer.colormap.color_dict[value][3])


def test_the_eye_hides_a_class_in_all_label_layers(hands: Hands, qtbot: QtBot) -> None:
    before = _labels(hands).copy()
    page = hands.dock.page
    assert not page.classes.show_all.isVisible()
    _click(qtbot, page.classes.rows[2].eye)
    for name in ("PhenoAI tile", "PhenoAI labels", "PhenoAI prediction"):
        assert _alpha(hands, name, 2) == 0
        assert _alpha(hands, name, 3) == 1
    assert page.classes.show_all.isVisible()
    hands.key("O")
    page.classes.recoloured.emit(3, "#123456")
    assert _alpha(hands, "PhenoAI tile", 2) == 0, "it stays hidden under other colours"
    _click(qtbot, page.classes.rows[3].eye)
    _click(qtbot, page.classes.show_all)
    assert _alpha(hands, "PhenoAI tile", 2) == _alpha(hands, "PhenoAI tile", 3) == 1
    assert not page.classes.show_all.isVisible()
    np.testing.assert_array_equal(_labels(hands), before)


def test_keys_hide_and_show_and_a_chosen_class_is_shown(hands: Hands) -> None:
    hands.key("3")
    hands.key("I")
    assert _marks(hands).hidden == {3}
    hands.key("2")
    hands.key("I")
    assert _marks(hands).hidden == {2, 3}
    hands.key("3")
    assert _marks(hands).hidden == {2}
    hands.key("I", shift=True)
    assert not _marks(hands).hidden


def test_marks_are_kept_in_the_project(
    hands: Hands, project: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    hands.key("2")
    hands.key("K")
    hands.key("3")
    hands.key("I")
    hands.wait(lambda: not hands.session.background.busy)
    hands.session.close_project()
    assert _marks(hands).values == frozenset()
    assert not _marks(hands).hidden
    assert hands.session.open_project(project)
    hands.ready()
    assert _marks(hands).locked == {2}
    assert _marks(hands).hidden == {3}
    assert _alpha(hands, "PhenoAI tile", 3) == 0
    assert hands.dock.page.classes.rows[2].lock.on


def test_a_setting_that_cannot_be_read_locks_nothing(
    project: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    with Project.open(project) as opened:
        opened.ledger.set_setting("class-marks", '{"locked": 3')
    assert not _marks(open_workbench(project)).locked
