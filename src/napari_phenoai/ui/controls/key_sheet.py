"""The key sheet: all keys on one page, laid over the canvas."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_phenoai.ui.keyed import keyed
from napari_phenoai.ui.keys import CLASS_KEYS, IN_FORCE, key_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtCore import QObject
    from qtpy.QtGui import QHideEvent, QKeyEvent, QMouseEvent

__all__ = ["KeySheet"]

_CAP = (
    "border: 1px solid #8c929c; border-radius: 3px; padding: 0px 5px; font-weight: bold;"
    "background: transparent; color: white;"
)
_NONE = "none"
_COLUMNS = (("Decide", "View", "Learn", "Help"), ("Paint",), ("Objects", "Tools"))
_LINE_PX = 21
_HEADING_PX = 26
_MOUSE = (
    ("Space + drag", "Move the image", "View"),
    ("Wheel", "Zoom", "View"),
    ("Ctrl+Z", "Undo, as everywhere", "Paint"),
)


class KeySheet(QFrame):
    """A page with all keys; any key or click puts it away.

    Parameters
    ----------
    parent : QWidget
        The window that it lies over.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("keySheet")
        self.setStyleSheet(
            "#keySheet { background: rgba(20, 22, 26, 240); border: 1px solid #56b4e9;"
            "border-radius: 8px; } #keyTable { background: transparent; }"
            "QLabel { color: white; background: transparent; }"
        )
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        box = QVBoxLayout(self)
        box.setContentsMargins(20, 16, 20, 16)
        title = QLabel("Keys of the Workbench")
        title.setStyleSheet("font-size: 16px; font-weight: bold;")
        box.addWidget(title)
        self._rows = QVBoxLayout()
        box.addLayout(self._rows)
        box.addWidget(QLabel("Any key or click closes this page."))
        self._former: QWidget | None = None
        parent.installEventFilter(self)
        self.hide()
        keyed(self, KeySheet._show_keys)

    def toggle(self) -> None:
        """Lay the page over the window, or put it away."""
        if self.isVisible():
            self.hide()
            return
        parent = self.parentWidget()
        self._former = None if parent is None else parent.focusWidget()
        self._centre()
        self.show()
        self.raise_()
        self.setFocus()

    def _show_keys(self) -> None:
        """List the keys in force, in place of those that were listed before."""
        former = self._rows.takeAt(0)
        if former is not None and (widget := former.widget()) is not None:
            widget.hide()
            widget.setParent(None)
            widget.deleteLater()
        table = QWidget()
        table.setObjectName("keyTable")
        line = QHBoxLayout(table)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(20)
        for groups in _COLUMNS:
            line.addLayout(_column(groups, [*_key_rows(), *_MOUSE]))
        self._rows.addWidget(table)
        if self.isVisible():
            self._centre()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Stay in the middle of the window when that gets another size."""
        if event is not None and event.type() == QEvent.Type.Resize and self.isVisible():
            self._centre()
        return super().eventFilter(watched, event)

    def _centre(self) -> None:
        self.adjustSize()
        parent = self.parentWidget()
        if parent is not None:
            middle = parent.rect().center() - self.rect().center()
            self.move(max(0, middle.x()), max(0, middle.y()))

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Give the keyboard back to what had it."""
        super().hideEvent(event)
        former, self._former = self._former, None
        if former is not None:
            with suppress(RuntimeError):  # Qt took it away meanwhile
                former.setFocus()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Put the page away."""
        if event is not None:
            event.accept()
        self.hide()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Put the page away."""
        if event is not None:
            event.accept()
        self.hide()


def _key_rows() -> list[tuple[str, str, str]]:
    """Return key, meaning and group of all actions; the keys of classes share a line."""
    classes = {key.action for key in CLASS_KEYS}
    rows = [
        (key.printed or _NONE, key.text, key.group)
        for key in IN_FORCE.keys
        if key.action not in classes
    ]
    numbers = [key_of(key.action) or _NONE for key in CLASS_KEYS]
    usual = numbers == [key.printed for key in CLASS_KEYS]
    told = "1 ... 9" if usual else "  ".join(numbers)
    return [*rows, (told, "Choose a class", "Paint")]


def _column(groups: Sequence[str], rows: Sequence[tuple[str, str, str]]) -> QGridLayout:
    """Return some groups below each other, all lines of one height."""
    grid = QGridLayout()
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(10)
    grid.setVerticalSpacing(0)
    line = 0
    for group in groups:
        heading = QLabel(group)
        heading.setStyleSheet("color: #56b4e9; font-weight: bold;")
        grid.addWidget(heading, line, 0, 1, 2, Qt.AlignmentFlag.AlignBottom)
        grid.setRowMinimumHeight(line, _HEADING_PX)
        line += 1
        for text, meaning, owner in rows:
            if owner == group:
                cap = QLabel(text)
                cap.setStyleSheet(_CAP)
                right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                grid.addWidget(cap, line, 0, right)
                grid.addWidget(QLabel(meaning), line, 1)
                grid.setRowMinimumHeight(line, _LINE_PX)
                line += 1
    grid.setRowStretch(line, 1)
    return grid
