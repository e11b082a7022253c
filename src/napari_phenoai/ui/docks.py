"""Finds and opens the docks of a viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_phenoai.ui.preferences import PLUGIN

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["DOCKS", "dock_of", "find_dock", "show_dock"]

DOCKS = ("Workbench", "Learning", "Queue", "Project", "Results")
"""Names of the docks, as in the manifest."""

_BOTTOM = "Queue"


def find_dock(viewer: napari.viewer.Viewer, name: str) -> QWidget | None:
    """Return the dock called `name` that is open in `viewer`, or None.

    napari names a dock after the plugin's name or its display name, depending on
    how it was opened; both are the same dock.
    """
    for full_name, widget in viewer.window.dock_widgets.items():
        if full_name in (f"{name} ({PLUGIN})", f"{name} (PhenoAI)"):
            return _native(widget)
    return None


def show_dock(viewer: napari.viewer.Viewer, name: str) -> QWidget:
    """Open the dock called `name`, or bring it to the front, and return its widget.

    Docks of ours on the right share one place as tabs; the queue goes below.
    """
    found = find_dock(viewer, name)
    if found is None:
        neighbour = _neighbour(viewer)
        _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, name)
        found = _native(widget)
        _settle(dock_of(found), name, neighbour)
    dock = dock_of(found)
    if dock is not None:
        dock.show()
        dock.raise_()
    return found


def dock_of(widget: QWidget) -> QDockWidget | None:
    """Return the dock that `widget` sits in, or None."""
    parent: Any = widget
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parent()
    return parent


def _settle(dock: QDockWidget | None, name: str, neighbour: QDockWidget | None) -> None:
    window = dock.parent() if dock is not None else None
    if dock is None or not isinstance(window, QMainWindow):
        return
    if name == _BOTTOM:
        window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
    elif neighbour is not None:
        window.tabifyDockWidget(neighbour, dock)


def _neighbour(viewer: napari.viewer.Viewer) -> QDockWidget | None:
    for name in DOCKS:
        found = find_dock(viewer, name) if name != _BOTTOM else None
        dock = dock_of(found) if found is not None else None
        if dock is not None and not dock.isFloating():
            return dock
    return None


def _native(widget: Any) -> QWidget:
    native: QWidget = getattr(widget, "native", widget)
    return native
