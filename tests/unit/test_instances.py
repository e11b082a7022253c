"""Objects from classes: the slider, the blocks, the table of classes."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_phenoai.core.basins import squared_distance
from napari_phenoai.core.edits import edit_between
from napari_phenoai.core.geometry import Tile, cover
from napari_phenoai.core.instances import Objects, objects_of
from napari_phenoai.core.object_table import ObjectTable
from napari_phenoai.core.surveys import Survey, survey
from napari_phenoai.errors import InputError, LabelError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHAPE = (50, 61)
EIGHT = np.ones((3, 3), bool)


def classes_of(seed: int, scale: float) -> np.ndarray:
    """Return background (1) with blobs of classes 2 and 3, and something unlabelled."""
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.normal(size=(3, *SHAPE)), (0, scale, scale))
    front = noise[0] > 0.1 * noise[0].std()
    labels = np.where(front, 2 + (noise[1] > noise[1].std()), 1)
    return np.where(noise[2] > 2.5 * noise[2].std(), 0, labels).astype(np.uint8)


planes = st.builds(classes_of, st.integers(0, 500), st.sampled_from([1.0, 2.0, 4.0, 8.0]))


def tiled(shape: tuple[int, int], rows: list[int], columns: list[int]) -> list[Tile]:
    """Cut a plane at some rows and columns."""
    ys = sorted({0, shape[0], *(row % shape[0] for row in rows)})
    xs = sorted({0, shape[1], *(column % shape[1] for column in columns)})
    return [Tile("plane", y, x, y1 - y, x1 - x) for y, y1 in pairwise(ys) for x, x1 in pairwise(xs)]


def surveyed(labels: np.ndarray, tiles: list[Tile]) -> list[Survey]:
    def read(tile: Tile) -> np.ndarray:
        assert tile == tile.clipped(labels.shape)
        return np.asarray(labels[tile.slices])

    return [survey(read, tile, labels.shape, {2, 3}) for tile in tiles]


def put_together(labels: np.ndarray, blocks: list[Survey], found: Objects) -> np.ndarray:
    ids = np.zeros(labels.shape, np.uint32)
    for block in blocks:
        ids[block.tile.slices] = found.ids(block)
    return ids


@settings(max_examples=60)
@given(
    planes,
    st.lists(st.integers(1, 60), max_size=4),
    st.lists(st.integers(1, 60), max_size=4),
    st.tuples(st.floats(0, 1), st.sampled_from([0, 4]), st.integers(1, 12)),
)
def test_blocks_of_any_layout_give_the_same_objects(
    labels: np.ndarray,
    rows: list[int],
    columns: list[int],
    wished: tuple[float, float, int],
) -> None:
    neck, apart_px, smallest_px = wished
    expected, table = objects_of(
        labels, {2, 3}, neck=neck, apart_px=apart_px, smallest_px=smallest_px
    )
    blocks = surveyed(labels, tiled(SHAPE, rows, columns))
    found = Objects(blocks, neck=neck, apart_px=apart_px, smallest_px=smallest_px)
    assert np.array_equal(put_together(labels, blocks, found), expected)
    assert found.table == table


def test_thick_objects_are_seen_from_side_to_side() -> None:
    y, x = np.mgrid[:300, :420]
    labels = np.ones(y.shape, np.uint8)
    for middle in (120, 290):
        labels[(y - 150) ** 2 + (x - middle) ** 2 < 100**2] = 2
    expected, table = objects_of(labels, {2}, neck=0.9)
    assert len(table.classes) == 2
    blocks = surveyed(labels, list(cover("plane", (300, 420), 64)))
    assert np.array_equal(put_together(labels, blocks, Objects(blocks, neck=0.9)), expected)


def test_a_plane_that_is_one_object() -> None:
    labels = np.full((70, 90), 2, np.uint8)
    blocks = surveyed(labels, list(cover("plane", (70, 90), 32)))
    assert (put_together(labels, blocks, Objects(blocks)) == 1).all()
    nothing = np.ones((70, 90), np.uint8)
    blocks = surveyed(nothing, list(cover("plane", (70, 90), 32)))
    assert not put_together(nothing, blocks, Objects(blocks)).any()


@settings(max_examples=40)
@given(planes, st.floats(0, 1), st.floats(0, 1))
def test_objects_are_connected_and_of_one_class(
    labels: np.ndarray, one: float, other: float
) -> None:
    ids, table = objects_of(labels, {2, 3}, neck=one)
    assert np.array_equal(ids > 0, labels > 1)
    assert np.array_equal(table.as_classes(ids), np.where(labels > 1, labels, 0))
    for number in table.classes:
        assert ndimage.label(ids == number, EIGHT)[1] == 1
    low, high = sorted((one, other))
    few, many = (len(objects_of(labels, {2, 3}, neck=neck)[1].classes) for neck in (low, high))
    assert few <= many, "more of the slider gave fewer objects"


@settings(max_examples=30)
@given(planes)
def test_the_slider_at_nothing_gives_connected_regions(labels: np.ndarray) -> None:
    _, table = objects_of(labels, {2, 3}, neck=0)
    count = sum(ndimage.label(labels == value, EIGHT)[1] for value in (2, 3))
    assert len(table.classes) == count


def test_two_touching_discs_are_two() -> None:
    y, x = np.mgrid[:60, :100]
    labels = np.ones(y.shape, np.uint8)
    labels[(y - 30) ** 2 + (x - 30) ** 2 < 20**2] = 2
    labels[(y - 30) ** 2 + (x - 66) ** 2 < 20**2] = 2
    assert len(objects_of(labels, {2}, neck=0)[1].classes) == 1
    ids, table = objects_of(labels, {2})
    assert table.classes == {1: 2, 2: 2}
    assert (ids[30, 30], ids[30, 66]) == (1, 2)
    assert abs(int((ids == 1).sum()) - int((ids == 2).sum())) < 40
    assert len(objects_of(labels, {2}, neck=1, apart_px=50)[1].classes) == 1


def test_blocks_that_leave_gaps_or_have_no_pixels_are_refused() -> None:
    labels = np.full((40, 40), 2, np.uint8)
    blocks = surveyed(labels, list(cover("plane", (40, 40), 20)))
    with pytest.raises(InputError, match="gaps"):
        Objects(blocks[:3])
    found = Objects([block.lean() for block in blocks])
    with pytest.raises(InputError, match="pixels"):
        found.ids(blocks[0].lean())
    assert (found.ids(blocks[0]) == 1).all()
    with pytest.raises(InputError, match="neck"):
        Objects(blocks, neck=1.5)


def test_too_many_objects_for_16_bits_are_refused() -> None:
    labels = np.ones((8, 8), np.uint8)
    labels[::2, ::2] = 2
    blocks = surveyed(labels, [Tile("plane", 0, 0, 8, 8)])
    found = Objects(blocks, first_id=65530)
    with pytest.raises(LabelError, match="65545 objects do not fit uint16"):
        found.ids(blocks[0], np.uint16)
    assert Objects(blocks).ids(blocks[0], np.uint16).dtype == np.uint16


def test_new_objects_get_the_class_of_those_they_came_from() -> None:
    table = ObjectTable({1: 1, 5: 2, 6: 3})
    before = np.array([[5, 5, 6, 6, 1]], np.uint32)
    after = np.array([[5, 7, 7, 6, 1]], np.uint32)
    assert table.followed(before, after).classes[7] == 2
    edit = edit_between(Tile("leaf", 0, 0, 1, 5), before, after)
    assert edit is not None
    assert table.followed(edit.before, edit.after).classes[7] == 2
    unlabelled = np.array([[0, 0, 6, 6, 1]], np.uint32)
    painted = np.array([[8, 8, 6, 6, 1]], np.uint32)
    assert table.followed(unlabelled, painted, otherwise=3).classes[8] == 3
    with pytest.raises(LabelError, match="Object 8"):
        table.followed(unlabelled, painted)
    with pytest.raises(LabelError, match="Object 9"):
        table.as_classes(np.array([9]))
    assert table.ids_of({2, 3}) == {5, 6}
    assert ObjectTable().next_id == 1


@pytest.mark.data
def test_nuclei_are_parted_better_than_by_connection(real_data: Callable[[str], Path]) -> None:
    from skimage.io import imread

    right = {0.0: 0, 0.8: 0}
    total = 0
    for path in sorted((real_data("dsb2018_nuclei") / "masks").glob("fluo*.png"))[:6]:
        truth = np.asarray(imread(path)).astype(np.int64)
        total += len(np.unique(truth)) - 1
        for neck in right:
            ids, _ = objects_of(np.where(truth > 0, 2, 1), {2}, neck=neck)
            right[neck] += _found(truth, ids)
    assert right[0.8] > right[0.0]
    assert right[0.8] > 0.85 * total


def _found(truth: np.ndarray, ids: np.ndarray) -> int:
    """Count the objects of which more than half is met by one of the others (IoU)."""
    both = np.zeros((int(truth.max()) + 1, int(ids.max()) + 1), np.int64)
    np.add.at(both, (truth.ravel(), ids.ravel()), 1)
    union = both.sum(axis=1)[:, None] + both.sum(axis=0)[None] - both
    return int((2 * both > union)[1:, 1:].sum())


@settings(max_examples=30)
@given(planes)
def test_distances_are_those_to_the_nearest_pixel_of_another_value(labels: np.ndarray) -> None:
    ours = squared_distance(labels, labels > 1)
    for value in np.unique(labels[labels > 1]).tolist():
        mask = labels == value
        exact = np.rint(ndimage.distance_transform_edt(mask) ** 2)
        assert np.array_equal(ours[mask], exact[mask])
    assert not ours[labels <= 1].any()
