"""OpenVINO as engine: keeps the contract, agrees with torch, is converted once, falls back."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_phenoai.core.classifier import Classifier
from napari_phenoai.core.ports import Predictor, TrainSettings
from napari_phenoai.core.progress import finish
from napari_phenoai.core.scoring import class_map
from napari_phenoai.errors import InputError, MissingExtraError, ModelError
from napari_phenoai.ml import unet
from napari_phenoai.ml.families import load_model, trainer_for
from napari_phenoai.testing.contracts import ClassifierContract, blob_samples, draft_card

torch = pytest.importorskip("torch")
pytest.importorskip("openvino")

QUICK = TrainSettings(
    family="unet",
    pretrained=False,
    steps=40,
    batch=4,
    crop_px=64,
    device="cpu",
    extra={"decoder": (32, 16, 16, 8, 8), "epochs": 3},
)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small are fastest on one thread, above all on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("unet")
    card = finish(trainer_for("unet").train(blob_samples(6), draft_card("unet"), QUICK, path))
    (path / "card.json").write_text(card.model_dump_json())
    return path


class TestOpenVinoPredictor(ClassifierContract):
    @pytest.fixture
    def predictor(self, folder: Path) -> Predictor:
        return load_model(folder, device="cpu", engine="openvino")


def test_it_is_chosen_where_it_is_installed_and_said(folder: Path) -> None:
    assert load_model(folder, device="cpu").device.startswith("cpu, OpenVINO ")
    assert load_model(folder, engine="openvino", precision="fp32").device == "cpu, OpenVINO fp32"
    assert "OpenVINO" not in load_model(folder, device="cpu", engine="torch").device


@pytest.mark.parametrize("precision", ["auto", "fp32"])
def test_classes_agree_with_torch_in_full_precision(folder: Path, precision: str) -> None:
    reference = load_model(folder, device="cpu", precision="fp32", engine="torch")
    quick = load_model(folder, device="cpu", precision=precision, engine="openvino")
    samples = blob_samples(8, heldout=0, size=128, seed=3)
    pixels = np.stack([sample.pixels for sample in samples])
    expected = [class_map(chance, (1, 2)) for chance in reference.predict(pixels)]
    assert isinstance(quick, Classifier)
    found, _ = quick.classify(pixels)
    assert (found == np.stack(expected)).mean() >= 0.995


def test_the_network_is_converted_once(
    folder: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (1, 3, 64, 64)).astype(np.uint8)
    first = load_model(folder, engine="openvino").predict(pixels)
    monkeypatch.setattr(unet, "_network", lambda *_: pytest.fail("it was built again"))
    np.testing.assert_array_equal(load_model(folder, engine="openvino").predict(pixels), first)
    monkeypatch.undo()
    for path in own_cache.glob("*/network.bin"):
        path.write_bytes(b"")
    for path in own_cache.glob("*/network.xml"):
        path.write_text("damaged")
    np.testing.assert_array_equal(load_model(folder, engine="openvino").predict(pixels), first)


def test_other_weights_are_another_network(folder: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    arrays = load_file(folder / "weights.safetensors")
    arrays["segmentation_head.0.bias"] = arrays["segmentation_head.0.bias"] + [5, 0]
    save_file(
        {k: np.asarray(v, np.float32) if v.dtype.kind == "f" else v for k, v in arrays.items()},
        tmp_path / "weights.safetensors",
    )
    (tmp_path / "card.json").write_bytes((folder / "card.json").read_bytes())
    pixels = np.full((1, 3, 64, 64), 60, np.uint8)
    one, other = (
        load_model(path, engine="openvino").predict(pixels) for path in (folder, tmp_path)
    )
    assert other[0, 0].mean() > one[0, 0].mean() + 0.01


def test_the_cache_stays_small_and_may_be_read_only(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from napari_phenoai.ml import engine_cache

    monkeypatch.setattr(engine_cache, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(engine_cache, "_MOST", 2)
    for number in range(4):
        (tmp_path / f"old{number}").mkdir()
    load_model(folder, engine="openvino")
    assert len(list(tmp_path.iterdir())) == 2
    assert len(list(tmp_path.glob("*/network.xml"))) == 1
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setattr(engine_cache, "cache_folder", lambda: blocked / "under")
    with caplog.at_level(logging.WARNING):
        assert load_model(folder, engine="openvino").device
    assert "cannot be kept" in caplog.text


def test_torch_takes_over_what_openvino_cannot_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("no such operation")

    monkeypatch.setattr("napari_phenoai.ml.engine_cache.cache_folder", lambda: tmp_path)
    monkeypatch.setattr("napari_phenoai.ml.openvino_engine._trace", broken)
    with caplog.at_level(logging.WARNING):
        assert "OpenVINO" not in load_model(folder, device="cpu").device
    assert "no such operation" in caplog.text
    with pytest.raises(ModelError, match="no such operation") as caught:
        load_model(folder, engine="openvino")
    assert "engine torch" in caught.value.hint


def test_what_cannot_be_had_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="fp16"):
        load_model(folder, device="cpu", precision="fp16", engine="openvino")
    monkeypatch.setattr(unet, "openvino_installed", lambda: False)
    assert "OpenVINO" not in load_model(folder, device="cpu").device
    with pytest.raises(MissingExtraError) as caught:
        load_model(folder, engine="openvino")
    assert 'pip install "napari-phenoai[cpu]"' in caught.value.hint


def test_memory_that_runs_out_halves_the_batch(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_phenoai.ml.openvino_engine import OpenVinoEngine

    scores = OpenVinoEngine.scores

    def limited(self: OpenVinoEngine, pixels: np.ndarray) -> Any:
        if len(pixels) > 2:
            raise RuntimeError("Exception from src/inference: std::bad_alloc")
        return scores(self, pixels)

    monkeypatch.setattr(OpenVinoEngine, "scores", limited)
    predictor = load_model(folder, engine="openvino")
    predictor.predict(np.zeros((8, 3, 32, 32), np.uint8))
    assert "2 at a time" in predictor.device


def test_nobody_is_told_of_its_use(folder: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from napari_phenoai.ml.families import load_model;"
        f"load_model(Path({str(folder)!r}), engine='openvino');"
        "assert 'openvino' in sys.modules;"
        "assert sys.modules.get('openvino_telemetry') is None"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_blocks_show_no_seams(folder: Path, monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    from napari_phenoai.loop.engine import computed_blocks
    from napari_phenoai.loop.predict import blocks_of
    from napari_phenoai.testing.fakes import ArraySource

    discs = [sample.pixels for sample in blob_samples(16, heldout=0, size=160, seed=5)]
    rows = [np.concatenate(discs[start : start + 4], axis=2) for start in range(0, 16, 4)]
    source = ArraySource(np.concatenate(rows, axis=1))
    predictor = load_model(folder, device="cpu", engine=engine)
    (whole,) = computed_blocks(source, predictor, blocks_of(source, predictor))
    monkeypatch.setattr(unet.UnetPredictor, "block_px", (512, 512))
    blocks = blocks_of(source, predictor)
    assert len(blocks) == 4
    found = np.zeros_like(whole.classes)
    for part in computed_blocks(source, predictor, blocks):
        found[part.block.area.slices] = part.classes
    assert (found == whole.classes).mean() >= 0.999
