"""The Queue dock: what comes, what was decided, and how to get there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import Qt

from napari_phenoai.testing.project import tiny_project
from napari_phenoai.ui.controls.fitted import FittedLabel
from napari_phenoai.ui.queue import QueueDock
from napari_phenoai.ui.queue_model import ITEM_ROLE

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


@pytest.fixture
def dock(hands: Hands) -> QueueDock:
    """Return the Queue dock of that viewer, below."""
    dock = QueueDock(hands.viewer)
    hands.viewer.window.add_dock_widget(dock, name="Queue", area="bottom")
    hands.wait(lambda: dock.model.rowCount() > 0)
    return dock


def test_it_shows_every_tile_with_picture_state_and_reason(hands: Hands, dock: QueueDock) -> None:
    assert dock.model.rowCount() == len(hands.session.queue)
    first = dock.filter.index(0, 0)
    item = first.data(ITEM_ROLE)
    hands.wait(lambda: dock.pictures.picture(_project(hands), item.where) is not None)
    tip = first.data(int(Qt.ItemDataRole.ToolTipRole))
    assert item.reason in tip
    assert "to do" in tip

    hands.key("F")
    hands.wait(lambda: hands.session.queue[0].state == "flagged")
    assert "flagged" in dock.filter.index(0, 0).data(int(Qt.ItemDataRole.ToolTipRole))
    assert dock.counts.wordings()[0].startswith("1 of ")


def test_filters(hands: Hands, dock: QueueDock) -> None:
    hands.key("F")
    total = len(hands.session.queue)
    held = sum(item.role == "heldout" for item in hands.session.queue)
    seen = {}
    for at in range(dock.filter_box.count()):
        dock.filter_box.setCurrentIndex(at)
        seen[dock.filter_box.currentData()] = dock.filter.rowCount()
    assert seen == {
        "all": total,
        "waiting": total - 1,
        "decided": 1,
        "flagged": 1,
        "heldout": held,
    }
    assert held


def test_a_click_jumps_to_the_tile(hands: Hands, dock: QueueDock, qtbot: QtBot) -> None:
    index = dock.filter.index(2, 0)
    place = dock.strip.visualRect(index).center()
    mouse: Any = qtbot
    mouse.mouseClick(dock.strip.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert hands.session.current is not None
    assert hands.session.current.tile == index.data(ITEM_ROLE).tile
    assert dock.card.current == hands.session.current.tile
    hands.ready()


def test_choosing_anew_keeps_the_tile_on_the_screen(
    hands: Hands, dock: QueueDock, qtbot: QtBot
) -> None:
    current = hands.session.current
    assert current is not None
    dock.batch_box.setValue(5)
    dock.strategy_box.setCurrentIndex(dock.strategy_box.findData("random"))
    mouse: Any = qtbot
    mouse.mouseClick(dock.refresh_button, Qt.MouseButton.LeftButton)
    hands.wait(lambda: not hands.session.jobs and not hands.session.background.busy)
    assert hands.session.current == current
    assert sum(item.state == "waiting" for item in hands.session.queue) in (5, 6)


def _project(hands: Hands) -> Any:
    return hands.session.project


def test_the_counts_are_never_cut_off(qtbot: QtBot) -> None:
    label = FittedLabel()
    qtbot.addWidget(label)
    label.show()
    label.set_wordings("118 of 1200 done", "118 of 1200", "118/1200", about="told in any case")
    label.resize(label.sizeHint())
    assert label.text() == "118 of 1200 done"
    label.setFixedWidth(label.sizeHint().width() - 1)
    qtbot.waitUntil(lambda: label.text() == "118 of 1200", timeout=60_000)
    label.setFixedWidth(label.minimumSizeHint().width())
    qtbot.waitUntil(lambda: label.text() == "118/1200", timeout=60_000)
    label.setFixedWidth(5)
    qtbot.wait(50)
    assert label.text() == "118/1200", "a part of the number would be another number"
    assert label.toolTip() == "told in any case"


@pytest.mark.parametrize("size", [(1366, 768), (1920, 1080)])
def test_the_counts_have_room_in_a_window_with_all_docks(
    hands: Hands, dock: QueueDock, size: tuple[int, int]
) -> None:
    hands.viewer.window.resize(*size)
    window: Any = hands.dock.window()
    hands.wait(lambda: window.width() == size[0])
    dock._show_counts(118, 1200)
    hands.qtbot.wait(100)
    assert dock.counts.text() in dock.counts.wordings()
    room = dock.counts.fontMetrics().horizontalAdvance(dock.counts.text())
    hands.wait(lambda: dock.counts.width() >= room)
    for box in (dock.filter_box, dock.class_box, dock.strategy_box, dock.refresh_button):
        assert box.width() >= box.minimumSizeHint().width(), "the counts take no room from others"
