"""A line of text that is shortened where there is no room for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

if TYPE_CHECKING:
    from qtpy.QtGui import QResizeEvent

__all__ = ["ElidedLabel"]


class ElidedLabel(QLabel):
    """One line; what does not fit is left out in the middle and told in the tooltip."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._whole = self._about = ""
        self.set_whole(text)

    def whole(self) -> str:
        """Return the text before shortening."""
        return self._whole

    def set_whole(self, text: str, about: str = "") -> None:
        """Show `text` as far as it fits; `about` is told in the tooltip in any case."""
        self._whole, self._about = text, about
        self._elide()

    def minimumSizeHint(self) -> QSize:
        """Return a size that never makes a dock wider."""
        return QSize(20, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Shorten anew."""
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        width = max(self.width() - 2, 10)
        text = self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideMiddle, width)
        self.setText(text)
        self.setToolTip(self._about or (self._whole if text != self._whole else ""))
