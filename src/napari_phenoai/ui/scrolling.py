"""Lets a dock be lower than what is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

__all__ = ["Scrolling", "scroll_to"]


class Scrolling(QScrollArea):
    """Shows `content` at its full width, and scrolls it up and down where it is too high."""

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(content)

    def minimumSizeHint(self) -> QSize:
        """Return a size in which nothing is cut off at the right."""
        content, bar = self.widget(), self.verticalScrollBar()
        wide = content.minimumSizeHint().width() if content is not None else 0
        return QSize(wide + (bar.sizeHint().width() if bar is not None else 0), 120)

    def sizeHint(self) -> QSize:
        """Return the size that the content likes."""
        content = self.widget()
        return super().sizeHint() if content is None else content.sizeHint()


def scroll_to(widget: QWidget) -> None:
    """Bring a widget into sight, where it lies in something that scrolls."""
    above = widget.parentWidget()
    while above is not None and not isinstance(above, QScrollArea):
        above = above.parentWidget()
    if isinstance(above, QScrollArea):
        above.ensureWidgetVisible(widget)
