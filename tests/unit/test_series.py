"""The curves: compared with plain numpy on masks and tables made here."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_phenoai.core.advice import stop_advice, truth_sentence
from napari_phenoai.core.records import ClassScore, Evaluation, Overlap, Review, RoundRecord
from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.core.series import (
    corrective_series,
    epoch_series,
    heldout_series,
    rolling_mean,
    work_minutes,
)
from napari_phenoai.core.series_table import COLUMNS, rows
from napari_phenoai.errors import InputError

SCHEME = ClassScheme.of(["soil", "leaf", "flower"])
START = datetime(2026, 5, 4, 9, tzinfo=UTC)


def _review(number: int, before: np.ndarray, after: np.ndarray, **changes: object) -> Review:
    overlaps = tuple(
        Overlap(
            class_id=i,
            both=int(((before == i) & (after == i)).sum()),
            proposed=int((before == i).sum()),
            decided=int((after == i).sum()),
        )
        for i in SCHEME.ids
    )
    base = Review(
        id=f"r{number:03}",
        image="plot",
        y=16 * number,
        x=0,
        height=16,
        width=16,
        verdict="corrected",
        scheme_version=1,
        proposed_by="m",
        overlaps=overlaps,
        seconds=30,
        at=START + timedelta(minutes=number),
    )
    return base.but(**changes)


def _masks(count: int, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(count):
        after = rng.choice([1, 2, 3], size=(16, 16), p=[0.7, 0.25, 0.05])
        wrong = rng.random((16, 16)) < rng.uniform(0, 0.4)
        pairs.append((np.where(wrong, rng.integers(1, 4, (16, 16)), after), after))
    return pairs


def _sklearn_dice(before: np.ndarray, after: np.ndarray, class_id: int) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score((after == class_id).ravel(), (before == class_id).ravel()))


def test_the_corrective_curve_is_the_dice_of_the_masks() -> None:
    masks = _masks(12)
    reviews = [_review(n, before, after) for n, (before, after) in enumerate(masks)]
    points = corrective_series(reversed(reviews), SCHEME, window=4)
    expected = np.array([[_sklearn_dice(b, a, i) for i in (1, 2, 3)] for b, a in masks])
    found = np.array([[point.class_dice[i] for i in (1, 2, 3)] for point in points])
    np.testing.assert_allclose(found, expected)
    means = expected[:, 1:].mean(axis=1)
    np.testing.assert_allclose(np.array([point.dice for point in points], float), means)
    smooth = [means[max(0, n - 3) : n + 1].mean() for n in range(12)]
    np.testing.assert_allclose(np.array([point.rolling for point in points], float), smooth)
    leaf = [expected[max(0, n - 3) : n + 1, 1].mean() for n in range(12)]
    np.testing.assert_allclose([point.class_rolling[2] for point in points], leaf)
    assert [point.order for point in points] == list(range(1, 13))
    assert points[-1].minutes == pytest.approx(6)


def test_a_tile_without_foreground_has_no_dice_and_does_not_pull_the_mean() -> None:
    soil = np.ones((16, 16), int)
    half = np.where(np.arange(16) < 8, 2, 1)[None].repeat(16, 0)
    points = corrective_series([_review(1, half, half), _review(2, soil, soil)], SCHEME)
    assert points[1].dice is None
    assert points[1].rolling == 1.0
    assert points[1].class_dice == {1: 1.0}


def test_only_proposed_and_decided_tiles_are_in_the_corrective_curve() -> None:
    before, after = _masks(1)[0]
    reviews = [
        _review(1, before, after, proposed_by=None),
        _review(2, before, after, verdict="skipped", overlaps=()),
        _review(3, before, after),
        _review(4, after, after, replaces="r003"),
        _review(5, before, after, verdict="flagged"),
    ]
    points = corrective_series(reviews, SCHEME)
    assert [point.review for point in points] == ["r004"]
    assert points[0].minutes == pytest.approx(2), "work on all tiles before it counts"
    assert work_minutes(reviews) == pytest.approx(2.5)


def test_a_class_merged_away_is_left_out() -> None:
    before, after = _masks(1)[0]
    (point,) = corrective_series([_review(1, before, after)], SCHEME.merged(3, 2))
    assert set(point.class_dice) == {1, 2}


@given(
    st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=40),
    st.integers(1, 12),
)
def test_the_rolling_mean_is_numpys_over_the_values_there_are(
    values: list[float | None], window: int
) -> None:
    result = rolling_mean(values, window)
    assert len(result) == len(values)
    for place, mean in enumerate(result):
        known = [value for value in values[: place + 1] if value is not None][-window:]
        if known:
            assert mean == pytest.approx(float(np.mean(known)))
        else:
            assert mean is None


def test_a_mean_over_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="0 tiles"):
        rolling_mean([1.0], 0)


def _round(number: int, dice: float | None, **changes: object) -> RoundRecord:
    model = f"m{number}"
    scores = (
        ClassScore(class_id=1, name="soil", dice=0.9, iou=0.8, truth_px=9, predicted_px=9),
        ClassScore(class_id=2, name="leaf", dice=dice, iou=0.5, truth_px=9, predicted_px=9),
        ClassScore(class_id=3, name="flower", dice=None, iou=None, truth_px=0, predicted_px=0),
    )
    measured = Evaluation(
        model=model, tiles=8, classes=scores, dice=dice, iou=0.5, low=0.1, high=0.95
    )
    base = RoundRecord(
        id=f"{number:04}",
        kind="training",
        model=model,
        served=model,
        tiles=10 * number,
        heldout=8,
        minutes=4.0 * number,
        evaluation=measured,
        at=START + timedelta(hours=number),
    )
    return base.but(**changes)


def test_the_heldout_curve_has_a_point_per_measured_training() -> None:
    rounds = [
        _round(1, 0.5),
        _round(2, 0.4, served="m1"),
        _round(3, None, served="m1"),
        _round(4, 0.7),
        _round(5, 0.7, kind="rolled back", model="m1", served="m1"),
    ]
    points = heldout_series(reversed(rounds))
    assert [point.model for point in points] == ["m1", "m2", "m4"]
    assert [point.passed for point in points] == [True, False, True]
    assert [point.serving for point in points] == [True, False, False]
    assert [point.tiles for point in points] == [10, 20, 40]
    assert [point.minutes for point in points] == [4, 8, 16]
    assert points[0].class_dice == {1: 0.9, 2: 0.5}
    assert points[0].class_iou == {1: 0.8, 2: 0.5}
    assert (points[0].low, points[0].high) == (0.1, 0.95)


def test_nothing_measured_is_an_empty_curve() -> None:
    assert heldout_series([]) == ()
    assert stop_advice(()).kind == "unmeasured"


@pytest.mark.parametrize(
    ("dices", "kind", "gain"),
    [
        ([0.5], "early", None),
        ([0.5, 0.8], "early", None),
        ([0.5, 0.7, 0.8], "rising", 0.3),
        ([0.8, 0.7, 0.805], "flat", 0.005),
        ([0.5, 0.8, 0.6, 0.7], "flat", -0.1),
    ],
)
def test_advice_follows_the_documented_rule(
    dices: list[float], kind: str, gain: float | None
) -> None:
    points = heldout_series([_round(n, dice) for n, dice in enumerate(dices, start=1)])
    advice = stop_advice(points, window=20)
    assert advice.kind == kind
    assert advice.gain == (pytest.approx(gain) if gain is not None else None)


def test_advice_needs_enough_heldout_tiles() -> None:
    measured = Evaluation(model="m1", tiles=2, dice=0.7)
    advice = stop_advice(heldout_series([_round(1, 0.7, evaluation=measured)]))
    assert advice.kind == "few"
    assert "2 held-out tiles" in advice.sentence


def test_the_sentence_of_truth_never_claims_more_than_is_known() -> None:
    assert truth_sentence(None).endswith("not measured yet")
    assert truth_sentence(Evaluation(model="m", tiles=0)).endswith("not measured yet")
    assert truth_sentence(Evaluation(model="m", tiles=1, dice=0.5)) == "held-out Dice 0.50, 1 tile"


def test_epochs_come_from_progress_and_from_files_alike() -> None:
    text = "epoch,loss,heldout_dice\n2,0.5,0.7\n1,0.9,\n2,0.4,0.75\nx,1,1\n3,nan,0.1\n"
    from_file = epoch_series(csv.DictReader(io.StringIO(text)))
    from_progress = epoch_series(
        [
            {"stage": "read"},
            {"epoch": 1, "loss": 0.9},
            {"epoch": 2, "loss": 0.4, "heldout_dice": 0.75},
        ]
    )
    assert from_file == from_progress
    assert [(p.epoch, p.loss, p.heldout_dice) for p in from_file] == [
        (1, 0.9, None),
        (2, 0.4, 0.75),
    ]


def test_the_table_holds_every_value_once() -> None:
    heldout = heldout_series([_round(1, 0.5), _round(2, 0.4, served="m1")])
    corrective = corrective_series([_review(1, *_masks(1)[0])], SCHEME)
    epochs = {"m1": epoch_series([{"epoch": 1, "loss": 0.9, "heldout_dice": 0.2}])}
    table = rows(heldout, corrective, epochs, SCHEME)
    assert all(tuple(row) == COLUMNS for row in table)
    means = [r for r in table if r["curve"] == "held-out" and r["class"] == "mean"]
    assert [(r["measure"], r["value"]) for r in means] == [
        ("dice", 0.5),
        ("iou", 0.5),
        ("dice", 0.4),
        ("iou", 0.5),
    ]
    assert [r["served"] for r in means] == [1, 1, 0, 0]
    leaf = [r["value"] for r in table if r["class"] == "leaf" and r["measure"] == "dice"]
    assert leaf[:2] == [0.5, 0.4]
    assert leaf[2] == corrective[0].class_dice[2]
    assert [r["value"] for r in table if r["curve"] == "training"] == [0.9, 0.2]
