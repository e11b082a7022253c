"""Prompts answered by a tiny network, against segment-anything itself."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.progress import finish
from napari_phenoai.core.prompts import BoxPrompt, Prompts
from napari_phenoai.errors import DeviceMemoryError, InputError, ModelError
from napari_phenoai.ml.sam.cache import EmbeddingCache, embedding_of
from napari_phenoai.ml.sam.embedding import GivenUpError
from napari_phenoai.ml.sam.loading import load_prompter
from napari_phenoai.testing.fakes import ArraySource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

torch = pytest.importorskip("torch")
segment_anything = pytest.importorskip("segment_anything")

from segment_anything import SamAutomaticMaskGenerator, SamPredictor  # noqa: E402
from tests.sam_network import DEPTH, WIDTH, tiny_network  # noqa: E402

from napari_phenoai.ml.device import choose  # noqa: E402
from napari_phenoai.ml.sam import checkpoints  # noqa: E402
from napari_phenoai.ml.sam.everything import Sieve, everything  # noqa: E402
from napari_phenoai.ml.sam.prompter import Prompter  # noqa: E402

EDGE = 256


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tiny(seed: int = 0, **options: Any) -> Any:
    return tiny_network(EDGE, seed, **options)


@pytest.fixture(scope="module")
def network() -> Any:
    return tiny()


@pytest.fixture
def prompter(network: Any) -> Prompter:
    return Prompter(network, choose("cpu", "fp32"), fingerprint="tiny")


def picture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    y, x = np.mgrid[:height, :width]
    waves = [127 + 120 * np.sin(y / (9 + k) + seed) * np.cos(x / (7 + 2 * k)) for k in range(3)]
    return np.stack(waves).astype(np.uint8)


def reference(network: Any, pixels: NDArray[np.uint8]) -> Any:
    predictor = SamPredictor(network)
    predictor.set_image(np.moveaxis(pixels, 0, -1))
    return predictor


SHAPES = [(256, 256), (97, 180), (180, 97), (300, 512), (40, 300)]
CLICKS = {
    "point": Prompts().clicked(20, 30),
    "points": Prompts().clicked(20, 30).clicked(5, 90, positive=False).clicked(33.5, 60.25),
    "box": Prompts().add(BoxPrompt.between((4, 9), (37, 88))),
    "both": Prompts()
    .add(BoxPrompt.between((4, 9), (37, 88)))
    .clicked(20, 30)
    .clicked(10, 11, positive=False),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", CLICKS)
def test_answers_are_those_of_segment_anything(
    network: Any, prompter: Prompter, shape: tuple[int, int], name: str
) -> None:
    pixels, prompts = picture(*shape), CLICKS[name]
    tile = Tile("leaf", 1000, 70, *shape)
    moved = Prompts(
        steps=tuple(
            step.but(y=step.y + 1000, x=step.x + 70)
            if step.kind == "point"
            else step.but(y0=step.y0 + 1000, y1=step.y1 + 1000, x0=step.x0 + 70, x1=step.x1 + 70)
            for step in prompts.steps
        )
    )
    predictor = reference(network, pixels)
    points = np.array([(point.x, point.y) for point in prompts.points]) if prompts.points else None
    labels = np.array([int(point.positive) for point in prompts.points]) if prompts.points else None
    box = prompts.box
    corners = None if box is None else np.array([box.x0, box.y0, box.x1, box.y1])
    embedded = prompter.embed(pixels)
    assert (embedded.features == predictor.features[0].numpy()).all()
    for several in (True, False):
        masks, scores, outlines = predictor.predict(
            points, labels, corners, multimask_output=several
        )
        answer = prompter.ask(embedded, tile, moved, several=several)
        order = np.argsort(-scores, kind="stable")
        found = [candidate.score for candidate in answer.candidates]
        assert found == sorted(found, reverse=True)
        assert found == scores[order].tolist()
        assert all(
            (candidate.mask == masks[number]).all()
            for candidate, number in zip(answer.candidates, order, strict=True)
        )
        assert (answer.outlines == outlines[order]).all()
    assert len(prompter.ask(embedded, tile, moved).candidates) == (3 if name == "point" else 1)


def test_some_masks_have_both_sides(prompter: Prompter) -> None:
    tile = Tile("leaf", 0, 0, 97, 180)
    answer = prompter.ask(prompter.embed(picture(97, 180)), tile, CLICKS["point"])
    shares = [candidate.area / tile.area_px for candidate in answer.candidates]
    assert any(0.01 < share < 0.99 for share in shares), shares


def test_a_refined_answer_begins_with_the_last_and_replays(
    network: Any, prompter: Prompter
) -> None:
    pixels, tile = picture(97, 180), Tile("leaf", 0, 0, 97, 180)
    embedded = prompter.embed(pixels)
    first = prompter.ask(embedded, tile, CLICKS["point"])
    prompts = CLICKS["point"].clicked(60, 100, positive=False, refines=1)
    second = prompter.ask(embedded, tile, prompts, begin_with=first.outlines[1])
    masks, scores, _ = reference(network, pixels).predict(
        np.array([(30, 20), (100, 60)]),
        np.array([1, 0]),
        mask_input=first.outlines[1][None],
        multimask_output=False,
    )
    assert (second.candidates[0].mask == masks[0]).all()
    assert second.candidates[0].score == scores[0]
    kept = Prompts.model_validate_json(prompts.model_dump_json())
    replayed = prompter.replay(embedded, tile, kept)
    assert (replayed.outlines == second.outlines).all()
    plain = prompter.ask(embedded, tile, prompts)
    assert (plain.outlines != second.outlines).any()
    undone = prompter.replay(embedded, tile, kept.undone())
    assert (undone.outlines == first.outlines).all()
    with pytest.raises(InputError, match="Candidate 7"):
        prompter.replay(embedded, tile, CLICKS["point"].clicked(1, 1, refines=7))


def test_lower_precision_is_another_embedding_close_to_the_first(
    network: Any, prompter: Prompter
) -> None:
    rough = Prompter(network, choose("cpu", "bf16"), fingerprint="tiny")
    assert rough.fingerprint != prompter.fingerprint
    one, other = (item.embed(picture(97, 180)).features for item in (prompter, rough))
    assert other.dtype == np.float32
    assert 0 < np.abs(one - other).max() < 0.1 * np.abs(one).max()


def test_an_embedding_can_be_stopped_between_blocks(prompter: Prompter) -> None:
    pixels, asked = picture(97, 180), 0

    def go_on() -> bool:
        nonlocal asked
        asked += 1
        return asked < DEPTH

    with pytest.raises(GivenUpError):
        prompter.embed(pixels, go_on=go_on)
    assert asked == DEPTH
    free = prompter.embed(pixels, go_on=lambda: True)
    assert (free.features == prompter.embed(pixels).features).all()
    assert asked == DEPTH, "nobody asks any more"


def test_an_answer_from_the_cache_is_the_same(prompter: Prompter, tmp_path: Path) -> None:
    source = ArraySource(picture(97, 180).astype(np.uint16) * 7)
    tile, cache = Tile("leaf", 10, 20, 60, 100), EmbeddingCache(tmp_path)
    first = embedding_of(prompter, cache, source, tile)
    took = prompter.seconds
    again = embedding_of(prompter, cache, source, tile)
    assert took is not None
    assert prompter.seconds == took
    prompts = Prompts().clicked(40, 50)
    one, other = (prompter.ask(item, tile, prompts) for item in (first, again))
    assert (one.outlines == other.outlines).all()


@pytest.mark.parametrize(("score", "stability"), [(0.06, 0.6), (0, 0.7), (0.06, 0), (0.5, 0.9)])
def test_everything_is_what_the_generator_finds(score: float, stability: float) -> None:
    pixels, tile = picture(97, 180), Tile("leaf", 5, 5, 97, 180)
    network = tiny(2)
    network.mask_threshold = 0.03  # so that masks are small, and some overlap
    prompter = Prompter(network, choose("cpu", "fp32"), fingerprint="tiny")
    embedded = prompter.embed(pixels)
    sieve = Sieve(7, score=score, stability=stability, offset=0.001, overlap=0.7, at_once=16)
    generator = SamAutomaticMaskGenerator(
        network, points_per_side=7, points_per_batch=16, pred_iou_thresh=score,
        stability_score_thresh=stability, stability_score_offset=0.001, box_nms_thresh=0.7,
    )  # fmt: skip
    expected = generator.generate(np.moveaxis(pixels, 0, -1)) if score < 0.5 else []
    seen: list[float] = []
    found = finish(everything(prompter, embedded, tile, sieve), lambda step: seen.append(step.done))
    assert len(found) == len(expected)
    assert 2 < len(found) < 3 * 49 or score == 0.5
    for candidate, other in zip(found, expected, strict=True):
        assert (candidate.mask == other["segmentation"]).all()
        assert candidate.score == pytest.approx(other["predicted_iou"], abs=1e-6)
        assert candidate.area == other["area"]
    assert seen == [0, 16, 32, 48, 49]


def test_outlining_everything_can_be_stopped(prompter: Prompter) -> None:
    tile = Tile("leaf", 0, 0, 40, 60)
    work = everything(prompter, prompter.embed(picture(40, 60)), tile, Sieve(side=9, at_once=9))
    assert [next(work).done for _ in range(3)] == [0, 9, 18]
    work.close()


def test_what_cannot_be_asked_is_refused(prompter: Prompter) -> None:
    tile = Tile("leaf", 50, 50, 40, 60)
    embedded = prompter.embed(picture(40, 60))
    for prompts, reason in (
        (Prompts(), "no prompt"),
        (Prompts().clicked(49, 60), "outside"),
        (Prompts().clicked(60, 110), "outside"),
    ):
        with pytest.raises(InputError, match=reason):
            prompter.ask(embedded, tile, prompts)
    with pytest.raises(InputError, match="40 x 60"):
        prompter.ask(embedded, Tile("leaf", 0, 0, 9, 9), Prompts().clicked(3, 3))
    with pytest.raises(InputError, match="40 x 60"):
        finish(everything(prompter, embedded, Tile("leaf", 0, 0, 9, 9)))
    with pytest.raises(InputError, match="narrow"):
        prompter.embed(np.zeros((1, 1, 3000), np.uint8))
    with pytest.raises(InputError):
        Sieve(side=0)


def test_too_little_memory_is_said(prompter: Prompter, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    tile, embedded = Tile("leaf", 0, 0, 40, 60), prompter.embed(picture(40, 60))
    monkeypatch.setattr(SamPredictor, "set_image", full)
    monkeypatch.setattr(SamPredictor, "predict_torch", full)
    with pytest.raises(DeviceMemoryError):
        prompter.embed(picture(40, 60))
    with pytest.raises(DeviceMemoryError):
        finish(everything(prompter, embedded, tile))


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiny networks under the names of the large ones."""
    monkeypatch.setitem(segment_anything.sam_model_registry, "vit_b", tiny)
    monkeypatch.setattr(checkpoints, "KINDS", {"vit_b": (WIDTH, DEPTH), "vit_l": (1024, 24)})


WRAPPED: dict[str, Callable[[Any], Any]] = {
    "plain": lambda state: state,
    "model_state": lambda state: {
        "model_state": {f"sam.{name}": value for name, value in state.items()},
        "epoch": 3,
    },
    "state_dict": lambda state: {
        "state_dict": {f"module.sam.{name}": value for name, value in state.items()}
        | {"module.decoder.weight": torch.zeros(3)},
    },
    "model": lambda state: {"model": {f"module.{name}": value for name, value in state.items()}},
    "half": lambda state: {name: value.half() for name, value in state.items()},
}


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("how", WRAPPED)
def test_checkpoints_are_loaded_however_they_are_nested(tmp_path: Path, how: str) -> None:
    trained = tiny(seed=5)
    path = tmp_path / "fine-tuned.pt"
    torch.save(WRAPPED[how](trained.state_dict()), path)
    loaded = load_prompter(path, device="cpu", precision="fp32")
    assert loaded.kind == "vit_b"
    weights = loaded.network.state_dict()
    for name, value in trained.state_dict().items():
        expected = value.half().float() if how == "half" else value
        assert torch.equal(weights[name], expected), name
    assert loaded.size_px == EDGE
    assert loaded.fingerprint.endswith("-fp32")
    torch.save(WRAPPED[how](tiny(seed=6).state_dict()), path)
    other = load_prompter(path, "vit_b", device="cpu", precision="fp32")
    assert other.fingerprint != loaded.fingerprint


@pytest.mark.usefixtures("registry")
def test_safetensors_are_loaded(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "sam.safetensors"
    state = {name: value.contiguous() for name, value in tiny(seed=5).state_dict().items()}
    save_file(state, path)
    assert load_prompter(path, device="cpu").kind == "vit_b"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ModelError, match="damaged"):
        load_prompter(path, device="cpu")


class Payload:
    """Would run code, if it were unpickled."""

    ran = False

    def __reduce__(self) -> tuple[Any, ...]:
        return setattr, (Payload, "ran", True)


@pytest.mark.usefixtures("registry")
def test_a_file_that_could_run_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evil.pth"
    for old in (False, True):
        torch.save(
            tiny().state_dict() | {"x": Payload()}, path, _use_new_zipfile_serialization=not old
        )
        with pytest.raises(ModelError, match="refused") as caught:
            load_prompter(path, device="cpu")
        assert str(path) in caught.value.what
        assert "state dict" in caught.value.hint
        assert not Payload.ran


@pytest.mark.usefixtures("registry")
def test_files_that_cannot_be_used_are_named_with_a_remedy(tmp_path: Path) -> None:
    good = tiny().state_dict()
    whole = tmp_path / "whole.pth"
    torch.save(good, whole)
    name = "mask_decoder.iou_token.weight"
    wide = {**good, "image_encoder.patch_embed.proj.weight": torch.zeros(384, 3, 16, 16)}
    contents = {
        "other network": {"conv.weight": torch.zeros(3)},
        "a list": [torch.zeros(3)],
        "width 384": wide,
        "does not fit": {key: value for key, value in good.items() if key != name},
        "size mismatch": {**good, name: torch.zeros(1, 7)},
    }
    words = {"other network": "no checkpoint of segment", "a list": "no checkpoint of segment"}
    for reason, content in contents.items():
        path = tmp_path / f"{reason}.pth"
        torch.save(content, path)
        with pytest.raises(ModelError, match=words.get(reason, reason)) as caught:
            load_prompter(path, device="cpu")
        assert str(path) in caught.value.what
        assert caught.value.hint
    for data in (b"", b"hello world", whole.read_bytes()[:3000]):
        path = tmp_path / "broken.pth"
        path.write_bytes(data)
        with pytest.raises(ModelError, match="damaged"):
            load_prompter(path, device="cpu")
    with pytest.raises(ModelError, match="no checkpoint"):
        load_prompter(tmp_path / "missing.pth", device="cpu")
    with pytest.raises(ModelError, match="is a vit_b, not a vit_l"):
        load_prompter(whole, "vit_l", device="cpu")
    with pytest.raises(InputError, match="vit_x"):
        load_prompter(whole, "vit_x", device="cpu")


def test_the_kinds_are_those_of_the_registry() -> None:
    with torch.device("meta"):
        for kind, (width, depth) in checkpoints.KINDS.items():
            weights = segment_anything.sam_model_registry[kind]().state_dict()
            assert checkpoints.kind_of(weights, "x") == kind  # type: ignore[arg-type]
            assert len(weights["image_encoder.patch_embed.proj.weight"]) == width
            assert f"image_encoder.blocks.{depth - 1}.attn.qkv.weight" in weights
            assert math.prod(weights["prompt_encoder.no_mask_embed.weight"].shape) == 256


def test_without_the_extra_the_error_names_it(tmp_path: Path) -> None:
    code = """
import sys
sys.modules.update({name: None for name in ("torch", "torchvision", "segment_anything")})
from pathlib import Path
import napari_phenoai.core.prompted, napari_phenoai.ml.sam.cache, napari_phenoai.ml.sam.download
from napari_phenoai.errors import MissingExtraError
from napari_phenoai.ml.sam.loading import load_prompter
try:
    load_prompter(Path("sam.pth"))
except MissingExtraError as error:
    assert "napari-phenoai[sam]" in error.hint
    assert "segment-anything" in error.what and "torch" in error.what
else:
    raise AssertionError("outlines without torch")
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300, cwd=tmp_path)
