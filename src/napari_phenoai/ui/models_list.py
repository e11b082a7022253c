"""The list of models: how good each is, what it learned from, which one serves."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtGui import QFont
from qtpy.QtWidgets import (
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_phenoai.core.advice import truth_sentence
from napari_phenoai.ui.row_table import RowTable, row_view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_phenoai.core.records import ModelCard
    from napari_phenoai.ui.learning_data import LearningData

__all__ = ["ModelsList", "ModelsTable", "model_name"]

_HEADERS = ("", "Dice (interval)", "Tiles", "Kind", "Made")
_SERVES = "★"


def model_name(card: ModelCard) -> str:
    """Return how people call a model: what kind, and when it was made."""
    return f"{card.family}, {_when(card.created)}"


class ModelsTable(RowTable):
    """The models of a project as rows, newest first."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(_HEADERS, parent)
        self._data: LearningData | None = None

    def set_data(self, data: LearningData) -> None:
        """Show other models."""
        self.beginResetModel()
        self._data = data
        self.endResetModel()

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        """The models shown, by row."""
        return self._data.cards if self._data else ()

    @property
    def rows(self) -> Sequence[ModelCard]:
        """The models shown."""
        return self.cards

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        if self._data is None or not index.isValid():
            return None
        card = self.cards[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._cells(card)[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._about(card)
        if role == Qt.ItemDataRole.FontRole and card.id == self._data.served:
            font = QFont()
            font.setBold(True)
            return font
        return None

    def _cells(self, card: ModelCard) -> tuple[str, ...]:
        data = self._data
        serves = _SERVES if data is not None and card.id == data.served else ""
        return serves, self._dice(card), str(card.tiles), card.family, _when(card.created)

    def _dice(self, card: ModelCard) -> str:
        found = self._data.evaluations.get(card.id) if self._data else None
        if found is None or found.dice is None:
            return "not measured"
        if found.low is None or found.high is None:
            return f"{found.dice:.2f}"
        return f"{found.dice:.2f} ({found.low:.2f}-{found.high:.2f})"

    def _about(self, card: ModelCard) -> str:
        data = self._data
        found = data.evaluations.get(card.id) if data else None
        serves = "serves now" if data is not None and card.id == data.served else "does not serve"
        kind = f"{card.family}, {card.encoder}" if card.encoder else card.family
        made = f"learned {card.tiles} tiles in {card.seconds:.0f} s"
        author = f", by {card.author}" if card.author else ""
        name = f"{model_name(card)}: {serves}\n{card.id}"
        return f"{name}\n{truth_sentence(found)}\n{kind}; {made}{author}"


class ModelsList(QWidget):
    """The models with buttons that change which one serves, and that save the curves."""

    chosen = QtSignal(str)
    """Id of the model that was selected."""

    promote_wanted = QtSignal(str)
    """Id of the model that shall serve."""

    roll_back_wanted = QtSignal()
    """The model that served before shall serve again."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = ModelsTable(self)
        self.view = self._new_view()
        self.promote_button = QPushButton("Let it serve")
        self.promote_button.setToolTip("Propose masks with the selected model from now on")
        self.promote_button.clicked.connect(self._promote)
        self.back_button = QPushButton("Roll back")
        self.back_button.setToolTip("Let the model serve that served before this one")
        self.back_button.clicked.connect(self.roll_back_wanted)
        self.csv_button = QPushButton("CSV")
        self.csv_button.setToolTip("Save all curves as a table, one value per row")
        self.png_button = QPushButton("PNG")
        self.png_button.setToolTip("Save the curves as a picture")
        self._served: str | None = None
        buttons = QHBoxLayout()
        buttons.addWidget(self.promote_button)
        buttons.addWidget(self.back_button)
        for button in (self.csv_button, self.png_button):
            button.setFixedWidth(button.fontMetrics().horizontalAdvance(button.text()) + 18)
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.view)
        layout.addLayout(buttons)
        self._update_buttons()

    def set_data(self, data: LearningData) -> None:
        """Show the models of `data`; the selection stays on its model."""
        selected = self.selected
        self._served = data.served
        self.table.set_data(data)
        if selected is not None:
            self.select(selected)
        self._update_buttons()

    @property
    def selected(self) -> str | None:
        """Id of the selected model."""
        rows = self._selection().selectedRows()
        return self.table.cards[rows[0].row()].id if rows else None

    def select(self, model: str) -> None:
        """Select the row of a model, if it is there."""
        for row, card in enumerate(self.table.cards):
            if card.id == model:
                self.view.selectRow(row)

    def _selection(self) -> Any:
        return self.view.selectionModel()

    def _new_view(self) -> QTableView:
        view = row_view(self.table, stretched=1)
        view.setMinimumHeight(84)
        view.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
        selection = view.selectionModel()
        if selection is not None:
            selection.selectionChanged.connect(self._on_selected)
        return view

    def _on_selected(self) -> None:
        self._update_buttons()
        if self.selected is not None:
            self.chosen.emit(self.selected)

    def _promote(self) -> None:
        if self.selected is not None:
            self.promote_wanted.emit(self.selected)

    def _update_buttons(self) -> None:
        self.promote_button.setEnabled(self.selected not in (None, self._served))
        self.back_button.setEnabled(self._served is not None)


def _when(moment: datetime) -> str:
    local, today = moment.astimezone(), datetime.now().astimezone()
    return f"{local:%H:%M}" if local.date() == today.date() else f"{local:%d %b}"
