"""People's labels: what was written is there, for us and for other programs."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.progress import finish
from napari_phenoai.core.records import ImageRecord
from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.errors import DiskError, InputError, LabelError, LockedError, ProjectError
from napari_phenoai.io.labels import LabelStore
from napari_phenoai.io.ome import mean_2x2, mode_2x2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

SCHEME = ClassScheme.of(["soil", "plant", "flower"])


def record(*shape: int, pixel_um: float | None = None) -> ImageRecord:
    planes, rows, columns = shape
    return ImageRecord(
        id="leaf",
        name="leaf.png",
        uri="leaf.png",
        original="leaf.png",
        shape=(planes, 3, rows, columns),
        dtype="uint8",
        pixel_um=pixel_um,
        fingerprint="f",
    )


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., LabelStore]]:
    stores: list[LabelStore] = []

    def build(*shape: int, pixel_um: float | None = None) -> LabelStore:
        image = record(*shape, pixel_um=pixel_um)
        stores.append(LabelStore(tmp_path / "leaf.ome.zarr", image, lambda: SCHEME))
        return stores[-1]

    yield build
    for store in stores:
        store.close()


def noise(tile: Tile, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 4, tile.shape, np.uint8)


def reduced(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    odd = [(0, extent % 2) for extent in plane.shape]
    return mode_2x2(np.pad(plane, odd, mode="edge"))


def test_before_the_first_write_there_are_zeros_and_no_files(
    make: Callable[..., LabelStore],
) -> None:
    store = make(1, 1300, 900)
    assert not store.read(Tile("leaf", 10, 20, 30, 40)).any()
    assert [level.shape for level in store.levels] == [(1300, 900), (650, 450), (325, 225)]
    assert not np.asarray(store.levels[2]).any()
    assert not store.exists
    assert not store.path.parent.joinpath("leaf.lock").exists()


rectangles = st.tuples(
    st.integers(0, 599),
    st.integers(0, 1099),
    st.integers(1, 600),
    st.integers(1, 600),
    st.integers(0, 3),
)


@settings(deadline=None, max_examples=15)
@given(st.lists(rectangles, min_size=1, max_size=5))
def test_writes_equal_those_to_an_array_on_every_level(
    tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[int, int, int, int, int]]
) -> None:
    model = np.zeros((600, 1100), np.uint8)
    path = tmp_path_factory.mktemp("labels") / "leaf.ome.zarr"
    with LabelStore(path, record(1, 600, 1100), lambda: SCHEME) as store:
        for number, (y, x, height, width, value) in enumerate(writes):
            tile = Tile("leaf", y, x, height, width).clipped(model.shape)
            labels = noise(tile, number) * np.uint8(value > 0)
            store.write(tile, labels)
            model[tile.slices] = labels
        assert np.array_equal(store.read(Tile("leaf", 0, 0, 600, 1100)), model)
        for level in store.levels:
            assert np.array_equal(np.asarray(level), model)
            model = reduced(model)


def test_levels_are_indexed_like_arrays(make: Callable[..., LabelStore]) -> None:
    flat, deep = make(1, 700, 600), record(3, 520, 600)
    flat.write(Tile("leaf", 0, 0, 700, 600), noise(Tile("leaf", 0, 0, 700, 600)))
    whole = np.asarray(flat.levels[0])
    for key in (
        3,
        -1,
        (3, 5),
        np.s_[10:20, ::-7],
        np.s_[..., 4],
        np.s_[5:5],
        np.s_[[1, 2], 3],
        None,
    ):
        assert np.array_equal(flat.levels[0][key], whole[key])
    flat.close()
    with LabelStore(flat.path.with_name("deep.ome.zarr"), deep, lambda: SCHEME) as stack:
        tile = Tile("leaf", 100, 100, 64, 64, z=2)
        stack.write(tile, noise(tile))
        level = stack.levels[0]
        assert level.shape == (3, 520, 600)
        assert np.array_equal(level[2, 100:164, 100:164], noise(tile))
        assert not level[:2].any()
        assert np.array_equal(level[::2, 100], np.asarray(level)[::2, 100])
        assert np.array_equal(stack.read(tile), noise(tile))


def test_other_programs_read_it(make: Callable[..., LabelStore]) -> None:
    import yaozarrs
    import zarr

    store = make(1, 1300, 900, pixel_um=0.5)
    tile = Tile("leaf", 500, 500, 100, 100)
    store.write(tile, noise(tile))
    yaozarrs.validate_zarr_store(str(store.path))
    group = zarr.open_group(store.path, mode="r")
    level = group["1"]
    assert isinstance(level, zarr.Array)
    assert np.array_equal(level[:], np.asarray(store.levels[1]))
    ome = group.attrs["ome"]
    assert isinstance(ome, dict)
    assert ome["image-label"]["properties"][1] == {"label-value": 2, "class": "plant"}
    assert ome["image-label"]["colors"][1]["rgba"][3] == 255
    scales = ome["multiscales"][0]["datasets"]
    assert scales[1]["coordinateTransformations"][0]["scale"] == [1.0, 1.0]
    assert ome["multiscales"][0]["axes"][0]["unit"] == "micrometer"


def test_only_touched_chunks_are_written(make: Callable[..., LabelStore]) -> None:
    store = make(1, 1024, 1024)
    whole = Tile("leaf", 0, 0, 1024, 1024)
    store.write(whole, np.ones(whole.shape, np.uint8))
    chunks = sorted(store.path.glob("0/c/*/*"))
    before = {path: path.stat().st_ino for path in chunks}
    small = Tile("leaf", 600, 10, 50, 60)
    store.write(small, noise(small))
    changed = [
        path.relative_to(store.path).as_posix()
        for path in chunks
        if path.stat().st_ino != before[path]
    ]
    assert changed == ["0/c/1/0"]


def test_a_chunk_without_labels_has_no_file(make: Callable[..., LabelStore]) -> None:
    store = make(1, 600, 600)
    tile = Tile("leaf", 0, 0, 40, 40)
    store.write(tile, np.ones(tile.shape, np.uint8))
    store.write(tile, np.zeros(tile.shape, np.uint8))
    assert not list(store.path.glob("*/c/*/*"))
    assert not store.read(tile).any()


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (np.zeros((8, 9), np.uint8), "shape"),
        (np.full((8, 8), 9, np.uint8), "without a class: 9"),
        (np.full((8, 8), -1), "without a class: -1"),
        (np.full((8, 8), 258), "without a class: 258"),
        (np.zeros((8, 8), float), "float64"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(
    make: Callable[..., LabelStore], labels: NDArray[np.uint8], reason: str
) -> None:
    store = make(1, 600, 600)
    with pytest.raises(LabelError, match=reason) as caught:
        store.write(Tile("leaf", 0, 0, 8, 8), labels)
    assert "leaf.png" in caught.value.what
    assert not store.exists


@pytest.mark.parametrize(
    "tile",
    [
        Tile("leaf", 595, 0, 8, 8),
        Tile("leaf", -1, 0, 8, 8),
        Tile("stem", 0, 0, 8, 8),
        Tile("leaf", 0, 0, 8, 8, 1),
    ],
)
def test_a_tile_outside_is_refused(make: Callable[..., LabelStore], tile: Tile) -> None:
    store = make(1, 600, 600)
    with pytest.raises(InputError, match="inside"):
        store.read(tile)
    with pytest.raises(InputError, match="inside"):
        store.write(tile, np.zeros(tile.shape, np.uint8))


def test_a_second_writer_is_told_who_writes(make: Callable[..., LabelStore]) -> None:
    tile = Tile("leaf", 0, 0, 8, 8)
    first, second = make(1, 600, 600), make(1, 600, 600)
    first.write(tile, noise(tile))
    with pytest.raises(LockedError, match="another window"):
        second.write(tile, noise(tile, 1))
    assert np.array_equal(second.read(tile), noise(tile))
    first.close()
    second.write(tile, noise(tile, 1))
    assert np.array_equal(first.read(tile), noise(tile, 1))


HOLD = """
import sys
from pathlib import Path
from napari_phenoai.io.locks import FileLock
FileLock(Path(sys.argv[1]), "x").acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_the_lock_of_a_dead_process_is_free(make: Callable[..., LabelStore]) -> None:
    store, tile = make(1, 600, 600), Tile("leaf", 0, 0, 8, 8)
    lock = store.path.with_name("leaf.lock")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with pytest.raises(LockedError, match=f"process {child.pid} on "):
            store.write(tile, noise(tile))
        child.kill()
        child.wait()
    store.write(tile, noise(tile))
    assert np.array_equal(store.read(tile), noise(tile))


def test_threads_lose_nothing_in_one_chunk(make: Callable[..., LabelStore]) -> None:
    store = make(1, 512, 512)
    tiles = [Tile("leaf", y, x, 64, 64) for y in range(0, 512, 64) for x in range(0, 512, 64)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda tile: store.write(tile, noise(tile, tile.y + tile.x)), tiles))
    for tile in tiles:
        assert np.array_equal(store.read(tile), noise(tile, tile.y + tile.x))


def test_a_damaged_chunk_is_named_and_the_others_stay(make: Callable[..., LabelStore]) -> None:
    store = make(1, 600, 1100)
    whole = Tile("leaf", 0, 0, 600, 1100)
    store.write(whole, noise(whole))
    chunk = store.path / "0" / "c" / "0" / "1"
    chunk.write_bytes(chunk.read_bytes()[:-40])
    with pytest.raises(ProjectError, match="damaged") as caught:
        store.read(Tile("leaf", 0, 600, 8, 8))
    assert str(chunk) in caught.value.what
    assert np.array_equal(store.read(Tile("leaf", 0, 0, 8, 8)), noise(whole)[:8, :8])
    assert list(store.damaged()) == [chunk]


def test_damage_in_the_overview_is_no_error(make: Callable[..., LabelStore]) -> None:
    store = make(1, 600, 600)
    whole = Tile("leaf", 0, 0, 600, 600)
    store.write(whole, noise(whole))
    (store.path / "1" / "c" / "0" / "0").write_bytes(b"")
    assert not np.asarray(store.levels[1]).any()
    finish(store.rebuild_levels())
    assert np.array_equal(np.asarray(store.levels[1]), reduced(noise(whole)))


def test_a_folder_that_vanished_is_not_made_anew(make: Callable[..., LabelStore]) -> None:
    store, tile = make(1, 600, 600), Tile("leaf", 0, 0, 8, 8)
    store.write(tile, noise(tile))
    store.path.rename(store.path.with_name("elsewhere"))
    with pytest.raises(DiskError, match="not there"):
        store.write(tile, noise(tile, 1))
    with pytest.raises(DiskError, match="not there"):
        store.read(tile)


def test_a_store_of_another_image_is_refused(make: Callable[..., LabelStore]) -> None:
    tile = Tile("leaf", 0, 0, 8, 8)
    with make(1, 600, 600) as store:
        store.write(tile, noise(tile))
    with pytest.raises(ProjectError, match="another shape"):
        make(1, 700, 600).read(tile)


def test_new_classes_and_pixel_size_are_told_to_other_viewers(tmp_path: Path) -> None:
    scheme = [ClassScheme.of(["soil", "plant"])]
    tile = Tile("leaf", 0, 0, 8, 8)
    with LabelStore(tmp_path / "leaf.ome.zarr", record(1, 600, 600), lambda: scheme[0]) as store:
        store.write(tile, np.full((8, 8), 2, np.uint8))
        scheme[0] = scheme[0].added("flower")
        store.write(tile, np.full((8, 8), 3, np.uint8))
        store.describe(record(1, 600, 600, pixel_um=2.0))
    ome = json.loads((store.path / "zarr.json").read_text())["attributes"]["ome"]
    assert [item["class"] for item in ome["image-label"]["properties"]] == [
        "soil",
        "plant",
        "flower",
    ]
    scale = ome["multiscales"][0]["datasets"][0]["coordinateTransformations"][0]
    assert scale == {"type": "scale", "scale": [2.0, 2.0]}


def test_nothing_heavy_is_imported() -> None:
    code = """
import sys
import napari_phenoai.io.project, napari_phenoai.io.doctor
heavy = {"zarr", "numcodecs", "tifffile", "dask", "torch", "napari", "qtpy", "skimage"}
sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@given(st.lists(st.integers(0, 3), min_size=4, max_size=4))
def test_the_mode_of_a_block_is_one_of_its_most_frequent_values(values: list[int]) -> None:
    block = np.array(values, np.uint8).reshape(2, 2)
    counts = np.bincount(block.ravel(), minlength=4)
    assert counts[mode_2x2(block)[0, 0]] == counts.max()


@given(st.lists(st.one_of(st.just(255), st.integers(0, 254)), min_size=4, max_size=4))
def test_the_mean_of_a_block_leaves_the_unknown_out(values: list[int]) -> None:
    known = [value for value in values if value != 255]
    mean = int(mean_2x2(np.array(values, np.uint8).reshape(2, 2))[0, 0])
    assert abs(mean - np.mean(known)) <= 0.5 if known else mean == 255


def test_a_write_that_changes_nothing_writes_nothing(make: Callable[..., LabelStore]) -> None:
    store = make(1, 1024, 1024)
    whole = Tile("leaf", 0, 0, 1024, 1024)
    labels = noise(whole)
    store.write(whole, labels)
    before = {path: path.stat().st_ino for path in store.path.glob("*/c/*/*")}
    store.write(whole, labels)
    labels[600, 5] ^= 1
    store.write(whole, labels)
    changed = {path for path, inode in before.items() if path.stat().st_ino != inode}
    assert {path for path in changed if path.parts[-4] == "0"} == {store.path / "0/c/1/0"}
    assert np.array_equal(store.read(whole), labels)


def test_a_damaged_chunk_can_be_painted_over_whole(make: Callable[..., LabelStore]) -> None:
    store, whole = make(1, 1024, 512), Tile("leaf", 0, 0, 512, 512)
    store.write(whole, noise(whole))
    (store.path / "0" / "c" / "0" / "0").write_bytes(b"junk")
    with pytest.raises(ProjectError, match="damaged"):
        store.write(Tile("leaf", 0, 0, 8, 8), np.ones((8, 8), np.uint8))
    store.write(whole, noise(whole, 1))
    assert np.array_equal(store.read(whole), noise(whole, 1))
