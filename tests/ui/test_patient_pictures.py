"""Pictures that never make the viewer wait."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_phenoai.core.edits import Edit
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.progress import finish
from napari_phenoai.io.project import Project
from napari_phenoai.testing.samples import encoded
from napari_phenoai.ui.blocks import BlockReader
from napari_phenoai.ui.picture import open_picture
from napari_phenoai.ui.pyramid import PatientPyramid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

FULL = np.random.default_rng(0).integers(0, 255, (1300, 1100), dtype=np.uint8)


@pytest.fixture
def reader() -> Iterator[BlockReader]:
    """Return threads that are stopped after the test."""
    reader = BlockReader()
    yield reader
    reader.shutdown()


def _pyramid(reader: BlockReader, gate: threading.Event | None = None) -> PatientPyramid:
    def read(level: int, rows: slice, columns: slice) -> NDArray[Any]:
        if gate is not None and level == 0:
            assert gate.wait(60)
        return FULL[:: 2**level, :: 2**level][rows, columns]

    shapes = [FULL[:: 2**level, :: 2**level].shape for level in range(3)]
    return PatientPyramid(shapes, FULL.dtype, read, reader)


def _until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_it_answers_at_once_and_is_right_in_the_end(reader: BlockReader) -> None:
    gate = threading.Event()
    pyramid = _pyramid(reader, gate)
    level = pyramid.levels[0]
    assert not level[100:900, 50:700].any()
    assert pyramid.pending, "it has not waited for what is read"
    assert not gate.is_set()
    gate.set()
    _until(lambda: not pyramid.pending)
    np.testing.assert_array_equal(level[100:900, 50:700], FULL[100:900, 50:700])
    assert level[600, 700] == FULL[600, 700]


def test_what_is_missing_is_shown_coarsely(reader: BlockReader) -> None:
    gate = threading.Event()
    pyramid = _pyramid(reader, gate)
    pyramid.levels[2][:, :]
    _until(lambda: not pyramid.pending)
    rough = pyramid.levels[0][0:512, 0:512]
    np.testing.assert_array_equal(rough[::4, ::4], FULL[0:512:4, 0:512:4])
    gate.set()


def test_a_failing_read_is_told_once(reader: BlockReader) -> None:
    errors: list[Exception] = []

    def read(*_: object) -> NDArray[Any]:
        raise OSError("gone")

    pyramid = PatientPyramid([(600, 600)], np.dtype(np.uint8), read, reader)
    pyramid.failed.connect(errors.append)
    pyramid.levels[0][:, :]
    _until(lambda: errors)
    assert not pyramid.levels[0][:, :].any()


def test_forgotten_blocks_are_shown_until_new_ones_come(reader: BlockReader) -> None:
    pyramid = _pyramid(reader)
    level = pyramid.levels[0]
    level[0:100, 0:100]
    _until(lambda: not pyramid.pending)
    FULL[5, 5] += 1
    pyramid.forget(Tile("im", 0, 0, 10, 10))
    assert level[5, 5] == FULL[5, 5] - 1
    _until(lambda: not pyramid.pending)
    assert level[5, 5] == FULL[5, 5]


def test_a_picture_outlives_its_reader() -> None:
    reader = BlockReader()
    pyramid = _pyramid(reader)
    reader.shutdown()
    assert not pyramid.levels[0][0:100, 0:100].any()


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1290), st.integers(0, 1090), st.integers(1, 300), st.integers(1, 300))
def test_what_is_painted_is_seen_at_once(y: int, x: int, height: int, width: int) -> None:
    reader = BlockReader()
    pyramid = _pyramid(reader)
    for level in pyramid.levels:
        level[:, :]
    _until(lambda: not pyramid.pending)
    tile = Tile("im", y, x, min(height, 1300 - y), min(width, 1100 - x))
    expected = FULL.copy()
    before = FULL[tile.slices].copy()
    after = np.where(np.indices(tile.shape).sum(axis=0) % 7 == 0, before, 255).astype(np.uint8)
    expected[tile.slices] = after
    pyramid.paint(Edit(tile, before, after))
    np.testing.assert_array_equal(pyramid.levels[0][:, :], expected)
    outside = np.ones((325, 275), bool)
    outside[y // 4 : -(-tile.y1 // 4), x // 4 : -(-tile.x1 // 4)] = False
    rough = pyramid.levels[2][:, :]
    np.testing.assert_array_equal(rough[outside], FULL[::4, ::4][outside])
    reader.shutdown()


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1200), st.integers(0, 1000), st.integers(1, 100), st.integers(1, 100))
def test_an_inlay_lies_exactly_where_its_tile_is(y: int, x: int, height: int, width: int) -> None:
    reader = BlockReader()
    pyramid = _pyramid(reader)
    tile = Tile("im", y, x, min(height, 1300 - y), min(width, 1100 - x))
    pyramid.inlay = (tile, np.full(tile.shape, 7, np.uint8))
    shown = pyramid.levels[0][:, :]
    outside = np.ones(FULL.shape, bool)
    outside[tile.slices] = False
    assert (shown[tile.slices] == 7).all()
    assert not np.array_equal(shown[outside], np.full(outside.sum(), 7))
    reader.shutdown()


@pytest.mark.parametrize(
    ("pixels", "colour", "channels"),
    [
        (np.full((40, 50, 3), 90, np.uint8), True, 1),
        (np.arange(2000, dtype=np.uint16).reshape(40, 50), False, 1),
    ],
)
def test_a_picture_fits_its_image(
    tmp_path: Path,
    reader: BlockReader,
    pixels: NDArray[Any],
    colour: bool,
    channels: int,
) -> None:
    file = tmp_path / "scene.png"
    file.write_bytes(encoded(pixels, "PNG"))
    with Project.create(tmp_path / "p.phenoai", ["soil", "plant"]) as project:
        record = finish(project.add_image(str(file)))
        picture = open_picture(project, record.id, 0, reader)
        assert (picture.colour, len(picture.channels)) == (colour, channels)
        channel = picture.channels[0]
        level = channel.pyramid.levels[0]
        level[:, :]
        _until(lambda: not channel.pyramid.pending)
        np.testing.assert_array_equal(level[:, :], pixels)
        if not colour:
            low, high = channel.limits
            assert 0 <= low < 10
            assert 1990 < high <= 2000
        picture.close()
