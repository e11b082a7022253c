"""Simulations: the real loop with a simulated person, measured on images it never saw."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.object_metrics import match_objects
from napari_phenoai.core.progress import finish
from napari_phenoai.errors import InputError
from napari_phenoai.io.images import open_image
from napari_phenoai.io.pairs import Pair, PairedFolder
from napari_phenoai.io.project import Project
from napari_phenoai.loop.material import prepare, split_pairs
from napari_phenoai.loop.outcome import Plan, SimulationResult
from napari_phenoai.loop.simulate import simulate
from napari_phenoai.testing.project import write_scenes

OPTIONS = {"model": "forest", "tile": 64, "rounds": 2, "tiles_per_round": 4, "seed": 1}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    write_scenes(folder, 6, size=(128, 160))
    return folder


def _simulate(data: Path, **options: object) -> SimulationResult:
    work = simulate(data / "images", data / "masks", **{**OPTIONS, **options})  # type: ignore[arg-type]
    return finish(work)


@pytest.fixture(scope="module")
def first(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[SimulationResult, Path]:
    workdir = tmp_path_factory.mktemp("work")
    return _simulate(data, workdir=workdir), workdir


def test_the_json_has_what_the_command_promises(first: tuple[SimulationResult, Path]) -> None:
    content = json.loads(first[0].model_dump_json())
    wanted = {"dataset", "strategy", "seed", "model", "rounds", "full_label_dice"}
    assert wanted <= content.keys()
    assert content["full_label_dice"] is None
    assert {
        "round", "tiles", "minutes", "annotated_px", "dice", "iou", "dice_per_class",
        "served_model", "train_seconds",
    } <= content["rounds"][0].keys()  # fmt: skip
    assert content["rounds"][1]["dice_per_class"].keys() == {"class 1"}


def test_counts_grow_and_the_models_learn(first: tuple[SimulationResult, Path]) -> None:
    one, two = first[0].rounds
    assert (one.tiles, two.tiles) == (4, 8)
    assert 0 < one.minutes < two.minutes
    assert 0 < one.annotated_px < two.annotated_px
    assert two.dice is not None
    assert two.iou is not None
    assert two.dice > 0.6
    assert two.iou == pytest.approx(two.dice / (2 - two.dice), abs=1e-3)


def test_test_images_are_unknown_to_the_project_and_its_reviews_are_real(
    first: tuple[SimulationResult, Path],
) -> None:
    result, workdir = first
    assert (result.train_images, result.test_images) == (4, 2)
    with Project.open(workdir / "simulation.phenoai") as project:
        names = {record.name for record in project.images()}
        tested = {path.name.removesuffix(".truth.png") for path in workdir.glob("material/test/*")}
        assert not {Path(name).stem for name in names} & tested
        reviews = project.reviews.all()
        assert len(reviews) == 8
        assert {review.role for review in reviews} == {"train", "heldout"}
        assert sum(review.seconds for review in reviews) / 60 == pytest.approx(
            result.rounds[-1].minutes, abs=0.01
        )
        assert project.rounds.served() == result.rounds[-1].served_model


def test_the_same_seed_gives_the_same_numbers(
    first: tuple[SimulationResult, Path], data: Path
) -> None:
    again = _simulate(data, rounds=1).rounds[0]
    before = first[0].rounds[0]
    changing = {"served_model": "", "train_seconds": 0}
    assert again.model_copy(update=changing) == before.model_copy(update=changing)


def test_painting_everything_takes_longer_and_all_labels_can_be_measured(
    first: tuple[SimulationResult, Path], data: Path
) -> None:
    full = _simulate(data, protocol="full", full_label=True)
    assert full.rounds[-1].minutes > first[0].rounds[-1].minutes
    assert full.full_label_dice is not None
    assert full.full_label_dice > 0.6


def test_half_the_scale_halves_the_images(data: Path, tmp_path: Path) -> None:
    whole = finish(prepare(data / "images", data / "masks", tmp_path / "a"))
    half = finish(prepare(data / "images", data / "masks", tmp_path / "b", scale=0.5))
    one, two = whole.train[0].read_truth(), half.train[0].read_truth()
    assert two.shape == (64, 80)
    assert (two == 2).mean() == pytest.approx((one == 2).mean(), abs=0.02)
    majority = np.median(one.reshape(64, 2, 80, 2), axis=(1, 3))
    clear = majority % 1 == 0
    np.testing.assert_array_equal(two[clear], majority[clear])


def test_given_test_folders_are_used_whole(data: Path, tmp_path: Path) -> None:
    write_scenes(tmp_path, 2, size=(64, 64), seed=50)
    test = tmp_path / "images", tmp_path / "masks"
    material = finish(prepare(data / "images", data / "masks", tmp_path / "work", test=test))
    assert (len(material.train), len(material.test)) == (6, 2)


def _folder(pairs: list[tuple[str | None, str | None]]) -> PairedFolder:
    items = [
        Pair(Path(f"{number}.png"), Path(f"{number}.png"), split, group)
        for number, (split, group) in enumerate(pairs)
    ]
    return PairedFolder("x", tuple(items))


def test_marked_splits_are_kept() -> None:
    folder = _folder([("train", None), ("val", None), ("test", None), ("train", "g")])
    train, test = split_pairs(folder, 0)
    assert [pair.image.stem for pair in train] == ["0", "3"]
    assert [pair.image.stem for pair in test] == ["1", "2"]


@pytest.mark.parametrize("seed", range(5))
def test_no_group_is_on_both_sides_and_a_quarter_tests(seed: int) -> None:
    folder = _folder([("all", f"plot {number % 8}") for number in range(40)])
    train, test = split_pairs(folder, seed)
    assert (len(train), len(test)) == (30, 10)
    assert not {pair.group for pair in train} & {pair.group for pair in test}


def test_one_group_alone_cannot_be_split() -> None:
    with pytest.raises(InputError, match="test images"):
        split_pairs(_folder([("all", "plot"), ("all", "plot")]), 0)


def test_an_only_image_is_cut_in_two_with_a_gap(tmp_path: Path) -> None:
    write_scenes(tmp_path, 1, size=(512, 192))
    images, masks = tmp_path / "images", tmp_path / "masks"
    material = finish(prepare(images, masks, tmp_path / "work", seed=1))
    (train,), (test,) = material.train, material.test
    assert train.shape == (336, 192)
    assert test.shape == (112, 192)
    pixels = open_image(next(images.iterdir())).read(Tile("", 0, 0, 512, 192))
    parts = [open_image(item.image).read(Tile("", 0, 0, *item.shape)) for item in (train, test)]
    ends = [np.flatnonzero((pixels == part[:, :1]).all(axis=(0, 2))) for part in parts]
    assert sorted(int(end[0]) for end in ends) in ([0, 176], [0, 400])
    with Image.open(next(masks.iterdir())) as mask:
        whole = 1 + np.asarray(mask)
    start = int(ends[1][0])
    np.testing.assert_array_equal(test.read_truth(), whole[start : start + 112])


def test_a_stack_is_cut_between_its_planes_and_tested_on_whole_planes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth = np.zeros((10, 160, 160), np.uint8)
    for plane in range(10):
        truth[plane, 20 + 5 * plane : 90 + 5 * plane, 30:120] = 1
    pixels = (60 + 120 * truth + rng.normal(0, 5, truth.shape)).astype(np.uint8)
    for name, values in (("images", pixels), ("masks", truth)):
        (tmp_path / name).mkdir()
        tifffile.imwrite(
            tmp_path / name / "stack.tif", values, ome=name == "images",
            photometric="minisblack", metadata={"axes": "ZYX"},
        )  # fmt: skip
    material = finish(prepare(tmp_path / "images", tmp_path / "masks", tmp_path / "a"))
    (train,), (test,) = material.train, material.test
    assert (len(train.truths), len(test.truths)) == (7, 2)
    first = int(train.read_truth(0)[:, 60].argmax()), int(test.read_truth(0)[:, 60].argmax())
    assert first in ((20, 60), (35, 20))
    half = finish(prepare(tmp_path / "images", tmp_path / "masks", tmp_path / "b", scale=0.5))
    assert open_image(half.train[0].image).shape == (7, 1, 80, 80)
    result = finish(simulate(tmp_path / "images", tmp_path / "masks", **OPTIONS))  # type: ignore[arg-type]
    assert result.rounds[-1].dice is not None
    assert result.rounds[-1].dice > 0.9


def test_a_tiny_only_image_cannot_be_cut(tmp_path: Path) -> None:
    write_scenes(tmp_path, 1, size=(128, 128))
    with pytest.raises(InputError, match="too small to be cut in two"):
        finish(prepare(tmp_path / "images", tmp_path / "masks", tmp_path / "work"))


def test_impossible_plans_are_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="0 rounds"):
        Plan(rounds=0)
    with pytest.raises(InputError, match="lazy"):
        Plan(protocol="lazy")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="2 training lengths for 5 rounds"):
        Plan(minutes_per_round=[1, 2])
    with pytest.raises(InputError, match="scale of 0"):
        _simulate(data, scale=0)
    with pytest.raises(InputError, match="go together"):
        _simulate(data, test_images=tmp_path)


def test_a_cancelled_simulation_leaves_no_temporary_folder(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    work = simulate(data / "images", data / "masks", **OPTIONS)  # type: ignore[arg-type]
    for progress in work:
        if "corrected" in progress.message:
            break
    work.close()
    assert list(tmp_path.iterdir()) == []


def test_objects_are_corrected_one_by_one(data: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    for path in sorted((data / "masks").iterdir()):
        regions, _ = ndimage.label(np.asarray(Image.open(path)) > 0)
        Image.fromarray((regions * 257 % 65521).astype(np.uint16)).save(masks / path.name)
    work = simulate(data / "images", masks, **OPTIONS, instances=True, workdir=tmp_path / "w")  # type: ignore[arg-type]
    result = finish(work)
    one, two = result.rounds
    assert one.objects is not None
    assert two.objects is not None
    assert two.objects.true > 0
    assert one.gestures is not None
    assert one.gestures["paint"] > 0
    assert two.minutes > one.minutes
    names = {path.stem: path for path in masks.iterdir()}
    with Project.open(tmp_path / "w" / "simulation.phenoai") as project:
        assert project.spec.has_objects
        for review in project.reviews.current().values():
            truth = np.asarray(Image.open(names[review.image]))[review.tile.slices]
            ids = project.reviews.values(review)
            matches = match_objects(
                truth.astype(np.uint32) * (truth > 0), np.where(ids < 256, 0, ids)
            )
            large = np.unique(truth[truth > 0], return_counts=True)[1] >= 50
            assert matches.matched >= np.count_nonzero(large)
