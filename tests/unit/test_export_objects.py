"""Export of objects: ids as they are, a row for each, people's before predicted ones."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from napari_phenoai.core.geometry import Tile, cover
from napari_phenoai.core.object_sizes import ObjectSizes
from napari_phenoai.core.object_table import FIRST_OBJECT
from napari_phenoai.core.progress import finish
from napari_phenoai.core.records import ModelCard, RoundRecord
from napari_phenoai.errors import InputError
from napari_phenoai.io.export import OBJECT_COLUMNS, export_objects, export_traits
from napari_phenoai.loop.parting import part_images
from napari_phenoai.testing.project import tiny_project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_phenoai.io.project import Project

MODEL = "forest-1"
SIZE = (560, 600)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """One scene; two squares are predicted, a third object is drawn by a person."""
    card = ModelCard(
        id=MODEL, family="forest", channels=3, dtype="uint8", class_ids=(1, 2),
        class_names=("soil", "plant"), scheme_version=1,
    )  # fmt: skip
    path = tmp_path / "field.phenoai"
    with tiny_project(path, 1, size=SIZE, instances=True) as made:
        with made.models.stage() as folder:
            (folder / "weights.safetensors").write_bytes(b"weights")
            made.models.commit(folder, card)
        made.rounds.add(RoundRecord(id="r1", kind="training", model=MODEL, served=MODEL))
        image = made.set_pixel_um(made.images()[0].id, 10.0)
        classes = np.ones(SIZE, np.uint8)
        classes[500:530, 20:40], classes[100:110, 300:310] = 2, 2
        whole = Tile(image.id, 0, 0, *SIZE)
        made.predictions(image.id, MODEL).write(whole, classes, np.zeros(SIZE, np.float32))
        finish(part_images(made, MODEL, made.images()))
        store = made.labels(image.id)
        number = store.reserve(1)
        tile = Tile(image.id, 300, 505, 20, 20)
        store.write(tile, np.full((20, 20), number, np.uint32), objects={number: 2})
        yield made


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        reader = csv.DictReader(file)
        assert tuple(reader.fieldnames or ()) == OBJECT_COLUMNS
        return list(reader)


def test_masks_and_table_have_the_same_objects(project: Project, tmp_path: Path) -> None:
    mask, table = finish(export_objects(project, tmp_path / "out"))
    ids = tifffile.imread(mask)
    assert ids.dtype == np.uint16
    rows = {int(row["object"]): row for row in _rows(table)}
    assert set(rows) == set(np.unique(ids).tolist()) - {0}
    assert len(rows) == 3
    for number, row in rows.items():
        y, x = np.nonzero(ids == number)
        assert int(row["area_px"]) == len(y)
        assert float(row["area_um2"]) == len(y) * 100
        box = [int(row[name]) for name in ("y0", "x0", "y1", "x1")]
        assert box == [y.min(), x.min(), y.max() + 1, x.max() + 1]
        assert float(row["y"]) == pytest.approx(y.mean(), abs=0.01)
        assert (row["class"], row["class_id"]) == ("plant", "2")
    assert rows[FIRST_OBJECT]["by"] == "people"
    assert ids[310, 510] == FIRST_OBJECT
    assert {row["by"] for number, row in rows.items() if number != FIRST_OBJECT} == {"model"}


def test_every_format_has_the_same_ids(project: Project, tmp_path: Path) -> None:
    (tiff, _), (png, _), (folder, _) = (
        finish(export_objects(project, tmp_path / kind, format=kind))
        for kind in ("tiff", "png", "ome-zarr")
    )
    expected = tifffile.imread(tiff)
    np.testing.assert_array_equal(np.asarray(Image.open(png)), expected)
    np.testing.assert_array_equal(zarr.open_array(folder / "0", mode="r")[...], expected)


def test_ids_beyond_16_bits_take_32(project: Project, tmp_path: Path) -> None:
    image = project.images()[0].id
    tile = Tile(image, 0, 0, 5, 5)
    large = np.full((5, 5), 70_000, np.uint32)
    project.labels(image).write(tile, large, objects={70_000: 2})
    mask, _ = finish(export_objects(project, tmp_path / "out", source="labels"))
    ids = tifffile.imread(mask)
    assert ids.dtype == np.uint32
    assert (ids[:5, :5] == 70_000).all()
    with pytest.raises(InputError, match="do not fit a PNG"):
        finish(export_objects(project, tmp_path / "out", source="labels", format="png"))


def test_predictions_that_were_not_parted_are_named(project: Project, tmp_path: Path) -> None:
    project.update(neck=0.3)
    with pytest.raises(InputError, match="no objects yet"):
        finish(export_objects(project, tmp_path / "out"))
    (table,) = finish(export_objects(project, tmp_path / "out", source="labels", format=None))
    assert len(_rows(table)) == 1


def test_the_table_of_classes_counts_these_objects(project: Project, tmp_path: Path) -> None:
    image = project.images()[0].id
    store = project.labels(image)
    first = store.reserve(2)
    touching = np.repeat(np.array([first, first + 1], np.uint32), 10)[None].repeat(10, axis=0)
    tile = Tile(image, 400, 400, 10, 20)
    store.write(tile, touching, objects={first: 2, first + 1: 2})
    path = finish(export_traits(project, tmp_path / "traits.csv"))
    with path.open() as file:
        (plant,) = (row for row in csv.DictReader(file) if row["class"] == "plant")
    assert plant["objects"] == "5", "touching objects are two"


def test_a_project_of_classes_has_no_objects(tmp_path: Path) -> None:
    with tiny_project(tmp_path / "plain.phenoai", 1) as plain:
        with pytest.raises(InputError, match="classes and no objects"):
            finish(export_objects(plain, tmp_path / "out"))


@given(st.integers(0, 10_000), st.integers(1, 9))
def test_sizes_do_not_depend_on_the_blocks(seed: int, edge: int) -> None:
    ids = np.random.default_rng(seed).integers(0, 4, (11, 13)).astype(np.uint32)
    whole, blocks = ObjectSizes(), ObjectSizes()
    whole.add(0, 0, ids)
    for tile in cover("im", ids.shape, edge):
        blocks.add(tile.y, tile.x, ids[tile.slices])
    assert whole.of == blocks.of
