"""Opens napari with the docks in their places."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from napari_phenoai.ui.docks import show_dock
from napari_phenoai.ui.session import session_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import napari

__all__ = ["arrange", "open_window", "save_screenshot"]

_SIZE = (1366, 768)
_LONGEST_SECONDS = 60.0


def open_window(project: Path | str | None = None, *, screenshot: Path | None = None) -> None:
    """Open napari on `project` with Workbench, Learning and Queue, and stay until it is closed.

    Parameters
    ----------
    project : Path or str, optional
        Folder of the project; None shows how to begin.
    screenshot : Path, optional
        Wait until the first tile is drawn, save a picture of the window here as PNG,
        and close it again.
    """
    import napari

    viewer = napari.Viewer(title="napari-phenoai")
    arrange(viewer)
    if project is not None:
        session_of(viewer).open_project(project)
    if screenshot is None:
        napari.run()
        return
    session = session_of(viewer)
    save_screenshot(viewer, screenshot)
    viewer.close()
    session.close()


def arrange(viewer: napari.Viewer) -> None:
    """Open the docks: Workbench and Learning as tabs on the right, the Queue below."""
    viewer.window.resize(*_SIZE)
    for name in ("Workbench", "Learning", "Queue"):
        show_dock(viewer, name)
    show_dock(viewer, "Workbench")


def save_screenshot(viewer: napari.Viewer, path: Path) -> None:
    """Save a picture of the whole window as soon as its session is at rest.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    session = session_of(viewer)
    wanted = session.project is not None
    _live_until(lambda: not wanted or session.desk is not None)
    _live_until(lambda: not session.background.busy, seconds=_LONGEST_SECONDS / 4)
    _live_until(lambda: False, seconds=0.5)
    path.parent.mkdir(parents=True, exist_ok=True)
    viewer.window.screenshot(str(path), canvas_only=False)


def _live_until(condition: Callable[[], bool], *, seconds: float = _LONGEST_SECONDS) -> None:
    """Let the window live until `condition` holds, or for `seconds`."""
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)
