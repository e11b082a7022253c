"""Masks made elsewhere come in whole, or not at all."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.progress import finish
from napari_phenoai.errors import InputError, LabelError
from napari_phenoai.loop.importing import import_masks
from napari_phenoai.loop.snapshots import take_snapshot
from napari_phenoai.testing.corrections import same_objects


def write(folder: Path, name: str, mask: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask.astype(np.uint8)).save(folder / name)
    return folder


def run(field: Any, source: Path, **options: Any) -> list[Any]:
    return finish(import_masks(field.project, source, author="ann", **options))


CODINGS = {
    "indices": lambda truth: truth - 1,
    "ids": lambda truth: truth,
    "binary": lambda truth: 255 * (truth - 1),
}


@pytest.mark.parametrize("coding", list(CODINGS))
@pytest.mark.parametrize("told", [False, True])
def test_a_folder_of_masks(field: Any, tmp_path: Path, coding: str, told: bool) -> None:
    for name, truth in field.truth.items():
        write(tmp_path / "m", f"{name}_mask.png", CODINGS[coding](truth))
    reviews = run(field, tmp_path / "m", values=coding if told else "auto")
    assert {review.author for review in reviews} == {"ann"}
    assert {review.known for review in reviews} == {"all"}
    for name, truth in field.truth.items():
        whole = np.zeros_like(truth)
        for review in reviews:
            if review.image == name:
                whole[review.tile.slices] = field.project.reviews.mask(review)
        np.testing.assert_array_equal(whole, truth)
        store = field.project.labels(name)
        for review in reviews:
            if review.image == name:
                np.testing.assert_array_equal(store.read(review.tile), truth[review.tile.slices])
    sides = {role: {r.image for r in reviews if r.role == role} for role in ("train", "heldout")}
    assert sides["train"]
    assert len(sides["heldout"]) == 1
    assert sides["train"].isdisjoint(sides["heldout"])
    assert run(field, tmp_path / "m", values=coding) == [], "what is there is not taken twice"


def test_a_stopped_import_goes_on(field: Any, tmp_path: Path) -> None:
    for name, truth in field.truth.items():
        write(tmp_path / "m", f"{name}.png", truth)
    work = import_masks(field.project, tmp_path / "m")
    for progress in work:
        if progress.message.startswith("imported"):
            break
    work.close()
    before = len(field.project.reviews.all())
    assert before > 0
    after = run(field, tmp_path / "m")
    assert len(field.project.reviews.all()) == before + len(after) == 5 * 9


def test_partly_labelled_masks_teach_by_what_is_painted(field: Any, tmp_path: Path) -> None:
    name, truth = next(iter(field.truth.items()))
    partly = truth.copy()
    partly[:, 100:] = 0
    write(tmp_path / "m", f"{name}.png", partly)
    reviews = run(field, tmp_path / "m")
    assert {review.known for review in reviews} == {"all", "painted"}
    assert not any(review.x >= 100 for review in reviews)


def test_a_zip_of_napari_pixel_correction_brings_its_images(
    make_field: Any, tmp_path: Path
) -> None:
    donor, field = make_field(3), make_field(0)
    images = tmp_path / "field0-scenes" / "images"
    archive = tmp_path / "leaves.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in images.iterdir():
            file.write(path, f"leaves/image/{path.name}")
            mask = 255 * (donor.truth[path.stem] - 1).astype(np.uint8)
            write(tmp_path / "out", path.name, mask)
            file.write(tmp_path / "out" / path.name, f"leaves/mask/{path.name}")
        file.writestr("../../evil.png", b"no")
        file.writestr("leaves/mask/../../../evil.txt", b"no")
    reviews = run(field, archive)
    assert len(field.project.images()) == 3
    assert len(reviews) == 27
    assert all(field.project.source(r.image).read(r.tile).any() for r in reviews)
    assert not list(tmp_path.rglob("evil*"))
    assert run(field, archive) == []


def test_a_rootpainter_project_keeps_its_sides_and_its_unknown(field: Any, tmp_path: Path) -> None:
    names = list(field.truth)
    for name, side in zip(names[:3], ("train", "train", "val"), strict=True):
        truth = field.truth[name]
        strokes = np.zeros((*truth.shape, 4), np.uint8)
        strokes[truth == 2] = (255, 0, 0, 180)
        strokes[truth == 1] = (0, 255, 0, 180)
        strokes[:, 60:] = 0
        write(tmp_path / "rp" / "annotations" / side, f"{name}.png", strokes)
    reviews = run(field, tmp_path / "rp")
    held = {review.image for review in reviews if review.role == "heldout"}
    assert held == {names[2]}
    for review in reviews:
        mask = field.project.reviews.mask(review)
        truth = field.truth[review.image].copy()
        truth[:, 60:] = 0
        np.testing.assert_array_equal(mask, truth[review.tile.slices])
    _, snapshot = take_snapshot(field.project)
    assert {item.role for item in snapshot.items} == {"train", "heldout"}


def test_bad_masks_are_named_and_nothing_is_taken(field: Any, tmp_path: Path) -> None:
    name, truth = next(iter(field.truth.items()))
    good = write(tmp_path / "m", f"{name}.png", truth)
    other = list(field.truth)[1]
    cases = [
        (f"{other}.png", truth[:50], LabelError, r"50 x 192 px, its image 160 x 192 px"),
        (f"{other}.png", truth + 40, LabelError, "value 4[12], which is no class"),
        ("stranger.png", truth, InputError, "stranger.png has no image in the project"),
        (f"{other}.png", np.arange(3) + np.zeros((160, 192, 3)), LabelError, "shape"),
    ]
    for file, mask, kind, text in cases:
        write(good, file, mask)
        with pytest.raises(kind, match=text):
            run(field, good)
        (good / file).unlink()
    (good / f"{other}.png").write_text("not a picture")
    with pytest.raises(Exception, match="cannot be read") as caught:
        run(field, good)
    assert caught.value.hint  # type: ignore[attr-defined]
    assert field.project.reviews.all() == []


def test_nothing_to_import(field: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder and no ZIP"):
        run(field, tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="There are no masks"):
        run(field, tmp_path / "empty")
    broken = tmp_path / "x.zip"
    broken.write_bytes(b"PK\x03\x04")
    with pytest.raises(InputError, match="no folder and no ZIP"):
        run(field, broken)


def _many_objects(plane: tuple[int, int]) -> np.ndarray:
    """Squares in a grid of 16 px that touch each other, across the borders of tiles too."""
    ids = np.zeros(plane, np.uint16)
    for row in range(0, plane[0] - 16, 16):
        for column in range(0, plane[1] - 40, 16):
            ids[row + 2 : row + 16, column : column + 16] = 1000 + row * 20 + column
    return ids


def test_masks_of_objects_come_in_with_each_object(make_field: Any, tmp_path: Path) -> None:
    field = make_field(2, instances=True)
    (tmp_path / "m").mkdir()
    truth = {record.id: _many_objects(record.plane) for record in field.project.images()}
    for name, ids in truth.items():
        Image.fromarray(ids).save(tmp_path / "m" / f"{name}.png")
    reviews = run(field, tmp_path / "m")
    assert {review.known for review in reviews} == {"all"}
    for name, ids in truth.items():
        store = field.project.labels(name)
        for review in (one for one in reviews if one.image == name):
            kept, part = store.values(review.tile), ids[review.tile.slices]
            assert same_objects(np.where(kept < 256, 0, kept), part)
            assert np.array_equal(field.project.reviews.values(review), kept)
        whole = store.values(Tile(name, 0, 0, *ids.shape))
        known = whole > 0
        assert same_objects(np.where(whole < 256, 0, whole)[known], ids[known])
    assert run(field, tmp_path / "m") == [], "what is there is not taken twice"


def test_a_table_beside_masks_of_objects_names_their_classes(
    make_field: Any, tmp_path: Path
) -> None:
    field = make_field(2, instances=True)
    project = field.project
    project.update_scheme(project.scheme.added("flower"))
    (tmp_path / "m").mkdir()
    record = project.images()[0]
    ids = np.zeros(record.plane, np.uint16)
    ids[5:20, 5:20], ids[30:50, 30:50] = 1, 2
    Image.fromarray(ids).save(tmp_path / "m" / f"{record.id}.png")
    with pytest.raises(InputError, match="plant, flower"):
        run(field, tmp_path / "m")
    table = tmp_path / "m" / "objects.csv"
    table.write_text(f"image,object,class\n{record.id},1,plant\n{record.id},2,flower\n")
    run(field, tmp_path / "m")
    classes = project.labels(record.id).read(Tile(record.id, 0, 0, 60, 60))
    assert (classes[6, 6], classes[40, 40], classes[25, 25]) == (2, 3, 1)
    table.write_text(f"image,object,class\n{record.id},1,plant\n")
    with pytest.raises(InputError, match="no object 2"):
        run(field, tmp_path / "m")
