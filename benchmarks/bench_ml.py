"""How long the models take: features, prediction of a tile, one step of a training.

Run with ``pytest benchmarks/bench_ml.py --benchmark-enable``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_phenoai.core.ports import TrainSettings
from napari_phenoai.core.progress import finish
from napari_phenoai.ml.families import load_model, trainer_for
from napari_phenoai.ml.features import pixel_features
from napari_phenoai.testing.contracts import blob_samples, draft_card

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from pytest_benchmark.fixture import BenchmarkFixture

    from napari_phenoai.core.ports import Predictor

FAMILIES = {
    "forest": TrainSettings(family="forest"),
    "unet": TrainSettings(family="unet", pretrained=False, steps=2),
}


@pytest.fixture(scope="module")
def tile() -> NDArray[np.uint8]:
    """A tile of 512 px with 64 px of context."""
    return np.random.default_rng(0).integers(0, 255, (1, 3, 640, 640)).astype(np.uint8)


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def predictor(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Predictor:
    family: str = request.param
    if family == "unet":
        pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp(family)
    samples = blob_samples(6, size=256)
    work = trainer_for(family).train(samples, draft_card(family), FAMILIES[family], folder)
    (folder / "card.json").write_text(finish(work).model_dump_json())
    return load_model(folder)


def test_features_of_a_tile(benchmark: BenchmarkFixture, tile: NDArray[np.uint8]) -> None:
    benchmark(lambda: pixel_features(tile[0]))


def test_prediction_of_a_tile(
    benchmark: BenchmarkFixture, predictor: Predictor, tile: NDArray[np.uint8]
) -> None:
    benchmark(lambda: predictor.predict(tile))


def test_forest_from_six_tiles(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    samples, card = blob_samples(6, size=256), draft_card("forest")
    trainer, settings = trainer_for("forest"), FAMILIES["forest"]
    benchmark(lambda: finish(trainer.train(samples, card, settings, tmp_path)))


def test_ten_steps_of_a_network(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    samples, card = blob_samples(6, heldout=0, size=256), draft_card("unet")
    settings = replace(FAMILIES["unet"], steps=10)
    benchmark(lambda: finish(trainer_for("unet").train(samples, card, settings, tmp_path)))
