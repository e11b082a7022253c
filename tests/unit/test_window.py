"""Where the edit window lies, and which boxes changed in it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.window import (
    STEP_PX,
    WINDOW_PX,
    View,
    changed_box,
    follow,
    inside,
    reaches_border,
    window_at,
)

planes = st.tuples(st.integers(1, 9000), st.integers(1, 9000))
shares = st.floats(-0.2, 1.2)


@given(planes, shares, shares)
def test_a_window_is_made_of_whole_chunks_near_the_point(
    plane: tuple[int, int], down: float, right: float
) -> None:
    y, x = down * plane[0], right * plane[1]
    window = window_at("im", plane, y, x)
    sides = (
        (window.y, window.y1, plane[0], y),
        (window.x, window.x1, plane[1], x),
    )
    for start, stop, limit, point in sides:
        assert start % STEP_PX == 0
        assert stop % STEP_PX == 0 or stop == limit
        assert 0 <= start < stop <= limit
        assert stop - start <= WINDOW_PX
        if 0 <= point < limit:
            assert start <= point < stop
            near = abs(point - (start + stop) / 2) <= STEP_PX / 2
            assert near or start == 0 or stop == limit


@given(planes, st.lists(st.tuples(shares, shares), min_size=1, max_size=12))
def test_what_is_seen_through_a_small_view_can_be_painted(
    plane: tuple[int, int], path: list[tuple[float, float]]
) -> None:
    window = window_at("im", plane, plane[0] / 2, plane[1] / 2)
    for down, right in path:
        view = View(down * plane[0], right * plane[1], 900.0, 1400.0)
        window = follow(window, plane, view)
        assert inside(window, plane, view)
        assert follow(window, plane, view) == window


def test_a_window_stays_while_the_view_moves_a_little() -> None:
    plane = (100_000, 100_000)
    window = window_at("im", plane, 50_000, 50_000)
    middle = (window.y + window.height / 2, window.x + window.width / 2)
    for step in range(-500, 501, 20):
        view = View(middle[0] + step, middle[1] - step, 500, 700)
        assert follow(window, plane, view) == window
    away = View(middle[0] + 700, middle[1], 500, 700)
    assert follow(window, plane, away).y == window.y + 512
    wide = View(middle[0] + 300, middle[1], 9000, 9000)
    assert follow(window, plane, wide) == window


def test_only_borders_within_the_plane_cut_off() -> None:
    plane = (3000, 3000)
    window = Tile("im", 0, 512, 2048, 2048)
    assert not reaches_border(Tile("im", 0, 600, 5, 5), window, plane)
    assert reaches_border(Tile("im", 2040, 600, 8, 5), window, plane)
    assert reaches_border(Tile("im", 9, 512, 5, 5), window, plane)
    whole = Tile("im", 0, 0, 300, 400)
    assert not reaches_border(whole, whole, (300, 400))


@given(st.data())
def test_a_changed_box_holds_every_change(data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    before = np.zeros(shape, np.uint8)
    after = before.copy()
    spots = st.tuples(st.integers(0, shape[0] - 1), st.integers(0, shape[1] - 1))
    changed = data.draw(st.lists(spots, max_size=5))
    for spot in changed:
        after[spot] = 1
    box = changed_box(before, after, step_px=8)
    if box is None:
        assert not changed
        return
    outside = after.copy()
    outside[box] = 0
    assert changed
    assert not outside.any()
