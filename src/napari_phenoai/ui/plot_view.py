"""A picture of a plot that is drawn beside the window, never in it."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QPointF, QSize, Qt, QTimer
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtGui import QImage, QPainter
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_phenoai.ui.listening import while_alive
from napari_phenoai.ui.quiet import disposable, quietly

if TYPE_CHECKING:
    from qtpy.QtGui import QMouseEvent, QPaintEvent, QResizeEvent

    from napari_phenoai.ui.background import Background
    from napari_phenoai.ui.plot_frame import Style
    from napari_phenoai.ui.plots import Drawing

__all__ = ["PlotView", "Rendered", "load_plotting", "render", "render_png"]

_REST_SECONDS = 0.5
_NEAR_PX = 12
_ONE_AT_A_TIME = Lock()


@dataclass(frozen=True)
class Rendered:
    """A drawn plot: bytes of RGBA and the places that can be pointed at, in pixels."""

    width: int
    height: int
    ratio: float
    pixels: bytes
    spots: Sequence[tuple[float, float, str, str]]


def load_plotting() -> None:
    """Import what drawing needs; takes a second, so call it in a thread.

    The first drawing imports as much again, so one is made here that nobody sees.
    """
    with _ONE_AT_A_TIME, quietly():
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure((2, 2))
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], label="nothing")
        axes.legend()
        FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]


def render(drawing: Drawing, style: Style, width: int, height: int, ratio: float) -> Rendered:
    """Draw a plot of `width` x `height` logical pixels; safe in any thread.

    Parameters
    ----------
    drawing : callable
        From `napari_phenoai.ui.plots`.
    ratio : float
        Pixels of the screen per logical pixel.
    """
    with _ONE_AT_A_TIME, disposable():
        return _rendered(drawing, style, width, height, ratio)


def _rendered(drawing: Drawing, style: Style, width: int, height: int, ratio: float) -> Rendered:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((width / 100, height / 100), dpi=100 * ratio)
    canvas = FigureCanvasAgg(figure)
    spots = drawing(figure, style)
    canvas.draw()  # type: ignore[no-untyped-call]
    drawn_width, drawn_height = canvas.get_width_height(physical=True)
    places = [
        (x / ratio, (drawn_height - y) / ratio, spot.key, spot.text)
        for spot in spots
        for x, y in [spot.axes.transData.transform((spot.x, spot.y))]
        if math.isfinite(x) and math.isfinite(y)
    ]
    pixels = bytes(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    return Rendered(drawn_width, drawn_height, ratio, pixels, places)


def render_png(
    drawings: Sequence[Drawing], style: Style, *, width: int = 640, height: int = 400
) -> bytes:
    """Return the drawings below each other as one PNG file of 200 dots per inch."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    pages = []
    with _ONE_AT_A_TIME:
        for drawing in drawings:
            figure = Figure((width / 100, height / 100), dpi=200)
            canvas = FigureCanvasAgg(figure)
            drawing(figure, style)
            canvas.draw()  # type: ignore[no-untyped-call]
            size = canvas.get_width_height(physical=True)
            pixels = bytes(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
            pages.append(Image.frombytes("RGBA", size, pixels))
    whole = Image.new("RGB", (2 * width, 2 * height * len(pages)), style.background)
    for number, page in enumerate(pages):
        whole.paste(page, (0, 2 * height * number))
    file = io.BytesIO()
    whole.save(file, "PNG", dpi=(200, 200))
    return file.getvalue()


class PlotView(QWidget):
    """Shows a plot that a thread draws; the window only copies the picture.

    Drawing takes tens of milliseconds, which is too long for the thread of the
    window; so `show_drawing` hands it to `background`, at most twice a second, and
    the old picture stays until the new one has come. Answers to questions that are
    no longer asked are dropped.

    Parameters
    ----------
    background : Background
        Lane ``plots`` is used.
    """

    pointed = QtSignal(str)
    """Key of the spot that was clicked."""

    drawn = QtSignal()
    """A new picture is on the screen."""

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._drawing: Drawing | None = None
        self._style: Style | None = None
        self._words = ""
        self._picture: Rendered | None = None
        self._image = QImage()
        self._asked = 0
        self._busy = False
        self._last = -_REST_SECONDS
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._ask)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(150)
        self.setMouseTracking(True)

    def show_drawing(self, drawing: Drawing, style: Style) -> None:
        """Draw and show `drawing`, now or, when it was drawn a moment ago, soon."""
        self._drawing, self._style, self._words = drawing, style, ""
        self._soon()

    def show_words(self, words: str) -> None:
        """Show a sentence instead of a plot, because there is nothing to draw yet."""
        self._drawing, self._picture, self._words = None, None, words
        self._asked += 1
        self._timer.stop()
        self.update()

    @property
    def spots(self) -> Sequence[tuple[float, float, str, str]]:
        """Places that can be clicked: x, y in logical pixels, key and words."""
        return self._picture.spots if self._picture else ()

    def sizeHint(self) -> QSize:
        """Return the size that a narrow dock has room for."""
        return QSize(260, 150)

    def _soon(self) -> None:
        if self._drawing is None or not self.isVisible() or self._timer.isActive():
            return
        rest = self._last + _REST_SECONDS - time.monotonic()
        self._timer.start(max(0, math.ceil(1000 * rest)))

    def _ask(self) -> None:
        if self._busy or self._drawing is None or self._style is None:
            return
        self._busy = True
        self._asked += 1
        self._last = time.monotonic()
        work = partial(
            render,
            self._drawing,
            self._style,
            max(120, self.width()),
            max(90, self.height()),
            self.devicePixelRatioF(),
        )
        answer = partial(self._on_rendered, self._asked, self._drawing)
        self._background.do(
            "plots",
            work,
            then=while_alive(self, answer),
            otherwise=while_alive(self, self._on_failed),
        )

    def _on_rendered(self, question: int, drawing: Drawing, picture: Rendered) -> None:
        self._busy = False
        if self._drawing is not drawing:
            self._soon()
        if question != self._asked:
            return
        stride = 4 * picture.width
        kind = QImage.Format.Format_RGBA8888
        image = QImage(picture.pixels, picture.width, picture.height, stride, kind)
        image.setDevicePixelRatio(picture.ratio)
        self._picture, self._image = picture, image
        self.update()
        self.drawn.emit()

    def _on_failed(self, error: Exception) -> None:
        self._busy = False
        self.show_words(f"The curve could not be drawn: {error}")

    def paintEvent(self, _: QPaintEvent | None) -> None:
        """Copy the picture, or write the sentence."""
        painter = QPainter(self)
        if self._picture is not None:
            ready = self._image.deviceIndependentSize()
            if ready.width() == self.width() and ready.height() == self.height():
                painter.drawImage(QPointF(0, 0), self._image)
            else:
                painter.drawImage(self.rect(), self._image)
        elif self._words:
            painter.setPen(self.palette().text().color())
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(12, 8, -12, -8), int(flags), self._words)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Draw anew in the new size."""
        super().resizeEvent(event)
        self._soon()

    def event(self, event: QEvent | None) -> bool:
        """Draw when the plot comes to the front."""
        if event is not None and event.type() == QEvent.Type.Show:
            QTimer.singleShot(0, self._soon)
        return super().event(event)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Say what is under the mouse."""
        if event is None:
            return
        spot = self._spot_at(event.position())
        clickable = spot is not None and spot[2]
        shape = Qt.CursorShape.PointingHandCursor if clickable else Qt.CursorShape.ArrowCursor
        self.setCursor(shape)
        if spot is None:
            QToolTip.hideText()
        else:
            QToolTip.showText(event.globalPosition().toPoint(), spot[3], self)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Tell which spot was clicked."""
        spot = self._spot_at(event.position()) if event is not None else None
        if spot is not None and spot[2]:
            self.pointed.emit(spot[2])

    def _spot_at(self, place: QPointF) -> tuple[float, float, str, str] | None:
        near = [
            (math.hypot(place.x() - x, place.y() - y), (x, y, key, text))
            for x, y, key, text in self.spots
        ]
        distance, spot = min(near, default=(math.inf, None), key=lambda pair: pair[0])
        return spot if distance <= _NEAR_PX else None
