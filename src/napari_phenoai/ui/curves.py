"""The curves: quality, corrections and loss, with what can be clicked in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_phenoai.ui.learning_data import LearningData
from napari_phenoai.ui.learning_words import NO_TRAINING
from napari_phenoai.ui.plot_view import PlotView, load_plotting
from napari_phenoai.ui.plots import corrective_plot, heldout_plot, loss_plot

if TYPE_CHECKING:
    from napari_phenoai.core.series import EpochPoint
    from napari_phenoai.ui.background import Background
    from napari_phenoai.ui.plot_frame import Style
    from napari_phenoai.ui.plots import Along, Drawing, Measure

__all__ = ["Curves"]

_NO_QUALITY = (
    "No model has been measured yet.\n\n"
    "The curve begins with the first training that has a held-out tile: "
    "review some tiles, then train."
)
_NO_CORRECTIONS = (
    "No proposed mask has been decided about yet.\n\n"
    "Each tile that a model proposed and you accept or correct gives a point here."
)
_BEGUN = "The training has begun: its first epoch will show here."


class Curves(QWidget):
    """Three tabs with a curve each.

    Parameters
    ----------
    background : Background
        Draws the curves, in the lane ``plots``.
    style : Style
        Colours of the window.
    """

    model_pointed = QtSignal(str)
    """Id of a model whose point was clicked."""

    tile_pointed = QtSignal(str)
    """Key of a tile whose point was clicked."""

    def __init__(self, background: Background, style: Style, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._style = style
        self._data = LearningData()
        self._epochs: Sequence[EpochPoint] = ()
        self._running = False
        self._why = NO_TRAINING
        self._chosen: str | None = None
        background.do("plots", load_plotting)
        self.quality = PlotView(background)
        self.corrections = PlotView(background)
        self.loss = PlotView(background)
        self.measure_box = _choice(["Dice", "IoU"], "Which measure of agreement to draw")
        self.along_box = _choice(["per tile", "per minute"], "What to draw it against")
        self.along_box_2 = _choice(["per tile", "per minute"], "What to draw it against")
        self.advice = QLabel()
        self.advice.setWordWrap(True)
        self.tabs = QTabWidget()
        self.tabs.addTab(
            _page(self.quality, [self.measure_box, self.along_box], self.advice), "Quality"
        )
        self.tabs.addTab(_page(self.corrections, [self.along_box_2]), "Corrections")
        self.tabs.addTab(_page(self.loss, []), "Loss")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tabs)
        for box in (self.measure_box, self.along_box, self.along_box_2):
            box.currentIndexChanged.connect(self._draw_data)
        for view in (self.quality, self.corrections, self.loss):
            view.pointed.connect(self._on_pointed)
        self._draw_data()
        self._draw_loss()

    def set_data(self, data: LearningData) -> None:
        """Draw other curves of quality and corrections."""
        self._data = data
        self._draw_data()

    def set_epochs(
        self, epochs: Sequence[EpochPoint], *, running: bool, why: str = NO_TRAINING
    ) -> None:
        """Draw another curve of a training; `running` tells that it grows.

        Parameters
        ----------
        epochs : sequence of EpochPoint
            May be empty.
        why : str
            Said instead, where there is no epoch and none will come.
        """
        self._epochs, self._running, self._why = epochs, running, why
        self._draw_loss()

    def set_style(self, style: Style) -> None:
        """Draw in other colours."""
        self._style = style
        self._draw_data()
        self._draw_loss()

    def set_chosen(self, model: str | None) -> None:
        """Ring the point of a model."""
        self._chosen = model
        self._draw_data()

    def show_training(self) -> None:
        """Bring the curve of the training to the front."""
        self.tabs.setCurrentIndex(2)

    def drawings(self) -> list[Drawing]:
        """Return what is drawn, for a file."""
        data, found = self._data, []
        if data.heldout:
            found.append(self._quality())
        if data.corrective:
            found.append(corrective_plot(data.corrective, data.scheme))
        if self._epochs:
            found.append(loss_plot(self._epochs))
        return found

    def _quality(self) -> Drawing:
        measure: Measure = "dice" if self.measure_box.currentIndex() == 0 else "iou"
        along: Along = "tiles" if self.along_box.currentIndex() == 0 else "minutes"
        data = self._data
        return heldout_plot(
            data.heldout, data.scheme, along=along, measure=measure, chosen=self._chosen
        )

    def _draw_data(self) -> None:
        data = self._data
        self.advice.setText(data.advice.sentence if data.heldout else "")
        self.advice.setVisible(bool(data.heldout))
        if data.heldout:
            self.quality.show_drawing(self._quality(), self._style)
        else:
            self.quality.show_words(_NO_QUALITY)
        if data.corrective:
            along: Along = "tiles" if self.along_box_2.currentIndex() == 0 else "minutes"
            drawing = corrective_plot(data.corrective, data.scheme, along=along)
            self.corrections.show_drawing(drawing, self._style)
        else:
            self.corrections.show_words(_NO_CORRECTIONS)

    def _draw_loss(self) -> None:
        if self._epochs:
            self.loss.show_drawing(loss_plot(self._epochs, running=self._running), self._style)
        else:
            self.loss.show_words(_BEGUN if self._running else self._why)

    def _on_pointed(self, key: str) -> None:
        kind, _, name = key.partition(":")
        (self.model_pointed if kind == "model" else self.tile_pointed).emit(name)


def _choice(words: list[str], about: str) -> QComboBox:
    box = QComboBox()
    box.addItems(words)
    box.setToolTip(about)
    return box


def _page(view: PlotView, boxes: list[QComboBox], below: QLabel | None = None) -> QWidget:
    page = QWidget()
    layout = QVBoxLayout(page)
    layout.setContentsMargins(4, 4, 4, 4)
    if boxes:
        row = QHBoxLayout()
        for box in boxes:
            row.addWidget(box)
        row.addStretch()
        layout.addLayout(row)
    layout.addWidget(view, stretch=1)
    if below is not None:
        layout.addWidget(below)
    return page
