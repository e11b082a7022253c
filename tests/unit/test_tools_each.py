"""Each pixel tool on small pictures, and all of them on real nuclei."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_phenoai.core import editing
from napari_phenoai.core.editing import Canvas, Tool, use
from napari_phenoai.core.editing.colours import otsu_level
from napari_phenoai.core.editing.strokes import inside, line, stroke
from napari_phenoai.core.geometry import Tile
from napari_phenoai.errors import ImageError, InputError, LabelError

ROOT = Path(__file__).resolve().parents[2]
EIGHT = np.ones((3, 3), bool)


def canvas(labels: Any, **more: Any) -> Canvas:
    """Return the canvas of a whole plane, from rows of digits or an array."""
    if isinstance(labels, str):
        rows = labels.split()
        labels = np.array([[int(digit) for digit in row] for row in rows], np.uint8)
    height, width = labels.shape
    tile = Tile("leaf", 0, 0, height, width, more.pop("z", 0))
    return Canvas(tile, labels.shape, labels, **more)


def after(tool: Tool, labels: Any, **more: Any) -> str:
    here = canvas(labels, **more)
    outcome = use(tool, here)
    assert not outcome.touches_border
    return " ".join("".join(map(str, row)) for row in outcome.applied(here).tolist())


def test_the_wand_paints_what_is_connected_and_alike() -> None:
    pixels = np.array([[[10, 12, 90, 10], [11, 80, 90, 10]]], np.uint8)
    tool = editing.Wand(0, 0, 2, tolerance=5)
    assert after(tool, "1111 1111", pixels=pixels) == "2211 2111"
    far = editing.Wand(0, 0, 2, tolerance=5, contiguous=False)
    assert after(far, "1111 1111", pixels=pixels) == "2212 2112"
    assert after(far, "1111 1311", pixels=pixels, locked=frozenset({1})) == "1111 1311"
    assert after(tool, "0011 0111", pixels=pixels) == "2211 2111"


def test_the_wand_looks_at_every_channel_of_any_type() -> None:
    pixels = np.array([[[0, 0, 0]], [[0, 3, 9]]], np.float32)
    assert after(editing.Wand(0, 0, 2, tolerance=3), "111", pixels=pixels) == "221"
    wide = np.array([[[65535, 65530, 3]]], np.uint16)
    assert after(editing.Wand(0, 0, 2, tolerance=9), "111", pixels=wide) == "221"


def test_the_threshold_stays_inside_the_selection() -> None:
    pixels = np.array([[[10, 11, 90, 95, 200, 200]]], np.uint8)
    chosen = np.array([[True, True, True, True, False, False]])
    bright = editing.Threshold(2)
    assert after(bright, "111111", pixels=pixels, selection=chosen) == "112211"
    dark = editing.Threshold(2, bright=False)
    assert after(dark, "111111", pixels=pixels, selection=chosen) == "221111"
    fixed = editing.Threshold(2, level=95)
    assert after(fixed, "111111", pixels=pixels, selection=chosen) == "111211"
    with pytest.raises(ImageError, match="channel 3"):
        after(editing.Threshold(2, channel=3), "111111", pixels=pixels)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 255), min_size=2, max_size=60))
def test_otsu_parts_as_scikit_image_does(values: list[int]) -> None:
    from skimage.filters import threshold_otsu

    pixels = np.array(values, np.uint8)
    ours = pixels >= otsu_level(pixels)
    if len(set(values)) == 1:
        assert ours.all()
        return
    theirs = pixels > threshold_otsu(pixels)

    def between_classes(mask: np.ndarray) -> float:
        one, other = pixels[mask].astype(float), pixels[~mask].astype(float)
        return len(one) * len(other) * float((one.mean() - other.mean()) ** 2)

    assert between_classes(ours) >= between_classes(theirs) * (1 - 1e-9)


def test_lines_have_no_diagonal_steps() -> None:
    path = line([(0, 0), (7, 20), (3, 2)])
    assert (np.abs(np.diff(path, axis=0)).sum(axis=1) == 1).all()
    assert path[[0, 27, -1]].tolist() == [[0, 0], [7, 20], [3, 2]]
    assert stroke([(5, 5)], 3).mask.tolist() == [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
    assert inside([(0, 0), (0, 4), (4, 4), (4, 0)]).mask.all()
    with pytest.raises(InputError, match="without a point"):
        line([])


def test_holes_are_filled_where_one_class_is_round_them() -> None:
    picture = "22221 21221 22331 23131 22331"
    assert after(editing.FillHoles(), picture) == "22221 22221 22331 23331 22331"
    assert after(editing.FillHoles(value=3), picture) == "22221 21221 22331 23331 22331"
    assert after(editing.FillHoles(at=(1, 1)), picture) == "22221 22221 22331 23131 22331"
    ring = "222 202 222"
    assert after(editing.FillHoles(), ring) == ring
    assert after(editing.FillHoles(unlabelled=True), ring) == "222 222 222"
    wide = "2222 2112 2222"
    assert after(editing.FillHoles(most_px=1), wide) == wide


def test_specks_become_what_is_round_them() -> None:
    picture = "11122 13122 11222 11223"
    assert after(editing.RemoveSpecks(2), picture) == "11122 11122 11222 11222"
    assert after(editing.RemoveSpecks(2, into=0), picture) == "11122 10122 11222 11220"
    assert after(editing.RemoveSpecks(2, value=2), picture) == picture


def test_objects_grow_and_never_past_each_other() -> None:
    assert after(editing.Grow(2), "2111311") == "2223333"
    assert after(editing.Grow(1), "2100311") == "2200331"
    assert after(editing.Grow(1, unlabelled=True), "2100311") == "2203331"
    assert after(editing.Grow(9, at=(0, 0)), "2113111") == "2213111"
    with pytest.raises(InputError, match="0 px"):
        editing.Grow(0)


@settings(max_examples=30)
@given(st.integers(0, 200), st.integers(1, 5))
def test_growing_is_what_scikit_image_does_with_labels(seed: int, px: int) -> None:
    from skimage.segmentation import expand_labels

    rng = np.random.default_rng(seed)
    labels = np.where(rng.random((30, 33)) < 0.02, rng.integers(2, 9, (30, 33)), 0)
    grown = use(editing.Grow(px), canvas(labels.astype(np.uint16), objects=True))
    expected = expand_labels(labels, px)
    ours = grown.applied(canvas(labels.astype(np.uint16), objects=True))
    assert np.array_equal(ours > 0, expected > 0)
    distance = [ndimage.distance_transform_edt(labels != value) for value in range(10)]
    for y, x in np.argwhere(ours != expected).tolist():
        one, other = int(ours[y, x]), int(expected[y, x])
        assert distance[one][y, x] == distance[other][y, x], "only ties may differ"
        assert one < other


@settings(max_examples=30)
@given(st.integers(0, 200), st.integers(1, 4))
def test_shrinking_is_erosion_by_a_disc(seed: int, px: int) -> None:
    from skimage.morphology import disk

    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(40, 44)), 4)
    labels = np.where(noise > 0, 2, 1).astype(np.uint8)
    expected = ndimage.binary_erosion(labels == 2, disk(px), border_value=1)
    ours = use(editing.Shrink(px), canvas(labels)).applied(canvas(labels))
    assert np.array_equal(ours == 2, expected)


@settings(max_examples=20)
@given(st.integers(0, 200), st.integers(1, 4), st.sampled_from([4, 30]))
def test_smoothing_takes_the_commonest_value(seed: int, px: int, kinds: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, kinds, (12, 14)).repeat(2, axis=0).repeat(2, axis=1)
    here = canvas(labels.astype(np.uint16), objects=True, background=1)
    ours = use(editing.Smooth(px), here).applied(here)
    y, x = np.mgrid[:24, :28]
    for row, column in rng.integers(0, 24, (12, 2)).tolist():
        near = (y - row) ** 2 + (x - column) ** 2 <= px * px
        counts = 2 * np.bincount(labels[near], minlength=kinds)
        counts[labels[row, column]] += 1
        counts[0] = 0
        own = labels[row, column]
        assert ours[row, column] == (0 if own == 0 else np.argmax(counts))


def test_replace_delete_and_copy() -> None:
    assert after(editing.Replace(2, 3), "2122") == "3133"
    assert after(editing.Replace(2, 3, at=(0, 2)), "2122") == "2133"
    assert after(editing.Replace(0, 3), "2022") == "2322"
    assert after(editing.Delete((0, 2)), "2122") == "2111"
    assert after(editing.Delete((0, 1)), "2122") == "2122"
    assert after(editing.Delete((0, 2), into=0), "2122") == "2100"
    predicted = np.array([[3, 3, 0, 2]], np.uint8)
    assert after(editing.CopyPrediction(), "0212", prediction=predicted) == "3312"
    assert after(editing.CopyPrediction(value=2), "0211", prediction=predicted) == "0212"
    assert after(editing.CopyPrediction(at=(0, 0)), "1111", prediction=predicted) == "3311"
    large = np.array([[700, 0, 0, 0]], np.uint16)
    with pytest.raises(LabelError, match="700"):
        after(editing.CopyPrediction(), "0000", prediction=large)


def test_a_cut_through_a_class_separates_it_even_at_corners() -> None:
    labels = np.full((30, 30), 2, np.uint8)
    cut = use(editing.Cut(((0, 3), (29, 25))), canvas(labels)).applied(canvas(labels))
    assert ndimage.label(cut == 2, EIGHT)[1] == 2
    assert (cut == 1).sum() == 29 + 22 + 1


def test_a_cut_gives_the_smaller_part_a_new_id_and_loses_nothing() -> None:
    here = canvas("55555551 55555551", objects=True, background=1)
    cut = use(editing.Cut(((0, 2), (1, 2))), here)
    assert cut.applied(here).tolist() == [[6, 6, 6, 5, 5, 5, 5, 1]] * 2
    assert after(editing.Cut(((0, 3),)), "5555", objects=True, background=1) == "5555"
    assert after(editing.Cut(((0, 1),)), "5555", objects=True, background=1) == "5555"
    assert after(editing.Cut(((0, 2),)), "55555", objects=True, background=1) == "55555"
    crumb = editing.Cut(((0, 1),), crumb_px=1)
    assert after(crumb, "5555", objects=True, background=1) == "5566"


def test_a_cut_says_when_the_object_goes_on_outside_the_window() -> None:
    whole = canvas("5555551 5111151 5555551", objects=True, background=1)
    tile = Tile("leaf", 0, 0, 3, 4)
    part = Canvas(tile, (3, 7), whole.labels[:, :4], objects=True, background=1, next_id=6)
    tool = editing.Cut(((1, 0),), crumb_px=1)
    assert use(tool, part).touches_border
    assert use(tool, part).pixels > 0
    done = use(tool, whole)
    assert (done.pixels, done.touches_border) == (0, False), "the ring holds together"
    assert editing.settled(tool, lambda _: whole, tile, (3, 7)).pixels == 0


def test_otsus_level_is_not_known_from_a_part_of_the_selection() -> None:
    pixels = np.array([[[10, 11, 90, 95, 200, 200]]], np.uint8)
    part = Canvas(
        Tile("leaf", 0, 0, 1, 4), (1, 6), np.ones((1, 4), np.uint8), pixels=pixels[..., :4]
    )
    assert use(editing.Threshold(2), part).touches_border
    assert not use(editing.Threshold(2, level=50), part).touches_border
    inner = np.array([[False, True, True, False]])
    chosen = Canvas(part.tile, (1, 6), part.labels, pixels=part.pixels, selection=inner)
    assert not use(editing.Threshold(2), chosen).touches_border


def test_a_click_splits_touching_discs() -> None:
    y, x = np.mgrid[:50, :90]
    labels = np.ones((50, 90), np.uint16)
    for middle in (25, 59):
        labels[(y - 25) ** 2 + (x - middle) ** 2 < 20**2] = 7
    for objects in (True, False):
        here = canvas(labels, objects=objects, background=1)
        done = use(editing.Split((25, 25)), here).applied(here)
        front = done > 1
        if objects:
            assert sorted(np.unique(done)) == [1, 7, 8]
            assert np.array_equal(front, labels > 1)
        else:
            assert ndimage.label(front, EIGHT)[1] == 2
            assert (labels[~front] > 1).sum() < 60
        same = use(editing.Split((25, 25), neck=0), here).applied(here)
        assert np.array_equal(same, labels)
    with pytest.raises(InputError, match="neck"):
        editing.Split((1, 1), neck=2)


def test_a_stroke_merges_what_it_touches() -> None:
    row = "5511661177"
    assert after(editing.Merge(((0, 1), (0, 5))), row, objects=True, background=1) == "5511551177"
    bridged = editing.Merge(((0, 1), (0, 5)), bridge=True)
    assert after(bridged, row, objects=True, background=1) == "5555551177"
    assert after(editing.Merge(((0, 0), (0, 9))), "2211331122") == "2222332222"
    assert after(editing.Merge(((0, 0), (0, 4))), "22003") == "22003"
    assert after(editing.Merge(((0, 0), (0, 3))), "1111") == "1111"


def test_numbering_anew_leaves_no_gaps_and_no_two_alike() -> None:
    picture = "901 001 955"
    assert after(editing.Renumber(), picture, objects=True) == "102 002 344"
    assert after(editing.Renumber(), picture, objects=True, background=1) == "201 001 344"
    locked = frozenset({9})
    assert after(editing.Renumber(), picture, objects=True, locked=locked) == "901 001 922"
    with pytest.raises(InputError, match="objects"):
        after(editing.Renumber(), picture)
