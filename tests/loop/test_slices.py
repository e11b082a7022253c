"""Planes between two planes of a stack, filled from a project on the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_phenoai.core.edits import edit_between
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.progress import finish
from napari_phenoai.errors import InputError
from napari_phenoai.io.project import Project
from napari_phenoai.loop.slices import filled_between
from napari_phenoai.testing.large import large_image

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PLANE = (700, 800)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return an open project with one stack of five planes."""
    project = Project.create(tmp_path / "stack.phenoai", ["soil", "root", "bud"], tile_px=64)
    stack = large_image(tmp_path / "stack.ome.zarr", PLANE, planes=5)
    finish(project.add_image(str(stack)))
    return project


def _disc(y: float, x: float, radius: float) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[: PLANE[0], : PLANE[1]]
    mask: NDArray[np.bool_] = (rows - y) ** 2 + (columns - x) ** 2 < radius**2
    return mask


def _paint(project: Project, z: int, mask: NDArray[np.bool_], value: int = 2) -> str:
    (image,) = project.images()
    tile = Tile(image.id, 0, 0, *PLANE, z)
    store = project.labels(image.id)
    before = store.values(tile)
    edit = edit_between(tile, before, np.where(mask, value, before).astype(before.dtype))
    assert edit is not None
    store.apply(edit)
    return image.id


def _plane(project: Project, z: int) -> NDArray[np.uint8]:
    (image,) = project.images()
    return project.labels(image.id).values(Tile(image.id, 0, 0, *PLANE, z))


@pytest.mark.parametrize("turned", [False, True])
def test_planes_between_are_filled_in_the_value_of_the_first(
    project: Project, *, turned: bool
) -> None:
    with project:
        image = _paint(project, 0, _disc(100, 100, 40), value=2)
        _paint(project, 4, _disc(140, 180, 20), value=3)
        places = (0, 100, 100), (4, 140, 180)
        first, last = places[::-1] if turned else places
        edit = filled_between(project, image, first, last, author="ana")
        assert edit is not None
        assert [part.tile.z for part in edit.planes] == [1, 2, 3]
        project.labels(image).apply(edit)
        areas = [int((_plane(project, z) > 0).sum()) for z in range(5)]
        assert areas == sorted(areas, reverse=True)
        assert len(set(areas)) == 5
        assert _plane(project, 2)[120, 140] == (3 if turned else 2), "half way"
        project.labels(image).apply(edit.inverse())
        assert not any(_plane(project, z).any() for z in (1, 2, 3))


def test_an_object_larger_than_the_first_window_is_found_whole(project: Project) -> None:
    with project:
        image = _paint(project, 0, _disc(350, 400, 330))
        _paint(project, 2, _disc(350, 400, 330))
        edit = filled_between(project, image, (0, 350, 400), (2, 350, 400))
        assert edit is not None
        wanted = _disc(350, 400, 330).sum()
        assert abs(int((edit.after == 2).sum()) - wanted) < 0.01 * wanted


def test_what_is_locked_stays(project: Project) -> None:
    with project:
        image = _paint(project, 0, _disc(100, 100, 40))
        _paint(project, 2, _disc(100, 100, 40))
        _paint(project, 1, _disc(100, 100, 10), value=1)
        places = (0, 100, 100), (2, 100, 100)
        edit = filled_between(project, image, *places, locked=frozenset({1}))
        assert edit is not None
        project.labels(image).apply(edit)
        between = _plane(project, 1)
        np.testing.assert_array_equal(between == 1, _disc(100, 100, 10))
        assert between[100, 130] == 2


def test_what_cannot_be_is_refused(project: Project) -> None:
    with project:
        image = _paint(project, 0, _disc(100, 100, 40))
        _paint(project, 2, _disc(100, 100, 40))
        with pytest.raises(InputError, match="no object"):
            filled_between(project, image, (0, 100, 100), (2, 600, 600))
        with pytest.raises(InputError, match="No plane lies between"):
            filled_between(project, image, (0, 100, 100), (1, 100, 100))
