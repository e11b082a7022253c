"""The forest family: learns from strokes, keeps the contract, refuses damaged files."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from napari_phenoai.core.ports import Sample, TrainSettings
from napari_phenoai.core.progress import finish
from napari_phenoai.errors import ModelError
from napari_phenoai.ml.families import load_model, trainer_for
from napari_phenoai.ml.features import context_px, feature_count, pixel_features
from napari_phenoai.ml.pixels import quotas
from napari_phenoai.testing.contracts import (
    PredictorContract,
    TrainerContract,
    blob_samples,
    draft_card,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_phenoai.core.ports import Predictor, Trainer
    from napari_phenoai.core.records import ModelCard

QUICK = TrainSettings(family="forest", extra={"trees": 8, "grow": 4, "pixels": 3000})


def train(folder: Path, samples: list[Sample], *, class_ids: tuple[int, ...] = (1, 2)) -> ModelCard:
    card = draft_card("forest", channels=samples[0].pixels.shape[0], class_ids=class_ids)
    card = finish(trainer_for("forest").train(samples, card, QUICK, folder))
    (folder / "card.json").write_text(card.model_dump_json())
    return card


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("forest")
    train(path, blob_samples(4))
    return path


class TestForestPredictor(PredictorContract):
    @pytest.fixture
    def predictor(self, folder: Path) -> Predictor:
        return load_model(folder)


class TestForestTrainer(TrainerContract):
    @pytest.fixture
    def trainer(self) -> Trainer:
        return trainer_for("forest")

    @pytest.fixture
    def settings(self) -> TrainSettings:
        return QUICK

    @pytest.fixture
    def load(self) -> Callable[[Path], Predictor]:
        return load_model


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_any_number_of_channels(tmp_path: Path, channels: int) -> None:
    samples = blob_samples(2, heldout=0, channels=channels, dtype=np.uint16)
    train(tmp_path, samples)
    found = load_model(tmp_path).predict(samples[0].pixels[None])
    assert (found[0].argmax(axis=0) + 1 == samples[0].labels).mean() > 0.95


def test_a_class_without_pixels_gets_no_share(tmp_path: Path) -> None:
    samples = blob_samples(2, heldout=0)
    train(tmp_path, samples, class_ids=(1, 2, 9))
    found = load_model(tmp_path).predict(samples[0].pixels[None])
    assert found.shape[1] == 3
    assert found[:, 2].max() == 0


def test_old_labels_of_a_newer_class_are_not_believed(tmp_path: Path) -> None:
    samples = blob_samples(4, heldout=0)
    old = [Sample(item.pixels, np.ones_like(item.labels), (1,), item.tile) for item in samples[:3]]
    train(tmp_path, [*old, samples[3]])
    found = load_model(tmp_path).predict(samples[0].pixels[None])[0].argmax(axis=0) + 1
    assert (found[samples[0].labels == 2] == 2).mean() > 0.8


def test_features_reach_as_far_as_the_context() -> None:
    reach = context_px()
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (2, 2 * reach + 5, 2 * reach + 5)).astype(np.uint8)
    whole = pixel_features(pixels)
    part = pixel_features(pixels[:, 2:-2, 2:-2])
    np.testing.assert_allclose(whole[:, reach + 2, reach + 2], part[:, reach, reach], rtol=1e-4)
    assert len(whole) == feature_count(2)


def test_rare_classes_give_all_they_have() -> None:
    shares = quotas(np.array([100_000, 50, 0]), 1000, 0.5)
    assert shares[1] > 20 * shares[0]
    assert shares[2] == 0
    assert shares[0] * 100_000 + shares[1] * 50 <= 1000


def damaged(path: Path, how: str) -> None:
    arrays = load_file(path)
    if how == "cut short":
        path.write_bytes(path.read_bytes()[:-100])
    elif how == "pickle":
        path.write_bytes(b"\x80\x04\x95" + bytes(50))
    elif how == "missing":
        path.unlink()
    elif how == "loop":
        save_file({**arrays, "left": np.minimum(arrays["left"], 0)}, path)
    elif how == "far child":
        save_file({**arrays, "right": arrays["right"] + 10**6}, path)
    elif how == "array missing":
        del arrays["value"]
        save_file(arrays, path)
    elif how == "unknown feature":
        save_file({**arrays, "feature": arrays["feature"] + 1000}, path)


@pytest.mark.parametrize(
    "how",
    ["cut short", "pickle", "missing", "loop", "far child", "array missing", "unknown feature"],
)
def test_damaged_weights_are_refused(folder: Path, tmp_path: Path, how: str) -> None:
    for name in ("card.json", "weights.safetensors"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    damaged(tmp_path / "weights.safetensors", how)
    with pytest.raises(ModelError, match=r"weights\.safetensors") as caught:
        load_model(tmp_path)
    assert caught.value.hint


def test_no_torch_is_imported() -> None:
    code = (
        "import sys, napari_phenoai.ml.families as f; f.trainer_for('forest');"
        "import napari_phenoai.ml.features;"
        "assert not {'torch', 'napari', 'qtpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
