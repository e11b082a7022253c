"""The gate: which model may serve."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_phenoai.core.gate import MOST_ALLOWED, compare


def tiles(*right: int, wrong: int = 0) -> np.ndarray:
    """Tiles with 100 leaf pixels, of which so many were found."""
    return np.array([[[200 - wrong, wrong], [100 - n, n]] for n in right])


def inverted(*right: int) -> np.ndarray:
    return tiles(*right)[:, :, ::-1]


def test_a_first_model_serves_and_says_how_good_it_is() -> None:
    decision = compare(tiles(60, 70), None)
    assert decision.serve
    assert decision.reason == "First model: Dice 0.79 on 2 tiles held out."
    assert "not measured yet" in compare(tiles()[:0].reshape(0, 2, 2), None).reason
    empty = compare(np.array([[[100, 0], [0, 0]]]), None)
    assert empty.serve
    assert "only background" in empty.reason


def test_a_better_model_serves_and_a_worse_one_does_not() -> None:
    better = compare(tiles(80, 85, 90), tiles(70, 75, 80))
    assert better.serve
    assert better.reason.startswith("Better: held-out Dice 0.919 after 0.857")
    worse = compare(tiles(70, 75, 80), tiles(80, 85, 90))
    assert not worse.serve
    assert worse.reason.startswith("Worse: ")
    assert worse.difference == pytest.approx(-(better.difference or 0))


def test_a_little_worse_within_the_noise_serves() -> None:
    served = tiles(*[80] * 12)
    assert compare(tiles(*[79, 81, 80, 79] * 3), served).serve
    before = np.array([[[2000, 0], [200, 800]]] * 12)
    after = np.array([[[2000, 0], [208, 792]]] * 12)
    certain = compare(after, before)
    assert certain.difference is not None
    assert -0.006 < certain.difference < 0
    assert not certain.serve, "the same small loss on every tile is no noise"
    assert compare(after[:9], before[:9]).serve, "nine tiles cannot tell"
    assert not compare(tiles(78, 78), tiles(80, 80)).serve


def test_a_loss_that_the_tiles_cannot_tell_from_luck_passes_with_a_word() -> None:
    served, candidate = tiles(90, 60, 80, 70, 75), tiles(60, 80, 70, 90, 45)
    decision = compare(candidate, served)
    assert decision.difference is not None
    assert decision.low is not None
    assert decision.high is not None
    assert -0.1 < decision.difference < -0.02
    assert decision.low < 0 < decision.high
    assert decision.serve
    assert "as far as 5 tiles can tell" in decision.reason


def test_no_great_loss_passes_however_wide_its_interval() -> None:
    served, candidate = tiles(100, 60, 90, 70), tiles(10, 100, 20, 100)
    decision = compare(candidate, served)
    assert decision.difference is not None
    assert decision.high is not None
    assert decision.difference < -MOST_ALLOWED
    assert decision.high > 0
    assert not decision.serve


def test_a_single_tile_says_little() -> None:
    assert compare(tiles(76), tiles(80)).serve
    assert not compare(tiles(60), tiles(80)).serve


@given(st.lists(st.integers(55, 100), min_size=1, max_size=12), st.integers(0, 3))
def test_a_poisoned_model_never_serves(right: list[int], seed: int) -> None:
    assert not compare(inverted(*right), tiles(*right), seed=seed).serve


@given(st.lists(st.integers(55, 100), min_size=1, max_size=6), st.integers(1, 20))
def test_nor_with_poisoned_heldout_tiles_of_the_same_round(right: list[int], more: int) -> None:
    swapped = [[[10, 190], [95, 5]]] * more
    candidate = np.concatenate([inverted(*right), np.array(swapped)[:, :, ::-1]])
    served = np.concatenate([tiles(*right), np.array(swapped)])
    old = np.arange(len(candidate)) < len(right)
    decision = compare(candidate, served, old=old)
    assert not decision.serve
    if more == 20:
        assert "held out before this round" in decision.reason


def test_ghosts_on_empty_tiles_cost() -> None:
    nothing = np.array([[[100, 0], [0, 0]]] * 3)
    ghosts = np.array([[[90, 10], [0, 0]]] * 3)
    assert not compare(ghosts, nothing).serve
    assert compare(nothing, ghosts).serve


def test_without_a_measure_only_the_unmeasured_is_replaced() -> None:
    none = np.zeros((0, 2, 2), int)
    assert compare(none, none).serve
    assert not compare(none, none, measured_before=True).serve
    background = np.array([[[100, 0], [0, 0]]])
    assert not compare(background, background, measured_before=True).serve
