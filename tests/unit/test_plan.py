"""Blocks of a prediction: every pixel once, aligned, in an order that shares what is read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_phenoai.core.context import read_with_context
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.plan import CORE_PX, plan_blocks, useful_share
from napari_phenoai.core.remaining import Pace
from napari_phenoai.errors import InputError
from napari_phenoai.loop.reader import BlockReader
from napari_phenoai.testing.fakes import ArraySource


@given(st.integers(1, 9000), st.integers(1, 9000), st.sampled_from([512, 1024, 1536, 2048]))
def test_blocks_cover_every_tile_once(rows: int, columns: int, block_px: int) -> None:
    seen = np.zeros((-(-rows // CORE_PX), -(-columns // CORE_PX)), int)
    for block in plan_blocks("im", (rows, columns), (block_px, 1024), z=3):
        assert block.area.y % CORE_PX == block.area.x % CORE_PX == 0
        assert block.area.height <= block_px
        assert block.area.width <= 1024
        assert sum(tile.area_px for tile in block.tiles) == block.area.area_px
        for tile in block.tiles:
            assert tile.z == 3
            seen[tile.y // CORE_PX, tile.x // CORE_PX] += 1
    assert (seen == 1).all()


def test_the_useful_share_is_at_least_four_fifths() -> None:
    for size in (8192, 65_536, 100_000):
        assert useful_share(plan_blocks("im", (size, size), (2048, 2048)), 64) > 0.87
    assert useful_share(plan_blocks("im", (8192, 8192), (1024, 1536)), 64) > 0.8


def test_a_region_is_computed_no_larger_than_its_tiles() -> None:
    region = Tile("im", 500, 600, 20, 20)
    (block,) = plan_blocks("im", (4096, 4096), (2048, 2048), region=region)
    assert block.area == Tile("im", 0, 512, 1024, 512)
    assert [tile.y for tile in block.tiles] == [0, 512]
    across = Tile("im", 2040, 2040, 16, 16)
    assert len(list(plan_blocks("im", (4096, 4096), (2048, 2048), region=across))) == 4


def test_blocks_that_split_chunks_are_refused() -> None:
    with pytest.raises(InputError, match="512 x 700 px"):
        list(plan_blocks("im", (900, 900), (512, 700)))


class ChunkedSource(ArraySource):
    """An array that counts how often each pixel is read, and names its chunks."""

    chunk = (1, 256, 256)

    def __init__(self, array: np.ndarray) -> None:
        super().__init__(array)
        object.__setattr__(self, "counts", np.zeros(array.shape[-2:], int))

    def read(self, tile: Tile) -> np.ndarray:
        self.counts[tile.slices] += 1  # type: ignore[attr-defined]
        return np.asarray(super().read(tile))


@pytest.mark.parametrize("chunk", [(1, 256, 256), (3, 300, 700), (1, 1, 4000), None])
@pytest.mark.parametrize("context", [0, 29, 64])
def test_the_reader_reads_what_is_there(chunk: tuple[int, ...] | None, context: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (2, 1300, 1700)).astype(np.uint16)
    source = ChunkedSource(pixels)
    object.__setattr__(source, "chunk", chunk)
    reader = BlockReader(source, context, limit_bytes=2**21)
    for block in plan_blocks("im", (1300, 1700), (512, 512)):
        expected = read_with_context(ArraySource(pixels), block.area, context)
        np.testing.assert_array_equal(reader.read(block.area), expected)


def test_each_pixel_is_read_about_once() -> None:
    source = ChunkedSource(np.zeros((1, 6000, 6000), np.uint8))
    reader = BlockReader(source, 64)
    for block in plan_blocks("im", (6000, 6000), (2048, 2048)):
        reader.read(block.area)
    assert source.counts.mean() == 1  # type: ignore[attr-defined]


def test_with_little_memory_pixels_are_read_again() -> None:
    source = ChunkedSource(np.zeros((1, 3000, 3000), np.uint8))
    reader = BlockReader(source, 64, limit_bytes=2**18)
    for block in plan_blocks("im", (3000, 3000), (1024, 1024)):
        reader.read(block.area)
    assert 1 < source.counts.mean() < 4  # type: ignore[attr-defined]


def test_a_window_beyond_the_image_is_refused() -> None:
    reader = BlockReader(ChunkedSource(np.zeros((1, 600, 600), np.uint8)), 8)
    with pytest.raises(InputError, match="beyond the image"):
        reader.read(Tile("im", 512, 0, 512, 512))


def test_what_was_there_before_does_not_make_the_rest_look_quick() -> None:
    now = [0.0]
    pace = Pace(1000, clock=lambda: now[0])
    pace.skip(900)
    pace.start()
    found = [pace.left]
    for _ in range(2):
        now[0] += 10
        pace.did(50)
        found.append(pace.left)
    assert found == [None, 10, 0]
    assert Pace(0).left is None
