"""Windows for tests: settings of their own, projects with people's work in them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

os.environ["NAPARI_CONFIG"] = str(
    Path(tempfile.mkdtemp(prefix="phenoai-napari-")) / "settings.yaml"
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import napari
    from pytestqt.qtbot import QtBot

    from napari_phenoai.ui.session import Session

Finder = "Callable[[str], Path]"


@pytest.fixture
def worked_project(tmp_path: Path) -> Path:
    """Return a closed project of two scenes with five decided tiles and a forest that serves."""
    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.ports import TrainSettings
    from napari_phenoai.core.progress import finish
    from napari_phenoai.loop.retrain import retrain
    from napari_phenoai.loop.review import decide, propose
    from napari_phenoai.testing.project import tiny_project
    from napari_phenoai.testing.scenes import rosettes

    path = tmp_path / "field.phenoai"
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
    qtbot.waitUntil(lambda: not found.jobs and not found.background.busy, timeout=20_000)
    found.close()
