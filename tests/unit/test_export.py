"""Export: what comes out is what is in the project, whole, and says where it is from."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.progress import finish
from napari_phenoai.core.records import ModelCard, RoundRecord
from napari_phenoai.errors import DiskError, InputError
from napari_phenoai.io.export import COLUMNS, export_masks, export_traits
from napari_phenoai.io.export.feed import Feed
from napari_phenoai.io.project import Project
from napari_phenoai.testing.project import tiny_project

MODEL, SNAPSHOT = "forest-1", "ab" * 32
SIZE = (560, 600)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenes; all predicted as class 2 on the left half, class 1 on the right."""
    path = tmp_path_factory.mktemp("original") / "field.phenoai"
    card = ModelCard(
        id=MODEL, family="forest", channels=3, dtype="uint8", class_ids=(1, 2),
        class_names=("soil", "plant"), scheme_version=1, snapshot=SNAPSHOT,
    )  # fmt: skip
    with tiny_project(path, size=SIZE) as project:
        with project.models.stage() as folder:
            (folder / "weights.safetensors").write_bytes(b"weights")
            project.models.commit(folder, card)
        project.rounds.add(RoundRecord(id="r1", kind="training", model=MODEL, served=MODEL))
        for record in project.images():
            _predict(project, record.id)
            project.set_pixel_um(record.id, 100.0)
    return path


@pytest.fixture
def project(original: Path, tmp_path: Path) -> Iterator[Project]:
    shutil.copytree(original, tmp_path / original.name)
    with Project.open(tmp_path / original.name) as project:
        yield project


def _predict(project: Project, image: str) -> None:
    classes = np.ones(SIZE, np.uint8)
    classes[:, :300] = 2
    whole = Tile(image, 0, 0, *SIZE)
    project.predictions(image, MODEL).write(whole, classes, np.zeros(SIZE, np.float32))


def _label(project: Project, image: str) -> None:
    """A person found a plant of 10 x 10 px on the right and soil of 20 x 20 px on the left."""
    project.labels(image).write(Tile(image, 500, 400, 10, 10), np.full((10, 10), 2, np.uint8))
    project.labels(image).write(Tile(image, 100, 100, 20, 20), np.ones((20, 20), np.uint8))


def _best() -> np.ndarray:
    mask = np.zeros(SIZE, np.uint8)
    mask[:, :300] = 1
    mask[500:510, 400:410] = 1
    mask[100:120, 100:120] = 0
    return mask


def test_tiff_holds_the_best_of_both_with_palette_and_pixel_size(
    project: Project, tmp_path: Path
) -> None:
    first, second = (record.id for record in project.images())
    _label(project, first)
    paths = finish(export_masks(project, tmp_path / "out"))
    assert [path.name for path in paths] == [f"{first}.tif", f"{second}.tif"]
    with tifffile.TiffFile(paths[0]) as file:
        page = file.pages.first
        np.testing.assert_array_equal(page.asarray(), _best())
        assert page.colormap is not None
        np.testing.assert_array_equal(page.colormap[:, 1] // 257, [0x00, 0x9E, 0x73])
        numerator, denominator = page.tags["XResolution"].value
        assert numerator / denominator == pytest.approx(100)
        about = json.loads(page.description)
    assert (about["model"], about["snapshot"]) == (MODEL, SNAPSHOT)
    np.testing.assert_array_equal(np.asarray(Image.open(paths[0])), _best())


def test_png_is_indexed_with_the_colours_of_the_classes(project: Project, tmp_path: Path) -> None:
    (path,) = finish(
        export_masks(project, tmp_path / "out", format="png", images=[project.images()[1].id])
    )
    with Image.open(path) as image:
        assert image.mode == "P"
        assert (image.getpalette() or [])[:6] == [0x99, 0x99, 0x99, 0x00, 0x9E, 0x73]
        mask = np.asarray(image)
    np.testing.assert_array_equal(mask, np.tile(np.arange(600) < 300, (560, 1)))


def test_ome_zarr_is_a_valid_label_image(project: Project, tmp_path: Path) -> None:
    import yaozarrs
    import zarr

    _label(project, project.images()[0].id)
    path = finish(export_masks(project, tmp_path / "out", format="ome-zarr"))[0]
    yaozarrs.validate_zarr_store(str(path))
    group = zarr.open_group(path, mode="r")
    np.testing.assert_array_equal(np.asarray(group["0"]), _best())
    assert group["1"].shape == (280, 300)  # type: ignore[union-attr]
    ome: Any = group.attrs["ome"]
    assert ome["image-label"]["properties"][1] == {"label-value": 1, "class": "plant"}
    assert ome["phenoai"]["model"] == MODEL


def test_labels_alone_tell_unlabelled_from_background(project: Project, tmp_path: Path) -> None:
    image = project.images()[0].id
    _label(project, image)
    (path,) = finish(export_masks(project, tmp_path / "a", source="labels", images=[image]))
    mask = tifffile.imread(path)
    assert [int(mask[y, x]) for y, x in ((0, 0), (110, 110), (505, 405))] == [255, 0, 1]
    (path,) = finish(
        export_masks(project, tmp_path / "b", source="labels", images=[image], values="ids")
    )
    mask = tifffile.imread(path)
    assert [int(mask[y, x]) for y, x in ((0, 0), (110, 110), (505, 405))] == [0, 1, 2]


def test_a_manifest_names_classes_ids_and_checksums(project: Project, tmp_path: Path) -> None:
    from napari_phenoai.core.ids import sha256_file

    paths = finish(export_masks(project, tmp_path / "out"))
    manifest = json.loads((tmp_path / "out" / "export.json").read_text())
    assert manifest["model"] == MODEL
    assert manifest["snapshot"] == SNAPSHOT
    assert [(row["value"], row["name"]) for row in manifest["classes"]] == [
        (0, "soil"),
        (1, "plant"),
    ]
    for path in paths:
        assert manifest["files"][path.name]["sha256"] == sha256_file(path)


def test_a_second_export_writes_only_what_changed_or_was_damaged(
    project: Project, tmp_path: Path
) -> None:
    first, second = finish(export_masks(project, tmp_path / "out"))
    times = first.stat().st_mtime_ns, second.stat().st_mtime_ns
    finish(export_masks(project, tmp_path / "out"))
    assert (first.stat().st_mtime_ns, second.stat().st_mtime_ns) == times
    _label(project, project.images()[0].id)
    second.write_bytes(second.read_bytes()[:-10])
    finish(export_masks(project, tmp_path / "out"))
    np.testing.assert_array_equal(tifffile.imread(first), _best())
    assert tifffile.imread(second).shape == SIZE


@pytest.mark.parametrize("kind", ["tiff", "png", "ome-zarr"])
def test_a_cancelled_export_leaves_whole_files_only_and_can_be_resumed(
    project: Project, tmp_path: Path, kind: str
) -> None:
    work = export_masks(project, tmp_path / "out", format=kind)
    for progress in work:
        if progress.fraction and progress.fraction > 0.6:
            break
    work.close()
    left = [path.name for path in (tmp_path / "out").iterdir() if path.name != "export.json"]
    assert len(left) == 1
    assert not left[0].startswith(".")
    assert len(finish(export_masks(project, tmp_path / "out", format=kind))) == 2


def test_an_image_without_all_predictions_is_refused_by_name(
    project: Project, tmp_path: Path, original: Path
) -> None:
    scenes = original.with_name("field-scenes") / "images"
    record = finish(project.add_image(str(_copy(scenes / "scene_0.png", tmp_path / "new.png"))))
    with pytest.raises(InputError, match=rf"100.0 % .*{record.name}.*{MODEL}"):
        finish(export_masks(project, tmp_path / "out"))
    assert not (tmp_path / "out" / f"{record.id}.tif").exists()
    with pytest.raises(InputError, match="no class yet"):
        finish(export_traits(project, tmp_path / "t.csv"))
    paths = finish(export_masks(project, tmp_path / "out", allow_partial=True))
    assert (tifffile.imread(paths[-1]) == 255).all()


def _copy(source: Path, target: Path) -> Path:
    image = np.asarray(Image.open(source)).copy()
    image[0, 0] = 0
    Image.fromarray(image).save(target)
    return target


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_table_has_units_and_ids_in_every_row(project: Project, tmp_path: Path) -> None:
    image = project.images()[0].id
    _label(project, image)
    path = finish(export_traits(project, tmp_path / "out" / "traits.csv"))
    rows = _rows(path)
    assert tuple(rows[0]) == COLUMNS
    assert [(row["image"], row["class"]) for row in rows[:2]] == [(image, "soil"), (image, "plant")]
    assert {row["model"] for row in rows} == {MODEL}
    assert {row["snapshot"] for row in rows} == {SNAPSHOT}
    plant = rows[1]
    area = int(_best().sum())
    assert int(plant["area_px"]) == area
    assert float(plant["area_mm2"]) == pytest.approx(area * 0.01)
    assert float(plant["cover"]) == pytest.approx(area / (560 * 600))
    assert (plant["objects"], rows[0]["objects"]) == ("2", "")
    assert [row["objects"] for row in rows[2:]] == ["", "1"]


def test_the_table_has_no_units_where_the_pixel_size_is_unknown(
    project: Project, tmp_path: Path
) -> None:
    project.set_pixel_um(project.images()[0].id, None)
    path = finish(export_traits(project, tmp_path / "traits.csv"))
    row = _rows(path)[0]
    assert row["area_mm2"] == row["area_um2"] == row["pixel_um"] == ""


def test_a_cancelled_table_is_not_there_and_is_resumed(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "traits.csv"
    work = export_traits(project, path)
    for progress in work:
        if progress.done > 1:
            break
    work.close()
    assert not path.exists()
    messages: list[float] = []
    finish(export_traits(project, path), lambda progress: messages.append(progress.done))
    assert not [done for done in messages if 0 < done < 1]
    assert len(path.read_text().splitlines()) == 5
    assert [item.name for item in tmp_path.iterdir() if item.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "bmp"}, "no format 'bmp'.*tiff, png, ome-zarr"),
        ({"source": "hope"}, "no source 'hope'.*best"),
        ({"values": "roman"}, "no value style"),
        ({"images": ["pear"]}, "no image 'pear'"),
    ],
)
def test_wrong_options_are_named_with_the_right_ones(
    project: Project, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        finish(export_masks(project, tmp_path / "out", **options))


def test_a_file_in_the_place_of_the_folder_is_named(project: Project, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(InputError, match=r"out is a file\. Choose a folder"):
        finish(export_masks(project, tmp_path / "out"))
    assert (tmp_path / "out").read_text() == "mine"
    with pytest.raises(InputError, match="is a folder"):
        finish(export_traits(project, tmp_path))


def test_a_writer_that_fails_is_heard_and_one_that_is_left_stops() -> None:
    def fails(items: Iterator[int]) -> None:
        next(items)
        raise OSError(28, "full")

    def fill(write: Callable[[Iterator[int]], object], *, stop_at: int) -> None:
        with Feed(write) as feed:
            for number in range(9):
                feed.put(1 // (stop_at - number))

    with pytest.raises(OSError, match="full"):
        fill(fails, stop_at=99)
    seen: list[int] = []
    with pytest.raises(ZeroDivisionError):
        fill(seen.extend, stop_at=3)
    assert len(seen) <= 3


def test_a_full_disk_is_told_with_the_path_and_the_old_file_stays(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path, _) = finish(export_masks(project, tmp_path / "out"))
    before = path.read_bytes()
    _label(project, project.images()[0].id)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tifffile.TiffWriter, "write", full)
    with pytest.raises(DiskError, match=rf"{path}.*disk is full.*Free some space"):
        finish(export_masks(project, tmp_path / "out"))
    assert path.read_bytes() == before
    assert not list((tmp_path / "out").glob(".*"))
