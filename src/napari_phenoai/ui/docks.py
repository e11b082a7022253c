"""Finds and opens the docks of a viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QTabBar, QWidget

from napari_phenoai.ui.preferences import PLUGIN

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["DOCKS", "dock_of", "find_dock", "settle", "settle_soon", "show_dock", "write_out_tabs"]

DOCKS = ("Workbench", "Learning", "Queue", "Project", "Results", "History", "Servers")
"""Names of the docks, as in the manifest."""

_BOTTOM = "Queue"
_TABS = "QTabBar::tab { padding: 3px 1px; font-size: 11px; }"
"""Small enough that six tabs fit below a dock of 300 px."""

_RIGHT = Qt.DockWidgetArea.RightDockWidgetArea


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
    """Open the dock called `name`, or bring it to the front, and return its widget."""
    found = find_dock(viewer, name)
    if found is None:
        _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, name)
        found = _native(widget)
    settle(viewer, name)
    dock = dock_of(found)
    if dock is not None:
        dock.show()
        dock.raise_()
    return found


def settle(viewer: napari.viewer.Viewer, name: str) -> None:
    """Give a dock that was just opened its place and its short title.

    napari opens every dock on the right, below the others. Ours share one place
    there as tabs, and the queue goes to the bottom. A dock that a person has moved
    before, or that floats, stays where it is.
    """
    found = find_dock(viewer, name)
    dock = dock_of(found) if found is not None else None
    window = dock.parent() if dock is not None else None
    if dock is None or not isinstance(window, QMainWindow) or dock.windowTitle() == name:
        return
    dock.setWindowTitle(name)
    if dock.isFloating() or window.dockWidgetArea(dock) != _RIGHT:
        return
    neighbour = _neighbour(viewer, dock)
    if name == _BOTTOM:
        window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
    elif neighbour is not None:
        window.tabifyDockWidget(neighbour, dock)
        dock.raise_()
    _write_out_soon(window)


def write_out_tabs(window: QMainWindow) -> None:
    """Let the tabs of docks show their whole titles; where they lack room, arrows move them.

    Qt shortens titles otherwise, until six tabs say "Wo…", "Le…", "Pr…".
    """
    for bar in window.findChildren(QTabBar, options=Qt.FindChildOption.FindDirectChildrenOnly):
        if bar.elideMode() != Qt.TextElideMode.ElideNone:
            bar.setElideMode(Qt.TextElideMode.ElideNone)
            bar.setUsesScrollButtons(True)
            bar.setStyleSheet(_TABS)


def _write_out_soon(window: QMainWindow) -> None:
    """Call `write_out_tabs` when the tabs are there; a window that closes is let go at once."""
    known, timer = ref(window), QTimer(window)
    timer.setSingleShot(True)

    def write() -> None:
        there = known()
        if there is not None:
            write_out_tabs(there)

    timer.timeout.connect(write)
    timer.timeout.connect(timer.deleteLater)
    timer.start(0)


def settle_soon(viewer: napari.viewer.Viewer, name: str) -> None:
    """Call `settle` once the dock is there; for the constructor of its widget."""
    QTimer.singleShot(0, lambda: settle(viewer, name))


def dock_of(widget: QWidget) -> QDockWidget | None:
    """Return the dock that `widget` sits in, or None."""
    parent: Any = widget
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parent()
    return parent


def _neighbour(viewer: napari.viewer.Viewer, dock: QDockWidget) -> QDockWidget | None:
    window = dock.parent()
    for name in DOCKS:
        found = find_dock(viewer, name) if name != _BOTTOM else None
        other = dock_of(found) if found is not None else None
        if other in (None, dock) or other.isFloating() or not isinstance(window, QMainWindow):
            continue
        if window.dockWidgetArea(other) == _RIGHT:
            return other
    return None


def _native(widget: Any) -> QWidget:
    native: QWidget = getattr(widget, "native", widget)
    return native
