"""The classes of a project: names, colours, and a line for a new one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QColorDialog,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_phenoai.errors import PhenoError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_phenoai.core.scheme import ClassScheme, LabelClass

__all__ = ["ClassesList"]

_ROW_PX = 24


class ClassesList(QWidget):
    """Shows the classes; a double click renames one, a button recolours it."""

    scheme_changed = QtSignal(object)
    """The scheme that the person wants."""

    refused = QtSignal(object)
    """Why a wish cannot be granted: a `PhenoError`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scheme: ClassScheme | None = None
        self.list = QListWidget()
        self.list.setIconSize(QSize(14, 14))
        self.list.setToolTip("Double click a name to change it")
        self.list.itemChanged.connect(self._on_renamed)
        self.new_name = QLineEdit()
        self.new_name.setPlaceholderText("new class")
        self.new_name.returnPressed.connect(self._add)
        self.add_button = QPushButton("Add")
        self.add_button.clicked.connect(self._add)
        self.colour_button = QPushButton("Colour ...")
        self.colour_button.setToolTip("Change the colour of the selected class")
        self.colour_button.clicked.connect(self._ask_colour)
        self.merge_menu = QMenu(self)
        self.merge_menu.aboutToShow.connect(self._fill_merge_menu)
        self.merge_button = QPushButton("Merge")
        self.merge_button.setToolTip("Let the selected class count as another; no label is lost")
        self.merge_button.setMenu(self.merge_menu)
        row = QHBoxLayout()
        row.addWidget(self.new_name, stretch=1)
        for button in (self.add_button, self.colour_button, self.merge_button):
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.list)
        layout.addLayout(row)

    def set_scheme(self, scheme: ClassScheme) -> None:
        """Show these classes."""
        self._scheme = scheme
        self.list.blockSignals(True)
        self.list.clear()
        for item in scheme.active:
            self.list.addItem(_item(item))
        self.list.blockSignals(False)
        self.list.setFixedHeight(_ROW_PX * min(5, max(2, len(scheme.active))) + 6)

    def recolour(self, class_id: int, colour: str) -> None:
        """Ask for another colour (``#rrggbb``) of a class."""
        if self._scheme is not None:
            self.scheme_changed.emit(self._scheme.recoloured(class_id, colour))

    def merge(self, class_id: int, into: int) -> None:
        """Ask that pixels of `class_id` count as class `into`."""
        if self._scheme is not None:
            self._wish(partial(self._scheme.merged, class_id, into))

    def separate(self, class_id: int) -> None:
        """Ask that a merged class be one of its own again."""
        if self._scheme is not None:
            self._wish(partial(self._scheme.separated, class_id))

    def _add(self) -> None:
        name = self.new_name.text()
        if self._scheme is None or not name.strip():
            return
        if self._wish(partial(self._scheme.added, name)):
            self.new_name.clear()

    def _wish(self, change: Callable[[], ClassScheme]) -> bool:
        """Tell what the person wants, or why it cannot be."""
        try:
            scheme = change()
        except PhenoError as error:
            self.refused.emit(error)
            return False
        self.scheme_changed.emit(scheme)
        return True

    def _fill_merge_menu(self) -> None:
        scheme, item, menu = self._scheme, self.list.currentItem(), self.merge_menu
        menu.clear()
        if scheme is None:
            return
        chosen = scheme.named(_id(item)) if item is not None else None
        if chosen is None or chosen.id == scheme.background:
            menu.addAction("Select a class that is not the background")
            for action in menu.actions():
                action.setEnabled(False)
        else:
            for other in scheme.active:
                if other.id != chosen.id:
                    text = f"{chosen.name} counts as {other.name}"
                    menu.addAction(text, partial(self.merge, chosen.id, other.id))
        names = {other.id: other.name for other in scheme.classes}
        for merged in scheme.merged_away:
            text = f"Take {merged.name} out of {names[merged.into or 0]} again"
            menu.addAction(text, partial(self.separate, merged.id))

    def _on_renamed(self, item: QListWidgetItem) -> None:
        scheme = self._scheme
        if scheme is None:
            return
        try:
            self.scheme_changed.emit(scheme.renamed(_id(item), item.text()))
        except PhenoError as error:
            self.refused.emit(error)
            self.set_scheme(scheme)

    def _ask_colour(self) -> None:
        item = self.list.currentItem()
        if item is None or self._scheme is None:
            return
        before = self._scheme.named(_id(item)).colour
        chosen = QColorDialog.getColor(QColor(before), self, f"Colour of {item.text()}")
        if chosen.isValid():
            self.recolour(_id(item), chosen.name())


def _item(shown: LabelClass) -> QListWidgetItem:
    pixmap = QPixmap(14, 14)
    pixmap.fill(QColor(shown.colour))
    item = QListWidgetItem(QIcon(pixmap), shown.name)
    item.setData(Qt.ItemDataRole.UserRole, shown.id)
    item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
    item.setSizeHint(QSize(0, _ROW_PX))
    return item


def _id(item: QListWidgetItem) -> int:
    return int(item.data(Qt.ItemDataRole.UserRole))
