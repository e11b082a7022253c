"""The Tab key on the canvas: Qt would move the keyboard to the next button instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent

from napari_phenoai.ui.canvas_focus import canvas_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari

__all__ = ["TabKey"]


class TabKey(QObject):
    """Gives Tab on the canvas of a viewer to a function.

    Parameters
    ----------
    viewer : napari.Viewer
        Without a window, nothing happens.
    call : callable
        Returns whether it used the key; else Tab does what it does in Qt.
    parent : QObject
        Owns it.
    """

    def __init__(
        self, viewer: napari.Viewer, call: Callable[[], bool], parent: QObject | None
    ) -> None:
        super().__init__(parent)
        self._call = call
        self._canvas = canvas_of(viewer)
        if self._canvas is not None:
            self._canvas.installEventFilter(self)

    def close(self) -> None:
        """Leave Tab to Qt again."""
        if self._canvas is not None:
            self._canvas.removeEventFilter(self)
            self._canvas = None

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Use the key, or let it pass."""
        plain = Qt.KeyboardModifier.NoModifier
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            tab = event.key() == Qt.Key.Key_Tab and event.modifiers() == plain
            if tab and self._call():
                return True
        return super().eventFilter(watched, event)
