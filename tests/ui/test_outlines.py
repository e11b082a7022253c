"""Outlines of labels: the very ones of napari, in a layer too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from napari.layers import Labels
from napari.layers.labels._labels_utils import get_contours

from napari_phenoai.ui.outlines import outline_quickly, outlined

maps = st.sampled_from([np.uint8, np.uint16, np.int32]).flatmap(
    lambda dtype: arrays(
        dtype,
        array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12),
        elements=st.integers(0, 4),
    )
)


@given(labels=maps, width=st.integers(1, 4), background=st.sampled_from([0, 3]))
def test_they_are_those_of_napari(labels: Any, width: int, background: int) -> None:
    expected = get_contours(labels.copy(), width, background)
    drawn = outlined(labels, width, background)
    assert drawn.dtype == labels.dtype
    np.testing.assert_array_equal(drawn, expected)


@pytest.mark.parametrize("contour", [0, 1, 2, 5])
def test_a_layer_shows_what_it_would_show_without(contour: int) -> None:
    labels = (np.random.default_rng(0).random((40, 60)) > 0.98).cumsum(axis=1).astype(np.uint8)
    usual, quick = Labels(labels.copy()), Labels(labels.copy())
    outline_quickly(quick)
    for layer in (usual, quick):
        layer.contour = contour
    np.testing.assert_array_equal(quick._slice.image.view, usual._slice.image.view)
    for layer in (usual, quick):
        layer.data_setitem((np.array([3, 4, 5]), np.array([10, 11, 12])), 9)
    np.testing.assert_array_equal(quick._slice.image.view, usual._slice.image.view)


def test_a_layer_makes_them_itself() -> None:
    layer = Labels(np.eye(5, dtype=np.uint8))
    outline_quickly(layer)
    assert vars(layer)["_calculate_contour"].func.__name__ == "_contour"
