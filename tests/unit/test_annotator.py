"""The simulated annotator ends at the truth, up to specks, and at no greater cost than needed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as npst

from napari_phenoai.errors import LabelError
from napari_phenoai.loop.annotator import Annotator
from napari_phenoai.testing.scenes import rosettes
from napari_phenoai.testing.strategies import label_planes


def _truth() -> np.ndarray:
    return rosettes(4, (128, 128), spacing_px=64).classes


def test_a_right_proposal_is_accepted_untouched() -> None:
    truth = _truth()
    done = Annotator().correct(truth, truth)
    assert done.verdict == "accepted"
    assert done.annotated_px == 0
    assert done.seconds == pytest.approx(2.2)
    np.testing.assert_array_equal(done.labels, truth)


def test_only_the_wrong_region_is_painted() -> None:
    truth = _truth()
    proposed = truth.copy()
    proposed[:10, :10] = 3 - truth[:10, :10]
    done = Annotator().correct(proposed, truth)
    np.testing.assert_array_equal(done.labels, truth)
    assert (done.verdict, done.annotated_px) == ("corrected", 100)


def test_specks_are_overlooked() -> None:
    truth = _truth()
    proposed = truth.copy()
    proposed[50, 50:53] = 3 - proposed[50, 50:53]
    assert Annotator(tolerance_px=4).correct(proposed, truth).verdict == "accepted"
    assert Annotator(tolerance_px=3).correct(proposed, truth).annotated_px == 3


def test_without_a_proposal_everything_is_painted() -> None:
    truth = _truth()
    done = Annotator(tolerance_px=1).correct(np.zeros_like(truth), truth)
    np.testing.assert_array_equal(done.labels, truth)
    assert done.annotated_px == np.count_nonzero(truth == 2)


def test_a_hopeless_proposal_is_cleared_rather_than_mended() -> None:
    truth = np.ones((128, 128), np.uint8)
    truth[40:60, 40:60] = 2
    proposed = 3 - truth
    assert Annotator().correct(proposed, truth).annotated_px == 400


def test_full_protocol_ignores_the_proposal_and_costs_more() -> None:
    truth = _truth()
    proposed = truth.copy()
    proposed[:10, :10] = 3 - truth[:10, :10]
    full = Annotator(protocol="full").correct(proposed, truth)
    assert full.seconds > Annotator().correct(proposed, truth).seconds
    assert full.annotated_px > 1000


def test_what_nobody_knows_stays_unlabelled() -> None:
    truth = _truth()
    truth[:20] = 0
    done = Annotator().correct(np.full_like(truth, 2), truth)
    assert not done.labels[:20].any()
    assert done.labels[20:].all()


@settings(max_examples=40, deadline=None)
@given(
    label_planes((24, 24)),
    npst.arrays("uint8", (24, 24), elements={"min_value": 1, "max_value": 3}),
)
def test_the_result_differs_from_the_truth_in_specks_only(
    proposed: np.ndarray, truth: np.ndarray
) -> None:
    before = truth.copy(), proposed.copy()
    done = Annotator(tolerance_px=1).correct(proposed, truth)
    np.testing.assert_array_equal(done.labels, truth)
    np.testing.assert_array_equal(before[0], truth)
    np.testing.assert_array_equal(before[1], proposed)


def test_masks_of_two_sizes_are_refused() -> None:
    with pytest.raises(LabelError, match="same tile"):
        Annotator().correct(np.ones((4, 4), np.uint8), np.ones((4, 5), np.uint8))
