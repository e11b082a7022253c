"""The class list: colour, name, number key, share in the tile, eye and lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QRectF, Qt, QTimer
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import (
    QColorDialog,
    QHBoxLayout,
    QLabel,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_phenoai.ui.controls.elided import ElidedLabel
from napari_phenoai.ui.controls.mark_button import MarkButton
from napari_phenoai.ui.controls.name_edit import NameEdit
from napari_phenoai.ui.keys import key_of
from napari_phenoai.ui.theme import ACCENT, readable_on

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from qtpy.QtGui import QMouseEvent, QPaintEvent

    from napari_phenoai.core.scheme import ClassScheme, LabelClass

__all__ = ["ClassList", "ClassRow"]

_ALARM_MS = 900
_CHOSEN = QColor(86, 180, 233, 70)


class ClassRow(QWidget):
    """One class.

    Signals
    -------
    chosen : int
        The class is to be painted.
    renamed : int, str
        It gets another name.
    recoloured : int, str
        It gets another colour, ``#rrggbb``.
    eyed, locked : int
        It is to be hidden or shown; locked or unlocked.
    """

    chosen = QtSignal(int)
    renamed = QtSignal(int, str)
    recoloured = QtSignal(int, str)
    eyed = QtSignal(int)
    locked = QtSignal(int)

    def __init__(self, item: LabelClass, number: int, background: bool) -> None:
        super().__init__()
        self.item = item
        self.setStyleSheet("QStackedWidget, QLabel { background: transparent; }")
        self._chosen = False
        self.swatch = _swatch(item.colour, number)
        self.swatch.clicked.connect(self._pick_colour)
        told = background and "background" not in item.name.lower()
        text = f"{item.name} (background)" if told else item.name
        self.name = ElidedLabel(text)
        self.edit = NameEdit(item.name)
        self.edit.entered.connect(self._rename)
        self._names = QStackedWidget()
        self._names.addWidget(self.name)
        self._names.addWidget(self.edit)
        self._names.setFixedHeight(22)
        self.share = _share_label()
        self.eye, self.lock = MarkButton("eye"), MarkButton("lock")
        self.eye.clicked.connect(lambda: self.eyed.emit(self.item.id))
        self.lock.clicked.connect(lambda: self.locked.emit(self.item.id))
        self._compose()
        self.set_marks(hidden=False, locked=False)
        key = f"key {number}; " if number <= 9 else ""
        self.setToolTip(f"Click to paint {item.name} ({key}double-click to rename)")

    def _compose(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 1, 2, 1)
        row.setSpacing(4)
        row.addWidget(self.swatch)
        row.addSpacing(2)
        row.addWidget(self._names, 1)
        for widget in (self.share, self.eye, self.lock):
            row.addWidget(widget)

    def set_chosen(self, chosen: bool) -> None:
        """Show whether this class is the one that is painted."""
        if chosen != self._chosen:
            self._chosen = chosen
            self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the mark of the chosen class: a style sheet would take milliseconds to change."""
        super().paintEvent(event)
        if self._chosen:
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QColor(ACCENT))
            painter.setBrush(_CHOSEN)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)

    def set_share(self, share: float | None) -> None:
        """Show which share of the tile the class covers; None shows nothing."""
        self.share.setText("" if share is None else _percent(share))

    def set_marks(self, *, hidden: bool, locked: bool) -> None:
        """Show whether the class is hidden, and whether it is locked."""
        name = self.item.name
        eye = f"Hidden: show {name} again" if hidden else f"Hide {name}; nothing is changed"
        lock = (
            f"Locked: no tool changes pixels of {name}. Click to unlock"
            if locked
            else f"Lock {name}, so that no tool changes its pixels"
        )
        self.eye.set_state(hidden, f"{eye} ({key_of('eye')} while it is chosen)")
        self.lock.set_state(locked, f"{lock} ({key_of('lock')} while it is chosen)")
        font = self.name.font()
        font.setItalic(hidden)
        self.name.setFont(font)

    def start_rename(self) -> None:
        """Put the name into an edit field."""
        self.edit.setText(self.item.name)
        self._names.setCurrentWidget(self.edit)
        self.edit.setFocus()
        self.edit.selectAll()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Choose the class."""
        super().mousePressEvent(event)
        self.chosen.emit(self.item.id)

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """Rename the class."""
        super().mouseDoubleClickEvent(event)
        self.start_rename()

    def _rename(self, name: str) -> None:
        self._names.setCurrentWidget(self.name)
        if name and name != self.item.name:
            self.renamed.emit(self.item.id, name)

    def _pick_colour(self) -> None:
        dialog = QColorDialog(QColor(self.item.colour), self)
        dialog.setWindowTitle(f"Colour of {self.item.name}")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.colorSelected.connect(
            lambda colour: self.recoloured.emit(self.item.id, colour.name())
        )
        dialog.open()


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
    """

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
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(1)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(1)
        box.addLayout(self._rows)
        self.show_all = QToolButton()
        self.show_all.setText("Show all")
        self.show_all.setToolTip(f"Show the hidden classes again ({key_of('all_eyes')})")
        self.show_all.setAutoRaise(True)
        self.show_all.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.show_all.hide()
        self.new_name = NameEdit("")
        self.new_name.setPlaceholderText("Name of the new class, then Enter")
        self.new_name.entered.connect(self._add)
        self.new_name.hide()
        box.addWidget(self.new_name)

    def set_scheme(self, scheme: ClassScheme) -> None:
        """Show the classes of `scheme`."""
        if scheme == self._scheme:
            return
        self._scheme = scheme
        for row in self.rows.values():
            self._rows.removeWidget(row)
            row.deleteLater()
        self.rows = {}
        for number, item in enumerate(scheme.active, start=1):
            row = ClassRow(item, number, background=item.id == scheme.background)
            row.chosen.connect(self.chosen.emit)
            row.renamed.connect(self.renamed.emit)
            row.recoloured.connect(self.recoloured.emit)
            row.eyed.connect(self.eyed.emit)
            row.locked.connect(self.locked.emit)
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

    def _add(self, name: str) -> None:
        self.new_name.hide()
        if name:
            self.added.emit(name)


def _share_label() -> QLabel:
    label = QLabel("")
    label.setFixedWidth(52)
    label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    label.setToolTip("Share of this tile")
    return label


def _swatch(colour: str, number: int) -> QToolButton:
    swatch = QToolButton()
    swatch.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    swatch.setFixedSize(24, 20)
    swatch.setText(str(number) if number <= 9 else "")
    swatch.setStyleSheet(
        f"QToolButton {{ background-color: {colour}; color: {readable_on(colour)};"
        "border: 1px solid rgba(128,128,128,160); border-radius: 3px; font-weight: bold; }"
    )
    swatch.setToolTip("Choose another colour")
    return swatch


def _percent(share: float) -> str:
    if 0 < share < 0.001:
        return "<0.1 %"
    if share >= 0.9995:  # as wide as "99.9 %", which the label has room for
        return "100 %"
    return f"{share:.1%}".replace("%", " %")
