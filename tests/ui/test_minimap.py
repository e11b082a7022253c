"""The mini-map and the class filter of the Queue dock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_phenoai.core.geometry import Tile
from napari_phenoai.testing.project import tiny_project
from napari_phenoai.ui.camera import view_of
from napari_phenoai.ui.controls.class_filter import ClassFilter
from napari_phenoai.ui.minimap import MiniMap, sign_of
from napari_phenoai.ui.queue import QueueDock
from napari_phenoai.ui.queue_model import ITEM_ROLE
from napari_phenoai.ui.theme import STATE_SIGNS
from napari_phenoai.ui.tile_classes import classes_of, mentions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot
    from tests.ui.conftest import Hands


@pytest.fixture
def hands(tmp_path: Path, open_workbench: Callable[[Path], Hands]) -> Hands:
    """Return the hands at a project of one image, with something painted in a corner."""
    path = tmp_path / "field.phenoai"
    with tiny_project(path, 1) as project:
        image = project.images()[0]
        tile = Tile(image.id, 0, 0, 4, 4)
        project.labels(image.id).write(tile, np.full((4, 4), 2, np.uint8))
    return open_workbench(path)


@pytest.fixture
def dock(hands: Hands) -> QueueDock:
    """Return the Queue dock of that viewer, below."""
    dock = QueueDock(hands.viewer)
    hands.viewer.window.add_dock_widget(dock, name="Queue", area="bottom")
    hands.wait(lambda: dock.model.rowCount() > 0 and dock.where.map.isVisible())
    hands.wait(lambda: dock.where.map.items and not hands.session.background.busy)
    return dock


def _click(qtbot: QtBot, map_: MiniMap, down: float, across: float) -> None:
    mouse: Any = qtbot
    place = QPoint(round(across), round(down))
    mouse.mouseClick(map_, Qt.MouseButton.LeftButton, pos=place)


def _sorted(hands: Hands, dock: QueueDock) -> None:
    """Wait until it is known what every tile holds, and the strip shows it."""
    hands.wait(
        lambda: not (dock.contents.busy or hands.session.background.busy or dock._sort.isActive())
    )


def _colours(map_: MiniMap) -> set[str]:
    image = map_.grab().toImage()
    points = [(x, y) for x in range(image.width()) for y in range(image.height())]
    return {image.pixelColor(x, y).name() for x, y in points}


def test_every_state_has_a_shape_of_its_own() -> None:
    shapes = [sign_of(state) for state in STATE_SIGNS]
    for at, shape in enumerate(shapes):
        assert not shape.isEmpty()
        assert all(shape != other for other in shapes[:at])


def test_it_shows_the_image_its_tiles_the_current_one_and_the_view(
    hands: Hands, dock: QueueDock
) -> None:
    map_ = dock.where.map
    assert [item.tile for item in map_.items] == [item.tile for item in hands.session.queue]
    hands.wait(lambda: {"#56b4e9", "#f0e442", "#ffffff"} <= _colours(map_))
    hands.key("F")
    hands.wait(lambda: map_.items[0].state == "flagged")
    hands.viewer.scene.camera.center = (0, 10_000, 10_000)
    hands.qtbot.wait(120)
    hands.wait(lambda: len(_colours(map_)) > 50)  # the picture itself


def test_a_click_on_a_tile_goes_to_it(hands: Hands, dock: QueueDock, qtbot: QtBot) -> None:
    map_ = dock.where.map
    other = next(item for item in map_.items if item != hands.session.current)
    box = map_.fit.tile(other.where)
    _click(qtbot, map_, box.top + box.height / 2, box.left + box.width / 2)
    assert hands.session.current is not None
    assert hands.session.current.tile == other.tile
    hands.ready()


def test_while_painting_anywhere_a_click_only_looks_there(
    hands: Hands, dock: QueueDock, qtbot: QtBot
) -> None:
    hands.paint_anywhere()
    map_ = dock.where.map
    place = map_.fit.picture
    zoom = hands.viewer.scene.camera.zoom
    down, across = place.top + place.height * 0.75, place.left + place.width * 0.25
    _click(qtbot, map_, down, across)
    assert hands.session.paints_anywhere
    view = view_of(hands.viewer, 1.0)
    assert (view.y, view.x) == pytest.approx((120, 48), abs=4)
    assert hands.viewer.scene.camera.zoom == zoom


def test_it_is_empty_without_a_project_and_makes_way_in_a_narrow_dock(
    hands: Hands, dock: QueueDock
) -> None:
    dock.parent().setFloating(True)  # type: ignore[union-attr]
    dock.resize(dock.minimumSizeHint().width(), 200)
    dock.where.map.setVisible(True)
    hands.session.close_project()
    assert not dock.where.map.items
    assert dock.where.map.fit.picture.height == 0
    hands.qtbot.wait(80)


def test_the_class_filter_finds_what_people_painted_or_a_reason_names(
    hands: Hands, dock: QueueDock
) -> None:
    project = hands.session.project
    assert project is not None
    image = project.images()[0]
    assert classes_of(project, Tile(image.id, 0, 0, 64, 64), None) == {2}
    assert classes_of(project, Tile(image.id, 90, 90, 64, 64), "no such model") == frozenset()
    total = dock.filter.rowCount()
    dock.class_box.setCurrentIndex(dock.class_box.findData(2))
    _sorted(hands, dock)
    corner = [item.tile for item in hands.session.queue if (item.where.y, item.where.x) == (0, 0)]
    shown = [dock.filter.index(row, 0).data(ITEM_ROLE) for row in range(dock.filter.rowCount())]
    named = [item.tile for item in hands.session.queue if mentions(item.reason, "plant")]
    assert {item.tile for item in shown} == {*corner, *named}
    dock.class_box.setCurrentIndex(dock.class_box.findData(1))
    _sorted(hands, dock)
    if not dock.filter.rowCount():
        assert dock.empty.isVisible()
        assert "like that" in dock.empty.text()
    dock.class_box.setCurrentIndex(0)
    assert dock.filter.rowCount() == total
    assert dock.strip.isVisible()


def test_the_class_filter_hears_of_decisions(hands: Hands, dock: QueueDock) -> None:
    current, filling = hands.session.current, hands.session.filling
    assert current is not None
    assert filling is not None
    filling.close()  # few tiles are left, and one that is decided is not in the next queue
    dock.class_box.setCurrentIndex(dock.class_box.findData(1))
    _sorted(hands, dock)
    hands.ready()
    before = dock.filter.rowCount()
    hands.key("1")
    hands.stroke((30, 10), (30, 50))
    assert hands.session.desk is not None
    desk = hands.session.desk
    hands.wait(lambda: 1 in desk.labels)
    hands.key("Return")
    hands.wait(lambda: current.tile not in [item.tile for item in hands.session.upcoming()])

    def shown() -> set[str]:
        rows = range(dock.filter.rowCount())
        return {dock.filter.index(row, 0).data(ITEM_ROLE).tile for row in rows}

    hands.wait(lambda: current.tile in shown())
    _sorted(hands, dock)
    assert dock.filter.rowCount() == before + 1


def test_the_box_keeps_its_class_when_the_classes_change(qtbot: QtBot) -> None:
    from napari_phenoai.core.scheme import ClassScheme

    box = ClassFilter()
    widgets: Any = qtbot
    widgets.addWidget(box)
    told: list[int | None] = []
    box.wanted.connect(told.append)
    scheme = ClassScheme.of(["soil", "plant", "weed"])
    box.set_scheme(scheme)
    box.setCurrentIndex(box.findData(3))
    box.set_scheme(scheme.renamed(3, "moss"))
    assert (box.chosen, box.currentText()) == (3, "moss")
    box.set_scheme(scheme.merged(3, into=2))
    assert told == [3, None]


def test_reasons_name_whole_words_only() -> None:
    assert mentions("Rarely seen class: Plant (old), about 2 % of the tile", "plant (old)")
    assert not mentions("Random look at plants", "plant")
    assert not mentions("", "plant")
