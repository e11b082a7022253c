"""Killed writers, full and read-only disks: what was acknowledged is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.ids import new_id
from napari_phenoai.core.records import ImageRecord, ModelCard, QueueItem, Review
from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.errors import DiskError
from napari_phenoai.io.files import write_atomic, write_json
from napari_phenoai.io.labels import LabelStore
from napari_phenoai.io.ledger import Ledger
from napari_phenoai.io.ome import mode_2x2
from napari_phenoai.io.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

IMAGE = ImageRecord(
    id="leaf",
    name="leaf.png",
    uri="leaf.png",
    original="leaf.png",
    shape=(1, 3, 1100, 1400),
    dtype="uint8",
    fingerprint="f",
)
SCHEME = ClassScheme.of(["soil", "plant"])

SETUP = """
import sys
from itertools import count
from pathlib import Path
import numpy as np
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.ids import new_id
from napari_phenoai.core.records import QueueItem, Review
from napari_phenoai.io.project import Project

def labels(number, shape):
    return np.random.default_rng(number).integers(1, 3, shape, np.uint8)

project = Project.open(sys.argv[1])
"""

WRITE_LABELS = (
    SETUP
    + """
for number in count():
    tile = Tile("leaf", 100 * (number % 8), 140 * (number // 8 % 8), 300, 330)
    project.labels("leaf").write(tile, labels(number, tile.shape))
    print(number, flush=True)
"""
)

ADD_REVIEWS = (
    SETUP
    + """
for number in count():
    review = Review(id=new_id(), image="leaf", y=0, x=0, height=90, width=80,
                    verdict="corrected", scheme_version=1, note=str(number))
    review = project.reviews.add(review, labels(number, (90, 80)))
    project.ledger.set_queue(review.id, [QueueItem(tile=review.tile.key, position=number)])
    print(review.id, flush=True)
"""
)


def labels(number: int, shape: tuple[int, int]) -> NDArray[np.uint8]:
    return np.random.default_rng(number).integers(1, 3, shape, np.uint8)


def make_project(folder: Path) -> Path:
    Project.create(folder, ["soil", "plant"]).close()
    write_json(folder / "images" / "leaf.json", IMAGE)
    return folder


def killed(code: str, folders: list[Path]) -> list[list[str]]:
    """Run `code` once per folder, kill each in the middle; return what each acknowledged."""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True
        )
        for folder in folders
    ]
    said = []
    for number, child in enumerate(children):
        assert child.stdout is not None
        first = [child.stdout.readline() for _ in range(4 + 3 * number)]
        time.sleep(0.0013 * (1 + 5 * number))
        child.kill()
        said.append([line.strip() for line in [*first, *child.stdout] if line.endswith("\n")])
        child.stdout.close()
        child.wait()
    return said


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of POSIX")
def test_labels_of_a_killed_writer_are_there_and_the_overview_is_mended(tmp_path: Path) -> None:
    folders = [make_project(tmp_path / str(number)) for number in range(3)]
    for folder, said in zip(folders, killed(WRITE_LABELS, folders), strict=True):
        done = [int(number) for number in said]
        assert done == list(range(len(done)))
        model = np.zeros((1100, 1400), np.uint8)
        for number in done:
            tile = Tile("leaf", 100 * (number % 8), 140 * (number // 8 % 8), 300, 330)
            model[tile.slices] = labels(number, tile.shape)
        unfinished = np.zeros(model.shape, bool)
        number = len(done)
        unfinished[Tile("leaf", 100 * (number % 8), 140 * (number // 8 % 8), 300, 330).slices] = (
            True
        )
        with Project.open(folder) as project:
            store = project.labels("leaf")
            found = np.asarray(store.levels[0])
            assert np.array_equal(found[~unfinished], model[~unfinished])
            assert list(store.damaged()) == []
            store.flush_levels()
            for level in store.levels:
                assert np.array_equal(np.asarray(level), found)
                odd = [(0, extent % 2) for extent in found.shape]
                found = mode_2x2(np.pad(found, odd, mode="edge"))


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of POSIX")
def test_reviews_of_a_killed_writer_are_there(tmp_path: Path) -> None:
    folders = [make_project(tmp_path / str(number)) for number in range(3)]
    for folder, said in zip(folders, killed(ADD_REVIEWS, folders), strict=True):
        with Project.open(folder) as project:
            reviews = project.reviews.all()
            assert {review.id for review in reviews} >= set(said)
            assert len(reviews) <= len(said) + 1
            assert project.reviews.problems == []
            for review in reviews:
                assert np.array_equal(
                    project.reviews.mask(review), labels(int(review.note), (90, 80))
                )
            assert project.ledger.queue_round() in {*said[-1:], reviews[-1].id}
            assert project.ledger.problem() is None


def mount(folder: Path, *options: str) -> None:
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.decode().strip()}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("mounting a small disk needs the rights of root")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount(folder, "size=1m")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, left: int = 0) -> None:
    filler = folder / "filler"
    handle = os.open(filler, os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(handle, b"\1" * 4096)
    except OSError:
        os.truncate(filler, filler.stat().st_size - left)
    finally:
        os.close(handle)


def full_size(folder: Path) -> None:
    usage = shutil.disk_usage(folder)
    assert usage.free < 16 << 10, "the disk must be full for this test"


def review(number: int) -> Review:
    return Review(
        id=new_id(),
        image="leaf",
        y=0,
        x=0,
        height=90,
        width=80,
        verdict="corrected",
        scheme_version=1,
        note=str(number),
    )


def test_on_a_full_disk_nothing_is_lost_and_work_goes_on_when_there_is_room(
    small_disk: Path,
) -> None:
    folder = make_project(small_disk / "p.phenoai")
    with Project.open(folder) as project:
        tile = Tile("leaf", 400, 400, 300, 300)
        store, before = project.labels("leaf"), labels(0, tile.shape)
        store.write(tile, before)
        kept = project.reviews.add(review(0), labels(0, (90, 80)))
        project.ledger.set_queue("r1", [QueueItem(tile=tile.key, position=0)])
        spec = project.spec
        fill(small_disk)
        full_size(small_disk)
        with pytest.raises(DiskError, match="full") as caught:
            store.write(tile, labels(1, tile.shape))
        assert "labels" in caught.value.what
        assert "Free some space" in caught.value.hint
        with pytest.raises(DiskError, match="full"):
            project.reviews.add(review(1), labels(1, (90, 80)))
        with pytest.raises(DiskError, match="full"):
            project.update(name="x" * 100_000)
        with pytest.raises(DiskError, match="full"):
            project.ledger.set_setting("a", "x" * 500_000)
        with pytest.raises(DiskError, match="full"):
            write_atomic(folder / "new", b"\1" * 100_000)
        assert project.reviews.all() == [kept]
        assert np.array_equal(project.reviews.mask(kept), labels(0, (90, 80)))
        assert project.spec == spec
        assert len(project.ledger.queue()) == 1
        assert not list(small_disk.rglob("*.partial"))
        (small_disk / "filler").unlink()
        store.write(tile, labels(2, tile.shape))
        assert np.array_equal(store.read(tile), labels(2, tile.shape))
        project.reviews.add(review(1), labels(1, (90, 80)))
        project.ledger.set_setting("a", "b")
        assert len(project.reviews.all()) == 2


def test_a_chunk_that_did_not_fit_leaves_the_old_one(small_disk: Path, tmp_path: Path) -> None:
    tile = Tile("leaf", 0, 0, 512, 512)
    ledger = Ledger(tmp_path / "ledger.sqlite")
    path = small_disk / "leaf.ome.zarr"
    with LabelStore(path, IMAGE, lambda: SCHEME, lambda: ledger.journal) as store:
        store.write(tile, np.ones(tile.shape, np.uint8))
        fill(small_disk, left=8 << 10)
        with pytest.raises(DiskError, match="full"):
            store.write(tile, labels(1, tile.shape))
        assert (store.read(tile) == 1).all()
    ledger.close()


def test_a_model_that_did_not_fit_is_not_there(small_disk: Path) -> None:
    with Project.open(make_project(small_disk / "p.phenoai")) as project:
        card = ModelCard(
            id="forest-1",
            family="forest",
            channels=3,
            dtype="uint8",
            class_ids=(1, 2),
            class_names=("soil", "plant"),
            scheme_version=1,
        )

        def build() -> None:
            with project.models.stage() as folder:
                (folder / "weights.safetensors").write_bytes(b"1")
                fill(small_disk)
                project.models.commit(folder, card)

        with pytest.raises(DiskError, match="full"):
            build()
        assert project.models.cards() == []
        assert list(project.models.root.iterdir()) == []


def test_a_read_only_project_can_be_looked_at(small_disk: Path) -> None:
    folder = make_project(small_disk / "p.phenoai")
    tile = Tile("leaf", 0, 0, 30, 30)
    with Project.open(folder) as project:
        project.labels("leaf").write(tile, labels(0, tile.shape))
        kept = project.reviews.add(review(0), labels(0, (90, 80)))
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with Project.open(folder) as project:
        assert project.reviews.all() == [kept]
        assert np.array_equal(project.reviews.mask(kept), labels(0, (90, 80)))
        assert np.array_equal(project.labels("leaf").read(tile), labels(0, tile.shape))
        assert [record.id for record in project.images()] == ["leaf"]
        for attempt in (
            lambda: project.labels("leaf").write(tile, labels(1, tile.shape)),
            lambda: project.predictions("leaf", "m").write(tile, labels(1, tile.shape)),
            lambda: project.reviews.add(review(1), labels(1, (90, 80))),
            lambda: project.update(tile_px=64),
            lambda: project.set_group("leaf", "plot"),
            lambda: project.ledger,
            lambda: Project.create(small_disk / "q.phenoai", ["soil", "plant"]),
        ):
            with pytest.raises(DiskError, match="read-only") as caught:
                attempt()
            assert str(small_disk) in caught.value.what
            assert caught.value.hint
        assert project.reviews.all() == [kept]


@pytest.mark.skipif(sys.platform != "linux", reason="reads the names of open files from /proc")
def test_files_and_their_names_are_flushed_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    real = os.fsync

    def spy(handle: int) -> None:
        flushed.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        real(handle)

    project = Project.open(make_project(tmp_path / "p.phenoai"))
    store, tile = project.labels("leaf"), Tile("leaf", 0, 0, 40, 40)
    store.lock()
    monkeypatch.setattr(os, "fsync", spy)
    store.write(tile, labels(0, tile.shape))
    array = store.path / "0"
    names = [path.removeprefix(str(array)) for path in flushed]
    assert names[0].startswith("/c/0/.0.")
    assert set(names[1:]) == {"/c/0", "/c", ""}
    flushed.clear()
    kept = project.reviews.add(review(0), labels(0, (90, 80)))
    assert kept.mask is not None
    names = [path.removeprefix(str(project.reviews.folder)) for path in flushed]
    masks, month = f"/masks/{kept.mask[:2]}", f"/{kept.at:%Y-%m}"
    assert names[0].startswith(f"{masks}/.{kept.mask}.tif.")
    assert set(names[1:4]) == {masks, "/masks", ""}
    assert names[4].startswith(f"{month}/.{kept.id}.json.")
    assert set(names[5:]) == {month, ""}
    project.close()
