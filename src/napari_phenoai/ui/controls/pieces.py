"""Small pieces that pages are put together from."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

__all__ = ["heading", "in_line", "small_button"]


def heading(text: str) -> QLabel:
    """Return the heading of a part of a page."""
    label = QLabel(text)
    label.setStyleSheet("font-weight: bold; margin-top: 2px;")
    return label


def small_button(text: str) -> QToolButton:
    """Return a flat button that never takes the keyboard focus."""
    button = QToolButton()
    button.setText(text)
    button.setAutoRaise(True)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return button


def in_line(*widgets: QWidget) -> QHBoxLayout:
    """Return a line of widgets; the first one takes the room that is left."""
    line = QHBoxLayout()
    line.addWidget(widgets[0], 1)
    for widget in widgets[1:]:
        line.addWidget(widget)
    return line
