"""Sessions of an annotator whose mouse never leaves the canvas, by real mouse and key events."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QObject, QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QWidget
from skimage.measure import label

from napari_phenoai.testing.project import tiny_project
from napari_phenoai.testing.scenes import rosettes
from napari_phenoai.ui.controls.key_sheet import KeySheet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from tests.ui.conftest import Hands

    from napari_phenoai.ui.desk import Desk

TILES = 20


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a closed project of four scenes with a forest that serves."""
    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.ports import TrainSettings
    from napari_phenoai.core.progress import finish
    from napari_phenoai.loop.retrain import retrain
    from napari_phenoai.loop.review import decide

    path = tmp_path_factory.mktemp("annotator") / "field.phenoai"
    with tiny_project(path, 4, size=(192, 192)) as project:
        for number, image in enumerate(project.images()[:2]):
            truth = rosettes(number, image.plane, spacing_px=80).classes
            for x in (0, 64):
                tile = Tile(image.id, 64, x, 64, 64)
                labels = np.ascontiguousarray(truth[tile.slices])
                decide(project, tile, "corrected", labels=labels, author="ana")
        finish(retrain(project, TrainSettings(family="forest", extra={"trees": 10})))
    return path


@pytest.fixture
def path(trained: Path, tmp_path: Path) -> Path:
    """Return a copy of it; the scenes stay where they are."""
    return Path(shutil.copytree(trained, tmp_path / "field.phenoai"))


class Elsewhere(QObject):
    """Notes the buttons and keys that reach another widget than the canvas.

    The page of keys lies over the canvas, and any key closes it.
    """

    def __init__(self, canvas: QWidget) -> None:
        super().__init__()
        self._canvas = canvas
        self.met: list[str] = []

    def eventFilter(  # noqa: N802
        self, watched: QObject | None, event: QEvent | None
    ) -> bool:
        """Note what does not belong on the canvas."""
        pressed = event is not None and event.type() in (
            QEvent.Type.MouseButtonPress,
            QEvent.Type.KeyPress,
            QEvent.Type.Wheel,
        )
        if pressed and isinstance(watched, QWidget) and not isinstance(watched, KeySheet):
            passed_on = watched.isAncestorOf(self._canvas)
            if watched is not self._canvas and not passed_on:
                self.met.append(type(watched).__name__)
        return False


class Annotator:
    """A person who has mouse and keys on the canvas only, and decides about tiles."""

    def __init__(self, hands: Hands) -> None:
        self.hands = hands
        self.verdicts: dict[str, str] = {}
        self.keys = 0

    @property
    def desk(self) -> Desk:
        """The tile on the desk."""
        assert self.hands.session.desk is not None
        return self.hands.session.desk

    @property
    def labels(self) -> NDArray[Any]:
        """Its mask."""
        return self.desk.labels

    def key(self, name: str, *, shift: bool = False) -> None:
        """Press a key: what has the keyboard must be the canvas."""
        window = self.hands.dock.window()
        assert window is not None
        assert window.focusWidget() is self.hands.canvas, "the keyboard is not at the canvas"
        self.hands.key(name, shift=shift)
        self.keys += 1

    def does(self, gesture: Callable[..., object], *places: Any, **options: Any) -> None:
        """Do a gesture that changes the mask; wait until it has."""
        before = self.labels.copy()
        gesture(*places, **options)
        self.hands.wait(lambda: not np.array_equal(self.labels, before))

    def click(self, row: int, column: int, *, shift: bool = False) -> None:
        """Click, and wait for the change."""
        self.does(self.hands.click, row, column, shift=shift)

    def stroke(self, *corners: tuple[int, int]) -> None:
        """Draw a stroke, and wait for the change."""
        self.does(self.hands.stroke, *corners)

    def clear(self) -> None:
        """Make the whole tile soil: all plants are replaced at once."""
        assert self.labels.all(), "everything is predicted"
        self.key("1")
        plants = np.argwhere(self.labels == 2)
        if len(plants):
            self.key("G", shift=True)
            self.click(*plants[len(plants) // 2].tolist(), shift=True)
        assert (self.labels == 1).all()

    def blobs(self, *columns: int) -> None:
        """Paint plants of 15 px in one row, each with a click."""
        self.clear()
        self.key("2")
        self.key("B")
        for column in columns:
            self.click(30, column)

    @property
    def plants(self) -> int:
        """How many connected plants there are."""
        return int(label(self.labels == 2, connectivity=2).max())

    def decide(self, key: str, verdict: str, *, shift: bool = False) -> None:
        """Press the key of a decision; the next tile comes by itself."""
        tile = self.desk.tile.key
        self.verdicts[tile] = verdict
        self.key(key, shift=shift)
        session = self.hands.session
        self.hands.wait(lambda: session.current is not None and session.current.tile != tile)
        self.hands.ready()
        self.hands.wait(lambda: self.desk.has_prediction)


@pytest.fixture
def person(path: Path, open_workbench: Callable[[Path], Hands]) -> Iterator[Annotator]:
    """Return a person at the first tile; no other widget may get a button or a key."""
    hands = open_workbench(path)
    hands.wait(lambda: hands.session.desk is not None and hands.session.desk.has_prediction)
    hands.wait(lambda: not hands.session.jobs and not hands.session.background.busy)
    hands.wait(lambda: len(hands.session.queue) >= TILES)
    elsewhere = Elsewhere(hands.canvas)
    app = QApplication.instance()
    assert app is not None
    app.installEventFilter(elsewhere)
    yield Annotator(hands)
    app.removeEventFilter(elsewhere)
    assert not elsewhere.met


def _accept(person: Annotator) -> None:
    person.decide("Return", "accepted")


def _paint_and_take_back(person: Annotator) -> None:
    person.clear()
    before = person.labels.copy()
    person.key("Equal")
    assert person.hands.dock.bench.tools.class_id == 2
    person.key("B")
    person.key("BracketLeft")
    person.stroke((10, 10), (10, 50))
    after = person.labels.copy()
    person.does(person.key, "Z")
    np.testing.assert_array_equal(person.labels, before)
    person.does(person.key, "Z", shift=True)
    np.testing.assert_array_equal(person.labels, after)
    person.key("BracketRight")
    person.decide("Return", "corrected")


def _part_by_one_stroke(person: Annotator) -> None:
    person.blobs(20, 33)
    assert person.plants == 1
    person.key("C")
    person.stroke((12, 27), (48, 27))
    assert person.plants == 2
    person.decide("Return", "corrected")


def _join_by_one_stroke(person: Annotator) -> None:
    person.blobs(15, 45)
    assert person.plants == 2
    person.key("M")
    person.stroke((30, 15), (30, 45))
    assert person.plants == 1
    person.decide("Return", "corrected")


def _split_by_one_click(person: Annotator) -> None:
    person.blobs(20, 33)
    person.key("V")
    person.click(30, 20)
    assert person.plants == 2
    person.decide("Return", "corrected")


def _delete(person: Annotator) -> None:
    person.blobs(15, 45)
    person.key("Delete")
    person.click(30, 15)
    assert person.plants == 1
    person.decide("Return", "corrected")


def _wand(person: Annotator) -> None:
    person.clear()
    person.key("2")
    person.key("W")
    mode: Any = person.hands.dock.bench.hand.mode
    assert mode.values["contiguous"]
    person.key("Backslash")
    assert not mode.values["contiguous"], "the switch has a key"
    person.key("BracketRight")
    person.click(30, 30)
    person.decide("Return", "corrected")


def _patches(person: Annotator) -> None:
    person.clear()
    person.key("2")
    person.key("U")
    person.stroke((20, 10), (20, 50))
    assert (person.labels[20, 12:49] == 2).all()
    person.decide("Return", "corrected")


def _livewire(person: Annotator) -> None:
    person.clear()
    person.key("2")
    person.key("L")
    for corner in ((10, 10), (10, 50), (50, 50)):
        person.hands.click(*corner)
    person.does(person.key, "Return")
    assert (person.labels == 2).sum() > 200
    person.decide("Return", "corrected")


def _hole_and_speck(person: Annotator) -> None:
    person.clear()
    person.key("2")
    person.key("B")
    person.stroke((15, 15), (15, 45), (45, 45), (45, 15), (15, 15))
    assert person.labels[30, 30] == 1
    person.key("N")
    person.click(30, 30)
    assert person.labels[30, 30] == 2
    for _ in range(12):
        person.key("BracketLeft")
    person.key("B")
    for _ in range(8):
        person.key("BracketLeft")
    person.click(58, 8)
    speck = person.labels[58, 8]
    person.key("N", shift=True)
    person.click(5, 58)
    assert (speck, person.labels[58, 8]) == (2, 1)
    person.key("B")
    for _ in range(8):
        person.key("BracketRight")
    person.decide("Return", "corrected")


def _outlines(person: Annotator) -> None:
    person.blobs(30)
    area = (person.labels == 2).sum()
    person.key("J")
    person.click(30, 30)
    assert (person.labels == 2).sum() > area
    person.key("J", shift=True)
    person.click(30, 30)
    person.key("Y")
    person.hands.click(30, 30)
    assert "Smooth" in person.hands.dock.bench.hand.words
    person.decide("Return", "corrected")


def _threshold(person: Annotator) -> None:
    person.clear()
    person.key("2")
    person.key("W", shift=True)
    person.stroke((8, 8), (50, 50))
    assert 0 < (person.labels == 2).sum() < 43 * 43
    person.decide("Return", "corrected")


def _copy_back(person: Annotator) -> None:
    proposed = person.labels.copy()
    person.clear()
    person.key("2")
    person.key("B")
    person.stroke((5, 5), (5, 60))
    person.key("D", shift=True)
    person.click(30, 30, shift=True)
    np.testing.assert_array_equal(person.labels, proposed)
    person.decide("Return", "accepted")


def _polygon_fill_eraser(person: Annotator) -> None:
    person.clear()
    person.key("2")
    person.key("P")
    for corner in ((10, 10), (10, 50), (50, 50), (50, 10)):
        person.hands.click(*corner)
    person.does(person.key, "Return")
    assert person.labels[30, 30] == 2
    person.key("E")
    person.stroke((30, 20), (30, 40))
    assert person.labels[30, 30] == 1
    person.key("2")
    person.key("G")
    person.click(58, 58)
    assert person.labels[58, 58] == 2
    person.decide("Return", "corrected")


def _point_prompt(person: Annotator) -> None:
    person.clear()
    prompting = person.hands.dock.bench.prompts.prompting
    person.key("2")
    person.key("A")
    person.hands.wait(lambda: prompting.prepared)
    person.hands.click(20, 30)
    person.hands.wait(lambda: prompting.shown)
    person.hands.click(50, 50, shift=True)
    person.hands.wait(lambda: _clicks(person) == 2 and prompting.shown)
    person.key("Backspace")
    person.hands.wait(lambda: _clicks(person) == 1 and prompting.shown)
    person.key("Tab")
    mask = prompting.shown[0].mask.copy()
    assert mask.any()
    person.does(person.key, "Return")
    np.testing.assert_array_equal(person.labels == 2, mask)
    person.decide("Return", "corrected")


def _clicks(person: Annotator) -> int:
    asked = person.hands.dock.bench.prompts.prompting.asked
    return 0 if asked is None else len(asked.prompts.steps)


def _box_prompt(person: Annotator) -> None:
    person.clear()
    prompting = person.hands.dock.bench.prompts.prompting
    person.key("2")
    person.key("R")
    person.hands.wait(lambda: prompting.prepared)
    person.hands.stroke((10, 10), (45, 45))
    person.hands.wait(lambda: prompting.shown)
    person.does(person.key, "Return")
    assert (person.labels == 2).any()
    person.decide("Return", "corrected")


def _back_to_the_last(person: Annotator) -> None:
    here = person.desk.tile.key
    last = next(reversed(person.verdicts))
    person.key("B")
    person.key("Backspace")
    person.hands.ready()
    assert person.desk.tile.key == last
    mask = person.labels.copy()
    person.key("2")
    person.stroke((3, 5), (3, 60))
    assert not np.array_equal(person.labels, mask)
    person.decide("Return", "corrected")
    assert person.desk.tile.key == here, "one comes back to where one was"
    person.decide("Return", "accepted")


def _look_round(person: Annotator) -> None:
    here = person.desk.tile.key
    person.blobs(30)
    mask = person.labels.copy()
    person.key("Left")
    person.hands.ready()
    assert person.desk.tile.key != here
    person.key("Right")
    person.hands.ready()
    assert person.desk.tile.key == here
    np.testing.assert_array_equal(person.labels, mask)
    person.decide("Return", "corrected")


def _look_at_the_image(person: Annotator) -> None:
    hands, layers = person.hands, person.hands.viewer.layers
    for key, name in (("H", "PhenoAI tile"), ("D", "PhenoAI prediction")):
        shown = layers[name].visible
        person.key(key)
        assert layers[name].visible is not shown
        person.key(key)
    person.key("O")
    assert layers["PhenoAI tile"].contour
    person.key("O")
    zoom = hands.viewer.scene.camera.zoom
    _wheel(hands)
    hands.wait(lambda: hands.viewer.scene.camera.zoom != zoom)
    person.key("Home")
    person.key("K")
    assert hands.dock.bench.marks.locked
    person.key("K")
    person.key("F1")
    sheet = hands.dock.sheet
    assert sheet is not None
    assert sheet.isVisible()
    window = hands.dock.window()
    assert window is not None
    assert window.focusWidget() is sheet, "any key closes it"
    keyboard: Any = hands.qtbot
    keyboard.keyClick(sheet, Qt.Key.Key_Escape)
    assert not sheet.isVisible()
    person.decide("F", "flagged")


def _skip(person: Annotator) -> None:
    person.decide("S", "skipped")


def _reject(person: Annotator) -> None:
    person.decide("X", "rejected")


def _accept_whole(person: Annotator) -> None:
    person.decide("Return", "accepted", shift=True)


def _wheel(hands: Hands) -> None:
    at = QPointF(hands.point(30, 30))
    event = QWheelEvent(
        at,
        QPointF(hands.canvas.mapToGlobal(at.toPoint())),
        QPoint(0, 0),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(hands.canvas, event)


SESSION = (
    _accept,
    _paint_and_take_back,
    _part_by_one_stroke,
    _join_by_one_stroke,
    _split_by_one_click,
    _delete,
    _wand,
    _patches,
    _livewire,
    _hole_and_speck,
    _outlines,
    _threshold,
    _copy_back,
    _back_to_the_last,
    _polygon_fill_eraser,
    _look_round,
    _skip,
    _reject,
    _look_at_the_image,
    _accept_whole,
)


def test_twenty_tiles_are_decided_without_leaving_the_canvas(
    person: Annotator, checkpoint: Path
) -> None:
    person.hands.dock.bench.prompts.prompting.choose(checkpoint)
    for work in (*SESSION[:10], _point_prompt, _box_prompt, *SESSION[10:]):
        work(person)
    assert len(person.verdicts) >= TILES
    session = person.hands.session
    person.hands.wait(lambda: not session.background.busy)
    assert session.project is not None
    current = session.project.reviews.current()
    assert {key: current[key].verdict for key in person.verdicts} == person.verdicts
    prompted = [review for review in current.values() if review.prompts]
    assert len(prompted) == 2
    names = [layer.name for layer in person.hands.viewer.layers]
    assert names.count("PhenoAI preview") == 1, "tools and prompts share one layer"


def test_a_tile_with_nothing_wrong_costs_one_key(person: Annotator) -> None:
    for _ in range(5):
        person.decide("Return", "accepted")
    assert person.keys == len(person.verdicts) == 5
    session = person.hands.session
    person.hands.wait(lambda: not session.background.busy)
    assert session.project is not None
    current = session.project.reviews.current()
    for key in person.verdicts:
        assert (current[key].verdict, current[key].changed_px) == ("accepted", 0)


def test_the_keyboard_comes_back_to_the_canvas(person: Annotator) -> None:
    hands = person.hands
    window, app = hands.dock.window(), QApplication.instance()
    assert window is not None
    assert app is not None
    assert window.focusWidget() is hands.canvas, "a project that was opened can be worked on"
    window.activateWindow()
    hands.wait(window.isActiveWindow)

    def enter_canvas() -> None:
        app.sendEvent(hands.canvas, QEvent(QEvent.Type.Enter))

    note = hands.dock.page.note
    note.setFocus()
    enter_canvas()
    assert window.focusWidget() is note, "one goes on typing while the mouse passes by"
    note.clearFocus()
    enter_canvas()
    assert window.focusWidget() is hands.canvas
    person.key("F1")
    enter_canvas()
    sheet = hands.dock.sheet
    assert window.focusWidget() is sheet, "any key closes the page, wherever the mouse is"
    keyboard: Any = hands.qtbot
    keyboard.keyClick(sheet, Qt.Key.Key_Escape)
    assert window.focusWidget() is hands.canvas


def test_the_page_of_keys_fits_a_small_window(person: Annotator) -> None:
    window = person.hands.dock.window()
    assert window is not None
    person.key("F1")
    sheet = person.hands.dock.sheet
    assert sheet is not None
    window.resize(1366, 768)
    person.hands.wait(lambda: window.width() == 1366)
    assert sheet.width() <= 1366
    assert sheet.height() <= 768
    person.hands.wait(lambda: window.rect().contains(sheet.geometry()))
    keyboard: Any = person.hands.qtbot
    keyboard.keyClick(sheet, Qt.Key.Key_Escape)
