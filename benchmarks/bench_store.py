"""Speed of the store: label writes, predictions, 10,000 reviews, the queue.

Run with ``pytest benchmarks/bench_store.py --benchmark-enable``.
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.ids import new_id
from napari_phenoai.core.records import ImageRecord, QueueItem, Review
from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.io.files import record_bytes
from napari_phenoai.io.labels import LabelStore
from napari_phenoai.io.ledger import Ledger
from napari_phenoai.io.predictions import PredictionStore
from napari_phenoai.io.reviews import ReviewLog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from pytest_benchmark.fixture import BenchmarkFixture

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


@pytest.mark.parametrize("size", [64, 256, 2048])
def test_write_labels_in_40_000_px(
    benchmark: BenchmarkFixture, tmp_path: Path, blobs: NDArray[np.uint8], size: int
) -> None:
    with LabelStore(tmp_path / "field.ome.zarr", IMAGE, lambda: SCHEME) as store:
        tiles = places(1, size)
        store.write(next(tiles), blobs[:size, :size])
        benchmark(lambda: store.write(next(tiles), blobs[:size, :size]))


def test_read_labels(benchmark: BenchmarkFixture, tmp_path: Path, blobs: NDArray[np.uint8]) -> None:
    with LabelStore(tmp_path / "field.ome.zarr", IMAGE, lambda: SCHEME) as store:
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
