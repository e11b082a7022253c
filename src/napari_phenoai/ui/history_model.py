"""The edits of a project as rows, newest first, fetched as they are scrolled to."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from psygnal import Signal
from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtGui import QFont

from napari_phenoai.ui.row_table import RowTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qtpy.QtWidgets import QWidget

    from napari_phenoai.core.records import ImageRecord
    from napari_phenoai.io.journal_entry import JournalEntry

__all__ = ["WHO", "HistoryModel", "grouped", "tool_words"]

_HEADERS = ("", "Edit", "Image", "Who", "Pixels", "When")
WHO = 3
"""Column of the author."""
_WORDS = {
    "review": "decision",
    "import": "import",
    "edit": "change",
    "brush": "brush",
    "eraser": "eraser",
    "fill": "fill",
    "polygon": "polygon",
    "slices": "fill between slices",
}


def tool_words(tool: str) -> str:
    """Return what an edit was made with, in words."""
    return _WORDS.get(tool, tool or "change")


def grouped(number: int) -> str:
    """Return a number with its digits in groups of three, never broken between lines."""
    return f"{number:,}".replace(",", "\u202f")


class HistoryModel(RowTable):
    """Rows are edits; more of them are asked for with `wanted` when the end comes in sight.

    Attributes
    ----------
    images : mapping of str to ImageRecord
        Gives the names of images by id.
    """

    wanted = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(_HEADERS, parent)
        self.images: Mapping[str, ImageRecord] = {}
        self.entries: list[JournalEntry] = []
        self._more = False
        self._asked = False

    def set_entries(self, entries: Sequence[JournalEntry], *, more: bool) -> None:
        """Show `entries` in place of the former ones; `more` tells whether there are others."""
        same = [entry.number for entry in entries] == [entry.number for entry in self.entries]
        self._more, self._asked = more, False
        if same:
            self.entries = list(entries)
            if entries:
                last = self.index(len(entries) - 1, len(_HEADERS) - 1)
                self.dataChanged.emit(self.index(0, 0), last)
            return
        self.beginResetModel()
        self.entries = list(entries)
        self.endResetModel()

    def add_entries(self, entries: Sequence[JournalEntry], *, more: bool) -> None:
        """Show older `entries` below, if they follow those that are there."""
        self._more, self._asked = more, False
        if not entries or (self.entries and entries[0].number >= self.entries[-1].number):
            return
        first = len(self.entries)
        self.beginInsertRows(QModelIndex(), first, first + len(entries) - 1)
        self.entries.extend(entries)
        self.endInsertRows()

    def canFetchMore(self, parent: QModelIndex) -> bool:
        """Tell whether older edits can be asked for."""
        return not parent.isValid() and self._more and not self._asked

    def fetchMore(self, parent: QModelIndex) -> None:
        """Ask for older edits."""
        if self.canFetchMore(parent) and self.entries:
            self._asked = True
            self.wanted.emit(self.entries[-1].number)

    @property
    def rows(self) -> Sequence[JournalEntry]:
        """The edits that have been fetched."""
        return self.entries

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        if not index.isValid() or index.row() >= len(self.entries):
            return None
        entry = self.entries[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._cells(entry)[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._about(entry)
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() == WHO + 1:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return _font(entry) if role == Qt.ItemDataRole.FontRole else None

    @property
    def authors(self) -> set[str]:
        """Who made the edits that have been fetched."""
        return {entry.author for entry in self.entries}

    def _cells(self, entry: JournalEntry) -> tuple[str, ...]:
        named = tool_words(entry.tool)
        pixels = grouped(entry.pixels)
        return _sign(entry), named, self._name(entry), entry.author, pixels, _when(entry.at)

    def _name(self, entry: JournalEntry) -> str:
        image = self.images.get(entry.tile.image)
        return image.name if image else entry.tile.image

    def _about(self, entry: JournalEntry) -> str:
        tile = entry.tile
        plane = f", plane {tile.z + 1}" if tile.z else ""
        if entry.more_planes:
            plane += f" and {entry.more_planes} more"
        moment = f"{entry.at.astimezone():%d %b %Y, %H:%M:%S}"
        size = grouped(entry.pixels)
        lines = [
            f"{tool_words(entry.tool)} by {entry.author or 'somebody'}, {moment}",
            f"{self._name(entry)}{plane}, row {tile.y}, column {tile.x}, {size} px",
        ]
        if entry.current:
            lines.append("The last edit that counts.")
        elif entry.state == "undone" and not entry.reachable:
            lines.append("Undone, and others were made since: it cannot be done again.")
        elif entry.state == "undone":
            lines.append("Undone. A click does it again, with all before it.")
        else:
            lines.append("A click takes back all edits after it.")
        return "\n".join(lines)


def _sign(entry: JournalEntry) -> str:
    if entry.current:
        return "●"
    return "↶" if entry.state == "undone" else "✓"


def _font(entry: JournalEntry) -> QFont:
    font = QFont()
    font.setBold(entry.current)
    font.setItalic(entry.state == "undone")
    font.setStrikeOut(entry.state == "undone" and not entry.reachable)
    return font


def _when(moment: datetime) -> str:
    local, today = moment.astimezone(), datetime.now().astimezone()
    return f"{local:%H:%M:%S}" if local.date() == today.date() else f"{local:%d %b}"
