"""What the menus and the command palette do.

napari hands over the current viewer by the annotation ``Viewer``.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from qtpy.QtWidgets import QFileDialog, QWidget

from napari_phenoai.errors import ProjectError
from napari_phenoai.io.images import open_image as open_source
from napari_phenoai.loop import models
from napari_phenoai.plugin.readers import image_layer
from napari_phenoai.ui.docks import show_dock
from napari_phenoai.ui.errors import report
from napari_phenoai.ui.learning import LearningDock
from napari_phenoai.ui.project import ProjectDock
from napari_phenoai.ui.results import ResultsDock
from napari_phenoai.ui.session import session_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_phenoai.core.ports import ImageSource

__all__ = [
    "add_images",
    "close_project",
    "export_masks",
    "export_table",
    "new_project",
    "open_image",
    "open_project",
    "paint_anywhere",
    "predict_all",
    "roll_back",
    "stop_training",
    "train_now",
]

Dock = TypeVar("Dock", bound=QWidget)


def new_project(viewer: Viewer) -> None:
    """Show the form of a new project."""
    _project_dock(viewer).start_new_project()


def open_project(viewer: Viewer) -> None:
    """Ask for a project folder and open it in the workbench."""
    parent = show_dock(viewer, "Workbench")
    path = QFileDialog.getExistingDirectory(parent, "Open a project (a .phenoai folder)")
    if path:
        session_of(viewer).open_project(path)


def close_project(viewer: Viewer) -> None:
    """Close the project; everything that was decided is on disk."""
    session_of(viewer).close_project()


def add_images(viewer: Viewer) -> None:
    """Ask for image files and add them to the project."""
    dock = _project_dock(viewer)
    if _has_project(viewer):
        dock.ask_images()


def open_image(viewer: Viewer) -> None:
    """Ask for image files and show them as lazy layers, whatever their size."""
    paths, _ = QFileDialog.getOpenFileNames(None, "Open images lazily")
    session = session_of(viewer)
    for path in paths:
        session.background.do(
            "tiles",
            partial(open_source, path),
            then=partial(_show_image, viewer, Path(path).name),
            otherwise=report,
        )


def paint_anywhere(viewer: Viewer) -> None:
    """Paint on the whole image in place of a tile, in the Workbench."""
    show_dock(viewer, "Workbench")
    if _has_project(viewer):
        session_of(viewer).paint_anywhere()


def train_now(viewer: Viewer) -> None:
    """Start a training with what the Learning dock says."""
    dock = show_dock(viewer, "Learning")
    if _has_project(viewer) and isinstance(dock, LearningDock):
        dock.train()


def stop_training(viewer: Viewer) -> None:
    """Stop the training; the model that serves stays."""
    session_of(viewer).cancel_training()


def roll_back(viewer: Viewer) -> None:
    """Let the model serve that served before."""
    session = session_of(viewer)
    project = session.project
    if project is not None and _has_project(viewer):
        session.background.do(
            "writes",
            partial(models.roll_back, project, session.author),
            then=lambda _: session.models_edited(),
            otherwise=report,
        )


def predict_all(viewer: Viewer) -> None:
    """Predict all images of the project with the model that serves."""
    if _has_project(viewer):
        _results_dock(viewer).predict_all()


def export_masks(viewer: Viewer) -> None:
    """Ask for a folder and export a mask per image."""
    if _has_project(viewer):
        _results_dock(viewer).ask_masks()


def export_table(viewer: Viewer) -> None:
    """Ask for a file and export area, cover and count per class and image."""
    if _has_project(viewer):
        _results_dock(viewer).ask_table()


def _has_project(viewer: Viewer) -> bool:
    if session_of(viewer).project is not None:
        return True
    hint = "Open one with File > IO Utilities > PhenoAI, or in the Workbench."
    report(ProjectError("No project is open.", hint=hint))
    return False


def _project_dock(viewer: Viewer) -> ProjectDock:
    return _of(ProjectDock, show_dock(viewer, "Project"))


def _results_dock(viewer: Viewer) -> ResultsDock:
    return _of(ResultsDock, show_dock(viewer, "Results"))


def _of(kind: type[Dock], dock: QWidget) -> Dock:
    if not isinstance(dock, kind):
        text = f"The dock is a {type(dock).__name__}, not a {kind.__name__}."
        raise TypeError(text)
    return dock


def _show_image(viewer: Viewer, name: str, source: ImageSource) -> None:
    data, options, _ = image_layer(source, name)
    viewer.add_image(data, **options)
