"""A short text that is said in fewer words where there is less room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QResizeEvent

__all__ = ["FittedLabel"]

_SPARE_PX = 2


class FittedLabel(QLabel):
    """Shows the longest of several wordings that fits; never a part of one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._wordings: Sequence[str] = ("",)

    def set_wordings(self, *wordings: str, about: str = "") -> None:
        """Take other wordings, the longest first; `about` is told in the tooltip."""
        self._wordings = wordings or ("",)
        self.setToolTip(about)
        self.updateGeometry()
        self._fit()

    def wordings(self) -> Sequence[str]:
        """Return all wordings, the longest first."""
        return self._wordings

    def sizeHint(self) -> QSize:
        """Return the room that the longest wording takes."""
        return self._size(self._wordings[0])

    def minimumSizeHint(self) -> QSize:
        """Return the room that the shortest wording takes."""
        return self._size(self._wordings[-1])

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Choose anew."""
        super().resizeEvent(event)
        self._fit()

    def _size(self, text: str) -> QSize:
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(text) + _SPARE_PX, metrics.height() + _SPARE_PX)

    def _fit(self) -> None:
        width = self.width()
        fitting = [text for text in self._wordings if self._size(text).width() <= width]
        self.setText(fitting[0] if fitting else self._wordings[-1])
