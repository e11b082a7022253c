"""Reading a tile with what lies round it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_phenoai.core.context import grown, read_with_context
from napari_phenoai.core.geometry import Tile
from napari_phenoai.errors import InputError
from napari_phenoai.testing.fakes import ArraySource


@given(
    st.integers(1, 30),
    st.integers(1, 30),
    st.integers(0, 40),
    st.integers(0, 99),
    st.integers(0, 99),
)
def test_equals_padding_the_whole_image(
    height: int, width: int, context: int, y: int, x: int
) -> None:
    plane = np.arange(2 * height * width, dtype=np.uint16).reshape(2, height, width)
    y, x = y % height, x % width
    tile = Tile("im", y, x, max(1, (height - y) // 2), max(1, (width - x) // 2))
    pixels = read_with_context(ArraySource(plane), tile, context)
    inner = grown(tile, context, (height, width))
    assert pixels.shape == (2, tile.height + 2 * context, tile.width + 2 * context)
    top, left = context - (tile.y - inner.y), context - (tile.x - inner.x)
    seen = pixels[:, top : top + inner.height, left : left + inner.width]
    np.testing.assert_array_equal(seen, plane[:, inner.slices[0], inner.slices[1]])
    if (height, width) == inner.shape:
        pads = [(0, 0)]
        pads += [(context - tile.y, context - (height - tile.y1))]
        pads += [(context - tile.x, context - (width - tile.x1))]
        np.testing.assert_array_equal(pixels, np.pad(plane, pads, mode="reflect"))


def test_mirrors_beyond_the_border() -> None:
    plane = np.arange(5)[None, None, :].repeat(5, axis=1).astype(np.uint8)
    pixels = read_with_context(ArraySource(plane), Tile("im", 0, 0, 5, 5), 2)
    assert pixels[0, 0].tolist() == [2, 1, 0, 1, 2, 3, 4, 3, 2]


def test_refuses_a_tile_beyond_the_image() -> None:
    with pytest.raises(InputError, match="beyond the image of 5 x 5 px"):
        read_with_context(ArraySource(np.zeros((1, 5, 5))), Tile("im", 3, 0, 4, 4), 1)
