"""Pixel tools that look at the image, tidy up, or work anywhere, by real mouse and key events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QScrollArea

from napari_phenoai.testing.project import tiny_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from tests.ui.conftest import Hands


@pytest.fixture
def hands(tmp_path: Path, open_workbench: Callable[[Path], Hands]) -> Hands:
    """Return the hands at a tile with a square that has a hole, and a speck."""
    path = tmp_path / "field.phenoai"
    tiny_project(path).close()
    found = open_workbench(path)
    labels = np.ones((64, 64), np.uint8)
    labels[20:40, 20:40] = 2
    labels[28:31, 28:31] = 1
    labels[50:52, 50:52] = 2
    _labels(found)[...] = labels
    found.viewer.layers["PhenoAI tile"].refresh()
    found.key("2")
    return found


def _labels(hands: Hands) -> NDArray[Any]:
    assert hands.session.desk is not None
    return hands.session.desk.labels


def _options(hands: Hands) -> Any:
    mode = hands.dock.bench.hand.mode
    assert mode is not None
    return mode.options()


def _one_step(hands: Hands, gesture: Callable[[], object]) -> NDArray[Any]:
    """Do a gesture; return the labels after it, when one undo has brought back those before."""
    before = _labels(hands).copy()
    gesture()
    hands.wait(lambda: not np.array_equal(_labels(hands), before))
    after = _labels(hands).copy()
    hands.key("Z")
    np.testing.assert_array_equal(_labels(hands), before)
    hands.key("Z", shift=True)
    np.testing.assert_array_equal(_labels(hands), after)
    return after


def test_a_hole_is_filled_and_specks_go(hands: Hands) -> None:
    hands.key("N")
    after = _one_step(hands, lambda: hands.click(29, 29))
    assert (after[20:40, 20:40] == 2).all()
    hands.key("N", shift=True)
    assert hands.dock.page.tools.fold.isChecked(), "a rarer tool unfolds its row"
    after = _one_step(hands, _options(hands).everywhere.click)
    assert (after[50:52, 50:52] == 1).all()
    assert (after == 2).sum() == 400


def test_outlines_of_one_object_move(hands: Hands) -> None:
    hands.key("Y")
    after = _one_step(hands, lambda: hands.click(22, 22))
    assert after[20, 20] == 1, "the corner is rounded"
    assert (after[23:37, 20] == 2).all()
    hands.key("Z")
    before = _labels(hands).copy()
    hands.key("J")
    hands.key("BracketRight")
    after = _one_step(hands, lambda: hands.click(22, 22))
    assert (after[18:20, 22:38] == 2).all(), "two pixels, as the key ] said"
    np.testing.assert_array_equal(after[48:54, 48:54], before[48:54, 48:54])

    hands.key("J", shift=True)
    after = _one_step(hands, lambda: hands.click(22, 22))
    assert (after[18, 22:38] == 0).all(), "unlabelled again, as nothing is predicted here"


def test_a_region_or_all_of_its_class_is_replaced(hands: Hands) -> None:
    hands.key("1")
    hands.key("G", shift=True)
    after = _one_step(hands, lambda: hands.click(22, 22))
    assert (after == 2).sum() == 4, "the speck has the class still"
    hands.key("2")
    mouse: Any = hands.qtbot
    place, shift = hands.point(10, 10), Qt.KeyboardModifier.ShiftModifier
    after = _one_step(
        hands,
        lambda: mouse.mouseClick(hands.canvas, Qt.MouseButton.LeftButton, shift, pos=place),
    )
    assert (after == 2).all()


def test_tools_that_look_at_the_image_paint_the_chosen_class(hands: Hands) -> None:
    hands.key("W")
    options = _options(hands)
    options.sliders["tolerance"].setValue(64)
    options.boxes["contiguous"].click()
    wide = _one_step(hands, lambda: hands.click(10, 10))
    assert (wide == 2).sum() > 1000

    _labels(hands)[...] = 1
    hands.key("U")
    after = _one_step(hands, lambda: hands.stroke((10, 10), (10, 40)))
    assert (after[10, 10:41] == 2).all()
    assert (after == 2).sum() > 2 * 31, "whole patches, not only the stroke"

    _labels(hands)[...] = 1
    hands.key("W", shift=True)
    after = _one_step(hands, lambda: hands.stroke((8, 8), (50, 50)))
    assert 0 < (after == 2).sum() < 43 * 43
    assert not (after[:8] == 2).any(), "nothing outside the box"


def test_the_livewire_paints_what_it_encloses(hands: Hands) -> None:
    _labels(hands)[...] = 1
    hands.key("L")
    for corner in ((10, 10), (10, 50), (50, 50)):
        hands.click(*corner)
    mode: Any = hands.dock.bench.hand.mode
    assert len(mode.anchors) == 3
    hands.key("Backspace")
    assert len(mode.anchors) == 2
    hands.click(50, 48)
    tile = hands.session.current
    after = _one_step(hands, lambda: hands.key("Return"))
    assert after[20, 45] == 2
    assert (after == 2).sum() > 200
    assert hands.session.current == tile, "Enter closed the line and decided too"

    hands.click(10, 10)
    hands.key("Escape")
    assert not mode.anchors
    assert hands.dock.bench.tools.tool == "livewire"


def test_what_was_predicted_is_copied(
    worked_project: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    hands = open_workbench(worked_project)
    desk = hands.session.desk
    assert desk is not None
    proposed = desk.proposal.labels.copy()
    desk.labels[...] = np.where(proposed == 2, 1, 2)
    hands.key("D", shift=True)
    after = _one_step(hands, _options(hands).everywhere.click)
    np.testing.assert_array_equal(after, proposed)


def test_a_cut_anywhere_is_one_edit_in_the_history(hands: Hands) -> None:
    hands.paint_anywhere()
    hands.look(32, 32, 6.0)
    hands.key("2")
    hands.stroke((30, 20), (30, 60))
    hands.settle()
    hands.key("C")
    before = hands.window.painted.copy()
    hands.stroke((15, 40), (45, 40))
    hands.wait(lambda: not np.array_equal(hands.window.painted, before))
    hands.settle()
    assert hands.session.project is not None
    entries = hands.session.project.journal.entries()
    assert [entry.tool for entry in entries] == ["cut", "brush"]
    hands.key("Z")
    hands.wait(lambda: np.array_equal(hands.window.painted, before))


def test_the_status_bar_of_the_window_shows_the_words(hands: Hands) -> None:
    hands.key("C")
    words = hands.dock.page.words
    assert words.isVisible()
    assert words.whole().startswith("Cut: drag across a neck")
    assert words.window() is hands.dock.window()
    hands.click(29, 29)
    hands.wait(lambda: "Nothing to change" in words.whole() or "changed" in words.whole())


def test_the_slider_of_a_tool_comes_into_sight_on_a_laptop(
    tmp_path: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    path = tmp_path / "cells.phenoai"
    with tiny_project(path, instances=True) as project:
        scheme = project.scheme
        for name in ("flower", "fruit", "stem", "weed"):
            scheme = scheme.added(name)
        project.update_scheme(scheme)
    hands = open_workbench(path)
    hands.viewer.window.resize(1366, 768)
    window: Any = hands.dock.window()
    hands.wait(lambda: (window.width(), window.height()) == (1366, 768))
    page = hands.dock.page
    assert not _in_sight(page.tools.fold), "the dock is lower than what is in it"
    hands.key("V", shift=True)
    slider = _options(hands).sliders["neck"]
    hands.wait(lambda: _in_sight(slider))
    assert _in_sight(_options(hands)), "all of the options, with their words"
    hands.key("B")
    scroll: Any = hands.dock.findChild(QScrollArea)
    scroll.verticalScrollBar().setValue(0)
    hands.key("W")
    hands.wait(lambda: _in_sight(_options(hands).sliders["tolerance"]))


def _in_sight(widget: Any) -> bool:
    return bool(widget.visibleRegion().boundingRect() == widget.rect())
