"""Predictions: written chunk by chunk, resumed after a stop, read meanwhile."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_phenoai.core.geometry import Tile, cover
from napari_phenoai.core.records import ImageRecord
from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.errors import InputError, LabelError
from napari_phenoai.io.predictions import PredictionStore

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SCHEME = ClassScheme.of(["soil", "plant"])


def open_store(
    folder: Path, rows: int = 1100, columns: int = 900, planes: int = 1
) -> PredictionStore:
    image = ImageRecord(
        id="leaf",
        name="leaf.png",
        uri="leaf.png",
        original="leaf.png",
        shape=(planes, 3, rows, columns),
        dtype="uint8",
        fingerprint="f",
    )
    return PredictionStore(folder / "leaf" / "unet-1.ome.zarr", image, lambda: SCHEME)


def classes(tile: Tile, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(1, 3, tile.shape, np.uint8)


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    store, tile = open_store(tmp_path), Tile("leaf", 300, 400, 700, 450)
    uncertainty = np.random.default_rng(1).random(tile.shape, np.float32)
    uncertainty[0, 0] = np.nan
    assert not store.read(tile)[0].any()
    assert np.isnan(store.read(tile)[1]).all()
    store.write(tile, classes(tile), uncertainty)
    found, known = store.read(tile)
    assert np.array_equal(found, classes(tile))
    assert known.dtype == np.float32
    assert np.isnan(known[0, 0])
    np.testing.assert_allclose(known, uncertainty, atol=0.5 / 254 + 1e-6)
    assert np.array_equal(store.levels[0][tile.slices], found)
    assert store.uncertainty_levels[1].shape == (550, 450)


def test_only_missing_tiles_are_left_after_a_stop(tmp_path: Path) -> None:
    tiles = list(cover("leaf", (1100, 900), 512))
    store = open_store(tmp_path)
    assert store.missing(tiles) == tiles
    for tile in tiles[:3]:
        store.write(tile, classes(tile))
    for again in (store, open_store(tmp_path)):
        assert again.missing(tiles) == tiles[3:]
        assert again.has(Tile("leaf", 100, 100, 256, 256))
        assert not again.has(Tile("leaf", 500, 600, 256, 256))


def test_a_tile_is_there_when_its_last_pixel_is(tmp_path: Path) -> None:
    store, whole = open_store(tmp_path), Tile("leaf", 0, 0, 512, 512)
    for part in (Tile("leaf", 0, 0, 512, 511), Tile("leaf", 0, 511, 511, 1)):
        store.write(part, classes(part))
        assert not store.has(whole)
        assert store.has(part)
    last = Tile("leaf", 511, 511, 1, 1)
    store.write(last, classes(last))
    assert store.has(whole)


def test_a_damaged_chunk_is_predicted_again(tmp_path: Path) -> None:
    store, tile = open_store(tmp_path), Tile("leaf", 0, 0, 512, 512)
    store.write(tile, classes(tile))
    (store.path / "labels" / "classes" / "0" / "c" / "0" / "0").write_bytes(b"")
    again = open_store(tmp_path)
    assert not again.has(tile)
    again.write(tile, classes(tile))
    assert again.has(tile)


@pytest.mark.parametrize("bad", [0, 255])
def test_values_that_are_no_class_are_refused(tmp_path: Path, bad: int) -> None:
    store, tile = open_store(tmp_path), Tile("leaf", 0, 0, 8, 8)
    with pytest.raises(LabelError, match=str(bad)):
        store.write(tile, np.full(tile.shape, bad, np.uint8))
    with pytest.raises(LabelError, match="shape"):
        store.write(tile, np.ones((8, 9), np.uint8))
    with pytest.raises(LabelError, match="shape"):
        store.write(tile, np.ones((8, 8), np.uint8), np.zeros((9, 8), np.float32))
    with pytest.raises(InputError, match="inside"):
        store.write(Tile("leaf", 1095, 0, 8, 8), np.ones((8, 8), np.uint8))


def test_two_writers_of_one_chunk_lose_nothing(tmp_path: Path) -> None:
    stores = [open_store(tmp_path), open_store(tmp_path)]
    tiles = [Tile("leaf", y, x, 64, 64) for y in range(0, 512, 64) for x in range(0, 512, 64)]

    def fill(number: int) -> None:
        for tile in tiles[number::2]:
            stores[number].write(tile, classes(tile, tile.y + tile.x))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(fill, range(2)))
    for tile in tiles:
        assert np.array_equal(stores[0].read(tile)[0], classes(tile, tile.y + tile.x))


def test_reading_while_writing_sees_whole_chunks(tmp_path: Path) -> None:
    store, reader = open_store(tmp_path), open_store(tmp_path)
    tile, stop, seen = Tile("leaf", 0, 0, 512, 512), threading.Event(), set()

    def read() -> None:
        while not stop.is_set():
            values = np.unique(reader.read(tile)[0]).tolist()
            assert len(values) == 1
            seen.update(values)

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        for number in range(30):
            store.write(tile, np.full(tile.shape, 1 + number % 2, np.uint8))
        stop.set()
        reading.result(60)
    assert seen <= {0, 1, 2}


def test_other_programs_read_it(tmp_path: Path) -> None:
    import yaozarrs
    import zarr

    store, tile = open_store(tmp_path, planes=2), Tile("leaf", 0, 0, 64, 64, z=1)
    store.write(tile, classes(tile), np.full(tile.shape, 0.5, np.float32))
    yaozarrs.validate_zarr_store(str(store.path))
    group = zarr.open_group(store.path, mode="r")
    found, shades = group["labels/classes/0"], group["0"]
    assert isinstance(found, zarr.Array)
    assert isinstance(shades, zarr.Array)
    assert np.array_equal(found[1, :64, :64], classes(tile))
    assert np.unique(np.asarray(shades[:])).tolist() == [127, 255]
