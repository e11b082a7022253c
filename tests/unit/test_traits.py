"""Traits: counting block by block gives the same as counting the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.core.traits import TraitCounter, class_traits
from napari_phenoai.errors import InputError
from napari_phenoai.testing.scenes import rosettes
from napari_phenoai.testing.strategies import label_planes

SCHEME = ClassScheme.of(["soil", "leaf", "spot"])


def _by_blocks(labels: np.ndarray, height: int, width: int, smallest: int) -> TraitCounter:
    counter = TraitCounter(SCHEME, labels.shape[1], min_object_px=smallest)
    for y in range(0, labels.shape[0], height):
        for x in range(0, labels.shape[1], width):
            counter.add(y, x, labels[y : y + height, x : x + width])
    return counter


def _objects(labels: np.ndarray, value: int, smallest: int) -> int:
    from scipy import ndimage

    regions, _ = ndimage.label(labels == value, np.ones((3, 3)))
    return int((np.bincount(regions.ravel())[1:] >= smallest).sum())


@settings(max_examples=80, deadline=None)
@given(label_planes((17, 23)), st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))
def test_blocks_of_any_size_count_like_the_whole(
    labels: np.ndarray, height: int, width: int, smallest: int
) -> None:
    traits = _by_blocks(labels, height, width, smallest).traits()
    assert [item.area_px for item in traits] == [
        int((labels == value).sum()) for value in (1, 2, 3)
    ]
    assert [item.objects for item in traits[1:]] == [
        _objects(labels, value, smallest) for value in (2, 3)
    ]


def test_a_spiral_through_many_blocks_is_one_object() -> None:
    labels = np.ones((64, 64), np.uint8)
    labels[2::4, 2:62] = 2
    labels[2:64:8, 61] = labels[3:64:8, 61] = labels[4:64:8, 61] = labels[5:64:8, 61] = 2
    labels[6:64:8, 2] = labels[7:64:8, 2] = labels[8:64:8, 2] = labels[9:64:8, 2] = 2
    assert _by_blocks(labels, 7, 5, 1).traits()[1].objects == 1


def test_plants_of_a_scene_are_counted() -> None:
    scene = rosettes(9, (256, 256), spacing_px=128)
    traits = class_traits(scene.classes, ClassScheme.of(scene.class_names), min_object_px=20)
    assert traits[1].objects == _objects(scene.classes, 2, 20)
    assert traits[0].objects is None
    assert sum(item.cover or 0 for item in traits) == pytest.approx(1)


def test_units_follow_the_pixel_size_and_are_absent_without() -> None:
    labels = np.full((10, 20), 2, np.uint8)
    with_size, without = class_traits(labels, SCHEME, 250.0)[1], class_traits(labels, SCHEME)[1]
    assert with_size.area_mm2 == pytest.approx(200 * 0.0625)
    assert with_size.area_um2 == pytest.approx(200 * 62500)
    assert without.area_mm2 is None
    assert without.area_um2 is None


def test_unlabelled_pixels_are_left_out_of_the_cover() -> None:
    labels = np.zeros((10, 10), np.uint8)
    assert class_traits(labels, SCHEME)[1].cover is None
    labels[0, :4] = [1, 1, 2, 3]
    assert [item.cover for item in class_traits(labels, SCHEME)] == [0.5, 0.25, 0.25]
    counter = TraitCounter(SCHEME, 10)
    counter.add(0, 0, labels)
    assert counter.unlabelled_px == 96


def test_merged_classes_count_as_one() -> None:
    scheme = SCHEME.merged(3, into=2)
    traits = class_traits(np.array([[1, 2, 3]], np.uint8), scheme)
    assert [(item.area_px, item.objects) for item in traits] == [(1, None), (2, 1)]


def test_a_block_out_of_turn_is_refused() -> None:
    counter = TraitCounter(SCHEME, 8)
    counter.add(0, 0, np.ones((4, 4), np.uint8))
    with pytest.raises(InputError, match="row 0, column 4"):
        counter.add(4, 0, np.ones((4, 4), np.uint8))
