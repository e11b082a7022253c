"""Pixel tools on objects, by real mouse and key events: cut, merge, split, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_phenoai.testing.project import tiny_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from tests.ui.conftest import Hands

PREVIEW = "PhenoAI preview"
MOVE_MS = 16


@pytest.fixture
def hands(tmp_path: Path, open_workbench: Callable[[Path], Hands]) -> Hands:
    """Return the hands at a tile with two blobs that touch."""
    path = tmp_path / "field.phenoai"
    tiny_project(path).close()
    found = open_workbench(path)
    y, x = np.mgrid[:64, :64]
    blobs = np.ones((64, 64), np.uint8)
    for column in (20, 42):
        blobs[(y - 30) ** 2 + (x - column) ** 2 < 13**2] = 2
    _labels(found)[...] = blobs
    found.viewer.layers["PhenoAI tile"].refresh()
    found.key("2")
    return found


def _labels(hands: Hands) -> NDArray[np.uint8]:
    assert hands.session.desk is not None
    return hands.session.desk.labels


def _point_at(hands: Hands, row: float, column: float) -> None:
    mouse: Any = hands.qtbot
    for off in (2, 0):  # the pointer may be there already, and then nothing moves
        mouse.mouseMove(hands.canvas, hands.point(row + off, column))
        hands.qtbot.wait(MOVE_MS)


def _objects(hands: Hands, value: int = 2) -> int:
    from skimage.measure import label

    return int(label(_labels(hands) == value, connectivity=2).max())


def _changed(hands: Hands, before: NDArray[np.uint8]) -> None:
    hands.wait(lambda: not np.array_equal(_labels(hands), before))


def test_one_stroke_parts_two_blobs_that_touch(hands: Hands) -> None:
    before = _labels(hands).copy()
    assert _objects(hands) == 1
    hands.key("C")
    hands.stroke((14, 31), (46, 31))
    _changed(hands, before)

    assert _objects(hands) == 2
    assert (_labels(hands)[before != _labels(hands)] == 1).all(), "a cut leaves background"

    hands.key("Z")
    np.testing.assert_array_equal(_labels(hands), before)
    hands.key("Z", shift=True)
    assert _objects(hands) == 2


def test_a_bridge_joins_what_was_cut(hands: Hands) -> None:
    before = _labels(hands).copy()
    hands.key("C")
    hands.stroke((14, 31), (46, 31))
    _changed(hands, before)
    cut = _labels(hands).copy()
    hands.key("M")
    hands.stroke((30, 20), (30, 42))
    _changed(hands, cut)

    assert _objects(hands) == 1
    hands.key("Z")
    np.testing.assert_array_equal(_labels(hands), cut)


def test_a_click_splits_at_the_neck_and_the_slider_decides_where(hands: Hands) -> None:
    before = _labels(hands).copy()
    hands.key("V")
    options: Any = hands.dock.bench.hand.modes["split"].options()
    assert options.isVisible()
    options.sliders["neck"].setValue(0)
    hands.click(30, 20)
    hands.wait(lambda: "Nothing to change" in hands.dock.bench.hand.words)
    np.testing.assert_array_equal(_labels(hands), before)

    options.sliders["neck"].setValue(18)
    hands.click(30, 20)
    _changed(hands, before)
    assert _objects(hands) == 2


def test_the_preview_of_a_split_follows_the_slider(hands: Hands) -> None:
    hands.key("V")
    _point_at(hands, 30, 20)
    hands.wait(lambda: PREVIEW in hands.viewer.layers and hands.viewer.layers[PREVIEW].visible)
    assert hands.viewer.layers[PREVIEW].data.any()
    before = _labels(hands).copy()

    for _ in range(20):
        hands.key("BracketLeft")
    hands.wait(lambda: not hands.viewer.layers[PREVIEW].visible)
    np.testing.assert_array_equal(_labels(hands), before)

    hands.session.close_project()
    assert PREVIEW not in hands.viewer.layers


def test_a_click_deletes_an_object(hands: Hands) -> None:
    before = _labels(hands).copy()
    hands.key("Delete")
    hands.click(30, 20)
    _changed(hands, before)

    assert _objects(hands) == 0
    hands.key("Z")
    np.testing.assert_array_equal(_labels(hands), before)


def test_escape_drops_a_stroke_and_then_puts_the_tool_down(hands: Hands) -> None:
    before = _labels(hands).copy()
    hands.key("C")
    mouse: Any = hands.qtbot
    _point_at(hands, 14, 31)
    mouse.mousePress(hands.canvas, Qt.MouseButton.LeftButton, pos=hands.point(14, 31))
    _point_at(hands, 40, 31)
    hands.key("Escape")
    _point_at(hands, 46, 31)
    mouse.mouseRelease(hands.canvas, Qt.MouseButton.LeftButton, pos=hands.point(46, 31))
    hands.wait(lambda: not hands.session.background.busy)
    np.testing.assert_array_equal(_labels(hands), before)
    assert hands.dock.bench.tools.tool == "cut"

    hands.key("Escape")
    assert hands.dock.bench.tools.tool == "brush"


def test_locked_pixels_are_not_cut(hands: Hands) -> None:
    before = _labels(hands).copy()
    hands.key("K")
    hands.key("C")
    refused: list[bool] = []
    hands.dock.bench.marks.refused.connect(lambda: refused.append(True))
    hands.stroke((30, 31), (46, 31))
    hands.wait(lambda: refused)
    np.testing.assert_array_equal(_labels(hands), before)


def test_a_decision_right_after_a_stroke_has_it(hands: Hands) -> None:
    desk = hands.session.desk
    assert desk is not None
    before = desk.labels.copy()
    hands.key("C")
    hands.stroke((14, 31), (46, 31))
    hands.key("Return")
    assert not np.array_equal(desk.labels, before)
    hands.wait(lambda: not hands.session.background.busy)
    project = hands.session.project
    assert project is not None
    review = project.reviews.current()[desk.tile.key]
    np.testing.assert_array_equal(project.reviews.mask(review), desk.labels)


def test_the_status_bar_says_what_the_next_click_does(hands: Hands) -> None:
    hands.key("C")
    assert "drag across a neck" in hands.dock.bench.hand.words
    hands.key("W")
    assert hands.session.project is not None
    assert f"paint it {hands.session.project.scheme.named(2).name}" in hands.dock.bench.hand.words
    hands.key("B")
    assert hands.dock.bench.hand.words.startswith("Brush")


def test_space_moves_the_image_and_gives_the_tool_back(hands: Hands) -> None:
    layer = hands.viewer.layers["PhenoAI tile"]
    hands.key("C")
    assert str(layer.mode) == "pick"
    layer.mode = "pan_zoom"
    assert layer.mouse_pan
    layer.mode = "pick"
    assert hands.dock.bench.tools.tool == "cut"
    selected = layer.selected_label
    before = _labels(hands).copy()
    hands.stroke((14, 31), (46, 31))
    _changed(hands, before)
    assert layer.selected_label == selected, "napari picked a class"
