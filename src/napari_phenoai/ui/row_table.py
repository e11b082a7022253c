"""Tables of rows that a person reads and chooses from, one line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

__all__ = ["RowTable", "row_view"]

_ROW_PX = 22


class RowTable(QAbstractTableModel):
    """A read-only table whose rows are the values of one list.

    Parameters
    ----------
    headers : sequence of str
        Names of the columns.
    parent : QWidget, optional
        Owns the model.
    """

    def __init__(self, headers: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._headers = tuple(headers)

    @property
    def rows(self) -> Sequence[object]:
        """What the rows show, from top to bottom; classes that inherit fill it."""
        return ()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of rows."""
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(self._headers)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the name of a column."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._headers[section]
        return None


def row_view(model: RowTable, *, stretched: int) -> QTableView:
    """Return a view of whole rows of `model`, in which column `stretched` takes what is left."""
    view = QTableView()
    view.setModel(model)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    view.setShowGrid(False)
    view.setWordWrap(False)
    view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    rows, columns = view.verticalHeader(), view.horizontalHeader()
    if rows is not None:
        rows.hide()
        rows.setDefaultSectionSize(_ROW_PX)
    if columns is not None:
        columns.setMinimumSectionSize(18)
        columns.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        columns.setSectionResizeMode(stretched, QHeaderView.ResizeMode.Stretch)
    return view
