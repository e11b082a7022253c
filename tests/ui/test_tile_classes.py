"""What is known of the classes of tiles: tiles that cannot be read are tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psygnal
import pytest
from qtpy.QtCore import QObject

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.records import QueueItem
from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.errors import DiskError
from napari_phenoai.ui import tile_classes
from napari_phenoai.ui.background import Background
from napari_phenoai.ui.tile_classes import TileClasses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

ITEM = QueueItem(tile=Tile("leaf", 0, 0, 64, 64).key, position=0)


class Shelf:
    """Stands in for a project: reading fails as often as it is told to."""

    scheme = ClassScheme.of(["soil", "plant"])

    def __init__(self) -> None:
        self.failing = 0
        self.reads = 0

    def read(self) -> frozenset[int]:
        self.reads += 1
        if self.failing:
            self.failing -= 1
            raise DiskError("The tile cannot be read.", hint="Put the disk back.")
        return frozenset({2})


class Watch:
    """Asks again whenever it hears that more may be known, as the strip does."""

    def __init__(self, qtbot: QtBot, contents: TileClasses, shelf: Shelf) -> None:
        self._qtbot: Any = qtbot
        self.contents = contents
        self.shelf: Any = shelf
        self._shown = False
        contents.arrived.connect(self.look)

    def look(self) -> None:
        self._shown = self.contents.holds(self.shelf, ITEM, 2, None)

    def shows(self) -> bool:
        """Tell whether the tile was found to hold the class when that was last looked at."""
        return self._shown

    def rest(self) -> None:
        """Wait until nothing is read and nothing will be tried again."""

        def done() -> bool:
            psygnal.emit_queued()
            return not self.contents.busy

        self._qtbot.waitUntil(done, timeout=60_000)


@pytest.fixture
def watch(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    monkeypatch.setattr(tile_classes, "classes_of", lambda project, *_: project.read())
    monkeypatch.setattr(tile_classes, "_RETRY_MS", 1)
    background, parent = Background(), QObject()
    yield Watch(qtbot, TileClasses(background, parent), Shelf())
    background.shutdown()
    psygnal.emit_queued()


def test_a_tile_that_cannot_be_read_is_tried_again(watch: Watch) -> None:
    watch.shelf.failing = 2
    watch.look()
    watch.rest()
    assert watch.shows()
    assert watch.shelf.reads == 3


def test_it_is_not_tried_for_ever_but_again_when_pixels_have_changed(watch: Watch) -> None:
    watch.shelf.failing = 1000
    watch.look()
    watch.rest()
    watch.look()
    watch.rest()
    assert not watch.shows()
    assert watch.shelf.reads == 5
    watch.shelf.failing = 1
    watch.contents.renew()
    watch.look()
    watch.rest()
    assert watch.shows()
    assert watch.shelf.reads == 7


def test_what_was_known_holds_while_a_tile_cannot_be_read(watch: Watch) -> None:
    watch.look()
    watch.rest()
    watch.contents.renew()
    watch.shelf.failing = 1000
    watch.look()
    watch.rest()
    assert watch.shows()


def test_answers_about_another_project_are_dropped(watch: Watch) -> None:
    heard: list[bool] = []
    watch.contents.arrived.connect(lambda: heard.append(True))
    watch.look()
    watch.contents.clear()
    assert not watch.contents.busy
    while watch.contents._background.busy:
        psygnal.emit_queued()
    assert not heard
    watch.look()
    watch.rest()
    assert watch.shows()
    assert watch.shelf.reads == 2
