"""The time model: more work never takes less time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from napari_phenoai.core.timing import TimeModel, painting_seconds, tile_seconds

masks = npst.arrays(np.bool_, (40, 56))


@settings(max_examples=60, deadline=None)
@given(masks, masks, st.floats(0.5, 8))
def test_more_to_paint_never_takes_less(some: np.ndarray, more: np.ndarray, zoom: float) -> None:
    model = TimeModel(zoom=zoom)
    less = painting_seconds(2 * some.astype(np.uint8), model)
    assert less <= painting_seconds(2 * (some | more).astype(np.uint8), model) + 1e-9


def test_nothing_to_paint_costs_a_look_and_a_key() -> None:
    assert tile_seconds(np.zeros((256, 256), np.uint8)) == pytest.approx(2.2)


def test_a_line_costs_its_length_and_a_field_its_area() -> None:
    model = TimeModel(reach_px=1e6, key_s=0, search_s=0, check_s=0)
    line, field = np.zeros((2, 256, 256), np.uint8)
    line[4, :] = 2
    field[:128, :128] = 2
    assert painting_seconds(line, model) == pytest.approx(256 * 3 / 400)
    assert painting_seconds(field, model) == pytest.approx(128 * 128 / 8 * 3 / 400)


def test_two_classes_cost_a_key_more_than_one() -> None:
    one = np.zeros((64, 64), np.uint8)
    one[:8, :8] = one[:8, 32:40] = 2
    two = one.copy()
    two[:8, 32:40] = 3
    assert painting_seconds(two) > painting_seconds(one) - 0.2


def test_scattered_errors_cost_more_than_one_of_the_same_size() -> None:
    lump, dots = np.zeros((2, 256, 256), np.uint8)
    lump[:16, :16] = 2
    dots[::64, ::64] = 2
    for shift in range(4):
        dots[shift::64, shift::64] = 2
    assert painting_seconds(dots) > 3 * painting_seconds(lump)


def test_a_larger_tile_is_shown_smaller() -> None:
    assert TimeModel.for_tile(512).zoom == pytest.approx(1.5)
    assert TimeModel.for_tile(256) == TimeModel()
