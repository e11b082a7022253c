"""Small buttons with a drawn sign: an eye and a lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPainterPath, QPen
from qtpy.QtWidgets import QToolButton, QWidget

if TYPE_CHECKING:
    from qtpy.QtGui import QPaintEvent

__all__ = ["MarkButton"]

_SIZE = QSize(22, 22)
_QUIET = 0.5
_ALARM = "#e69f00"


class MarkButton(QToolButton):
    """An eye that can be struck out, or a lock that can be closed.

    The state is a shape and the strength of the line, not a colour. It never takes
    the keyboard focus, so that keys keep going to the canvas.

    Parameters
    ----------
    sign : str
        ``eye`` or ``lock``.
    """

    def __init__(self, sign: Literal["eye", "lock"], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sign = sign
        self.on = False
        self.alarmed = False
        self.setAutoRaise(True)
        self.setFixedSize(_SIZE)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def set_state(self, on: bool, words: str) -> None:
        """Show whether the eye is struck out or the lock closed, and say what a click does."""
        self.on = on
        self.setToolTip(words)
        self.setAccessibleName(words)
        self.update()

    def set_alarm(self, *, on: bool) -> None:
        """Let a closed lock light up."""
        self.alarmed = on and self.on
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the sign in the colour of the text."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.alarmed:
            painter.fillRect(self.rect(), QColor(_ALARM))
        colour = QColor("black") if self.alarmed else self.palette().windowText().color()
        painter.setOpacity(1.0 if self.on or self.underMouse() else _QUIET)
        painter.setPen(QPen(colour, 1.4))
        painter.translate(QPointF(self.rect().center()) + QPointF(0.5, 0.5))
        if self.sign == "eye":
            _draw_eye(painter, colour, struck=self.on)
        else:
            _draw_lock(painter, colour, closed=self.on)
        painter.end()


def _draw_eye(painter: QPainter, colour: QColor, *, struck: bool) -> None:
    lids = QPainterPath(QPointF(-7, 0))
    lids.quadTo(QPointF(0, -9), QPointF(7, 0))
    lids.quadTo(QPointF(0, 9), QPointF(-7, 0))
    painter.drawPath(lids)
    painter.setBrush(colour)
    painter.drawEllipse(QPointF(0, 0), 1.6, 1.6)
    if struck:
        painter.setPen(QPen(colour, 2))
        painter.drawLine(QPointF(-6, 6), QPointF(6, -6))


def _draw_lock(painter: QPainter, colour: QColor, *, closed: bool) -> None:
    shackle = QPainterPath()
    left, top = (-3.5, -7.0) if closed else (0.5, -8.0)
    shackle.moveTo(left, 0)
    shackle.lineTo(left, top + 3.5)
    shackle.arcTo(QRectF(left, top, 7, 7), 180, -180)
    shackle.lineTo(left + 7, 0 if closed else top + 4.5)
    painter.drawPath(shackle)
    if closed:
        painter.setBrush(colour)
    painter.drawRoundedRect(QRectF(-5.5, -0.5, 11, 7.5), 1.5, 1.5)
