"""Scoring: uncertainty of pixels and tiles."""

from __future__ import annotations

import numpy as np
import pytest

from napari_phenoai.core.scoring import (
    class_map,
    entropy_map,
    margin_map,
    stats_of_classes,
    tile_stats,
)
from napari_phenoai.errors import InputError


def constant(*values: float) -> np.ndarray:
    return np.broadcast_to(np.array(values, np.float32)[:, None, None], (len(values), 3, 4))


def test_no_idea_is_one_and_certain_is_zero() -> None:
    for k in (2, 3, 7):
        even = constant(*[1 / k] * k)
        np.testing.assert_allclose(entropy_map(even), 1, atol=1e-5)
        np.testing.assert_allclose(margin_map(even), 1, atol=1e-5)
        sure = constant(1, *[0] * (k - 1))
        np.testing.assert_allclose(entropy_map(sure), 0, atol=1e-6)
        np.testing.assert_allclose(margin_map(sure), 0, atol=1e-6)


def test_values_by_hand() -> None:
    p = constant(0.7, 0.2, 0.1)
    expected = -(0.7 * np.log(0.7) + 0.2 * np.log(0.2) + 0.1 * np.log(0.1)) / np.log(3)
    np.testing.assert_allclose(entropy_map(p), expected, rtol=1e-5)
    np.testing.assert_allclose(margin_map(p), 0.5, rtol=1e-5)
    assert entropy_map(p).dtype == margin_map(p).dtype == np.float32
    assert entropy_map(p).shape == (3, 4)


def test_tile_stats_counts_classes_by_id() -> None:
    p = np.zeros((3, 2, 2), np.float32)
    p[0, 0] = 1
    p[2, 1, 0] = 1
    p[1, 1, 1] = 1
    stats = tile_stats(p, (1, 5, 9))
    assert stats.shares == {1: 0.5, 5: 0.25, 9: 0.25}
    assert stats.entropy == pytest.approx(0, abs=1e-6)
    assert class_map(p, (1, 5, 9)).tolist() == [[1, 1], [9, 5]]


def test_stored_predictions_know_no_margin() -> None:
    stats = stats_of_classes(
        np.full((2, 2), 2, np.uint8), np.full((2, 2), 0.25, np.float32), (1, 2)
    )
    assert stats.shares == {1: 0.0, 2: 1.0}
    assert stats.entropy == 0.25
    assert np.isnan(stats.margin)


def test_refuses_what_cannot_be_scored() -> None:
    with pytest.raises(InputError, match="cannot be scored"):
        entropy_map(np.ones((1, 2, 2), np.float32))
    with pytest.raises(InputError, match="came with 3 classes"):
        tile_stats(constant(0.5, 0.5), (1, 2, 3))
