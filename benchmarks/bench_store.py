"""Speed of the store: strokes, label writes, predictions, 10,000 reviews, the queue.

Run with ``pytest benchmarks/bench_store.py --benchmark-enable``; as a program it paints
200 strokes on labels of 100,000 x 100,000 px and compares them with bare writes by zarr.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_phenoai.core.edits import Edit
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.ids import new_id
from napari_phenoai.core.records import ImageRecord, QueueItem, Review
from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.io.files import record_bytes
from napari_phenoai.io.labels import LabelStore
from napari_phenoai.io.ledger import Ledger
from napari_phenoai.io.predictions import PredictionStore
from napari_phenoai.io.reviews import ReviewLog
from napari_phenoai.testing.strokes import step_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    import zarr
    from numpy.typing import NDArray
    from pytest_benchmark.fixture import BenchmarkFixture

    from napari_phenoai.io.journal import Journal

SIZE = 40_000
IMAGE = ImageRecord(
    id="field",
    name="field",
    uri="field",
    original="field",
    shape=(1, 3, SIZE, SIZE),
    dtype="uint8",
    fingerprint="f",
)
LARGE = IMAGE.but(shape=(1, 3, 100_000, 100_000))
SCHEME = ClassScheme.of(["soil", "plant"])
REVIEWS = 10_000


@pytest.fixture(scope="module")
def blobs() -> NDArray[np.uint8]:
    """Plausible labels: smooth patches of two classes."""
    from skimage.filters import gaussian

    noise = np.random.default_rng(0).random((2048, 2048))
    return np.where(gaussian(noise, 12) > 0.5, 2, 1).astype(np.uint8)


def places(step: int, size: int) -> Iterator[Tile]:
    rng = np.random.default_rng(1)
    while True:
        y, x = rng.integers(0, (SIZE - size) // step, 2)
        yield Tile("field", int(y) * step, int(x) * step, size, size)


@contextmanager
def labels_of(image: ImageRecord, folder: Path) -> Iterator[tuple[LabelStore, Journal]]:
    ledger = Ledger(folder / "ledger.sqlite")
    path = folder / f"{image.id}.ome.zarr"
    with LabelStore(path, image, lambda: SCHEME, lambda: ledger.journal) as store:
        yield store, ledger.journal
    ledger.close()


@pytest.mark.parametrize("size", [64, 256, 2048])
def test_write_labels_in_40_000_px(
    benchmark: BenchmarkFixture, tmp_path: Path, blobs: NDArray[np.uint8], size: int
) -> None:
    with labels_of(IMAGE, tmp_path) as (store, _):
        tiles = places(1, size)
        store.write(next(tiles), blobs[:size, :size])
        benchmark(lambda: store.write(next(tiles), blobs[:size, :size]))


@pytest.mark.parametrize("radius", [25, 250])
def test_a_stroke_in_100_000_px(benchmark: BenchmarkFixture, tmp_path: Path, radius: int) -> None:
    with labels_of(LARGE, tmp_path) as (store, _):
        strokes = painted(store, radius)
        store.apply(next(strokes))
        benchmark(lambda: store.apply(next(strokes)))


def test_take_a_stroke_back(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    with labels_of(LARGE, tmp_path) as (store, journal):
        numbers = [store.apply(edit) for edit in itertools.islice(painted(store, 25), 50)]

        def take_back() -> None:
            number = numbers.pop()
            store.apply(journal.edit(number).inverse(), reverts=number)

        benchmark.pedantic(take_back, rounds=50)


def test_the_lower_levels_of_20_strokes(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    with labels_of(LARGE, tmp_path) as (store, _):
        strokes = painted(store, 25)

        def paint() -> None:
            for edit in itertools.islice(strokes, 20):
                store.apply(edit)

        benchmark.pedantic(store.flush_levels, setup=paint, rounds=5)


def test_list_the_history_of_1_000_edits(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    tile = Tile("field", 0, 0, 50, 50)
    values = np.zeros((2, 50, 50), np.uint8)
    values[1] = 1
    for _ in range(1000):
        ledger.journal.record(Edit(tile, *values))
    assert len(benchmark(ledger.journal.entries)) == 200
    ledger.close()


def painted(store: LabelStore, radius: int) -> Iterator[Edit]:
    """Strokes of a round brush at random places, each 300 px long at most."""
    for number in itertools.count():
        step = step_at(2 * number, 7, {"field": LARGE.plane}, radius=(radius, radius), reach=200)
        edit = step.edit(store.read(step.tile))
        if edit is not None:
            yield edit


def test_read_labels(benchmark: BenchmarkFixture, tmp_path: Path, blobs: NDArray[np.uint8]) -> None:
    with labels_of(IMAGE, tmp_path) as (store, _):
        store.write(Tile("field", 0, 0, 2048, 2048), blobs)
        benchmark(lambda: store.read(Tile("field", 100, 100, 1024, 1024)))


def test_write_predictions(
    benchmark: BenchmarkFixture, tmp_path: Path, blobs: NDArray[np.uint8]
) -> None:
    store = PredictionStore(tmp_path / "unet.ome.zarr", IMAGE, lambda: SCHEME)
    tiles = places(512, 512)
    uncertainty = np.abs(blobs[:512, :512] - 1.5).astype(np.float32)
    benchmark(lambda: store.write(next(tiles), blobs[:512, :512], uncertainty))


def test_ask_what_is_predicted(
    benchmark: BenchmarkFixture, tmp_path: Path, blobs: NDArray[np.uint8]
) -> None:
    store = PredictionStore(tmp_path / "unet.ome.zarr", IMAGE, lambda: SCHEME)
    tiles = [Tile("field", y * 512, x * 512, 512, 512) for y in range(4) for x in range(4)]
    for tile in tiles:
        store.write(tile, blobs[:512, :512])

    def ask() -> list[Tile]:
        again = PredictionStore(tmp_path / "unet.ome.zarr", IMAGE, lambda: SCHEME)
        return again.missing(tiles)

    assert benchmark(ask) == []


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project folder with 10,000 reviews over half a year."""
    folder = tmp_path_factory.mktemp("many")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(REVIEWS):
        at = start + timedelta(minutes=25 * number)
        review = Review(
            id=new_id(at.timestamp()),
            image="field",
            y=256 * (number // 100),
            x=256 * (number % 100),
            height=256,
            width=256,
            verdict="accepted",
            scheme_version=1,
            at=at,
        )
        path = folder / "reviews" / f"{at:%Y-%m}" / f"{review.id}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(record_bytes(review))
    return folder


def test_open_10_000_reviews_without_an_index(benchmark: BenchmarkFixture, many: Path) -> None:
    current = benchmark(lambda: ReviewLog(many / "reviews").current())
    assert len(current) == REVIEWS


def test_open_10_000_reviews_with_an_index(benchmark: BenchmarkFixture, many: Path) -> None:
    ledger = Ledger(many / "ledger.sqlite")
    ReviewLog(many / "reviews", lambda: ledger).all()
    current = benchmark(lambda: ReviewLog(many / "reviews", lambda: ledger).current())
    assert len(current) == REVIEWS
    ledger.close()


def test_ask_10_000_reviews_again(benchmark: BenchmarkFixture, many: Path) -> None:
    log = ReviewLog(many / "reviews")
    log.current()
    assert len(benchmark(log.current)) == REVIEWS


def test_add_a_review_to_10_000(
    benchmark: BenchmarkFixture, many: Path, blobs: NDArray[np.uint8]
) -> None:
    ledger = Ledger(many / "ledger.sqlite")
    log = ReviewLog(many / "reviews", lambda: ledger)
    template = log.all()[-1]
    counter = itertools.count()

    def add() -> int:
        number = next(counter) % 1000
        log.add(template.but(id=new_id(), note=str(number)), blobs[number : number + 256, :256])
        return len(log.current())

    assert benchmark(add) == REVIEWS
    ledger.close()


def test_queue(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    items = [QueueItem(tile=Tile("field", 0, n, 8, 8).key, position=n) for n in range(200)]

    def turn() -> int:
        ledger.set_queue("round", items)
        ledger.mark(items[3].tile, "accepted")
        return len(ledger.queue())

    assert benchmark(turn) == len(items)
    ledger.close()


STROKES = 200


def main() -> None:
    """Paint strokes on labels of 100,000 x 100,000 px; print times beside bare writes."""
    import zarr

    with tempfile.TemporaryDirectory(prefix="phenoai-bench-") as name:
        folder = Path(name)
        options = {"shape": LARGE.plane, "chunks": (512, 512), "dtype": "uint8"}
        bare = zarr.create_array(str(folder / "bare.zarr"), **options)
        with labels_of(LARGE, folder) as (store, _):
            strokes = painted(store, 25)
            store.apply(next(strokes))
            memory = resident_mb()
            edits = list(itertools.islice(strokes, STROKES))
            rows = [paint_both(store, bare, folder / "bare.zarr", edit) for edit in edits]
            grown = resident_mb() - memory
            start = time.perf_counter()
            store.flush_levels()
            late = time.perf_counter() - start
    ours, theirs, touched, written = (np.array(column) for column in zip(*rows, strict=True))
    report("stroke, journal and chunks on the disk", ours)
    report("the same chunks by zarr, flushed", theirs)
    print(f"ratio of the medians                     {np.median(ours) / np.median(theirs):8.2f}")
    print(f"chunks touched, chunk files written      {touched.sum():8d} {written.sum():8d}")
    print(f"lower levels right after the last, s     {late:8.2f}")
    print(f"growth of memory, MB                     {grown:8.1f}")


def paint_both(
    store: LabelStore, bare: zarr.Array[Any], folder: Path, edit: Edit
) -> tuple[float, float, int, int]:
    """Return seconds of ours and of zarr's, chunks touched, and chunk files written."""
    before = chunk_files(store)
    start = time.perf_counter()
    store.apply(edit)
    ours = time.perf_counter() - start
    written = sum(before.get(path) != inode for path, inode in chunk_files(store).items())
    cells = {(part.tile.y // 512, part.tile.x // 512) for part in edit.parts(512)}
    start = time.perf_counter()
    bare[edit.tile.slices] = edit.after
    for row, column in cells:
        path = folder / "c" / str(row) / str(column)
        if path.exists():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    return ours, time.perf_counter() - start, len(cells), written


def report(what: str, seconds: NDArray[np.float64]) -> None:
    times = seconds * 1000
    middle, high = np.percentile(times, [50, 95])
    print(f"{what:<40} {middle:8.2f} ms median, {high:8.2f} ms p95, {times.max():8.2f} ms longest")


def chunk_files(store: LabelStore) -> dict[str, int]:
    return {str(path): path.stat().st_ino for path in store.path.glob("0/c/*/*")}


def resident_mb() -> float:
    import psutil

    return float(psutil.Process().memory_info().rss) / 2**20


if __name__ == "__main__":
    main()
