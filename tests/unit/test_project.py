"""The project: one folder, opened, moved, damaged, extended."""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.progress import finish
from napari_phenoai.errors import ImageError, InputError, NewerFormatError, ProjectError
from napari_phenoai.io.project import Project, is_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLASSES = ["soil", "plant"]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "field.phenoai", CLASSES) as made:
        yield made


def picture(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (60, 80, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_a_project_is_made_and_opened(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "field.phenoai"
    with Project.create(folder, CLASSES, tile_px=128) as made:
        spec = made.spec
    assert is_project(folder)
    assert (spec.name, spec.tile_px, made.scheme.names) == ("field", 128, ("soil", "plant"))
    for place in (folder, str(folder), folder / "project.json"):
        with Project.open(place) as opened:
            assert opened.spec == spec
            assert opened.path == folder
            assert [*opened.images(), *opened.reviews.all(), *opened.models.cards()] == []
            assert opened.rounds.served() is None
            assert opened.problems == []


def test_a_folder_in_use_is_left_alone(tmp_path: Path, project: Project) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("precious")
    for place, reason in (
        (tmp_path / "thesis", "chapter.txt"),
        (project.path, "already"),
        (tmp_path / "thesis" / "chapter.txt", "is a file"),
    ):
        with pytest.raises(ProjectError) as caught:
            Project.create(place, CLASSES)
        assert reason in str(caught.value)
        assert str(place) in caught.value.what
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["chapter.txt"]
    (tmp_path / "empty").mkdir()
    Project.create(tmp_path / "empty", CLASSES).close()


def test_bad_wishes_make_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="too few"):
        Project.create(tmp_path / "a", ["soil"])
    with pytest.raises(InputError, match="tile_px"):
        Project.create(tmp_path / "a", CLASSES, tile_px=3)
    assert not (tmp_path / "a").exists()


def test_what_is_no_project_is_refused(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ProjectError, match=r"no project.json"):
            Project.open(place)


def test_a_newer_or_damaged_project_file_is_told_apart(project: Project) -> None:
    file = project.path / "project.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "format": 2, "plots": []}))
    with pytest.raises(NewerFormatError) as caught:
        Project.open(project.path)
    assert str(file) in caught.value.what
    file.write_text("{")
    with pytest.raises(ProjectError, match="damaged") as damaged:
        Project.open(project.path)
    assert not isinstance(damaged.value, NewerFormatError)


def test_settings_change_for_every_process(project: Project) -> None:
    other = Project.open(project.path)
    project.update(tile_px=512, heldout_share=0.5)
    assert (other.spec.tile_px, other.spec.heldout_share) == (512, 0.5)
    other.update(tile_px=64)
    assert (project.spec.tile_px, project.spec.heldout_share) == (64, 0.5)
    for change in ({"tile_px": 5}, {"nonsense": 1}):
        with pytest.raises(InputError, match=next(iter(change))):
            project.update(**change)
    assert other.spec.tile_px == 64
    other.close()


def test_classes_follow_from_those_in_force(project: Project, tmp_path: Path) -> None:
    other, old = Project.open(project.path), project.scheme
    project.update_scheme(old.added("flower"))
    assert other.scheme.names == ("soil", "plant", "flower")
    with pytest.raises(InputError, match="do not follow"):
        other.update_scheme(old.added("root"))
    record = finish(project.add_image(picture(tmp_path / "a.png")))
    tile = Tile(record.id, 0, 0, 8, 8)
    labels = project.labels(record.id)
    other.update_scheme(other.scheme.added("root"))
    labels.write(tile, np.full((8, 8), 4, np.uint8))
    assert (other.labels(record.id).read(tile) == 4).all()
    other.close()


def test_an_image_outside_is_referred_to(project: Project, tmp_path: Path) -> None:
    path = picture(tmp_path / "Photos" / "Leaf 1.png")
    record = finish(project.add_image(path, group="plot 3", pixel_um=12.5))
    assert (record.id, record.name, record.uri) == ("leaf-1", "Leaf 1.png", str(path))
    assert (record.shape, record.group, record.pixel_um) == ((1, 3, 60, 80), "plot 3", 12.5)
    assert project.images() == [record]
    source = project.source(record.id)
    assert source is project.source(record.id)
    assert source.read(Tile(record.id, 0, 0, 60, 80)).shape == (3, 60, 80)
    assert not list((project.path / "images").glob("*.zarr"))


def test_the_same_pixels_are_added_once(project: Project, tmp_path: Path) -> None:
    first = finish(project.add_image(picture(tmp_path / "a.png")))
    shutil.copy(tmp_path / "a.png", tmp_path / "b.png")
    assert finish(project.add_image(tmp_path / "b.png")) == first
    other = finish(project.add_image(picture(tmp_path / "x" / "a.png", 1)))
    assert other.id == "a-2"
    assert [record.id for record in project.images()] == ["a", "a-2"]


def test_a_moved_project_keeps_the_images_inside(project: Project, tmp_path: Path) -> None:
    inside = picture(project.path / "raw" / "a.png")
    record = finish(project.add_image(inside))
    assert record.uri == "raw/a.png"
    project.close()
    moved = project.path.rename(tmp_path / "moved.phenoai")
    with Project.open(moved) as opened:
        assert opened.source(record.id).shape == (1, 3, 60, 80)


def test_a_copy_belongs_to_the_project(project: Project, tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    record = finish(project.add_image(path, copy=True))
    assert record.uri == "images/a.ome.zarr"
    assert record.original == str(path)
    path.unlink()
    project.close()
    with Project.open(project.path) as opened:
        assert opened.source("a").read(Tile("a", 0, 0, 8, 8)).shape == (3, 8, 8)


def test_a_cancelled_copy_leaves_nothing(project: Project, tmp_path: Path) -> None:
    work = project.add_image(picture(tmp_path / "a.png"), copy=True)
    next(work)
    next(work)
    work.close()
    assert project.images() == []
    assert list((project.path / "images").iterdir()) == []
    assert finish(project.add_image(tmp_path / "a.png", copy=True)).id == "a"


def test_an_image_that_has_gone_or_changed_is_named(project: Project, tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    record = finish(project.add_image(path))
    path.rename(tmp_path / "elsewhere.png")
    project.close()
    with Project.open(project.path) as opened:
        with pytest.raises(ImageError, match="any more") as gone:
            opened.source(record.id)
        assert str(path) in gone.value.what
        picture(path, seed=5)
        with pytest.raises(ImageError, match="changed") as changed:
            opened.source(record.id)
        assert str(path) in changed.value.what
        opened.relink_image(record.id, tmp_path / "elsewhere.png")
        assert opened.source(record.id).shape == record.shape
        Image.new("RGB", (9, 9)).save(tmp_path / "small.png")
        with pytest.raises(ImageError, match="shape"):
            opened.relink_image(record.id, tmp_path / "small.png")


def test_a_moved_image_is_added_again_as_itself(project: Project, tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    record = finish(project.add_image(path, group="plot 1"))
    project.labels("a").write(Tile("a", 0, 0, 4, 4), np.ones((4, 4), np.uint8))
    place = path.rename(tmp_path / "new place.png")
    again = finish(project.add_image(place))
    assert again == record.but(uri=str(place), original=str(place))
    assert project.images() == [again]
    assert project.source("a").uri == str(place)


@pytest.mark.skipif(os.name == "nt", reason="links need special rights there")
def test_paths_through_links_are_the_same_project(project: Project, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(project.path)
    inside = picture(project.path / "raw" / "a.png")
    with Project.open(tmp_path / "link") as linked:
        record = finish(linked.add_image(tmp_path / "link" / ".." / "link" / "raw" / "a.png"))
        assert record.uri == "raw/a.png"
    assert project.images() == [record]
    assert project.source(record.id).uri == str(inside)


@pytest.mark.parametrize("content", [b"", b"just text", b"\x89PNG\r\n\x1a\n cut"])
def test_a_file_that_is_no_image_is_not_added(
    project: Project, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=str(path)):
        finish(project.add_image(path))
    assert project.images() == []


def test_pixel_size_and_group_can_be_set_later(project: Project, tmp_path: Path) -> None:
    image = finish(project.add_image(picture(tmp_path / "a.png"))).id
    project.labels(image).write(Tile(image, 0, 0, 4, 4), np.ones((4, 4), np.uint8))
    other = Project.open(project.path)
    assert project.set_pixel_um(image, 3.0).pixel_um == 3.0
    assert other.image(image).pixel_um == 3.0
    assert project.set_group(image, "plot 1").group == "plot 1"
    assert other.image(image).group == "plot 1"
    assert project.set_pixel_um(image, None).pixel_um is None
    with pytest.raises(InputError):
        project.set_pixel_um(image, -1)
    with pytest.raises(InputError, match="'nope'"):
        project.set_group("nope", "x")
    assert not other.problems
    other.close()


def test_stores_are_the_same_objects_and_close_with_the_project(
    project: Project, tmp_path: Path
) -> None:
    image = finish(project.add_image(picture(tmp_path / "a.png"))).id
    assert project.labels(image) is project.labels(image)
    assert project.predictions(image, "m") is project.predictions(image, "m")
    tile = Tile(image, 0, 0, 4, 4)
    project.labels(image).write(tile, np.ones((4, 4), np.uint8))
    project.predictions(image, "m").write(tile, np.ones((4, 4), np.uint8))
    project.ledger.set_setting("tile", tile.key)
    project.close()
    with Project.open(project.path) as opened:
        opened.labels(image).write(tile, np.full((4, 4), 2, np.uint8))
        assert opened.predictions(image, "m").has(tile)
        assert opened.ledger.get_setting("tile") == tile.key
    with pytest.raises(InputError):
        project.labels("nope")


def test_images_of_one_name_never_take_each_others_place(project: Project, tmp_path: Path) -> None:
    other = Project.open(project.path)
    paths = [picture(tmp_path / str(number) / "a.png", number) for number in range(8)]
    doors = [project, other] * 4
    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(lambda door, path: finish(door.add_image(path)), doors, paths))
    assert len({record.id for record in added}) == 8
    for opened in (project, other):
        assert {record.original for record in opened.images()} == set(map(str, paths))
    assert not list((project.path / "images").glob(".*"))
    other.close()
