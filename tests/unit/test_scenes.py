"""Scenes: the same seed gives the same picture, and the truth fits it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from napari_phenoai.errors import InputError
from napari_phenoai.testing import rosettes as rosette_painting
from napari_phenoai.testing.project import write_scenes
from napari_phenoai.testing.samples import SAMPLE_SETS, encoded, samples_folder, write_samples
from napari_phenoai.testing.scenes import Scene, roots, rosettes

SHIPPED = Path(__file__).resolve().parents[2] / "sample_data"


@pytest.mark.parametrize("paint", [rosettes, roots])
def test_a_scene_repeats_from_its_seed_and_differs_from_the_next(
    paint: Callable[..., Scene],
) -> None:
    one, again, other = paint(3, (120, 150)), paint(3, (120, 150)), paint(4, (120, 150))
    np.testing.assert_array_equal(one.image, again.image)
    np.testing.assert_array_equal(one.classes, again.classes)
    assert (one.image != other.image).mean() > 0.5


@pytest.mark.parametrize("paint", [rosettes, roots])
def test_the_truth_is_complete(paint: Callable[..., Scene]) -> None:
    scene: Scene = paint(1, (256, 300))
    assert scene.image.shape == (256, 300, 3)
    assert scene.image.dtype == scene.classes.dtype == np.uint8
    assert scene.instances.dtype == np.uint32
    assert set(np.unique(scene.classes)) == {1, 2}
    np.testing.assert_array_equal(scene.classes == 2, scene.instances > 0)
    np.testing.assert_array_equal(scene.instances > 0, scene.plants > 0)


def test_lesions_lie_on_leaves_and_make_a_third_class() -> None:
    scene = rosettes(5, (300, 300), lesions=True)
    assert scene.class_names == ("soil", "leaf", "lesion")
    spots = scene.classes == 3
    assert 0.002 < spots.mean() < 0.1
    assert (scene.instances[spots] > 0).all()


def test_leaves_overlap_and_belong_to_one_plant_each() -> None:
    scene = rosettes(2, (400, 400))
    pairs = np.unique(np.stack([scene.instances.ravel(), scene.plants.ravel()]), axis=1)
    assert np.unique(pairs[0]).size == pairs.shape[1]
    assert scene.measures["leaves"] > 2 * np.unique(scene.plants).size


def test_no_colour_threshold_finds_the_plants() -> None:
    dices = []
    for seed in range(100, 106):
        scene = rosettes(seed, (448, 448))
        red, green, blue = np.moveaxis(scene.image.astype(float), -1, 0)
        plant = scene.classes == 2
        masks = [2 * green - red - blue > level for level in range(0, 80, 8)]
        dices.append(max(2 * (mask & plant).sum() / (mask.sum() + plant.sum()) for mask in masks))
    assert 0.5 < np.mean(dices) < 0.92


def test_known_root_length_is_near_that_of_the_skeleton() -> None:
    from skimage.morphology import skeletonize

    scene = roots(7, (400, 300), plants=1)
    skeleton = skeletonize(scene.classes == 2)
    assert skeleton.sum() == pytest.approx(scene.measures["length_px"], rel=0.35)


def test_a_leaf_is_painted_where_it_is_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    painted: list[int] = []
    boxes = rosette_painting._box

    def noted(leaf: Any, shape: tuple[int, ...]) -> tuple[slice, slice] | None:
        box = boxes(leaf, shape)
        painted.append(0 if box is None else int(np.prod([one.stop - one.start for one in box])))
        return box

    monkeypatch.setattr(rosette_painting, "_box", noted)
    rosettes(1, (768, 768))
    assert len(painted) > 50
    assert sum(painted) < 10 * 768 * 768, "the work would grow with the leaves and the picture"


def test_the_shipped_samples_are_what_the_command_makes(tmp_path: Path) -> None:
    made = write_samples(tmp_path)
    shipped = [path for path in SHIPPED.rglob("*") if path.suffix in (".jpg", ".png", ".json")]
    assert sorted(path.relative_to(tmp_path) for path in made) == sorted(
        path.relative_to(SHIPPED) for path in shipped
    )
    assert sum(path.stat().st_size for path in shipped) < 2_000_000
    for path in made:
        _compare(path, SHIPPED / path.relative_to(tmp_path))


def _compare(made: Path, shipped: Path) -> None:
    if made.suffix == ".json":
        assert json.loads(made.read_text()) == json.loads(shipped.read_text())
        return
    one, two = (np.asarray(Image.open(path)).astype(int) for path in (made, shipped))
    if made.suffix == ".png":
        assert (one != two).mean() < 1e-3, made.name
    else:
        assert np.abs(one - two).mean() < 2, made.name


def test_samples_folder_finds_each_set_and_names_what_there_is() -> None:
    for item in SAMPLE_SETS:
        assert (samples_folder(item.name) / "dataset.json").is_file()
    with pytest.raises(InputError, match=r"pumpkins.*rosettes, lesions, roots"):
        samples_folder("pumpkins")


def test_written_scenes_can_be_read_back(tmp_path: Path) -> None:
    (image, mask, scene), _ = write_scenes(tmp_path, 2, size=(64, 70))
    np.testing.assert_array_equal(np.asarray(Image.open(image)), scene.image)
    np.testing.assert_array_equal(np.asarray(Image.open(mask)), scene.classes - 1)
    assert encoded(scene.image, "JPEG")[:2] == b"\xff\xd8"
