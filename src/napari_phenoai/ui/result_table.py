"""Results as rows: what each class amounts to in each image."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt

from napari_phenoai.io.export import export_traits

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_phenoai.core.progress import Work
    from napari_phenoai.io.project import Project

__all__ = ["HEADERS", "ResultTable", "area_words", "count_results"]

HEADERS = ("Image", "Class", "Cover", "Area", "Objects")
_NUMBERS = 2

Row = Mapping[str, str]


def count_results(project: Project) -> Work[list[dict[str, str]]]:
    """Return the rows of the traits table, background included, as text.

    People's labels count where there are any, else what the model that serves
    predicted; pixels that have neither are told in ``unlabelled_px``.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "traits.csv"
        yield from export_traits(project, path, allow_partial=True)
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))


def area_words(row: Row) -> str:
    """Return the area of a row with a unit that suits its size.

    Examples
    --------
    >>> area_words({"area_px": "1200", "area_um2": "", "area_mm2": ""})
    '1200 px'
    >>> area_words({"area_px": "9", "area_um2": "2500000", "area_mm2": "2.5"})
    '2.5 mm²'
    >>> area_words({"area_px": "9", "area_um2": "900", "area_mm2": "0.0009"})
    '900 µm²'
    """
    if not row["area_mm2"]:
        return f"{row['area_px']} px"
    square_mm = float(row["area_mm2"])
    if square_mm >= 1e6:
        return f"{square_mm / 1e6:.4g} m²"
    if square_mm >= 1e3:
        return f"{square_mm / 100:.4g} cm²"
    if square_mm >= 0.1 or square_mm == 0:
        return f"{square_mm:.4g} mm²"
    return f"{float(row['area_um2']):.4g} µm²"


class ResultTable(QAbstractTableModel):
    """Rows of results for a view; classes other than the background."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.results: list[Row] = []

    def set_results(self, rows: Sequence[Row], background: int) -> None:
        """Show other rows."""
        self.beginResetModel()
        self.results = [row for row in rows if int(row["class_id"]) != background]
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of rows."""
        return 0 if parent is not None and parent.isValid() else len(self.results)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(HEADERS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the name of a column."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return HEADERS[section]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        if not index.isValid():
            return None
        row = self.results[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return _cells(row)[index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() >= _NUMBERS:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.ToolTipRole:
            return _about(row)
        return None


def _cells(row: Row) -> tuple[str, ...]:
    cover = f"{100 * float(row['cover']):.1f} %" if row["cover"] else "unknown"
    if int(row["unlabelled_px"]):
        cover += " *"
    name = row["name"] if row["z"] == "0" else f"{row['name']} (plane {row['z']})"
    objects = row["objects"] if row["cover"] else ""
    return name, row["class"], cover, area_words(row) if row["cover"] else "", objects


def _about(row: Row) -> str:
    lines = [f"{row['name']}: {row['class']}", f"{row['area_px']} px"]
    if int(row["unlabelled_px"]):
        lines.append(f"* {row['unlabelled_px']} px of this image have no class yet")
    lines.append(f"model {row['model']}" if row["model"] else "no model: people's labels only")
    return "\n".join(lines)
