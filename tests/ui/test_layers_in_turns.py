"""The next tile comes in steps: nobody sees or paints it on another image, nothing stays black."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from napari._vispy.layers import labels as labels_drawing
from napari.layers import Image, Labels
from napari.layers._multiscale_data import MultiScaleData
from psygnal.qt import start_emitting_from_queue
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QWidget

from napari_phenoai.core.edits import Edit
from napari_phenoai.core.geometry import Tile
from napari_phenoai.testing.project import tiny_project
from napari_phenoai.ui.blocks import BlockReader
from napari_phenoai.ui.controls.status_lines import StatusLines
from napari_phenoai.ui.layer_setting import at_once, set_data
from napari_phenoai.ui.pyramid import PatientPyramid
from napari_phenoai.ui.refreshing import Refresher
from napari_phenoai.ui.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import napari
    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot
    from tests.ui.conftest import Hands

    from napari_phenoai.core.records import QueueItem
    from napari_phenoai.ui.desk import Desk

PIXELS = np.random.default_rng(0).integers(1, 5, (300, 400), dtype=np.uint8)


class Late:
    """Makes pyramids of which nothing has come yet, and lets it come."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.reader = BlockReader()

    def pyramid(self, levels: int) -> PatientPyramid:
        shapes = [PIXELS[:: 2**level, :: 2**level].shape for level in range(levels)]
        return PatientPyramid(shapes, PIXELS.dtype, self._read, self.reader)

    def _read(self, level: int, rows: slice, columns: slice) -> NDArray[Any]:
        self.gate.wait()
        return PIXELS[:: 2**level, :: 2**level][rows, columns]


@pytest.fixture
def late() -> Iterator[Late]:
    """Return a maker of pyramids whose pixels come when its gate is opened."""
    late = Late()
    yield late
    late.gate.set()
    late.reader.shutdown()


def _drawn(layer: Image | Labels) -> NDArray[Any]:
    return np.asarray(layer._slice.image.raw)


@pytest.mark.parametrize("kind", [Image, Labels])
@pytest.mark.parametrize("levels", [1, 3])
def test_a_coarsest_level_that_comes_after_its_layer_is_drawn(
    make_napari_viewer: Callable[..., napari.Viewer],
    qtbot: QtBot,
    late: Late,
    levels: int,
    kind: type[Image | Labels],
) -> None:
    viewer, pyramid = make_napari_viewer(), late.pyramid(levels)
    wanted = PIXELS[:: 2 ** (levels - 1), :: 2 ** (levels - 1)]
    options = {"contrast_limits": (0, 9)} if kind is Image else {}
    layer = kind(MultiScaleData(pyramid.levels), multiscale=True, **options)
    start_emitting_from_queue(msec=5)
    parent = QObject()
    refresher = Refresher(parent)
    refresher.listen(pyramid)
    viewer.add_layer(layer)
    layer.locked_data_level = levels - 1
    refresher.watch(pyramid, layer)
    thumbnail = layer.thumbnail.copy()
    assert not _drawn(layer).any()

    late.gate.set()
    qtbot.waitUntil(lambda: not np.array_equal(layer.thumbnail, thumbnail), timeout=60_000)
    qtbot.waitUntil(lambda: np.array_equal(_drawn(layer), wanted), timeout=60_000)

    pyramid.inlay = (Tile("im", 0, 0, 80, 80), 7)
    layer.refresh()
    side = 80 // 2 ** (levels - 1)
    assert (_drawn(layer)[:side, :side] == 7).all()
    pyramid.inlay = None
    layer.refresh()
    np.testing.assert_array_equal(_drawn(layer), wanted)
    refresher.stop()


def test_layers_are_drawn_anew_one_by_one(
    make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot, late: Late
) -> None:
    viewer, parent = make_napari_viewer(), QObject()
    refresher, drawn = Refresher(parent), []
    for number in range(3):
        layer = Labels(MultiScaleData(late.pyramid(1).levels), multiscale=True)
        viewer.add_layer(layer)
        refresher.watch(late.pyramid(1), layer)
        layer.events.set_data.connect(lambda _, number=number: drawn.append(number))
        refresher.soon(layer)
    drawn.clear()
    refresher._refresh()
    assert len(drawn) == 1
    qtbot.waitUntil(lambda: sorted(drawn) == [0, 1, 2], timeout=60_000)
    refresher.stop()


def test_the_coarsest_level_follows_what_is_painted_and_read_anew(qtbot: QtBot, late: Late) -> None:
    late.gate.set()
    pyramid = late.pyramid(1)
    whole = np.asarray(pyramid.levels[0])
    qtbot.waitUntil(lambda: np.array_equal(whole, PIXELS), timeout=60_000)
    assert np.asarray(pyramid.levels[0]) is whole

    tile = Tile("im", 10, 20, 30, 40)
    before = PIXELS[tile.slices].copy()
    pyramid.paint(Edit(tile, before, np.full_like(before, 9)))
    assert (whole[tile.slices] == 9).all()

    pyramid.forget(tile)
    qtbot.waitUntil(lambda: np.array_equal(whole, PIXELS), timeout=60_000)


@pytest.mark.parametrize("kind", [Image, Labels])
def test_other_pixels_are_never_an_empty_picture(
    make_napari_viewer: Callable[..., napari.Viewer], kind: type[Image | Labels]
) -> None:
    levels = [np.ones((size, size), np.uint8) for size in (1024, 256)]
    viewer = make_napari_viewer()
    layer = kind(MultiScaleData(levels), multiscale=True)
    viewer.add_layer(layer)
    corner = np.array([[800, 800], [1000, 1000]])
    layer._update_draw(1.0, corner, (200, 200))
    assert layer.data_level == 0
    with at_once(layer):
        set_data(layer, MultiScaleData(levels))
    assert _drawn(layer).shape == (256, 256)
    layer._update_draw(1.0, corner, (200, 200))
    assert layer.data_level == 0
    assert _drawn(layer).shape == (201, 201)


def test_a_step_is_taken_in_each_turn_until_none_is_left(qtbot: QtBot) -> None:
    steps, parent = [3, 2, 1], QObject()

    def step() -> bool:
        steps.pop()
        return bool(steps)

    turns = Turns(step, parent)
    turns.begin()
    turns.begin()
    assert len(steps) == 3
    qtbot.waitUntil(lambda: not steps, timeout=60_000)
    qtbot.wait(20)


@pytest.mark.parametrize("ending", ["last step", "error", "stop"])
def test_the_canvas_keeps_its_picture_until_the_last_step(qtbot: QtBot, ending: str) -> None:
    steps, canvas, parent = [3, 2, 1], QWidget(), QObject()
    qtbot.addWidget(canvas)

    def step() -> bool:
        steps.pop()
        assert not canvas.updatesEnabled()
        if ending == "error" and len(steps) == 1:
            raise ValueError
        return bool(steps)

    turns = Turns(step, parent, canvas)
    turns.begin()
    assert not canvas.updatesEnabled()
    if ending == "stop":
        turns.stop()
    with qtbot.captureExceptions() as raised:
        qtbot.waitUntil(canvas.updatesEnabled, timeout=60_000)
    assert len(steps) == {"last step": 0, "error": 1, "stop": 3}[ending]
    assert len(raised) == (ending == "error")


def test_turns_outlive_their_canvas(qtbot: QtBot) -> None:
    steps, canvas, parent = list(range(50)), QWidget(), QObject()
    turns = Turns(lambda: bool(steps.pop()), parent, canvas)
    turns.begin()
    canvas.deleteLater()
    qtbot.waitUntil(lambda: not steps, timeout=60_000)
    turns.begin()
    turns.stop()


def test_an_empty_canvas_is_drawn_between_the_steps(qtbot: QtBot) -> None:
    canvas, parent = QWidget(), QObject()
    qtbot.addWidget(canvas)
    turns = Turns(lambda: True, parent, canvas)
    turns.begin(drawing=True)
    assert canvas.updatesEnabled()
    turns.stop()


@pytest.fixture
def hands(tmp_path: Path, open_workbench: Callable[[Path], Hands]) -> Hands:
    """Return the hands at a project of two images."""
    path = tmp_path / "two.phenoai"
    tiny_project(path, 2, tile_px=64).close()
    hands = open_workbench(path)
    hands.wait(lambda: len(hands.session.upcoming()) > 2)
    hands.settle()
    return hands


def _elsewhere(hands: Hands) -> QueueItem:
    """Return a waiting tile of the other image."""
    assert hands.session.current is not None
    here = hands.session.current.where.image
    return next(item for item in hands.session.upcoming() if item.where.image != here)


def _open(hands: Hands, item: QueueItem) -> None:
    assert hands.session.reviewing is not None
    hands.session.reviewing.open_item(item)


def test_a_tile_is_never_seen_on_another_image(hands: Hands) -> None:
    layers, session = hands.dock.bench.layers, hands.session
    assert session.project is not None
    names = {image.id: image.name for image in session.project.images()}
    tile: Any = layers.stack.tile
    owner = {id(session.desk.labels): session.desk.tile.image} if session.desk else {}
    seen: list[tuple[str, str]] = []

    def look(_: object = None) -> None:
        if session.desk is not None:
            owner[id(session.desk.labels)] = session.desk.tile.image
        if tile.visible:
            seen.append((names[owner[id(tile.data)]], layers.stack.images[0].name))

    for event in (tile.events.visible, tile.events.set_data, tile.events.data):
        event.connect(look)
    layers.stack.images[0].events.set_data.connect(look)
    for _ in range(3):
        _open(hands, _elsewhere(hands))
        look()
        hands.ready()
    assert len({names for names, _ in seen}) == 2
    assert all(of_tile == of_image for of_tile, of_image in seen)


def test_a_tile_that_has_gone_cannot_be_painted(hands: Hands) -> None:
    desk, point = hands.session.desk, hands.point(32, 32)
    assert desk is not None
    hands.key("2")
    before, mouse = desk.labels.copy(), hands.qtbot
    _open(hands, _elsewhere(hands))
    assert hands.dock.bench.layers.tile is None
    mouse.mousePress(hands.canvas, Qt.MouseButton.LeftButton, pos=point)  # type: ignore[no-untyped-call]
    mouse.mouseRelease(hands.canvas, Qt.MouseButton.LeftButton, pos=point)  # type: ignore[no-untyped-call]
    np.testing.assert_array_equal(desk.labels, before)
    hands.ready()
    hands.stroke((20, 20), (20, 40))
    np.testing.assert_array_equal(desk.labels, before)
    assert hands.session.desk is not None
    assert hands.session.desk.touched


def test_what_the_person_has_passed_over_is_never_shown(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = hands.dock.bench.layers.stack
    shown: list[Tile] = []
    first = hands.session.current
    assert first is not None
    show = stack.show_tile

    def note(desk: Desk) -> Labels:
        shown.append(desk.tile)
        return show(desk)

    monkeypatch.setattr(stack, "show_tile", note)
    passed = _elsewhere(hands)
    _open(hands, passed)
    _open(hands, first)
    hands.ready()
    hands.qtbot.wait(50)
    assert passed.where not in shown
    assert stack.picture is not None
    assert stack.picture.image == first.where.image


def test_another_tile_is_seen_at_once_not_in_parts(hands: Hands) -> None:
    class Spy(QObject):
        drawn = 0

        def eventFilter(self, _: Any, event: Any) -> bool:  # noqa: N802 - name of Qt's
            self.drawn += event.type() == QEvent.Type.Paint
            return False

    spy, shown = Spy(), hands.session.current
    hands.canvas.installEventFilter(spy)
    hands.wait(hands.canvas.updatesEnabled)
    hands.canvas.update()
    hands.wait(lambda: spy.drawn)
    _open(hands, _elsewhere(hands))
    hands.wait(lambda: hands.session.desk is not None)
    drawn = spy.drawn
    hands.ready()
    assert hands.session.current != shown
    assert hands.canvas.updatesEnabled()
    assert spy.drawn - drawn <= 2


def test_outlines_of_overlays_come_a_turn_later_each(hands: Hands) -> None:
    layers = hands.dock.bench.layers
    labels, tile = layers.stack.overlays["labels"], layers.stack.tile
    assert labels.visible
    layers.set_outline(True)
    assert tile is not None
    assert (tile.contour, labels.contour) == (2, 0)
    hands.wait(lambda: labels.contour == 2)
    layers.set_outline(False)
    layers.set_outline(True)
    assert not layers.stack.catch_up()
    layers.show("labels", visible=False)
    layers.set_outline(False)
    assert not layers.stack.catch_up()
    assert labels.contour == 2, "a hidden overlay is not drawn anew"
    layers.show("labels", visible=True)
    hands.wait(lambda: labels.contour == 0)


def test_labels_of_another_tile_have_no_program_compiled_anew(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    usual = labels_drawing.LabelVispyColormap

    def counted(*values: Any, **named: Any) -> object:
        made.append(values)
        return usual(*values, **named)

    monkeypatch.setattr(labels_drawing, "LabelVispyColormap", counted)
    item = _elsewhere(hands)
    _open(hands, item)
    hands.wait(lambda: hands.dock.bench.layers.tile is not None and hands.session.current == item)
    layer = hands.dock.bench.layers.tile
    assert layer is not None
    assert not made
    layer.data = np.asarray(layer.data).astype(np.uint16)
    assert made, "the test counts nothing"


def test_the_counts_wait_for_the_window_to_be_drawn(qtbot: QtBot) -> None:
    class Spy(QObject):
        drawn = 0

        def eventFilter(self, _: Any, event: Any) -> bool:  # noqa: N802 - name of Qt's
            self.drawn += event.type() == QEvent.Type.Paint
            return False

    lines, spy = StatusLines(), Spy()
    qtbot.addWidget(lines)
    lines.show()
    qtbot.waitExposed(lines)
    lines.show_counts(1, 9, "1 done")
    lines.progress.installEventFilter(spy)
    lines.show_counts(5, 5, "5 done")
    assert spy.drawn == 0
    qtbot.waitUntil(lambda: spy.drawn > 0, timeout=60_000)
    assert lines.progress.value() == 5
