"""The whole window: docks in their places, and a picture of it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from napari_phenoai.io.project import Project
from napari_phenoai.ui.docks import find_dock
from napari_phenoai.ui.launch import arrange

if TYPE_CHECKING:
    from pathlib import Path

    import napari

    from napari_phenoai.ui.session import Session

_CODE = """
import sys
from pathlib import Path
from napari_phenoai.ui.launch import open_window
open_window(sys.argv[1], screenshot=Path(sys.argv[2]))
"""


def test_the_docks_fit_on_a_small_screen(session: tuple[napari.Viewer, Session]) -> None:
    viewer, _ = session
    viewer.window._qt_window.show()
    arrange(viewer)
    for name in ("Workbench", "Learning", "Queue"):
        assert find_dock(viewer, name) is not None
    bench = find_dock(viewer, "Workbench")
    assert bench is not None
    assert bench.isVisible()
    assert bench.width() <= 360
    assert viewer.window._qt_window.height() <= 768


def test_a_picture_of_the_window_is_saved_and_the_window_closed(
    worked_project: Path, tmp_path: Path
) -> None:
    """In a process of its own, as a demonstration without a screen runs it."""
    with Project.open(worked_project) as project:
        project.ledger.set_setting("auto-train", "off")
    target = tmp_path / "shots" / "window.png"
    run = [sys.executable, "-c", _CODE, str(worked_project), str(target)]
    result = subprocess.run(run, check=False, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr[-2000:]
    with Image.open(target) as picture:
        assert picture.width >= 1300
        pixels = np.asarray(picture.convert("RGB"))
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 500, "nothing is drawn"
