"""Objects that are matched one to one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_phenoai.core.object_metrics import match_objects, score_objects
from napari_phenoai.errors import InputError


def plane(seed: int, most: int = 5) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, most, (4, 5))
    return np.kron(coarse, np.ones((3, 3), int)).astype(np.uint32)


@given(st.integers(0, 10_000))
def test_an_image_matches_itself_whatever_the_numbers(seed: int) -> None:
    ids = plane(seed)
    names = np.random.default_rng(seed).permutation(9)[:5] * 1000 + 300
    other = np.where(ids == 0, 0, names[ids])
    score = score_objects([match_objects(ids, other)])
    count = len(set(np.unique(ids).tolist()) - {0})
    assert (score.true, score.found, score.matched) == (count, count, count)
    assert score.f1 in (1.0, None)


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_it_counts_what_loops_count(one: int, two: int) -> None:
    truth, found = plane(one), plane(two)
    matched = 0
    for true in set(np.unique(truth).tolist()) - {0}:
        for own in set(np.unique(found).tolist()) - {0}:
            both = np.count_nonzero((truth == true) & (found == own))
            either = np.count_nonzero((truth == true) | (found == own))
            matched += int(2 * both > either)
    assert match_objects(truth, found).matched == matched


def test_two_objects_in_one_count_as_missed_and_invented() -> None:
    truth = np.array([[1, 1, 2, 2, 0]])
    found = np.array([[9, 9, 9, 9, 0]])
    score = score_objects([match_objects(truth, found)])
    assert (score.f1, score.precision_50, score.true, score.found) == (0, 0, 2, 1)


def test_what_is_unknown_is_left_out_of_both() -> None:
    truth = np.array([[1, 1, 0, 0]])
    found = np.array([[5, 5, 6, 6]])
    known = np.array([[True, True, False, False]])
    assert match_objects(truth, found, known=known).found == 1


def test_nothing_has_no_score() -> None:
    score = score_objects([match_objects(np.zeros((2, 2), int), np.zeros((2, 2), int))])
    assert (score.f1, score.iou, score.true) == (None, None, 0)


def test_masks_of_other_sizes_are_refused() -> None:
    with pytest.raises(InputError, match="compared"):
        match_objects(np.zeros((2, 2), int), np.zeros((2, 3), int))
