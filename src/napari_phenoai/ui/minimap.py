"""The mini-map: the whole image small, with its tiles and what is seen of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtGui import QColor, QHelpEvent, QImage, QPainter, QPainterPath, QPen, QPixmap
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_phenoai.core.minimap import Box, MapFit, tile_at
from napari_phenoai.ui.theme import ACCENT, STATE_COLOURS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from qtpy.QtGui import QMouseEvent, QPaintEvent, QResizeEvent

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.records import QueueItem
    from napari_phenoai.core.window import View

__all__ = ["LEAST_PX", "MiniMap", "sign_of"]

LEAST_PX = 96
"""Least extent of the map on the screen."""

_LEAST_TILE_PX = 7.0
_REACH_PX = 5.0
_CASING = QColor(0, 0, 0, 190)
_VIEW = QColor("#f0e442")
_WAITING = QColor("white")
_LEGEND = "The whole image. Boxes: tiles of the queue; yellow: what is seen.\nClick to look there."

_LINES: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "accepted": (((-1, 0), (-0.3, 0.8), (1, -0.8)),),
    "corrected": (((-1, 1), (1, -1)), ((-1, 1), (-0.9, 0.3)), ((-1, 1), (-0.3, 0.9))),
    "rejected": (((-0.8, -0.8), (0.8, 0.8)), ((-0.8, 0.8), (0.8, -0.8))),
    "skipped": (((-0.9, -0.8), (-0.1, 0), (-0.9, 0.8)), ((0.1, -0.8), (0.9, 0), (0.1, 0.8))),
    "flagged": (((-0.6, 1), (-0.6, -1), (0.9, -0.4), (-0.6, 0.2)),),
}
"""Strokes of the sign of each state, across and down, in a square from -1 to 1."""


def sign_of(state: str) -> QPainterPath:
    """Return the sign of a state of a tile, in a square from -1 to 1; a ring for one to do."""
    path = QPainterPath()
    if state not in _LINES:
        path.addEllipse(QPointF(0, 0), 0.8, 0.8)
    for line in _LINES.get(state, ()):
        path.moveTo(*line[0])
        for point in line[1:]:
            path.lineTo(*point)
    return path


class MiniMap(QWidget):
    """Draws a plane with its tiles, and tells where a person clicks.

    Parameters
    ----------
    describe : callable
        Says everything about an item, for the tooltip.

    Signals
    -------
    looked : float, float
        Row and column of the image to be looked at.
    picked : QueueItem
        Its tile was clicked.
    """

    looked = QtSignal(float, float)
    picked = QtSignal(object)

    def __init__(self, describe: Callable[[QueueItem], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._describe = describe
        self._plane = (0, 0)
        self._image: QImage | None = None
        self._drawn: QPixmap | None = None
        self._items: Sequence[QueueItem] = ()
        self._tiles: list[Tile] = []
        self._current: str | None = None
        self._view: View | None = None
        self.setMinimumSize(LEAST_PX, LEAST_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName("Map of the image with the tiles of the queue")

    # --- what is shown

    @property
    def fit(self) -> MapFit:
        """How the plane lies in the widget."""
        return MapFit(self._plane, self.height(), self.width())

    @property
    def items(self) -> Sequence[QueueItem]:
        """The tiles on the map."""
        return self._items

    def show_plane(self, plane: tuple[int, int]) -> None:
        """Show another plane, whose picture is still to come."""
        self._plane, self._image, self._view = plane, None, None
        self._renew()

    def show_picture(self, pixels: NDArray[np.uint8]) -> None:
        """Show the small picture ``(y, x, 3)`` of the plane."""
        height, width = pixels.shape[:2]
        layout = QImage.Format.Format_RGB888
        self._image = QImage(pixels.tobytes(), width, height, 3 * width, layout).copy()
        self._renew()

    def show_items(self, items: Sequence[QueueItem], current: str | None) -> None:
        """Show these tiles of the plane; `current` is the key of the one on the screen."""
        if (items, current) != (self._items, self._current):
            self._items, self._current = items, current
            self._tiles = [item.where for item in items]
            self._renew()

    def show_view(self, view: View | None) -> None:
        """Show what of the plane is seen; None shows nothing."""
        if view != self._view:
            self._view = view
            self.update()

    def sizeHint(self) -> QSize:
        """Return the size beside a strip of cards."""
        return QSize(150, 138)

    # --- Qt

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Draw anew at the next occasion."""
        super().resizeEvent(event)
        self._renew()

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Draw what is seen over the picture with the tiles, which is kept."""
        if self._drawn is None:
            self._drawn = self._draw()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.drawPixmap(0, 0, self._drawn)
        if self._view is not None:
            _draw_frame(painter, _rect(self.fit.view(self._view)), _VIEW, 1.5)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Look at the place, and pick the tile that lies there."""
        if event is None or event.button() != Qt.MouseButton.LeftButton or not self._plane[0]:
            return
        y, x = self.fit.to_plane(event.position().y(), event.position().x())
        item = self._item_at(event.position())
        self.looked.emit(y, x)
        if item is not None:
            self.picked.emit(item)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Look along while the button is held."""
        if event is not None and event.buttons() & Qt.MouseButton.LeftButton and self._plane[0]:
            self.looked.emit(*self.fit.to_plane(event.position().y(), event.position().x()))

    def event(self, event: QEvent | None) -> bool:
        """Tell what lies under the mouse."""
        if isinstance(event, QHelpEvent):
            item = self._item_at(QPointF(event.pos()))
            words = _LEGEND if item is None else self._describe(item)
            QToolTip.showText(event.globalPos(), words, self)
            return True
        return super().event(event)

    # --- inside

    def _item_at(self, point: QPointF) -> QueueItem | None:
        fit = self.fit
        y, x = fit.to_plane(point.y(), point.x())
        at = tile_at(self._tiles, y, x, reach_px=_REACH_PX / fit.scale)
        return None if at is None else self._items[at]

    def _renew(self) -> None:
        self._drawn = None
        self.update()

    def _draw(self) -> QPixmap:
        ratio = self.devicePixelRatioF()
        pixmap = QPixmap(self.size() * ratio)
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        fit = self.fit
        if self._image is not None:
            painter.drawImage(_rect(fit.picture), self._image)
        else:
            painter.fillRect(_rect(fit.picture), QColor(128, 128, 128, 60))
        for item, tile in zip(self._items, self._tiles, strict=True):
            if item.tile == self._current:
                place = _rect(fit.tile(tile, least_px=_LEAST_TILE_PX + 2))
                _draw_frame(painter, place, QColor(ACCENT), 2.5)
            else:
                _draw_tile(painter, _rect(fit.tile(tile, least_px=_LEAST_TILE_PX)), item)
        painter.end()
        return pixmap


def _rect(box: Box) -> QRectF:
    return QRectF(box.left, box.top, box.width, box.height)


def _draw_tile(painter: QPainter, box: QRectF, item: QueueItem) -> None:
    colour = QColor(STATE_COLOURS.get(item.state, _WAITING.name()))
    style = Qt.PenStyle.DotLine if item.role == "heldout" else Qt.PenStyle.SolidLine
    if box.width() > 2 * _LEAST_TILE_PX:
        painter.setPen(QPen(_CASING, 2.5))
        painter.drawRect(box)
        painter.setPen(QPen(colour, 1, style))
        painter.drawRect(box)
    painter.save()
    painter.translate(box.center())
    size = min(max(min(box.width(), box.height()) / 3.5, _LEAST_TILE_PX / 2), 6.0)
    painter.scale(size, size)
    sign = sign_of(item.state)
    for pen in (QPen(_CASING, 3.2), QPen(colour, 1.5)):
        pen.setCosmetic(True)
        painter.setPen(pen)
        painter.drawPath(sign)
    painter.restore()


def _draw_frame(painter: QPainter, box: QRectF, colour: QColor, width: float) -> None:
    for pen in (QPen(_CASING, width + 2), QPen(colour, width)):
        pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(box)
