"""A line to write in that gives the keyboard back afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QLineEdit, QWidget

if TYPE_CHECKING:
    from qtpy.QtGui import QFocusEvent, QKeyEvent

__all__ = ["NameEdit"]


class NameEdit(QLineEdit):
    """A line edit whose keys never reach the canvas, Enter and Backspace included.

    Signals
    -------
    entered : str
        Enter was pressed, or the person clicked elsewhere; Escape gives the text
        from before.
    left
        After Enter or Escape: the keyboard is free.
    """

    entered = QtSignal(str)
    left = QtSignal()

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self._before = text
        self._done = True

    def focusInEvent(self, event: QFocusEvent | None) -> None:
        """Remember the text, for Escape."""
        super().focusInEvent(event)
        self._begin()

    def focusOutEvent(self, event: QFocusEvent | None) -> None:
        """Take the text."""
        super().focusOutEvent(event)
        self._finish()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Take the text on Enter, the former one on Escape; keep all other keys."""
        if event is None:
            return
        if self._done:  # keys can come before the window knows that it is the active one
            self._begin()
        if event.key() == Qt.Key.Key_Escape:
            self.setText(self._before)
        if event.key() in (Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._finish()
            self.clearFocus()
            self.left.emit()
        else:
            super().keyPressEvent(event)
        event.accept()

    def _begin(self) -> None:
        self._before, self._done = self.text(), False

    def _finish(self) -> None:
        if not self._done:
            self._done = True
            self.entered.emit(" ".join(self.text().split()))
