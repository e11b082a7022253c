"""The unet family: learns, keeps the contract, goes on from a parent, survives little memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from napari_phenoai.core.ports import Sample, TrainSettings
from napari_phenoai.core.progress import finish
from napari_phenoai.errors import DeviceMemoryError, InputError, MissingExtraError, ModelError
from napari_phenoai.ml import families, heldout, pretrained
from napari_phenoai.ml.families import load_model, trainer_for
from napari_phenoai.testing.contracts import (
    ClassifierContract,
    TrainerContract,
    blob_samples,
    draft_card,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari_phenoai.core.ports import Predictor, Trainer
    from napari_phenoai.core.progress import Progress
    from napari_phenoai.core.records import ModelCard

torch = pytest.importorskip("torch")

SMALL = {"decoder": (32, 16, 16, 8, 8), "epochs": 3}
QUICK = TrainSettings(
    family="unet", pretrained=False, steps=3, batch=2, crop_px=32, device="cpu", extra=SMALL
)


def train(
    folder: Path,
    samples: list[Sample],
    settings: TrainSettings = QUICK,
    *,
    parent: Path | None = None,
    class_ids: tuple[int, ...] = (1, 2),
    on_progress: Callable[[Progress], object] | None = None,
) -> ModelCard:
    folder.mkdir(exist_ok=True)
    card = draft_card("unet", channels=samples[0].pixels.shape[0], class_ids=class_ids)
    work = trainer_for("unet").train(samples, card, settings, folder, parent)
    card = finish(work, on_progress)
    (folder / "card.json").write_text(card.model_dump_json())
    return card


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small are fastest on one thread, above all on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has really learned the discs."""
    path = tmp_path_factory.mktemp("unet")
    train(path, blob_samples(6), replace(QUICK, steps=40, batch=4, crop_px=64))
    return path


class TestUnetPredictor(ClassifierContract):
    @pytest.fixture
    def predictor(self, folder: Path) -> Predictor:
        return load_model(folder, device="cpu", engine="torch")


class TestUnetTrainer(TrainerContract):
    @pytest.fixture
    def trainer(self) -> Trainer:
        return trainer_for("unet")

    @pytest.fixture
    def settings(self) -> TrainSettings:
        return QUICK

    @pytest.fixture
    def load(self) -> Callable[[Path], Predictor]:
        return load_model


def test_other_channels_encoder_and_classes(tmp_path: Path) -> None:
    samples = blob_samples(3, channels=5, dtype=np.uint16)
    card = train(tmp_path, samples, replace(QUICK, encoder="mobilenet_v2"), class_ids=(1, 2, 7))
    assert card.encoder == "mobilenet_v2"
    assert len(card.mean) == len(card.std) == 5
    found = load_model(tmp_path).predict(samples[0].pixels[None])
    assert found.shape == (1, 3, 64, 64)


def test_a_step_at_least_every_time_it_can_be_cancelled(tmp_path: Path) -> None:
    seen: list[Progress] = []
    train(tmp_path, blob_samples(3), on_progress=seen.append)
    steps = {item.data["step"] for item in seen if "step" in item.data}
    assert steps == {1, 2, 3}
    assert seen[-1].fraction == 1


def test_minutes_bound_the_training(tmp_path: Path) -> None:
    card = train(tmp_path, blob_samples(2), replace(QUICK, steps=None, minutes=0.01))
    assert card.seconds < 20
    done = card.settings["steps_done"]
    assert isinstance(done, int)
    assert done >= 1


def test_loss_that_is_no_number_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="loss became"):
        train(tmp_path, blob_samples(2), replace(QUICK, steps=40, learning_rate=1e30))


def test_parent_gives_weights_for_the_classes_that_both_have(folder: Path, tmp_path: Path) -> None:
    still = replace(QUICK, steps=1, learning_rate=1e-12)
    card = train(tmp_path, blob_samples(3), still, parent=folder, class_ids=(1, 5, 2))
    old = load_file(folder / "weights.safetensors")
    new = load_file(tmp_path / "weights.safetensors")
    head = "segmentation_head.0.weight"
    np.testing.assert_allclose(new[head][[0, 2]], old[head], atol=1e-5)
    name = "encoder.layer1.0.conv1.weight"
    np.testing.assert_allclose(new[name], old[name], atol=1e-5)
    assert "output made anew for 1 classes" in card.note
    assert card.mean == load_model(folder).card.mean


def test_parent_with_other_channels(folder: Path, tmp_path: Path) -> None:
    card = train(tmp_path, blob_samples(2, channels=4), parent=folder)
    assert "input made anew" in card.note
    assert len(card.mean) == 4


def test_forest_is_no_parent(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text(draft_card("forest").model_dump_json())
    with pytest.raises(ModelError, match="nothing to go on from"):
        train(tmp_path / "new", blob_samples(2), parent=tmp_path)


def test_memory_that_runs_out_in_training_halves_the_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_pieces(monkeypatch, 2)
    seen: list[Progress] = []
    card = train(tmp_path, blob_samples(2), replace(QUICK, batch=8), on_progress=seen.append)
    assert [item.data["batch"] for item in seen if item.data.get("stage") == "memory"] == [4, 2]
    assert "memory ran out" in card.note


def test_memory_too_small_for_one_crop_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_pieces(monkeypatch, 0)
    with pytest.raises(DeviceMemoryError, match="32 x 32 px"):
        train(tmp_path, blob_samples(2))


def test_memory_that_runs_out_in_prediction_halves_the_batch(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (8, 3, 32, 32)).astype(np.uint8)
    expected = load_model(folder, device="cpu", engine="torch").predict(pixels)
    limit_pieces(monkeypatch, 2)
    predictor = load_model(folder, device="cpu", engine="torch")
    np.testing.assert_allclose(predictor.predict(pixels), expected, atol=0.02)
    assert "2 at a time" in predictor.device
    limit_pieces(monkeypatch, 0)
    with pytest.raises(DeviceMemoryError, match="32 x 32 px"):
        load_model(folder, device="cpu", engine="torch").predict(pixels)


def limit_pieces(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Let any network run out of memory with more than `most` pieces at once."""
    import segmentation_models_pytorch as smp

    forward = smp.Unet.forward
    errors = (
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        MemoryError(),
    )
    calls: list[int] = []

    def limited(self: Any, x: Any) -> Any:
        if len(x) > most:
            calls.append(len(x))
            raise errors[len(calls) % 3]
        return forward(self, x)

    monkeypatch.setattr(smp.Unet, "forward", limited)


@pytest.mark.parametrize("how", ["cut short", "pickle", "zip", "missing", "left over", "shape"])
def test_damaged_weights_are_refused(folder: Path, tmp_path: Path, how: str) -> None:
    path = tmp_path / "weights.safetensors"
    arrays = load_file(folder / path.name)
    if how == "shape":
        arrays["segmentation_head.0.bias"] = np.zeros(5, np.float32)
    elif how == "left over":
        arrays["more"] = np.zeros(5, np.float32)
    save_file(arrays, path)
    damage: dict[str, bytes] = {
        "cut short": path.read_bytes()[:-10],
        "pickle": b"\x80\x04\x95" + bytes(50),
        "zip": b"PK\x03\x04" + bytes(50),
    }
    path.write_bytes(damage.get(how, path.read_bytes()))
    if how == "missing":
        path.unlink()
    (tmp_path / "card.json").write_bytes((folder / "card.json").read_bytes())
    with pytest.raises(ModelError, match=str(tmp_path)) as caught:
        load_model(tmp_path)
    assert caught.value.hint


@pytest.mark.parametrize("text", ["", "{}", "not json", '{"format": 1, "id": 3}'])
def test_damaged_card_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(ModelError, match="card"):
        load_model(tmp_path)


def test_missing_torch_is_told_with_the_remedy(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(families, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError) as caught:
        trainer_for("unet")
    assert 'pip install "napari-phenoai[torch]"' in caught.value.hint
    with pytest.raises(MissingExtraError):
        load_model(folder)
    trainer_for("forest")


def test_unknown_names_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="family 'oak'"):
        trainer_for("oak")
    with pytest.raises(InputError, match="encoder 'nonsense'"):
        train(tmp_path, blob_samples(1, heldout=0), replace(QUICK, encoder="nonsense"))
    with pytest.raises(InputError, match="device 'tpu'"):
        load_model(folder, device="tpu")
    with pytest.raises(InputError, match="precision 'int3'"):
        load_model(folder, precision="int3")
    with pytest.raises(InputError, match="engine 'steam'"):
        load_model(folder, engine="steam")


def test_hub_that_does_not_answer_is_noted_and_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretrained, "_cached", lambda encoder: False)
    monkeypatch.setattr(pretrained, "_HUB", "https://localhost:9")
    card = train(tmp_path, blob_samples(2), replace(QUICK, pretrained=True))
    assert "no pretrained weights within reach" in card.note
    assert card.seconds < 30


def test_encoder_that_can_be_fetched_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import segmentation_models_pytorch as smp

    real = smp.encoders.get_encoder
    asked = []

    def offered(name: str, channels: int, weights: object, **others: object) -> Any:
        asked.append(weights)
        return real(name, channels, weights=None)

    monkeypatch.setattr(pretrained, "_cached", lambda encoder: True)
    monkeypatch.setattr(smp.encoders, "get_encoder", offered)
    card = train(tmp_path, blob_samples(2), replace(QUICK, pretrained=True))
    assert asked == ["imagenet"]
    assert "pretrained on ImageNet" in card.note


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_learns_too(tmp_path: Path) -> None:
    settings = replace(QUICK, device="cuda", steps=60, batch=4, crop_px=64)
    card = train(tmp_path, blob_samples(6), settings)
    assert card.settings["precision"] in ("bf16", "fp16")
    (sample,) = blob_samples(1, heldout=0, seed=7)
    found = load_model(tmp_path, device="cuda").predict(sample.pixels[None])[0].argmax(axis=0) + 1
    assert (found == sample.labels).mean() > 0.9


def test_a_training_that_only_gets_worse_stops_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter(np.linspace(0.9, 0.1, 30))
    monkeypatch.setattr(heldout, "pooled_dice", lambda counts: next(scores, 0.1))
    monkeypatch.setattr(heldout, "_standard_error", lambda *others: 0.0)
    many = replace(QUICK, steps=30, extra={**SMALL, "epochs": 30, "patience": 4})
    card = train(tmp_path, blob_samples(3), many)
    done, best = card.settings["steps_done"], card.settings["best_epoch"]
    assert (done, best) == (19, 15)
    assert "stopped early after epoch 19" in card.note
