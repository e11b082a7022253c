"""What waits while the next tile is got ready, and what never waits."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import psygnal
import pytest
from psygnal.qt import stop_emitting_from_queue
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QProgressBar

from napari_phenoai.core.niceness import chosen_niceness
from napari_phenoai.testing.project import tiny_project
from napari_phenoai.ui.background import Background
from napari_phenoai.ui.controls.why_box import WhyBox
from napari_phenoai.ui.layer_list import LayerListRest, _model_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import napari
    from pytestqt.qtbot import QtBot
    from tests.ui.conftest import Hands


@pytest.fixture
def background() -> Iterator[Background]:
    """Return lanes that end with the test."""
    found = Background()
    yield found
    found.rest.end()
    found.shutdown()
    psygnal.emit_queued()


def test_lanes_rest_but_not_where_a_person_waits(
    background: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, asked, done = threading.Event(), threading.Event(), threading.Event()
    monkeypatch.setattr(background.rest, "wait", held.wait)
    background.do("tiles", done.set)
    background.do("prompts", asked.set)
    assert asked.wait(60)
    assert not done.is_set()
    held.set()
    assert done.wait(60)


def test_a_rest_that_nobody_ends_holds_nothing_up(background: Background) -> None:
    done = threading.Event()
    background.rest.begin()
    background.do("tiles", done.set)
    assert done.wait(60)


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a niceness on Linux only")
def test_only_lanes_that_nobody_waits_for_step_back(background: Background) -> None:
    found: dict[str, int] = {}

    def note(lane: str) -> None:
        found[lane] = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    for lane in ("tiles", "prompts"):
        background.do(lane, lambda lane=lane: note(lane))  # type: ignore[misc]
    background.shutdown()
    assert found == {"tiles": max(own, chosen_niceness()), "prompts": own}


def test_an_answer_wakes_the_window_at_once(background: Background, qtbot: QtBot) -> None:
    """No timer empties the queue of psygnal here, so only the waker can."""
    stop_emitting_from_queue()
    heard: list[int] = []
    background.do("prompts", lambda: 7, then=heard.append)
    qtbot.waitUntil(lambda: heard == [7], timeout=60_000)


class Paints(QObject):
    """Counts how often a widget is drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        self.count += event is not None and event.type() == QEvent.Type.Paint
        return super().eventFilter(watched, event)


def test_the_score_of_a_tile_is_drawn_later(qtbot: QtBot) -> None:
    box, paints = WhyBox(), Paints()
    qtbot.addWidget(box)
    box.show_reason("shows plants", 0.2, "work")
    box.show()
    qtbot.waitExposed(box)
    qtbot.wait(50)
    bar = box.findChild(QProgressBar)
    assert bar is not None
    bar.installEventFilter(paints)
    box.show_reason("shows plants", 0.9, "work")
    assert (paints.count, bar.value()) == (0, 90)
    qtbot.waitUntil(lambda: paints.count > 0, timeout=60_000)


def test_the_list_of_layers_hears_once_of_all_that_was_set(
    make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot
) -> None:
    viewer = make_napari_viewer()
    layer = viewer.add_labels(np.zeros((8, 8), np.uint8))
    model, heard = _model_of(viewer), []
    model.dataChanged.connect(lambda *_: heard.append(1))
    rest = LayerListRest(viewer)
    rest.begin()
    rest.begin()
    layer.visible, layer.name, layer.opacity = False, "other", 0.3
    other = viewer.add_labels(np.zeros((8, 8), np.uint8))
    assert model.rowCount() == 2, "layers that come are told at once"
    assert not heard
    rest.end()
    rest.end()
    assert len(heard) == 1
    assert model.index(0).data() == "other"
    other.visible = False
    assert len(heard) > 1
    rest.begin()
    viewer.layers.clear()
    rest.end()
    assert model.rowCount() == 0


def test_a_decision_leaves_nothing_at_rest(
    tmp_path: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    path = tmp_path / "field.phenoai"
    tiny_project(path).close()
    hands = open_workbench(path)
    before, model = hands.session.current, _model_of(hands.viewer)
    hands.key("F")
    hands.ready()
    hands.wait(lambda: hands.session.current is not before and not hands.session.background.busy)
    hands.wait(hands.canvas.updatesEnabled)
    heard: list[int] = []
    model.dataChanged.connect(lambda *_: heard.append(1))
    layer: Any = hands.viewer.layers["PhenoAI labels"]
    layer.visible = not layer.visible
    assert heard, "the list of layers hears again"
    assert hands.session.background.rest.over, "lanes do not wait any more"
