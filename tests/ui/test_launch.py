"""The whole window: docks in their places, and a picture of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from napari_phenoai.ui.docks import find_dock
from napari_phenoai.ui.launch import arrange, save_screenshot

if TYPE_CHECKING:
    from pathlib import Path

    import napari

    from napari_phenoai.ui.session import Session


def test_a_picture_shows_all_docks_on_a_small_screen(
    session: tuple[napari.Viewer, Session], worked_project: Path, tmp_path: Path
) -> None:
    viewer, found = session
    viewer.window._qt_window.show()
    arrange(viewer)
    assert found.open_project(worked_project)
    assert found.learner is not None
    found.learner.set_auto(auto=False)
    target = tmp_path / "shots" / "window.png"
    save_screenshot(viewer, target)

    with Image.open(target) as picture:
        assert picture.width >= 1300
        pixels = np.asarray(picture.convert("RGB"))
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 500, "nothing is drawn"
    for name in ("Workbench", "Learning", "Queue"):
        assert find_dock(viewer, name) is not None
    bench = find_dock(viewer, "Workbench")
    assert bench is not None
    assert bench.isVisible()
    assert bench.width() <= 360
