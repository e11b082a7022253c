"""Hypothesis strategies for the values of this package; needs the test extra."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.scheme import ClassScheme

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["label_planes", "schemes", "tiles"]


def tiles(
    image: str = "image", *, within: tuple[int, int] = (512, 512), largest: int = 128
) -> st.SearchStrategy[Tile]:
    """Return a strategy for tiles inside a plane of `within` rows and columns."""

    @st.composite
    def draw_tile(draw: st.DrawFn) -> Tile:
        height = draw(st.integers(1, min(largest, within[0])))
        width = draw(st.integers(1, min(largest, within[1])))
        y = draw(st.integers(0, within[0] - height))
        x = draw(st.integers(0, within[1] - width))
        return Tile(image, y, x, height, width)

    return draw_tile()


def schemes(most: int = 6) -> st.SearchStrategy[ClassScheme]:
    """Return a strategy for schemes of two to `most` classes."""
    names = st.lists(
        st.text("abcdefghij klmnop", min_size=1, max_size=12).map(lambda text: text.strip() or "x"),
        min_size=2,
        max_size=most,
        unique_by=lambda name: " ".join(name.split()),
    )
    return names.map(ClassScheme.of)


def label_planes(shape: tuple[int, int], highest: int = 3) -> st.SearchStrategy[NDArray[np.uint8]]:
    """Return a strategy for label planes of `shape` with values 0 to `highest`."""
    return npst.arrays("uint8", shape, elements=st.integers(0, highest), fill=st.just(1))
