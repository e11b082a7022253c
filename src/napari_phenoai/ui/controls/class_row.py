"""One class of the list: colour, name, number key, share in the tile, eye and lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QRectF, Qt
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import QColorDialog, QHBoxLayout, QLabel, QStackedWidget, QToolButton, QWidget

from napari_phenoai.ui.controls.elided import ElidedLabel
from napari_phenoai.ui.controls.mark_button import MarkButton
from napari_phenoai.ui.controls.name_edit import NameEdit
from napari_phenoai.ui.keyed import keyed
from napari_phenoai.ui.keys import key_of
from napari_phenoai.ui.theme import ACCENT, readable_on

if TYPE_CHECKING:
    from qtpy.QtGui import QMouseEvent, QPaintEvent

    from napari_phenoai.core.scheme import LabelClass

__all__ = ["ClassRow"]

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
    left
        Enter or Escape ended what was typed.
    """

    left = QtSignal()
    chosen = QtSignal(int)
    renamed = QtSignal(int, str)
    recoloured = QtSignal(int, str)
    eyed = QtSignal(int)
    locked = QtSignal(int)

    def __init__(self, item: LabelClass, number: int, background: bool) -> None:
        super().__init__()
        self.item = item
        self.setStyleSheet("QStackedWidget, QLabel, MarkButton { background: transparent; }")
        self._chosen = False
        self.swatch = _swatch(item.colour)
        self.swatch.clicked.connect(self._pick_colour)
        told = background and "background" not in item.name.lower()
        text = f"{item.name} (background)" if told else item.name
        self.name = ElidedLabel(text)
        self.edit = NameEdit(item.name)
        self.edit.entered.connect(self._rename)
        self.edit.left.connect(self.left.emit)
        self._names = QStackedWidget()
        self._names.addWidget(self.name)
        self._names.addWidget(self.edit)
        self._names.setFixedHeight(22)
        self.share = _share_label()
        self.eye, self.lock = MarkButton("eye"), MarkButton("lock")
        self.eye.clicked.connect(lambda: self.eyed.emit(self.item.id))
        self.lock.clicked.connect(lambda: self.locked.emit(self.item.id))
        self._compose()
        self._number = number
        self._marks = False, False
        keyed(self, ClassRow._show_keys)

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
        self._marks = hidden, locked
        name = self.item.name
        eye = f"Hidden: show {name} again" if hidden else f"Hide {name}; nothing is changed"
        lock = (
            f"Locked: no tool changes pixels of {name}. Click to unlock"
            if locked
            else f"Lock {name}, so that no tool changes its pixels"
        )
        self.eye.set_state(hidden, _with_key(eye, "eye"))
        self.lock.set_state(locked, _with_key(lock, "lock"))
        font = self.name.font()
        font.setItalic(hidden)
        self.name.setFont(font)

    def _show_keys(self) -> None:
        """Show the key that chooses the class, and those of its marks."""
        key = key_of(f"class_{self._number}") if self._number <= 9 else ""
        self.swatch.setText(key if len(key) <= 2 else "")
        told = f"key {key}; " if key else ""
        self.setToolTip(f"Click to paint {self.item.name} ({told}double-click to rename)")
        hidden, locked = self._marks
        self.set_marks(hidden=hidden, locked=locked)

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


def _share_label() -> QLabel:
    label = QLabel("")
    label.setFixedWidth(52)
    label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    label.setToolTip("Share of this tile")
    return label


def _with_key(text: str, action: str) -> str:
    key = key_of(action)
    return f"{text} ({key} while it is chosen)" if key else text


def _swatch(colour: str) -> QToolButton:
    swatch = QToolButton()
    swatch.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    swatch.setFixedSize(24, 20)
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
