"""Results as rows: what each class amounts to in each image."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QSizePolicy,
    QTreeWidget,
    QTreeWidgetItem,
)

from napari_phenoai.io.export import export_traits

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_phenoai.core.progress import Work
    from napari_phenoai.io.project import Project

__all__ = ["HEADERS", "ResultTree", "area_unit", "area_words", "count_results"]

HEADERS = ("Image, class", "Cover", "Area", "Objects")
_ROW_PX = 19
"""Of all rows: the first gives its height to the others."""

_UNITS = {"m²": 1e6, "cm²": 1e3, "mm²": 0.1, "µm²": 0.0}
"""Units, and from which area in mm² on they are used."""

_UNIT_MM2 = {"m²": 1e6, "cm²": 1e2, "mm²": 1.0, "µm²": 1e-6}

Row = Mapping[str, str]


def count_results(project: Project, model: str | None = None) -> Work[list[dict[str, str]]]:
    """Return the rows of the traits table, background included, as text.

    People's labels count where there are any, else what `model` predicted, by default
    the one that serves; pixels that have neither are told in ``unlabelled_px``.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "traits.csv"
        yield from export_traits(project, path, model=model, allow_partial=True)
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))


def area_unit(rows: Sequence[Row]) -> str:
    """Return the unit in which the largest area of `rows` is easiest to read.

    Examples
    --------
    >>> area_unit([{"area_mm2": "2.5"}, {"area_mm2": "15000"}, {"area_mm2": ""}])
    'cm²'
    """
    known = [float(row["area_mm2"]) for row in rows if row["area_mm2"]]
    largest = max(known, default=0.0)
    return next(unit for unit, size in _UNITS.items() if largest >= size or unit == "µm²")


def area_words(row: Row, unit: str) -> str:
    """Return the area of a row in `unit`; in pixels where their size is unknown.

    Examples
    --------
    >>> area_words({"area_px": "1200", "area_mm2": ""}, "cm²")
    '1200 px'
    >>> area_words({"area_px": "9", "area_mm2": "250"}, "cm²")
    '2.5 cm²'
    """
    if not row["area_mm2"]:
        return f"{row['area_px']} px"
    return f"{float(row['area_mm2']) / _UNIT_MM2[unit]:.4g} {unit}"


class ResultTree(QTreeWidget):
    """Results grouped by image: one line for each class but the background."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setHeaderLabels(list(HEADERS))
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setIndentation(10)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
        self.setMinimumHeight(120)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        header = self.header()
        if header is not None:
            header.setMinimumSectionSize(40)
            header.setStretchLastSection(False)
            header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)

    def set_results(self, rows: Sequence[Row], background: int) -> None:
        """Show other rows."""
        self.clear()
        unit = area_unit([row for row in rows if int(row["class_id"]) != background])
        groups: dict[str, list[Row]] = {}
        for row in rows:
            if int(row["class_id"]) != background:
                groups.setdefault(_title(row), []).append(row)
        for title, members in groups.items():
            head = QTreeWidgetItem([title])
            head.setToolTip(0, _about_image(members[0]))
            head.setSizeHint(0, QSize(0, _ROW_PX))
            self.addTopLevelItem(head)
            head.setFirstColumnSpanned(True)
            head.addChildren([_line(row, unit) for row in members])
        self.expandAll()

    def lines(self) -> list[tuple[str, ...]]:
        """Return what is shown: the image, then the cells, of each line."""
        found = []
        for number in range(self.topLevelItemCount()):
            head = self.topLevelItem(number)
            for place in range(head.childCount() if head is not None else 0):
                item = head.child(place) if head is not None else None
                if head is not None and item is not None:
                    cells = [item.text(column) for column in range(len(HEADERS))]
                    found.append((head.text(0), *cells))
        return found


def _line(row: Row, unit: str) -> QTreeWidgetItem:
    item = QTreeWidgetItem(list(_cells(row, unit)))
    for column in range(1, len(HEADERS)):
        item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    item.setToolTip(0, f"{row['class']}: {row['area_px']} px")
    return item


def _title(row: Row) -> str:
    name = row["name"] if row["z"] == "0" else f"{row['name']}, plane {row['z']}"
    return f"{name} *" if int(row["unlabelled_px"]) else name


def _cells(row: Row, unit: str) -> tuple[str, ...]:
    if not row["cover"]:
        return row["class"], "unknown", "", ""
    cover = f"{100 * float(row['cover']):.1f} %"
    return row["class"], cover, area_words(row, unit), row["objects"]


def _about_image(row: Row) -> str:
    lines = [row["name"]]
    if int(row["unlabelled_px"]):
        lines.append(f"* {row['unlabelled_px']} px have no class yet; cover is of the others")
    if not row["pixel_um"]:
        lines.append("Set the pixel size in the Project dock to get areas with units")
    lines.append(f"model {row['model']}" if row["model"] else "no model: people's labels only")
    return "\n".join(lines)
