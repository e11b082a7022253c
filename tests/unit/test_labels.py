"""People's labels: what was written is there, for us and for other programs."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from napari_phenoai.core.edits import edit_between
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.progress import finish
from napari_phenoai.core.records import ImageRecord
from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.errors import DiskError, InputError, LabelError, LockedError, ProjectError
from napari_phenoai.io.labels import LabelStore
from napari_phenoai.io.ledger import Ledger
from napari_phenoai.io.lower_levels import LowerLevels
from napari_phenoai.io.ome import mean_2x2, mode_2x2
from napari_phenoai.testing.strokes import step_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from napari_phenoai.core.edits import Edit

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
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "ledger.sqlite")
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a store that is closed wait for its lower levels as long as a busy machine needs."""
    monkeypatch.setattr("napari_phenoai.io.label_writer._CLOSE_SECONDS", 120)


@pytest.fixture
def make(tmp_path: Path, ledger: Ledger) -> Iterator[Callable[..., LabelStore]]:
    stores: list[LabelStore] = []

    def build(*shape: int, pixel_um: float | None = None) -> LabelStore:
        image = record(*shape, pixel_um=pixel_um)
        path = tmp_path / "leaf.ome.zarr"
        stores.append(LabelStore(path, image, lambda: SCHEME, lambda: ledger.journal))
        return stores[-1]

    yield build
    for store in stores:
        store.close()


@contextmanager
def labels_in(folder: Path, *shape: int) -> Iterator[LabelStore]:
    ledger = Ledger(folder / "ledger.sqlite")
    path = folder / "leaf.ome.zarr"
    with LabelStore(path, record(*shape), lambda: SCHEME, lambda: ledger.journal) as store:
        yield store
    ledger.close()


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
    with labels_in(tmp_path_factory.mktemp("labels"), 1, 600, 1100) as store:
        for number, (y, x, height, width, value) in enumerate(writes):
            tile = Tile("leaf", y, x, height, width).clipped(model.shape)
            labels = noise(tile, number) * np.uint8(value > 0)
            store.write(tile, labels)
            model[tile.slices] = labels
        assert np.array_equal(store.read(Tile("leaf", 0, 0, 600, 1100)), model)
        store.flush_levels()
        for level in store.levels:
            assert np.array_equal(np.asarray(level), model)
            model = reduced(model)


def test_levels_are_indexed_like_arrays(make: Callable[..., LabelStore], tmp_path: Path) -> None:
    flat = make(1, 700, 600)
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
    with labels_in(tmp_path / "deep", 3, 520, 600) as stack:
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
    store.flush_levels()
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
    store.flush_levels()
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
    store.flush_levels()
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


def test_new_classes_and_pixel_size_are_told_to_other_viewers(
    tmp_path: Path, ledger: Ledger
) -> None:
    scheme = [ClassScheme.of(["soil", "plant"])]
    tile = Tile("leaf", 0, 0, 8, 8)
    path, image = tmp_path / "leaf.ome.zarr", record(1, 600, 600)
    with LabelStore(path, image, lambda: scheme[0], lambda: ledger.journal) as store:
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


def stroke(store: LabelStore, tile: Tile, value: int) -> Edit:
    before = store.read(tile)
    edit = edit_between(tile, before, np.full_like(before, value))
    assert edit is not None
    return edit


def files(store: LabelStore) -> dict[str, int]:
    """Name and inode of each chunk file at full resolution: a new file is a written chunk."""
    paths = store.path.glob("0/c/*/*")
    return {path.relative_to(store.path).as_posix(): path.stat().st_ino for path in paths}


@settings(deadline=None, max_examples=10)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.booleans()), min_size=1, max_size=6))
@example([(9010, False)])
def test_chunks_written_are_chunks_touched(
    tmp_path_factory: pytest.TempPathFactory, strokes: list[tuple[int, bool]]
) -> None:
    images = {"leaf": (1700, 2100)}
    with labels_in(tmp_path_factory.mktemp("labels"), 1, 1700, 2100) as store:
        store.write(Tile("leaf", 0, 0, 1700, 2100), noise(Tile("leaf", 0, 0, 1700, 2100)) % 3 + 1)
        for number, thin in strokes:
            step = step_at(number, 0, images, radius=(0, 3) if thin else (4, 80), reach=1500)
            edit = step.edit(store.read(step.tile))
            if edit is None:
                continue
            rows, columns = np.nonzero(edit.changed)
            rows, columns = (rows + edit.tile.y) // 512, (columns + edit.tile.x) // 512
            touched = {f"0/c/{row}/{column}" for row, column in zip(rows, columns, strict=True)}
            before = files(store)
            store.apply(edit)
            after = files(store)
            written = {name for name in before | after if after.get(name) != before.get(name)}
            assert written == touched, "a chunk that is erased whole loses its file"


def test_an_edit_of_a_stale_window_leaves_the_other_pixels_alone(
    make: Callable[..., LabelStore], ledger: Ledger
) -> None:
    store, tile = make(1, 600, 600), Tile("leaf", 0, 0, 100, 100)
    window = store.read(tile)
    late = window.copy()
    late[10:20] = 2
    edit = edit_between(tile, window, late)
    assert edit is not None
    store.apply(stroke(store, Tile("leaf", 15, 0, 10, 100), 1))
    number = store.apply(edit)
    assert (store.read(Tile("leaf", 10, 0, 10, 100)) == 2).all()
    assert (store.read(Tile("leaf", 20, 0, 5, 100)) == 1).all()
    store.apply(ledger.journal.edit(number).inverse(), reverts=number)
    assert (store.read(Tile("leaf", 15, 0, 10, 100)) == 1).all()
    assert not store.read(Tile("leaf", 10, 0, 5, 100)).any()


def test_an_edit_that_is_tried_again_is_applied_once(
    make: Callable[..., LabelStore], ledger: Ledger
) -> None:
    store = make(1, 600, 600)
    edit = stroke(store, Tile("leaf", 0, 0, 8, 8), 2)
    number = store.apply(edit)
    store.apply(stroke(store, Tile("leaf", 0, 0, 8, 8), 1))
    assert store.apply(edit) == number
    assert (store.read(edit.tile) == 1).all()
    assert ledger.journal.count() == 2


def test_an_edit_with_an_unknown_class_is_refused(
    make: Callable[..., LabelStore], ledger: Ledger
) -> None:
    store = make(1, 600, 600)
    edit = stroke(store, Tile("leaf", 0, 0, 8, 8), 9)
    with pytest.raises(LabelError, match="without a class: 9"):
        store.apply(edit)
    with pytest.raises(InputError, match="inside"):
        store.apply(replace(edit, tile=Tile("leaf", 595, 0, 8, 8)))
    assert ledger.journal.count() == 0
    assert not store.exists


def test_an_edit_of_object_ids_is_kept_where_the_values_fit(
    make: Callable[..., LabelStore], ledger: Ledger
) -> None:
    store, tile = make(1, 600, 600), Tile("leaf", 0, 0, 8, 8)
    zeros = np.zeros(tile.shape, np.uint32)
    edit = edit_between(tile, zeros, zeros + np.uint32(3))
    assert edit is not None
    number = store.apply(edit)
    assert (store.read(tile) == 3).all()
    assert ledger.journal.edit(number).after.dtype == np.uint8


def interrupted(store: LabelStore, monkeypatch: pytest.MonkeyPatch, edit: Edit, after: int) -> None:
    """Apply an edit in a process that loses power when `after` of its chunks are in place."""
    real, count, here = Path.replace, [0], threading.current_thread()

    def stop(self: Path, target: Path) -> Path:
        count[0] += target.parts[-4] == "0"
        if count[0] > after and threading.current_thread() is here:  # not where levels are made
            raise KeyboardInterrupt
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            store.apply(edit)


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_recorded_edit_is_completed_when_the_store_is_opened_again(
    make: Callable[..., LabelStore], ledger: Ledger, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    store = make(1, 1100, 1100)
    tile = Tile("leaf", 500, 500, 40, 40)
    store.apply(stroke(store, tile, 1))
    interrupted(store, monkeypatch, stroke(store, tile, 2), after)
    assert len(ledger.journal.pending("leaf")) == 1
    store.close()
    again = make(1, 1100, 1100)
    again.recover()
    assert (again.read(tile) == 2).all()
    assert ledger.journal.pending("leaf") == []
    again.flush_levels()
    assert np.array_equal(np.asarray(again.levels[1]), reduced(np.asarray(again.levels[0])))
    assert ledger.journal.stale.of("leaf") == {}


def test_the_next_edit_completes_the_one_before(
    make: Callable[..., LabelStore], ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make(1, 1100, 1100)
    tile = Tile("leaf", 500, 500, 40, 40)
    interrupted(store, monkeypatch, stroke(store, tile, 2), 2)
    number = store.apply(stroke(store, Tile("leaf", 500, 500, 10, 10), 3))
    assert (store.read(tile)[10:, 10:] == 2).all()
    assert (ledger.journal.edit(number).before == 2).all()


def test_the_lower_levels_get_right_by_themselves(make: Callable[..., LabelStore]) -> None:
    store = make(1, 3000, 3000)
    heard: list[Tile] = []
    store.listeners.append(heard.append)
    for number in range(5):
        tile = Tile("leaf", 500 * number, 450 * number, 300, 300)
        store.apply(stroke(store, tile, 1 + number % 3))
    end = time.monotonic() + 60
    expected = np.asarray(store.levels[0])
    for level in store.levels:
        while not np.array_equal(np.asarray(level), expected):
            assert time.monotonic() < end
            time.sleep(0.01)
        expected = reduced(expected)
    while not any(seen.intersects(Tile("leaf", 0, 0, 9, 9)) for seen in heard):
        assert time.monotonic() < end
        time.sleep(0.01)
    store.close()


def levels_right(store: LabelStore) -> bool:
    expected = np.asarray(store.levels[0])
    for level in store.levels:
        if not np.array_equal(np.asarray(level), expected):
            return False
        expected = reduced(expected)
    return True


def test_an_edit_while_the_levels_are_told_to_stop_gets_them_right_too(
    make: Callable[..., LabelStore],
) -> None:
    store, tile = make(1, 1100, 1100), Tile("leaf", 500, 500, 40, 40)
    made, go_on = threading.Event(), threading.Event()

    def hold(_: Tile) -> None:
        made.set()
        assert go_on.wait(60)

    store.listeners.append(hold)
    store.apply(stroke(store, tile, 1))
    assert made.wait(60)
    stopper = threading.Thread(target=store._lower.stop, args=(0,))
    stopper.start()
    assert store._lower._stop.wait(60)
    store.apply(stroke(store, tile, 2))
    go_on.set()
    stopper.join(60)
    levels_made()
    assert levels_right(store)


def test_closing_waits_for_an_edit_of_the_last_moment(
    make: Callable[..., LabelStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make(1, 1100, 1100)
    edits = [stroke(store, Tile("leaf", 900, y, 40, 40), 2) for y in (100, 900)]
    stop = LowerLevels.stop

    def stop_late(lower: LowerLevels, seconds: float) -> None:
        stop(lower, seconds)
        if edits:
            store.apply(edits.pop())

    monkeypatch.setattr(LowerLevels, "stop", stop_late)
    store.apply(edits.pop())
    store.close()
    assert not edits
    assert not store._writer._lock.held
    assert store._lower._thread is None
    assert levels_right(store)


def test_levels_that_were_not_made_before_the_end_are_made_at_the_next_opening(
    make: Callable[..., LabelStore], ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, tile = make(1, 1100, 1100), Tile("leaf", 500, 500, 40, 40)
    with monkeypatch.context() as patch:
        patch.setattr(LowerLevels, "soon", lambda _: None)
        store.apply(stroke(store, tile, 2))
        store.close()
    assert not np.asarray(store.levels[1]).any()
    assert ledger.journal.stale.of("leaf")
    again = make(1, 1100, 1100)
    again.recover()
    again.close()
    assert np.array_equal(np.asarray(again.levels[1]), reduced(np.asarray(again.levels[0])))


def test_a_damaged_chunk_does_not_stop_the_levels_of_others(
    make: Callable[..., LabelStore],
) -> None:
    store = make(1, 600, 5000)
    for x in (0, 4400):
        store.apply(stroke(store, Tile("leaf", 0, x, 20, 20), 2))
    (store.path / "0" / "c" / "0" / "0").write_bytes(b"junk")
    with pytest.raises(ProjectError, match="damaged"):
        store.flush_levels()
    assert store.levels[1][0, 2200] == 2


def test_what_a_dead_writer_left_half_written_is_removed(make: Callable[..., LabelStore]) -> None:
    store, tile = make(1, 600, 600), Tile("leaf", 0, 0, 8, 8)
    store.apply(stroke(store, tile, 2))
    store.close()
    stray = store.path / "0" / "c" / "0" / ".0.abc.partial"
    stray.write_bytes(b"half")
    lock = store.path.with_name("leaf.lock")
    lock.write_text('{"pid": 1, "host": "gone"}\nwriting')
    store.apply(stroke(store, tile, 1))
    assert not stray.exists()
    assert (store.read(tile) == 1).all()


def test_an_edit_of_one_slice_of_a_stack_leaves_the_others_alone(tmp_path: Path) -> None:
    with labels_in(tmp_path, 3, 600, 700) as store:
        tile = Tile("leaf", 500, 500, 40, 40, z=1)
        number = store.apply(stroke(store, tile, 2))
        store.flush_levels()
        for level, part in zip(store.levels, (tile.slices, np.s_[250:270, 250:270]), strict=False):
            planes = np.asarray(level)
            assert (planes[1][part] == 2).all()
            assert not planes[[0, 2]].any()
        back = store._journal().edit(number).inverse()
        assert back.tile == tile
        store.apply(back, reverts=number)
        assert not np.asarray(store.levels[0]).any()


def levels_made() -> None:
    """Wait for the threads that make lower levels to end."""
    for thread in threading.enumerate():
        if thread.name.startswith("levels of "):
            thread.join(60)
            assert not thread.is_alive()


def test_a_listener_may_read_and_close(make: Callable[..., LabelStore]) -> None:
    store, tile = make(1, 1100, 1100), Tile("leaf", 500, 500, 40, 40)
    seen: list[int] = []
    done = threading.Event()

    def look(where: Tile) -> None:
        seen.append(int(store.read(where).max()))
        store.close()
        done.set()

    store.listeners.append(look)
    for value in (1, 2):
        done.clear()
        store.apply(stroke(store, tile, value))
        assert done.wait(60)
    levels_made()
    assert seen[-1] == 2


def test_edits_go_on_while_the_levels_are_made(make: Callable[..., LabelStore]) -> None:
    store = make(1, 2100, 2100)
    ended = threading.Event()

    def flush() -> None:
        while not ended.is_set():
            store.flush_levels()

    flusher = threading.Thread(target=flush)
    flusher.start()
    for number in range(30):
        tile = Tile("leaf", 60 * number, 60 * number, 100, 100)
        store.apply(stroke(store, tile, 1 + number % 3))
    ended.set()
    flusher.join(120)
    assert not flusher.is_alive()
    store.flush_levels()
    expected = np.asarray(store.levels[0])
    for level in store.levels:
        assert np.array_equal(np.asarray(level), expected)
        expected = reduced(expected)
