"""The first picture of a very large image: what it does not wait for."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtCore import QObject

from napari_phenoai.core.progress import finish
from napari_phenoai.io.project import Project
from napari_phenoai.testing.large import large_image
from napari_phenoai.ui import picture
from napari_phenoai.ui.backdrop import Backdrop
from napari_phenoai.ui.blocks import BlockReader
from napari_phenoai.ui.docks import show_dock
from napari_phenoai.ui.gallery import Scene
from napari_phenoai.ui.layer_stack import OVERLAYS, LayerStack
from napari_phenoai.ui.overlays import open_overlays
from napari_phenoai.ui.picture import open_picture
from napari_phenoai.ui.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import napari

    from napari_phenoai.ui.session import Session

GREY = 120


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a closed project with one image of 100,000 x 100,000 px."""
    folder = tmp_path_factory.mktemp("large")
    image = large_image(folder / "large.ome.zarr", (100_000, 100_000), patches=[(0, 0, 1024)])
    with Project.create(folder / "large.phenoai", ["soil", "plant"]) as project:
        finish(project.add_image(str(image)))
    return folder / "large.phenoai"


@pytest.fixture
def project(large: Path) -> Iterator[Project]:
    with Project.open(large) as opened:
        yield opened


@pytest.fixture
def reader() -> Iterator[BlockReader]:
    made = BlockReader()
    yield made
    made.shutdown()


def test_pixels_are_read_without_a_graph_of_all_chunks(
    project: Project, reader: BlockReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a block was looked for among all chunks of the image")

    monkeypatch.setattr(picture, "read_lazily", refuse)
    opened = open_picture(project, project.images()[0].id, 0, reader)
    pyramid = opened.channels[0].pyramid
    block = pyramid._read(0, slice(0, 64), slice(0, 64))
    source: Any = project.source(project.images()[0].id)
    expected = np.moveaxis(source.window(0, slice(0, 3), slice(0, 64), slice(0, 64)), 0, -1)
    np.testing.assert_array_equal(block, expected)
    assert (pyramid._read(0, slice(50_000, 50_010), slice(50_000, 50_010)) == GREY).all()


def test_a_picture_that_is_opened_can_be_drawn_at_once(
    project: Project, reader: BlockReader
) -> None:
    opened = open_picture(project, project.images()[0].id, 0, reader)
    pyramid = opened.channels[0].pyramid
    whole = pyramid.whole()
    assert whole.shape == (*pyramid.shapes[-1], 3)
    assert (whole[-50:, -50:] == GREY).all()
    assert not pyramid.pending, "what is there already is read once more"


def test_a_large_coarsest_level_is_not_waited_for(
    project: Project, reader: BlockReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_phenoai.ui.pyramid._SMALL_PX", 100)
    opened = open_picture(project, project.images()[0].id, 0, reader)
    assert not opened.channels[0].pyramid._blocks


def test_layers_over_the_first_picture_come_one_by_one_and_hidden(
    make_napari_viewer: Callable[..., napari.Viewer],
    project: Project,
    reader: BlockReader,
) -> None:
    viewer, image = make_napari_viewer(), project.images()[0].id
    stack, styled = LayerStack(viewer), list[int]()
    parent: QObject = viewer.window._qt_window
    backdrop = Backdrop(stack, parent, lambda: styled.append(len(viewer.layers)))
    pictures = open_picture(project, image, 0, reader)
    scene = Scene(pictures, open_overlays(project, image, 0, None, reader), None)
    backdrop.bring(scene)
    counts = []
    while backdrop.scene is None:
        assert backdrop.show_more(None)
        counts.append(len(viewer.layers))
        assert not any(layer.visible for layer in stack.overlays.values())
    assert counts == [1, 2, 3, 4, 4]
    assert styled == [4], "new layers were left without colours"
    assert tuple(stack.overlays) == OVERLAYS
    assert [layer.name for layer in viewer.layers][1:] == [f"PhenoAI {name}" for name in OVERLAYS]
    assert not backdrop.show_more(None)
    backdrop.stop()
    pictures.close()


def test_labels_of_the_first_picture_have_the_colours_of_their_classes(
    session: tuple[napari.Viewer, Session], large: Path, qtbot: Any
) -> None:
    viewer, found = session
    dock: Any = show_dock(viewer, "Workbench")
    stack, shown = dock.bench.layers.stack, list[Any]()

    def look() -> bool:
        layer = stack.overlays.get("labels")
        if isinstance(layer, Labels) and layer.visible:
            shown.append(layer.metadata.get("colours"))
        return bool(shown)

    found.open_project(large)
    assert found.learner is not None
    found.learner.set_auto(auto=False)
    qtbot.waitUntil(look, timeout=60_000)
    assert shown[0] is not None, "labels were seen in colours of napari"
    assert stack.overlays["labels"].visible
    assert not stack.overlays["prediction"].visible
    qtbot.waitUntil(lambda: found.desk is not None and not found.jobs, timeout=60_000)


def test_the_first_steps_leave_time_for_drawing(qtbot: Any) -> None:
    parent, between = QObject(), list[int]()

    def step() -> bool:
        turns.begin()  # somebody else wants more; that takes no time away
        between.append(turns._timer.interval())
        return len(between) < 3

    turns = Turns(step, parent)
    turns.begin(drawing=True)
    qtbot.waitUntil(lambda: len(between) == 3, timeout=60_000)
    assert min(between) >= 10, "milliseconds from one step to the next"


_UNITS = """
import numpy, pint, psygnal, time
from pint.registry import LazyRegistry
import napari.layers
from napari_phenoai.ui.background import Background
from napari_phenoai.ui.warming import warm_up
used = {used}
if used:
    known = pint.get_application_registry().pixel
background = Background()
warm_up(background)
while background.busy:
    psygnal.emit_queued()
    time.sleep(0.01)
assert not isinstance(pint.application_registry.get(), LazyRegistry)
if used:
    assert known == pint.get_application_registry().pixel, "units of two kinds"
layer = napari.layers.Image(numpy.zeros((2, 2)))
assert str(layer.units[0]) == "pixel", layer.units
background.shutdown()
"""


@pytest.mark.parametrize("used", [False, True])
def test_units_are_ready_before_the_first_layer(used: bool) -> None:
    code = _UNITS.format(used=used)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
