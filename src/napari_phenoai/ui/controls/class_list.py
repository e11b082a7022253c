"""The class list: a row for each class, and a field for the name of a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QToolButton, QVBoxLayout, QWidget

from napari_phenoai.ui.controls.class_row import ClassRow
from napari_phenoai.ui.controls.name_edit import NameEdit
from napari_phenoai.ui.keyed import keyed_tip
from napari_phenoai.ui.scrolling import scroll_to

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from napari_phenoai.core.scheme import ClassScheme

__all__ = ["ClassList"]

_ALARM_MS = 900


class ClassList(QWidget):
    """All classes in use, and a field for the name of a new one.

    Attributes
    ----------
    show_all : QToolButton
        For the heading; seen while a class is hidden.

    Signals
    -------
    chosen : int
        A class is to be painted.
    renamed, recoloured : int, str
        A class gets another name or colour.
    eyed, locked : int
        A class is to be hidden or shown; locked or unlocked.
    added : str
        A class of this name is wanted.
    left
        Enter or Escape ended what was typed.
    """

    left = QtSignal()
    eyed = QtSignal(int)
    locked = QtSignal(int)
    chosen = QtSignal(int)
    renamed = QtSignal(int, str)
    recoloured = QtSignal(int, str)
    added = QtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: dict[int, ClassRow] = {}
        self._scheme: ClassScheme | None = None
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.setInterval(_ALARM_MS)
        self._calm.timeout.connect(lambda: self._set_alarm(on=False))
        self._seen = QTimer(self)
        self._seen.setSingleShot(True)
        self._seen.timeout.connect(lambda: scroll_to(self.new_name))
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(1)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(1)
        box.addLayout(self._rows)
        self.show_all = QToolButton()
        self.show_all.setText("Show all")
        keyed_tip(self.show_all, "Show the hidden classes again", "all_eyes")
        self.show_all.setAutoRaise(True)
        self.show_all.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.show_all.hide()
        self.new_name = NameEdit("")
        self.new_name.setPlaceholderText("Name of the new class, then Enter")
        self.new_name.entered.connect(self._add)
        self.new_name.left.connect(self.left.emit)
        self.new_name.hide()
        box.addWidget(self.new_name)

    def set_scheme(self, scheme: ClassScheme) -> None:
        """Show the classes of `scheme`."""
        if scheme == self._scheme:
            return
        self._scheme = scheme
        for row in self.rows.values():
            self._rows.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.rows = {}
        for number, item in enumerate(scheme.active, start=1):
            row = ClassRow(item, number, background=item.id == scheme.background)
            row.chosen.connect(self.chosen.emit)
            row.renamed.connect(self.renamed.emit)
            row.recoloured.connect(self.recoloured.emit)
            row.eyed.connect(self.eyed.emit)
            row.locked.connect(self.locked.emit)
            row.left.connect(self.left.emit)
            self._rows.addWidget(row)
            self.rows[item.id] = row

    def show_chosen(self, class_id: int) -> None:
        """Mark the class that is painted."""
        for key, row in self.rows.items():
            row.set_chosen(key == class_id)

    def show_marks(self, *, hidden: Collection[int], locked: Collection[int]) -> None:
        """Show which classes are hidden, and which are locked."""
        for key, row in self.rows.items():
            row.set_marks(hidden=key in hidden, locked=key in locked)
        self.show_all.setVisible(any(key in hidden for key in self.rows))

    def alarm(self) -> None:
        """Light the closed locks up for a moment: one of them has stopped a tool."""
        self._set_alarm(on=True)
        self._calm.start()

    def _set_alarm(self, *, on: bool) -> None:
        for row in self.rows.values():
            row.lock.set_alarm(on=on)

    def show_shares(self, shares: Mapping[int, float] | None) -> None:
        """Show the share of the tile that each class covers; None clears them."""
        for key, row in self.rows.items():
            row.set_share(None if shares is None else shares.get(key, 0.0))

    def start_adding(self) -> None:
        """Ask for the name of a new class."""
        self.new_name.clear()
        self.new_name.show()
        self.new_name.setFocus()
        self._seen.start()

    def _add(self, name: str) -> None:
        self.new_name.hide()
        if name:
            self.added.emit(name)
