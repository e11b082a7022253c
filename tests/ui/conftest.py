"""Windows for tests: settings of their own, projects with people's work in them."""

from __future__ import annotations

import gc
import itertools
import os
import shutil
import tempfile
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

os.environ["NAPARI_CONFIG"] = str(
    Path(tempfile.mkdtemp(prefix="phenoai-napari-")) / "settings.yaml"
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import napari
    from pytestqt.qtbot import QtBot
    from qtpy.QtCore import QPoint
    from qtpy.QtWidgets import QWidget

    from napari_phenoai.ui.painting import Painting
    from napari_phenoai.ui.session import Session
    from napari_phenoai.ui.window_pixels import WindowPixels
    from napari_phenoai.ui.workbench import WorkbenchDock


@pytest.fixture(autouse=True)
def _collect_here(request: pytest.FixtureRequest) -> Iterator[None]:
    """Collect what a window leaves in this thread: Qt objects must not die in another."""
    yield
    if "make_napari_viewer" in request.fixturenames:
        gc.unfreeze()
        gc.collect()


@pytest.fixture
def worked_project(tmp_path: Path, worked_once: Path) -> Path:
    """Return a closed project of two scenes with six decided tiles and a forest that serves."""
    return Path(shutil.copytree(worked_once, tmp_path / "field.phenoai"))


@pytest.fixture(scope="session")
def worked_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the project that `worked_project` copies."""
    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.ports import TrainSettings
    from napari_phenoai.core.progress import finish
    from napari_phenoai.loop.retrain import retrain
    from napari_phenoai.loop.review import decide, propose
    from napari_phenoai.testing.project import tiny_project
    from napari_phenoai.testing.scenes import rosettes

    path = tmp_path_factory.mktemp("worked") / "field.phenoai"
    with tiny_project(path, 2) as project:
        project.update(heldout_share=0.4)
        settings = TrainSettings(family="forest", extra={"trees": 10})
        for number, image in enumerate(project.images()):
            truth = rosettes(number, image.plane, spacing_px=80).classes
            for x in (0, 64, 128):
                tile = Tile(image.id, 32, x, 64, 64)
                labels = np.ascontiguousarray(truth[tile.slices])
                decide(
                    project,
                    tile,
                    "corrected",
                    labels=labels,
                    proposal=propose(project, tile, None),
                    known="all",
                    seconds=30.0,
                    author="ana",
                )
        finish(retrain(project, settings, author="ana"))
    return path


@pytest.fixture
def session(
    make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot
) -> Iterator[tuple[napari.Viewer, Session]]:
    """Return a viewer and its session; nothing of it runs on after the test."""
    from napari_phenoai.ui.session import session_of

    viewer = make_napari_viewer()
    found = session_of(viewer)
    yield viewer, found
    found.close_project()
    qtbot.waitUntil(lambda: not found.jobs and not found.background.busy, timeout=60_000)
    found.close()


MOVE_MS = 16
"""Pause after a movement: napari holds one back for 5 ms, a release before loses it."""


class Hands:
    """Mouse and keyboard of a person at one viewer, by real Qt events.

    Positions are rows and columns in pixels of the tile on the desk, or of the window
    for painting anywhere.
    """

    def __init__(self, viewer: napari.Viewer, dock: WorkbenchDock, qtbot: QtBot) -> None:
        self.viewer = viewer
        self.dock = dock
        self.session = dock.session
        self.qtbot = qtbot

    @property
    def canvas(self) -> QWidget:
        """The widget that draws the image."""
        native: QWidget = self.viewer.window._qt_viewer.canvas.native
        return native

    def wait(self, condition: Callable[[], object], seconds: float = 60) -> None:
        """Let the window live until `condition` holds."""
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=round(seconds * 1000))

    def point(self, row: float, column: float) -> QPoint:
        """Return where a pixel of the tile is drawn."""
        from qtpy.QtCore import QPoint

        layer: Any = self.dock.bench.layers.stack.tile
        world = np.array(layer.translate) + np.array([row, column]) * np.array(layer.scale)
        camera = self.viewer.scene.camera
        height, width = self.viewer.canvas.size
        y, x = (world - np.array(camera.center[-2:])) * camera.zoom + np.array([height, width]) / 2
        return QPoint(round(float(x)), round(float(y)))

    def stroke(self, *corners: tuple[float, float]) -> None:
        """Draw with the left button held, from corner to corner."""
        from qtpy.QtCore import Qt

        left = Qt.MouseButton.LeftButton
        points = [corners[0]]
        for start, end in itertools.pairwise(corners):
            points += [
                (start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part)
                for part in (0.25, 0.5, 0.75, 1.0)
            ]
        self._move(points[0])
        mouse: Any = self.qtbot
        mouse.mousePress(self.canvas, left, pos=self.point(*points[0]))
        for point in points[1:]:
            self._move(point)
        mouse.mouseRelease(self.canvas, left, pos=self.point(*points[-1]))

    def click(self, row: float, column: float, *, shift: bool = False) -> None:
        """Click once on the canvas."""
        from qtpy.QtCore import Qt

        place = self.point(row, column)
        self._move((row, column))
        held = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
        mouse: Any = self.qtbot
        mouse.mouseClick(self.canvas, Qt.MouseButton.LeftButton, held, pos=place)

    def _move(self, place: tuple[float, float]) -> None:
        mouse: Any = self.qtbot
        mouse.mouseMove(self.canvas, self.point(*place))
        self.qtbot.wait(MOVE_MS)

    def key(self, name: str, *, shift: bool = False, control: bool = False) -> None:
        """Press and release a key, by its name in Qt without ``Key_``."""
        from qtpy.QtCore import Qt

        modifier = Qt.KeyboardModifier.NoModifier
        if shift:
            modifier |= Qt.KeyboardModifier.ShiftModifier
        if control:
            modifier |= Qt.KeyboardModifier.ControlModifier
        keyboard: Any = self.qtbot
        keyboard.keyClick(self.canvas, getattr(Qt.Key, f"Key_{name}"), modifier)

    @property
    def painting(self) -> Painting:
        """Painting anywhere in the open project."""
        assert self.session.painting is not None
        return self.session.painting

    @property
    def window(self) -> WindowPixels:
        """The window that can be painted."""
        assert self.painting.window is not None
        return self.painting.window

    def look(self, y: float, x: float, zoom: float = 1.0) -> None:
        """Bring a pixel of the image into the middle; wait until it can be painted."""
        self.viewer.scene.camera.center = (0, y, x)
        self.viewer.scene.camera.zoom = zoom
        self.qtbot.wait(80)
        window = self.dock.bench.layers.window
        self.wait(
            lambda: window.shown and not window._soon.isActive() and not self.painting.reading
        )

    def paint_anywhere(self) -> None:
        """Press Q, and wait until the window is there."""
        self.key("Q")
        self.wait(lambda: self.dock.bench.layers.window.shown)
        self.wait(lambda: not self.painting.reading)

    def settle(self) -> None:
        """Wait until everything that was painted or asked for is on the disk and shown."""
        self.wait(lambda: not self.painting.writer.waiting and not self.session.background.busy)

    def ready(self) -> None:
        """Wait until a tile can be painted and nothing is under way."""
        layers = self.viewer.layers
        self.wait(
            lambda: (
                self.session.desk is not None
                and "PhenoAI tile" in layers
                and layers["PhenoAI tile"].data is self.session.desk.labels
                and layers["PhenoAI tile"].visible
            )
        )


@pytest.fixture
def open_workbench(
    make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot
) -> Iterator[Callable[[Path], Hands]]:
    """Return a function that opens a project in a shown viewer with a Workbench.

    Nothing is trained by itself, so that tests know what runs.
    """
    from napari_phenoai.ui.session import session_of
    from napari_phenoai.ui.workbench import WorkbenchDock

    docks: list[WorkbenchDock] = []

    def start(path: Path) -> Hands:
        viewer = make_napari_viewer(show=True)
        viewer.window.resize(1000, 640)
        dock = WorkbenchDock(viewer)
        viewer.window.add_dock_widget(dock, name="Workbench", area="right")
        docks.append(dock)
        found = session_of(viewer)
        assert found.open_project(path)
        assert found.learner is not None
        found.learner.set_auto(auto=False)
        hands = Hands(viewer, dock, qtbot)
        hands.ready()
        return hands

    yield start
    for dock in docks:
        dock.bench.abandon()
        dock.session.close_project()

    def rest() -> bool:
        return not any(dock.session.jobs or dock.session.background.busy for dock in docks)

    qtbot.waitUntil(rest, timeout=60_000)
    for dock in docks:
        dock.session.close()


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a file with a tiny network that the window takes for a vit_b; caches are fresh."""
    if find_spec("segment_anything") is None:
        pytest.skip("needs the extra sam")
    from napari_phenoai.ml.loading import avoid_triton

    avoid_triton()
    import segment_anything
    import torch
    from tests.sam_network import DEPTH, WIDTH, tiny_network

    from napari_phenoai.ml.sam import checkpoints

    tiny = partial(tiny_network, 128)
    monkeypatch.setattr(checkpoints, "KINDS", {"vit_b": (WIDTH, DEPTH)})
    monkeypatch.setitem(segment_anything.sam_model_registry, "vit_b", tiny)
    folder = tmp_path / "embeddings"
    monkeypatch.setattr("napari_phenoai.ml.sam.cache.cache_folder", lambda: folder)
    nothing = tmp_path / "checkpoints"
    monkeypatch.setattr("napari_phenoai.ml.sam.catalogue.checkpoint_folder", lambda: nothing)
    path = tmp_path / "tiny_sam.pth"
    torch.save(tiny().state_dict(), path)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield path
    torch.set_num_threads(before)
