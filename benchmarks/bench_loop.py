"""Speed of the loop: scoring, choosing, splitting, deciding, the gate.

Run with ``pytest benchmarks/bench_loop.py --benchmark-enable``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_phenoai.core.gate import compare
from napari_phenoai.core.geometry import Tile, grid
from napari_phenoai.core.ports import Candidate, TileStats
from napari_phenoai.core.progress import finish
from napari_phenoai.core.records import ImageRecord, QueueItem
from napari_phenoai.core.sampling import strategies, strategy
from napari_phenoai.core.scoring import tile_stats
from napari_phenoai.core.splits import make_split
from napari_phenoai.loop.predict import predict_pieces
from napari_phenoai.loop.queueing import refresh_queue
from napari_phenoai.loop.review import decide
from napari_phenoai.testing.fakes import ArraySource, BlurPredictor, toy_card
from napari_phenoai.testing.project import tiny_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

    from napari_phenoai.io.project import Project

TILE = 256


def image(name: str, side: int) -> ImageRecord:
    return ImageRecord(
        id=name,
        name=name,
        uri=name,
        original=name,
        shape=(1, 3, side, side),
        dtype="uint8",
        fingerprint=name,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    path: Path = tmp_path_factory.mktemp("bench") / "field.phenoai"
    with tiny_project(path, 3, size=(1024, 1024), tile_px=32) as made:
        labels = np.ones((32, 32), np.uint8)
        for item in finish(refresh_queue(made, count=300)):
            decide(made, item.where, "corrected", labels=labels, item=item)
        yield made


def test_scoring_a_tile(benchmark: BenchmarkFixture) -> None:
    chances = np.random.default_rng(0).dirichlet((1, 1, 1), (512, 512))
    probabilities = np.ascontiguousarray(chances.transpose(2, 0, 1)).astype(np.float32)
    assert benchmark(tile_stats, probabilities, (1, 2, 3)).entropy > 0


@pytest.mark.parametrize("name", list(strategies()))
def test_choosing_20_of_10_000_with_500_taken(benchmark: BenchmarkFixture, name: str) -> None:
    rng = np.random.default_rng(0)
    tiles = list(grid("field", (25_600, 25_600), TILE))
    shares = rng.dirichlet((8, 2, 0.1), len(tiles))
    pool = [
        Candidate(tile, TileStats(rng.random(), rng.random(), dict(enumerate(share, start=1))))
        for tile, share in zip(tiles[500:], shares[500:], strict=True)
    ]

    def choose() -> int:
        chosen_by = strategy(name)
        chance = np.random.default_rng(1)
        return len(chosen_by.choose(pool, 20, chance, background=1, taken=tiles[:500]))

    assert benchmark(choose) == 20


@pytest.mark.parametrize(("count", "side"), [(1000, 2000), (1, 100_000)])
def test_splitting_with_1000_reviews(benchmark: BenchmarkFixture, count: int, side: int) -> None:
    images = [image(f"im{number}", side) for number in range(count)]
    first = make_split(images, (), tile_px=TILE, share=0.2, seed="s")
    rng = np.random.default_rng(0)
    used = [(tile, first.role_of(tile)) for tile in first.sample("train", TILE, 1000, rng)]

    def split() -> int:
        made = make_split(images, used, tile_px=TILE, share=0.2, seed="s")
        return len(made.sample("train", TILE, 500, np.random.default_rng(1)))

    assert benchmark(split) == 500


def test_refreshing_a_queue_with_300_reviews(benchmark: BenchmarkFixture, project: Project) -> None:
    items = benchmark(lambda: finish(refresh_queue(project, count=20)))
    assert len([item for item in items if item.state == "waiting"]) == 20


def test_a_decision(benchmark: BenchmarkFixture, project: Project) -> None:
    tile = Tile(project.images()[0].id, 0, 0, 32, 32)
    item = QueueItem(tile=tile.key, position=0)
    labels = np.ones(tile.shape, np.uint8)
    review = benchmark(lambda: decide(project, tile, "corrected", labels=labels, item=item))
    assert review.teaches


def test_the_gate_on_500_tiles_of_8_classes(benchmark: BenchmarkFixture) -> None:
    counts = np.random.default_rng(0).integers(0, 9999, (500, 8, 8))
    better = counts + 5000 * np.eye(8, dtype=int)
    assert benchmark(lambda: compare(better, counts, old=np.arange(500) < 400)).serve


def test_reading_and_cropping_100_tiles(benchmark: BenchmarkFixture) -> None:
    rng = np.random.default_rng(0)
    source = ArraySource(rng.integers(0, 255, (1, 2560, 2560), dtype=np.uint8))
    predictor = BlurPredictor(toy_card(context_px=32))
    tiles = list(grid("field", (2560, 2560), TILE))
    assert benchmark(lambda: sum(1 for _ in predict_pieces(source, predictor, tiles))) == 100
