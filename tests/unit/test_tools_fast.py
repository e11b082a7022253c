"""Specks and smoothing on whole windows: the same as if each pixel were looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.measure import label

from napari_phenoai.core import editing
from napari_phenoai.core.editing import Canvas, discs, runs, use
from napari_phenoai.core.editing.discs import core_px, rims, spread
from napari_phenoai.core.editing.runs import runs_of, stretches
from napari_phenoai.core.editing.strokes import disc
from napari_phenoai.core.geometry import Tile

if TYPE_CHECKING:
    from numpy.typing import NDArray

PLANE = (60, 70)
AROUND = np.ones((3, 3), bool)


def _picture(seed: int, *, coarse: bool, kinds: int, shape: tuple[int, int]) -> NDArray[Any]:
    """Return patches with single pixels in them, or only noise; 0 is unlabelled."""
    rng = np.random.default_rng(seed)
    if not coarse:
        return rng.integers(0, kinds, shape).astype(np.uint16)
    patches = rng.integers(0, kinds, tuple(-(-extent // 6) for extent in shape))
    values = np.kron(patches, np.ones((6, 6), int))[: shape[0], : shape[1]]
    return np.where(rng.random(shape) < 0.06, rng.integers(0, kinds, shape), values).astype(
        np.uint16
    )


def _canvas(labels: NDArray[Any], *, y: int = 0, x: int = 0, scope: Tile | None = None) -> Canvas:
    tile = Tile("leaf", y, x, *labels.shape)
    return Canvas(tile, PLANE, labels, background=1, objects=True, next_id=9000, scope=scope)


def _without_specks(canvas: Canvas, below_px: int, value: int | None, *, inner: bool) -> Any:
    """Look at one region after the other, and at all pixels round it."""
    labels, result = canvas.labels, canvas.labels.copy()
    wanted = canvas.front(labels) if value is None else labels == value
    numbers = label(np.where(wanted, labels.astype(int) + 1, 0), background=0, connectivity=2)
    top, left, bottom, right = canvas.open_sides
    for number in range(1, int(numbers.max(initial=0)) + 1):
        region = numbers == number
        at_open = (top and region[0].any()) or (bottom and region[-1].any())
        at_open = at_open or (left and region[:, 0].any()) or (right and region[:, -1].any())
        if region.sum() >= below_px or (inner and at_open):
            continue
        votes: dict[int, int] = {}
        for y, x in np.argwhere(region):
            for value_there, own in (
                (int(labels[row, column]), region[row, column])
                for row in range(max(y - 1, 0), min(y + 2, labels.shape[0]))
                for column in range(max(x - 1, 0), min(x + 2, labels.shape[1]))
            ):
                if not own:
                    votes[value_there] = votes.get(value_there, 0) + 1
        if votes:
            result[region] = min(votes, key=lambda its: (-votes[its], its))
    return np.where(labels == 0, 0, result)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    coarse=st.booleans(),
    kinds=st.integers(2, 5),
    shape=st.tuples(st.integers(1, 24), st.integers(1, 24)),
    below_px=st.integers(1, 14),
    value=st.sampled_from([None, 0, 1, 2]),
    inner=st.booleans(),
    joined=st.booleans(),
)
def test_specks_are_found_as_by_looking_at_each_region(
    *,
    seed: int,
    coarse: bool,
    kinds: int,
    shape: tuple[int, int],
    below_px: int,
    value: int | None,
    inner: bool,
    joined: bool,
) -> None:
    labels = _picture(seed, coarse=coarse, kinds=kinds, shape=shape)
    canvas = _canvas(labels, y=seed % 9, x=seed % 7)
    tool = editing.RemoveSpecks(below_px, value=value, inner=inner)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(runs, "_DENSE", 1 if joined else 10_000)
        found = use(tool, canvas).applied(canvas)
    np.testing.assert_array_equal(found, _without_specks(canvas, below_px, value, inner=inner))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.integers(1, 4), st.booleans())
def test_runs_make_up_the_regions(seed: int, coarse: bool, kinds: int, joined: bool) -> None:
    shape = 1 + seed % 23, 1 + seed % 29
    labels = _picture(seed, coarse=coarse, kinds=kinds + 1, shape=shape)

    def wanted(values: NDArray[Any]) -> NDArray[np.bool_]:
        return np.asarray(values != 1)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(runs, "_DENSE", 1 if joined else 10_000)
        found = runs_of(labels, wanted)
    numbers = label(np.where(labels != 1, labels.astype(int) + 1, 0), background=0, connectivity=2)
    assert found.count == numbers.max(initial=0)
    ordered = found.painted(np.arange(1, found.count + 1))
    np.testing.assert_array_equal(ordered, numbers, "regions are in raster order")
    places, regions = found.pixels(np.ones(found.count, bool))
    np.testing.assert_array_equal(np.sort(places), np.flatnonzero(labels != 1))
    pairs = {*zip(regions.tolist(), numbers.ravel()[places].tolist(), strict=True)}
    assert len(pairs) == found.count, "each region is one of theirs"
    for region, number in pairs:
        mask = numbers == number
        assert found.sizes[region] == mask.sum()
        assert found.meeting(slice(0, 3), slice(2, 5))[region] == mask[:3, 2:5].any()
        for side, edge in enumerate((mask[0], mask[:, 0], mask[-1], mask[:, -1])):
            sides: list[bool] = [at == side for at in range(4)]
            reached = found.reaching((sides[0], sides[1], sides[2], sides[3]))
            assert reached[region] == edge.any()
    assert not found.reaching((False, False, False, False)).any()


def _smoothed(labels: NDArray[Any], px: int) -> NDArray[Any]:
    """Count all values in the disc round each pixel, one pixel after the other."""
    result = labels.copy()
    offsets = disc(px)
    for y, x in np.argwhere(labels != 0):
        rows, columns = offsets[:, 0] + y, offsets[:, 1] + x
        inside = (rows >= 0) & (rows < labels.shape[0]) & (columns >= 0)
        inside &= columns < labels.shape[1]
        around = labels[rows[inside], columns[inside]]
        values, counts = np.unique(around[around != 0], return_counts=True)
        own = 2 * counts + (values == labels[y, x])
        result[y, x] = values[np.argmax(own)]
    return result


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.booleans(),
    st.integers(2, 30),
    st.tuples(st.integers(1, 26), st.integers(1, 26)),
    st.integers(1, 6),
)
def test_smoothing_counts_as_if_at_each_pixel(
    seed: int, coarse: bool, kinds: int, shape: tuple[int, int], px: int
) -> None:
    labels = _picture(seed, coarse=coarse, kinds=kinds, shape=shape)
    canvas = _canvas(labels)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(discs, "_BAND", 1 + seed % 200)
        patched.setattr(discs, "_MOST", 1 + seed % 2000)
        found = use(editing.Smooth(px), canvas).applied(canvas)
    np.testing.assert_array_equal(found, _smoothed(labels, px))


@pytest.mark.parametrize("px", [1, 2, 3, 5, 8, 13, 25])
def test_what_is_deep_inside_has_the_larger_part_of_each_disc(px: int) -> None:
    inner = core_px(px)
    assert 1 <= inner <= px
    shape = 3 * px, 2 * px + 1
    for seed in range(4):
        labels = _picture(seed, coarse=True, kinds=40, shape=shape)
        labels = np.kron(labels[: px + 2, : px + 2], np.ones((4, 4), np.uint16))[: shape[0]]
        deep = ~spread(rims(labels), inner) & (labels != 0)
        for y, x in np.argwhere(deep)[:: 1 + px // 4]:
            near = np.zeros(labels.shape, bool)
            near[y, x] = True
            near = spread(near, px)
            assert 2 * (labels[near] == labels[y, x]).sum() > near.sum()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_stretches_are_equal_in_all_windows(seed: int, coarse: bool, turned: bool) -> None:
    shape = 1 + seed % 23, 1 + seed % 29
    windows = [_picture(seed + number, coarse=coarse, kinds=3, shape=shape) for number in (0, 1)]
    if turned:
        windows = [np.ascontiguousarray(window.T).T for window in windows]
    places, lengths = stretches(*windows)
    assert lengths.min() >= 1
    for window in windows:
        values = window.ravel()[places]
        np.testing.assert_array_equal(values.repeat(lengths).reshape(shape), window)
    both = np.stack([window.ravel()[places] for window in windows])
    assert (both[:, 1:] != both[:, :-1]).any(axis=0).all(), "none could be longer"


def test_scope_limits_which_specks_go() -> None:
    labels = np.ones((20, 20), np.uint16)
    labels[5, 5] = labels[15, 15] = 2
    whole = _canvas(labels)
    assert (use(editing.RemoveSpecks(4), whole).applied(whole) == 1).all()
    half = _canvas(labels, scope=Tile("leaf", 0, 0, 10, 20))
    after = use(editing.RemoveSpecks(4), half).applied(half)
    assert np.argwhere(after == 2).tolist() == [[15, 15]]
    assert ndimage.label(after == 2, AROUND)[1] == 1
