"""The small form in which a person says what the values of a server mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QLabel,
    QPushButton,
    QWidget,
)

from napari_phenoai.core.mapping import ValueMapping
from napari_phenoai.ui.controls.key_button import KeyButton
from napari_phenoai.ui.server_choice import keep_narrow
from napari_phenoai.ui.server_lines import lay_out

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_phenoai.core.scheme import ClassScheme

__all__ = ["MappingForm"]

_MOST_ROWS = 16
_ICON_PX = 14
_REFUSE = -1


class MappingForm(QWidget):
    """Proposes a class for each value; a person corrects and confirms it, once."""

    confirmed = QtSignal(object)
    put_off = QtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.boxes: dict[int, QComboBox] = {}
        self.rest_box = QComboBox()
        self._pairs: dict[int, int] = {}
        self._names: dict[int, str] = {}
        self.title = QLabel()
        self.reason = QLabel()
        for label in (self.title, self.reason):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
        self.title.setStyleSheet("font-weight: bold;")
        self.confirm_button = KeyButton("Confirm and predict", primary=True)
        self.later_button = QPushButton("Not now")
        self._rows = QFormLayout()
        self._rows.setVerticalSpacing(3)
        lines = (self.title, self.reason, self._rows)
        lay_out(self, lines, self.confirm_button, self.later_button)
        self.confirm_button.clicked.connect(self._confirm)
        self.later_button.clicked.connect(self.put_off)

    def ask(
        self,
        who: str,
        guess: ValueMapping,
        distinct: Sequence[int],
        names: Mapping[int, str],
        scheme: ClassScheme,
    ) -> None:
        """Show what `who` answers, and what that may mean.

        Parameters
        ----------
        who : str
            Server and model.
        guess : ValueMapping
            Shown as chosen.
        distinct : sequence of int
            The values that came.
        names : mapping of int to str
            What the server calls them.
        scheme : ClassScheme
            What can be chosen.
        """
        self._pairs, self._names = dict(guess.pairs), dict(names)
        self.title.setText(f"What do the values of {who} mean?")
        self.reason.setText(guess.reason)
        self._clear()
        # the values that came, and the others that the guess names, as far as there is room
        listed = sorted({*distinct, *(guess.pairs if guess.rest is None else ())})
        for value in listed[:_MOST_ROWS]:
            if value not in guess.pairs and guess.rest is not None:
                continue
            box = self.boxes[value] = _class_box(scheme)
            box.setCurrentIndex(max(0, box.findData(guess.pairs.get(value, 0))))
            name = names.get(value, "")
            self._rows.addRow(_plain(f"{value}  {name}".strip()), box)
        self.rest_box = _class_box(scheme, refuse=True)
        rest = _REFUSE if guess.rest is None else guess.rest
        self.rest_box.setCurrentIndex(max(0, self.rest_box.findData(rest)))
        self.rest_box.setToolTip("Such as the numbers of objects, which are all of one class")
        self._rows.addRow(_plain("all others"), self.rest_box)

    @property
    def mapping(self) -> ValueMapping:
        """What is chosen, confirmed."""
        pairs = {**self._pairs, **{value: box.currentData() for value, box in self.boxes.items()}}
        rest = self.rest_box.currentData()
        return ValueMapping(
            pairs=pairs,
            rest=None if rest == _REFUSE else rest,
            reason="Said by a person.",
            confirmed=True,
        ).naming(self._names)

    def _clear(self) -> None:
        self.boxes.clear()
        while self._rows.rowCount():
            self._rows.removeRow(0)

    def _confirm(self) -> None:
        self.confirmed.emit(self.mapping)


def _class_box(scheme: ClassScheme, *, refuse: bool = False) -> QComboBox:
    box = QComboBox()
    box.setIconSize(QSize(_ICON_PX, _ICON_PX))
    if refuse:
        box.addItem("stop and ask me", _REFUSE)
    for item in scheme.active:
        square = QPixmap(_ICON_PX, _ICON_PX)
        square.fill(QColor(item.colour))
        box.addItem(QIcon(square), item.name, item.id)
    box.addItem("unlabelled", 0)
    keep_narrow(box)
    return box


def _plain(text: str) -> QLabel:
    label = QLabel(text if len(text) < 24 else f"{text[:22]}…")
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label
