"""The mini-map: image and map lead into each other, and clicks hit what lies there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.minimap import MapFit, tile_at
from napari_phenoai.core.window import View

EXTENT = st.integers(1, 100_000)
SIDE = st.integers(20, 400)
PART = st.floats(0, 1)


@given(st.tuples(EXTENT, EXTENT), st.tuples(SIDE, SIDE), st.tuples(PART, PART))
def test_a_click_where_a_tile_is_drawn_comes_back_to_it(
    plane: tuple[int, int], size: tuple[int, int], part: tuple[float, float]
) -> None:
    height, width = size
    fit = MapFit(plane, height, width)
    tile = Tile("leaf", int(part[0] * (plane[0] - 1)), int(part[1] * (plane[1] - 1)), 1, 1)
    box = fit.tile(tile)
    y, x = fit.to_plane(box.top + box.height / 2, box.left + box.width / 2)
    assert (y, x) == pytest.approx((tile.y + 0.5, tile.x + 0.5), rel=1e-6, abs=1e-3)
    place = fit.picture
    assert place.top >= -1e-6
    assert place.left >= -1e-6
    assert min(place.top, place.left) == pytest.approx(0, abs=1e-6)
    assert place.top + place.height <= height + 1e-6
    assert place.left + place.width <= width + 1e-6


def test_beside_the_picture_the_nearest_pixel_counts() -> None:
    fit = MapFit((100, 200), 100, 100)
    assert fit.to_plane(0, 0) == (0, 0)
    assert fit.to_plane(99, 120) == (100, 200)


def test_small_tiles_are_drawn_large_enough_round_their_middle() -> None:
    fit = MapFit((10_000, 10_000), 100, 100)
    box = fit.tile(Tile("leaf", 5_000, 5_000, 100, 100), least_px=7)
    assert (box.height, box.width) == (7, 7)
    assert box.top + box.height / 2 == pytest.approx(50.5)


def test_the_view_ends_with_the_image() -> None:
    fit = MapFit((1000, 1000), 100, 100)
    whole = fit.view(View(500, 500, 9_000, 9_000))
    assert (whole.top, whole.left, whole.height, whole.width) == (0, 0, 100, 100)
    part = fit.view(View(100, 900, 400, 400))
    assert (part.top, part.left, part.height, part.width) == pytest.approx((0, 70, 30, 30))
    beside = fit.view(View(-500, 500, 100, 100))
    assert beside.height == 2


def test_an_empty_plane_is_harmless() -> None:
    fit = MapFit((0, 0), 100, 100)
    assert fit.to_plane(50, 50) == (0, 0)
    assert fit.picture.height == 0


def test_the_nearest_tile_is_hit_and_small_ones_within_reach() -> None:
    tiles = [Tile("leaf", 0, 0, 100, 100), Tile("leaf", 50, 50, 100, 100)]
    assert tile_at(tiles, 70, 70) == 0
    assert tile_at(tiles, 90, 90) == 1
    assert tile_at(tiles, 20, 130) is None
    assert tile_at(tiles, 100, 210) is None
    assert tile_at(tiles, 100, 205, reach_px=110) == 1
    assert tile_at([], 0, 0, reach_px=99) is None
