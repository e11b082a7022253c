"""Filling between the slices of a stack, by real mouse and key events."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.progress import finish
from napari_phenoai.io.project import Project
from napari_phenoai.testing.large import large_image
from napari_phenoai.testing.project import tiny_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from tests.ui.conftest import Hands

SIZE = (300, 320)


def _at_plane(hands: Hands, z: int) -> None:
    hands.wait(lambda: hands.painting.window is not None and hands.window.tile.z == z)
    hands.wait(lambda: hands.dock.bench.layers.window.shown and not hands.painting.reading)


def _plane(project: Project, image: str, z: int) -> NDArray[np.uint8]:
    return project.labels(image).read(Tile(image, 0, 0, *SIZE, z))


def test_a_click_in_two_planes_fills_those_between(
    tmp_path: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    path = tmp_path / "stack.phenoai"
    with Project.create(path, ["soil", "root"], tile_px=64) as made:
        stack = large_image(tmp_path / "stack.ome.zarr", SIZE, planes=4)
        finish(made.add_image(str(stack)))
        (image,) = (item.id for item in made.images())
    hands = open_workbench(path)
    project = hands.session.project
    assert project is not None
    hands.paint_anywhere()
    hands.painting.begin(image, 0)
    _at_plane(hands, 0)
    hands.look(150, 150, 2.0)
    hands.key("2")
    hands.stroke((150, 120), (150, 180))
    for z in (1, 2, 3):
        hands.key("PageDown")
        _at_plane(hands, z)
    hands.stroke((150, 140), (150, 160))
    hands.settle()

    hands.key("L", shift=True)
    assert "click an object in the first" in hands.dock.bench.hand.words
    hands.click(150, 150)
    assert "plane 4 is held" in hands.dock.bench.hand.words
    hands.key("Escape")
    assert "click an object in the first" in hands.dock.bench.hand.words
    assert hands.dock.bench.tools.tool == "slices", "only the click was dropped"
    hands.click(150, 150)
    for z in (2, 1, 0):
        hands.key("PageUp")
        _at_plane(hands, z)
    hands.click(150, 150)
    hands.wait(lambda: "2 planes filled" in hands.dock.bench.hand.words)
    hands.settle()
    areas = [int((_plane(project, image, z) == 2).sum()) for z in range(4)]
    assert areas[0] > areas[1] > areas[2] > areas[3] > 0

    hands.key("PageDown")
    _at_plane(hands, 1)
    assert (hands.window.painted == 2).sum() == areas[1], "it is seen there"
    assert project.journal.entries()[0].tool == "slices"
    hands.key("Z")
    hands.wait(lambda: not any(_plane(project, image, z).any() for z in (1, 2)))
    hands.settle()
    assert [int((_plane(project, image, z) == 2).sum()) for z in (0, 3)] == [areas[0], areas[3]]
    assert not (hands.window.painted == 2).any(), "one step took back all planes"
    hands.key("Z", shift=True)
    hands.wait(lambda: all((_plane(project, image, z) == 2).sum() == areas[z] for z in range(4)))
    hands.settle()
    for z in (1, 2):
        hands.painting.begin(image, z)
        _at_plane(hands, z)
        hands.wait(partial(_shows, hands, areas[z]))


def _shows(hands: Hands, pixels: int) -> bool:
    return int((hands.window.painted == 2).sum()) == pixels


def test_nothing_is_filled_where_there_is_no_stack(
    tmp_path: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    path = tmp_path / "field.phenoai"
    tiny_project(path).close()
    hands = open_workbench(path)
    hands.key("L", shift=True)
    assert "only in stacks" in hands.dock.bench.hand.words
    hands.click(30, 30)
    assert hands.session.desk is not None
    assert not hands.session.desk.labels.any()
    hands.key("Escape")
    assert hands.dock.bench.tools.tool == "brush"
