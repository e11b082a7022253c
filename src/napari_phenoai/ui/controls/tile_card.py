"""How one tile of the queue is drawn: picture, state and score."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QRect, QSize, Qt
from qtpy.QtGui import QColor, QFont, QImage, QPainter, QPen
from qtpy.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from napari_phenoai.ui.queue_model import ITEM_ROLE
from napari_phenoai.ui.theme import ACCENT, STATE_COLOURS, STATE_SIGNS, STATE_WORDS

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from qtpy.QtCore import QModelIndex

    from napari_phenoai.core.records import QueueItem

__all__ = ["CARD_HEIGHT_PX", "PICTURE_PX", "TileCard"]

PICTURE_PX = 84
"""Edge of the picture on the screen."""

_LINE_PX = 15
_EDGE_PX = 4

CARD_HEIGHT_PX = PICTURE_PX + 2 * _LINE_PX + 2 * _EDGE_PX
"""Height of a card on the screen."""


class TileCard(QStyledItemDelegate):
    """Draws the cards of the filmstrip.

    Parameters
    ----------
    picture_of : callable
        Returns the picture ``(y, x, 3)`` of an item, or None while there is none.
    """

    def __init__(self, picture_of: Callable[[QueueItem], NDArray[np.uint8] | None]) -> None:
        super().__init__()
        self._picture_of = picture_of
        self.current: str | None = None

    def sizeHint(self, _option: QStyleOptionViewItem, _index: QModelIndex) -> QSize:
        """Return the size of a card, the same for all."""
        return QSize(PICTURE_PX + 2 * _EDGE_PX, CARD_HEIGHT_PX)

    def paint(
        self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        """Draw the card at `index`."""
        item = index.data(ITEM_ROLE)
        if painter is None or item is None:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        area = option.rect.adjusted(_EDGE_PX, _EDGE_PX, -_EDGE_PX, -_EDGE_PX)
        frame = QRect(area.left(), area.top(), PICTURE_PX, PICTURE_PX)
        self._draw_picture(painter, frame, item)
        if item.state != "waiting":
            bar = QRect(frame.left(), frame.bottom() - 3, frame.width(), 4)
            painter.fillRect(bar, QColor(STATE_COLOURS[item.state]))
        words = QRect(area.left(), frame.bottom() + 2, area.width(), _LINE_PX)
        self._draw_words(painter, words, item, option.palette.windowText().color())
        if item.tile == self.current:
            painter.setPen(QPen(QColor(ACCENT), 3))
            painter.drawRect(frame.adjusted(1, 1, -1, -1))
        painter.restore()

    def _draw_picture(self, painter: QPainter, frame: QRect, item: QueueItem) -> None:
        pixels = self._picture_of(item)
        if pixels is None:
            painter.fillRect(frame, QColor(128, 128, 128, 60))
            painter.drawText(frame, int(Qt.AlignmentFlag.AlignCenter), "…")
            return
        height, width = pixels.shape[:2]
        image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
        scale = min(frame.width() / width, frame.height() / height)
        size = QSize(round(width * scale), round(height * scale))
        place = QRect(frame.topLeft(), size)
        place.moveCenter(frame.center())
        painter.setOpacity(1.0 if item.state == "waiting" or item.tile == self.current else 0.55)
        painter.drawImage(place, image)
        painter.setOpacity(1.0)
        if item.role == "heldout":
            _badge(painter, QRect(frame.left(), frame.top(), 52, 14), "held-out")

    def _draw_words(self, painter: QPainter, line: QRect, item: QueueItem, colour: QColor) -> None:
        font = QFont(painter.font())
        font.setPixelSize(11)
        painter.setFont(font)
        painter.setPen(colour)
        text = f"{STATE_SIGNS[item.state]} {STATE_WORDS[item.state]}"
        painter.drawText(line, int(Qt.AlignmentFlag.AlignLeft), text)
        below = line.translated(0, _LINE_PX)
        left = f"{item.position + 1}"
        right = "" if item.score is None else f"{item.score:.2f}"
        painter.drawText(below, int(Qt.AlignmentFlag.AlignLeft), left)
        painter.drawText(below, int(Qt.AlignmentFlag.AlignRight), right)


def _badge(painter: QPainter, place: QRect, text: str) -> None:
    font = QFont(painter.font())
    font.setPixelSize(10)
    painter.setFont(font)
    painter.fillRect(place, QColor(0, 0, 0, 170))
    painter.setPen(QColor("#f0e442"))
    painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), text)
