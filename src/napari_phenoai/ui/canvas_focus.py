"""The keyboard goes to the canvas: where the mouse is, keys work, without a click that paints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QLineEdit,
    QPlainTextEdit,
    QTextEdit,
    QWidget,
)

from napari_phenoai.ui.controls.key_sheet import KeySheet
from napari_phenoai.ui.inner_view import canvas_part

if TYPE_CHECKING:
    import napari

__all__ = ["CanvasFocus", "canvas_of"]

_KEEPERS = (QLineEdit, QTextEdit, QPlainTextEdit, QAbstractSpinBox, KeySheet)


class CanvasFocus(QObject):
    """Gives the keyboard to the canvas when the mouse enters it, and whenever `take` is called.

    A field that one types in, and the page of keys, keep it while the mouse passes by.

    Parameters
    ----------
    viewer : napari.Viewer
        Without a window, nothing happens.
    parent : QObject
        Owns it.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QObject | None) -> None:
        super().__init__(parent)
        self._canvas = canvas_of(viewer)
        if self._canvas is not None:
            self._canvas.installEventFilter(self)

    def take(self) -> None:
        """Give the keyboard to the canvas."""
        if self._canvas is not None:
            self._canvas.setFocus()

    def close(self) -> None:
        """Leave the keyboard where it is."""
        if self._canvas is not None:
            self._canvas.removeEventFilter(self)
            self._canvas = None

    @property
    def _holder(self) -> QWidget | None:
        """The widget of the canvas's window that has the keyboard."""
        window = self._canvas.window() if self._canvas is not None else None
        return window.focusWidget() if window is not None else None

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Take the keyboard as the mouse comes in."""
        enters = event is not None and event.type() == QEvent.Type.Enter
        if enters and not isinstance(self._holder, _KEEPERS):
            self.take()
        return super().eventFilter(watched, event)


def canvas_of(viewer: Any) -> QWidget | None:
    """Return the widget that draws the image; napari has no public name for it."""
    native = canvas_part(viewer, "native")
    return native if isinstance(native, QWidget) else None
