"""Metrics: counting agreement, pooling it, and how sure it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from napari_phenoai.core.metrics import (
    bootstrap_interval,
    confusion,
    evaluate_counts,
    mean_dice,
    scores,
)
from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.errors import InputError

SCHEME = ClassScheme.of(["soil", "leaf", "spot"])


@given(
    npst.arrays("uint8", (9, 11), elements=st.integers(0, 3)),
    npst.arrays("uint8", (9, 11), elements=st.integers(1, 3)),
)
def test_dice_and_iou_equal_their_definitions(truth: np.ndarray, found: np.ndarray) -> None:
    measured = scores(confusion(truth, found, (1, 2, 3)))
    known = truth > 0
    for index, number in enumerate((1, 2, 3)):
        a, b = (truth == number) & known, (found == number) & known
        if not (a | b).any():
            assert np.isnan(measured.dice[index])
            continue
        assert measured.dice[index] == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()))
        assert measured.iou[index] == pytest.approx((a & b).sum() / (a | b).sum())


def test_unlabelled_pixels_and_foreign_values() -> None:
    truth = np.array([[0, 1, 2, 9]], np.uint8)
    found = np.array([[2, 0, 9, 2]], np.uint8)
    assert confusion(truth, found, (1, 2)).tolist() == [[1, 0], [1, 0]]


def test_what_a_tile_was_not_checked_for_is_left_out() -> None:
    truth = np.array([[1, 1, 2, 2]], np.uint8)
    found = np.array([[3, 1, 3, 2]], np.uint8)
    assert confusion(truth, found, (1, 2, 3), checked=(1, 2)).sum() == 2
    assert confusion(truth, found, (1, 2, 3)).sum() == 4


def test_masks_of_two_sizes_are_refused() -> None:
    with pytest.raises(InputError, match=r"\(2, 2\) px was compared with one of \(2, 3\)"):
        confusion(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8), (1, 2))


def test_evaluation_pools_over_tiles() -> None:
    tiles = [
        np.array([[90, 0, 0], [0, 10, 0], [0, 0, 0]]),
        np.array([[50, 10, 0], [10, 30, 0], [0, 0, 0]]),
    ]
    evaluation = evaluate_counts(tiles, SCHEME, "m")
    leaf = 2 * 40 / (50 + 50)
    assert evaluation.tiles == 2
    assert evaluation.dice == pytest.approx(leaf)
    assert evaluation.iou == pytest.approx(40 / 60)
    assert [item.name for item in evaluation.classes] == ["soil", "leaf", "spot"]
    assert evaluation.classes[2].dice is None
    assert evaluation.low is not None
    assert evaluation.high is not None
    assert evaluation.low <= leaf <= evaluation.high


def test_without_tiles_nothing_is_known() -> None:
    evaluation = evaluate_counts([], SCHEME, "m")
    assert (evaluation.tiles, evaluation.dice, evaluation.low) == (0, None, None)
    one = evaluate_counts([np.eye(3, dtype=int)], SCHEME, "m")
    assert (one.dice, one.low) == (1.0, None)


def test_interval_covers_the_truth_and_is_repeatable() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(60):
        right = rng.binomial(100, 0.8, size=20)
        tiles = np.array([[[0, 0], [100 - n, n]] for n in right])
        low, high = bootstrap_interval(tiles, mean_dice, trial) or (0, 0)
        hits += low <= 2 * 0.8 / 1.8 <= high
        assert bootstrap_interval(tiles, mean_dice, trial) == (low, high)
    assert hits >= 50


def test_bootstrap_equals_drawing_one_by_one() -> None:
    tiles = np.random.default_rng(1).integers(0, 50, (5, 3, 3))
    rng = np.random.default_rng(7)
    weights = rng.multinomial(5, np.full(5, 0.2), size=1000)
    slow = [mean_dice(np.tensordot(row, tiles, 1)) for row in weights]
    expected = tuple(np.percentile(slow, [2.5, 97.5]))
    assert bootstrap_interval(tiles, mean_dice, 7) == pytest.approx(expected)
