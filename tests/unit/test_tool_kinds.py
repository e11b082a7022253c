"""The catalogue of pixel tools, without windows: every kind makes a request that works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_phenoai.core.editing import Canvas, Wire, use
from napari_phenoai.core.geometry import Tile
from napari_phenoai.ui.handtools.catalogue import KINDS
from napari_phenoai.ui.handtools.kinds import Kind, Number, Wish
from napari_phenoai.ui.handtools.picture import LINE, sketched
from napari_phenoai.ui.handtools.pixel_mode import fitted
from napari_phenoai.ui.handtools.surface import Surface
from napari_phenoai.ui.handtools.wire_mode import Wires
from napari_phenoai.ui.keys import KEYS, TOOL_KEYS, key_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

BY_NAME = {kind.name: kind for kind in KINDS}


def _labels() -> NDArray[np.uint8]:
    y, x = np.mgrid[:128, :128]
    labels = np.ones((128, 128), np.uint8)
    for column in (40, 62):
        labels[(y - 50) ** 2 + (x - column) ** 2 < 13**2] = 2
    labels[90:102, 30:42] = 2
    labels[94:98, 34:38] = 1  # a hole
    labels[100:103, 100:103] = 3  # a speck
    return labels


def _surface(labels: NDArray[np.uint8], tile: Tile | None = None) -> Surface:
    pixels = np.where(labels == 2, 200, 20).astype(np.uint8)[None]
    prediction = np.full(labels.shape, 3, np.uint8)
    return Surface(
        tile or Tile("leaf", 0, 0, 128, 128),
        (128, 128),
        labels,
        1,
        unknown=False,
        read_pixels=lambda part: pixels[:, *part.slices],
        read_prediction=lambda: prediction,
    )


def _wish(kind: Kind, *points: tuple[int, int], everywhere: bool = False, value: int = 3) -> Wish:
    values = {option.name: option.start for option in kind.options}
    return Wish(points, value, values, everywhere=everywhere)


def _used(
    name: str,
    *points: tuple[int, int],
    everywhere: bool = False,
    locked: frozenset[int] = frozenset(),
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    kind, labels = BY_NAME[name], _labels()
    wish = _wish(kind, *points, everywhere=everywhere)
    canvas = fitted(kind, wish, _surface(labels).canvas(labels.copy(), locked, kind.needs))
    tool = kind.make(wish, canvas)
    after = use(tool, canvas).applied(canvas) if tool is not None else canvas.labels
    return labels, after


POINTS = {
    "cut": ((30, 51), (70, 51)),
    "merge": ((50, 62), (101, 101)),
    "split": ((60, 62),),
    "delete": ((60, 62),),
    "wand": ((60, 62),),
    "superpixel": ((60, 40), (60, 62)),
    "threshold": ((30, 20), (80, 90)),
    "holes": ((96, 36),),
    "specks": ((10, 10),),
    "grow": ((60, 62),),
    "shrink": ((60, 62),),
    "smooth": ((60, 62),),
    "replace": ((60, 62),),
    "copy": ((60, 62),),
}


def test_the_points_are_those_of_all_kinds() -> None:
    assert set(POINTS) == set(BY_NAME)


@pytest.mark.parametrize("name", POINTS)
def test_each_gesture_changes_something_and_never_what_is_locked(name: str) -> None:
    before, after = _used(name, *POINTS[name])
    assert (before != after).any()
    _, kept = _used(name, *POINTS[name], locked=frozenset({2}))
    np.testing.assert_array_equal(kept == 2, (kept == 2) | (before == 2))


@pytest.mark.parametrize("name", [kind.name for kind in KINDS if kind.everywhere])
def test_everywhere_reaches_the_whole_tile_without_a_place(name: str) -> None:
    before, after = _used(name, everywhere=True)
    assert (before != after).any()


def test_replace_everywhere_takes_the_class_below_the_mouse() -> None:
    before, after = _used("replace", (60, 62), everywhere=True)
    np.testing.assert_array_equal(after == 3, (before == 2) | (before == 3))


def test_the_wand_paints_the_colour_and_the_threshold_the_bright_part_of_the_box() -> None:
    for name in ("wand", "threshold"):
        before, after = _used(name, *POINTS[name])
        expected = before == 2
        expected[80:] = False
        np.testing.assert_array_equal(after == 3, expected | (before == 3))


def test_specks_that_go_on_outside_are_left_alone() -> None:
    labels = np.ones((20, 20), np.uint8)
    labels[0:2, 5:7] = 2
    labels[10:12, 5:7] = 2
    kind = BY_NAME["specks"]
    canvas = Canvas(Tile("leaf", 40, 40, 20, 20), (128, 128), labels, background=1)
    tool = kind.make(_wish(kind, (50, 50)), canvas)
    assert tool is not None
    after = use(tool, canvas).applied(canvas)
    assert (after[0:2, 5:7] == 2).all()
    assert (after[10:12, 5:7] == 1).all()


def test_patches_at_the_edge_of_a_tile_are_painted_and_nothing_outside() -> None:
    whole = _labels()
    tile = Tile("leaf", 30, 30, 40, 50)
    pixels = np.where(whole == 2, 200, 20).astype(np.uint8)[None]
    surface = Surface(
        tile,
        (128, 128),
        whole[tile.slices].copy(),
        1,
        unknown=False,
        read_pixels=lambda part: pixels[:, *part.slices],
        read_prediction=lambda: None,
    )
    kind = BY_NAME["superpixel"]
    canvas = surface.canvas(surface.labels.copy(), frozenset(), kind.needs)
    tool = kind.make(_wish(kind, (32, 32), (32, 70)), canvas)
    assert tool is not None
    outcome = use(tool, canvas)
    assert outcome.tile is not None
    assert outcome.pixels > 39
    assert tile.y <= outcome.tile.y
    assert outcome.tile.y1 <= tile.y1
    assert outcome.tile.x1 <= tile.x1


def test_a_sketch_draws_what_changes_and_the_line() -> None:
    labels = _labels()
    kind = BY_NAME["cut"]
    wish = _wish(kind, *POINTS["cut"])
    canvas = _surface(labels).canvas(labels, frozenset(), kind.needs)
    tool = kind.make(wish, canvas)
    assert tool is not None
    outcome = use(tool, canvas)
    sketch = sketched(canvas, outcome, wish.points)
    assert sketch is not None
    assert sketch.pixels == outcome.pixels > 0
    assert sketch.tile.key == "leaf@0,30,51,41,1"
    assert (sketch.values == LINE).all()
    assert sketched(canvas, None, ()) is None


def test_wires_are_computed_once_for_each_anchor(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[int, int]] = []

    def counted(canvas: Canvas, y: int, x: int) -> Wire:
        made.append((y, x))
        return Wire(canvas, y, x)

    monkeypatch.setattr("napari_phenoai.ui.handtools.wire_mode.Wire", counted)
    labels = _labels()
    canvas = _surface(labels).canvas(labels, frozenset(), frozenset({"pixels"}))
    wires = Wires()
    for end in ((40, 52), (44, 54), (500, 500)):
        points = wires.along(canvas, [(37, 40), end])
        assert points[0] == (37, 40)
    assert points[-1] == (127, 127), "a path ends inside the tile"
    assert made == [(37, 40)]


def test_keys_are_unique_and_every_tool_has_one() -> None:
    keys = [key.key for key in KEYS]
    assert len(keys) == len(set(keys))
    assert {key.action for key in TOOL_KEYS} >= {*BY_NAME, "livewire"}
    assert key_of("cut") == "C"


def test_options_move_within_their_limits() -> None:
    for kind in KINDS:
        for option in kind.options:
            if isinstance(option, Number):
                assert option.low <= option.start <= option.high
                assert option.moved(option.high, 1) == option.high
                assert option.moved(option.low, -1) == option.low
                assert option.moved(option.low, 1) > option.low
