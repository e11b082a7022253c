"""Prediction: no seams, resumable, chunk by chunk."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.ports import TrainSettings
from napari_phenoai.core.progress import finish
from napari_phenoai.core.scoring import class_map, entropy_map
from napari_phenoai.errors import InputError, ModelError
from napari_phenoai.io.project import Project
from napari_phenoai.loop.models import load_predictor
from napari_phenoai.loop.predict import (
    predict_image,
    predict_pieces,
    predict_project,
    predict_tile,
    predict_tiles,
)
from napari_phenoai.loop.retrain import retrain
from napari_phenoai.testing.fakes import ArraySource, BlurPredictor, toy_card


@dataclass
class MemoryStore:
    """Predictions in memory."""

    shape: tuple[int, int]
    classes: np.ndarray = field(init=False)
    uncertainty: np.ndarray = field(init=False)
    writes: list[Tile] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.classes = np.zeros(self.shape, np.uint8)
        self.uncertainty = np.full(self.shape, np.nan, np.float32)

    def write(self, tile: Tile, classes: np.ndarray, uncertainty: np.ndarray | None) -> None:
        self.classes[tile.slices] = classes
        if uncertainty is not None:
            self.uncertainty[tile.slices] = uncertainty
        self.writes.append(tile)

    def missing(self, tiles: Iterable[Tile]) -> list[Tile]:
        return [tile for tile in tiles if not self.classes[tile.slices].all()]


def noise(shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (1, *shape), dtype=np.uint8)


@pytest.mark.parametrize("device", ["cpu", "cuda (bf16)"])
def test_tiled_equals_whole(device: str) -> None:
    pixels = noise((1100, 700))
    source, predictor = ArraySource(pixels), BlurPredictor(toy_card(context_px=8), device)
    whole = predict_tile(source, predictor, Tile("image", 0, 0, 1100, 700))
    store = MemoryStore((1100, 700))
    assert finish(predict_image(source, predictor, store)) == 6
    np.testing.assert_array_equal(store.classes, class_map(whole, (1, 2)))
    np.testing.assert_allclose(store.uncertainty, entropy_map(whole), atol=1e-5)


def test_batches_give_the_same_as_one_by_one() -> None:
    source = ArraySource(noise((96, 96)))
    predictor = BlurPredictor(toy_card(context_px=4), "cuda")
    tiles = [Tile("i", 0, 0, 32, 32), Tile("i", 32, 8, 32, 32), Tile("i", 5, 5, 20, 40)]
    for tile, answer in predict_pieces(source, predictor, tiles):
        alone = predict_tile(source, predictor, tile)
        assert answer.shape == (2, *tile.shape)
        np.testing.assert_allclose(answer, alone, atol=1e-6)


def test_a_stopped_prediction_goes_on_where_it_was() -> None:
    source, predictor = ArraySource(noise((1024, 1024))), BlurPredictor(toy_card())
    store = MemoryStore((1024, 1024))
    work = predict_image(source, predictor, store)
    for progress in work:
        if progress.done == 2:
            break
        assert len(store.writes) == progress.done, "everything told is written"
    work.close()
    first = list(store.writes)
    assert finish(predict_image(source, predictor, store)) == 4 - len(first)
    assert len(set(store.writes)) == len(store.writes) == 4
    assert finish(predict_image(source, predictor, store)) == 0


def test_a_region_is_predicted_in_whole_tiles() -> None:
    source, predictor = ArraySource(noise((1024, 1536))), BlurPredictor(toy_card())
    store = MemoryStore((1024, 1536))
    region = Tile("im", 500, 600, 20, 20)
    assert finish(predict_image(source, predictor, store, region=region)) == 2
    assert [(tile.y, tile.x) for tile in store.writes] == [(0, 512), (512, 512)]


def test_images_of_another_kind_are_refused() -> None:
    source = ArraySource(np.zeros((3, 64, 64), np.uint8))
    with pytest.raises(ModelError, match="1 channels, the image 3"):
        predict_tile(source, BlurPredictor(toy_card()), Tile("i", 0, 0, 32, 32))
    work = predict_tiles(source, BlurPredictor(toy_card()), [], MemoryStore((64, 64)))
    assert finish(work) == 0


def test_the_forest_shows_no_seams_and_projects_resume(make_field: Any) -> None:
    field = make_field(2, size=(560, 540), tile_px=128)
    project = field.project
    field.review(4)
    settings = TrainSettings(family="forest", extra={"trees": 16, "pixels": 6000})
    finish(retrain(project, settings))
    predictor = load_predictor(project)
    messages: list[str] = []
    assert finish(predict_project(project), lambda p: messages.append(p.message)) == 8
    assert any(message.startswith("scene_0.png: tile 512") for message in messages)
    assert finish(predict_project(project)) == 0
    image = project.images()[0]
    store = project.predictions(image.id, predictor.card.id)
    whole = predict_tile(project.source(image.id), predictor, Tile(image.id, 0, 0, 560, 540))
    classes, uncertainty = store.read(Tile(image.id, 0, 0, 560, 540))
    assert (classes == class_map(whole, predictor.card.class_ids)).mean() > 0.9999
    np.testing.assert_allclose(uncertainty, entropy_map(whole), atol=0.01)
    assert finish(predict_project(project, images=["scene_1.png"])) == 0
    region = Tile(image.id, 530, 520, 8, 8)
    assert finish(predict_project(project, regions=[region])) == 0
    shutil.rmtree(store.path)
    with Project.open(project.path) as again:
        assert finish(predict_project(again, regions=[region])) == 1
    with pytest.raises(InputError, match="no image 'nothing'"):
        finish(predict_project(project, images=["nothing"]))


def test_without_images_or_model_it_says_what_is_missing(tmp_path: Any, make_field: Any) -> None:
    with pytest.raises(ModelError, match="No model serves yet"):
        finish(predict_project(make_field(1).project))
    with pytest.raises(InputError, match="has no images"):
        finish(predict_project(make_field(0).project))
