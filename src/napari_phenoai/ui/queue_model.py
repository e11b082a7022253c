"""The queue as a Qt item model, and its filter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractListModel, QModelIndex, QSortFilterProxyModel, Qt

from napari_phenoai.ui.theme import STATE_WORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari_phenoai.core.records import ImageRecord, QueueItem

__all__ = ["ITEM_ROLE", "QueueFilter", "QueueModel", "describe"]

ITEM_ROLE = int(Qt.ItemDataRole.UserRole)
"""Under this role the model hands out the `QueueItem`."""


def describe(item: QueueItem, images: Mapping[str, ImageRecord]) -> str:
    """Say everything about a tile of the queue, for its tooltip."""
    tile = item.where
    image = images.get(tile.image)
    lines = [
        f"{image.name if image else tile.image}, row {tile.y}, column {tile.x}",
        f"{STATE_WORDS[item.state]}{', held out: it checks the model' if held(item) else ''}",
        item.reason,
    ]
    if item.score is not None:
        lines.append(f"score {item.score:.3f} ({item.strategy})")
    return "\n".join(line for line in lines if line)


def held(item: QueueItem) -> bool:
    """Tell whether a tile is held out."""
    return item.role == "heldout"


class QueueModel(QAbstractListModel):
    """Rows are the items of the queue, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.items: Sequence[QueueItem] = ()
        self.images: Mapping[str, ImageRecord] = {}
        self._rows: dict[str, int] = {}

    def set_items(self, items: Sequence[QueueItem]) -> None:
        """Show `items`; where only states changed, the view keeps its place."""
        same = [item.tile for item in items] == [item.tile for item in self.items]
        if same:
            old, self.items = self.items, list(items)
            for row, (before, now) in enumerate(zip(old, items, strict=True)):
                if before != now:
                    self.touch(row)
            return
        self.beginResetModel()
        self.items = list(items)
        self._rows = {item.tile: row for row, item in enumerate(items)}
        self.endResetModel()

    def row_of(self, tile_key: str) -> int | None:
        """Return the row of a tile."""
        return self._rows.get(tile_key)

    def touch(self, row: int) -> None:
        """Let views draw a row anew."""
        index = self.index(row)
        self.dataChanged.emit(index, index)

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of items."""
        return 0 if parent is not None and parent.isValid() else len(self.items)

    def data(self, index: QModelIndex, role: int = ITEM_ROLE) -> Any:
        """Return the item, its name, or its description."""
        if not index.isValid() or index.row() >= len(self.items):
            return None
        item = self.items[index.row()]
        if role == ITEM_ROLE:
            return item
        if role == int(Qt.ItemDataRole.ToolTipRole):
            return describe(item, self.images)
        if role == int(Qt.ItemDataRole.AccessibleTextRole):
            return f"Tile {index.row() + 1}, {STATE_WORDS[item.state]}"
        return None


class QueueFilter(QSortFilterProxyModel):
    """Lets through items that the person wants to see: of one state, and with one class."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted = "all"
        self.shows_class: Callable[[QueueItem], bool] | None = None

    def set_wanted(self, wanted: str) -> None:
        """Show ``all``, ``waiting``, ``decided``, ``flagged`` or ``heldout`` tiles."""
        self.wanted = wanted
        self.invalidate()

    def set_class(self, shows_class: Callable[[QueueItem], bool] | None) -> None:
        """Show only tiles for which this is true; without it those of all classes."""
        self.shows_class = shows_class
        self.invalidate()

    def filterAcceptsRow(self, row: int, parent: QModelIndex) -> bool:
        """Tell whether a row is to be seen."""
        source = self.sourceModel()
        item = source.index(row, 0, parent).data(ITEM_ROLE) if source is not None else None
        if item is None or not self._has_state(item):
            return False
        return self.shows_class is None or self.shows_class(item)

    def _has_state(self, item: QueueItem) -> bool:
        if self.wanted == "heldout":
            return held(item)
        if self.wanted == "decided":
            return item.state != "waiting"
        return self.wanted in ("all", item.state)
