"""Any module's form: an input for each of its values, with help and what is wrong beside it."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QGridLayout, QLabel, QWidget

from napari_phenoai.errors import FieldsError
from napari_phenoai.ui.controls.elided import ElidedLabel
from napari_phenoai.ui.controls.form_fields import FieldInput, spelled_default

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_phenoai.core.forms import Form, FormField

__all__ = ["FormView", "plain_tip", "say_wrong", "wrong_label"]

_WRONG = "border-left: 3px solid #d55e00; padding-left: 5px; font-weight: bold;"
_WRONG_SIGN = "▲"
_LONGEST_BESIDE = 16


def plain_tip(text: str) -> str:
    """Return a tooltip that shows `text` as it is, in lines of readable length.

    Examples
    --------
    >>> plain_tip("a <b>bold</b> claim")
    '<qt>a &lt;b&gt;bold&lt;/b&gt; claim</qt>'
    """
    return f"<qt>{html.escape(text)}</qt>" if text else ""


def wrong_label() -> QLabel:
    """Return a hidden line for what is wrong; a sign says so besides the colour."""
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setStyleSheet(_WRONG)
    label.hide()
    return label


def say_wrong(label: QLabel, text: str) -> None:
    """Say in `label` what is wrong; an empty text hides it."""
    label.setText(f"{_WRONG_SIGN} {text}" if text else "")
    label.setVisible(bool(text))


class FormView(QWidget):
    """Shows a form and what is filled in; files are not part of it.

    Parameters
    ----------
    form : Form
        What a server asks for.

    Attributes
    ----------
    inputs : dict of str to FieldInput
        By the names of the fields.
    problems : dict of str to QLabel
        The line below each of them; hidden where nothing is wrong.
    """

    changed = QtSignal()

    def __init__(self, form: Form, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.form = form
        self.inputs: dict[str, FieldInput] = {}
        self.problems: dict[str, QLabel] = {}
        self.rest = wrong_label()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(6)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(1, 1)
        for field in form.fields:
            if field.kind != "file":
                self._add(field)
        self._grid.addWidget(self.rest, self._grid.rowCount(), 0, 1, 2)

    def values(self) -> dict[str, object]:
        """Return what differs from what the server takes by itself, and all that is required."""
        return {
            name: one.value
            for name, one in self.inputs.items()
            if one.value is not None and (one.field.required or not one.is_default)
        }

    def kept_values(self) -> dict[str, object]:
        """Return `values` without secrets: what may be written down."""
        return {
            name: value
            for name, value in self.values().items()
            if not self.inputs[name].field.secret
        }

    def set_values(self, values: Mapping[str, object]) -> None:
        """Fill in `values`; the other fields show what the server takes by itself."""
        for name, one in self.inputs.items():
            one.reset()
            if values.get(name) is not None:
                one.value = values[name]

    def read(self) -> dict[str, object] | None:
        """Return the values in their types; None where one is wrong, which is then shown."""
        self.show_problems({})
        try:
            return self.form.read(self.values())
        except FieldsError as error:
            self.show_problems(error.fields)
            return None

    def show_problems(self, fields: Mapping[str, tuple[str, ...]]) -> None:
        """Put what is wrong beside the inputs; what belongs to none of them comes last."""
        for name, label in self.problems.items():
            say_wrong(label, " ".join(fields.get(name, ())))
        others = [
            f"{name}: {' '.join(texts)}"
            for name, texts in fields.items()
            if name not in self.inputs
        ]
        say_wrong(self.rest, " ".join(others))
        first = next((name for name in self.inputs if fields.get(name)), None)
        if first is not None:
            self.inputs[first].widget.setFocus()

    def _add(self, field: FormField) -> None:
        one = self.inputs[field.name] = FieldInput(field)
        one.changed.connect(lambda: self._on_changed(field.name))
        row = self._grid.rowCount()
        label = QLabel(field.name + (" *" if field.required else ""))
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setToolTip(plain_tip(_about(field)))
        one.widget.setToolTip(plain_tip(_about(field)))
        beside = len(field.name) <= _LONGEST_BESIDE
        self._grid.addWidget(label, row, 0, 1, 1 if beside else 2)
        row += 0 if beside else 1
        self._grid.addWidget(one.widget, row, 1 if beside else 0, 1, 1 if beside else 2)
        if field.help:
            said = ElidedLabel(field.help)
            said.setTextFormat(Qt.TextFormat.PlainText)
            said.setStyleSheet("font-size: 11px; color: palette(mid);")
            said.setToolTip(plain_tip(field.help))
            self._grid.addWidget(said, row + 1, 0, 1, 2)
        wrong = self.problems[field.name] = wrong_label()
        self._grid.addWidget(wrong, row + 2, 0, 1, 2)

    def _on_changed(self, name: str) -> None:
        say_wrong(self.problems[name], "")
        self.changed.emit()


def _about(field: FormField) -> str:
    """Return what a person should know of a field, in sentences."""
    parts = [field.help.rstrip(".") if field.help else ""]
    parts.append("Required" if field.required else "")
    if field.low is not None or field.high is not None:
        low = "" if field.low is None else f"from {field.low:g} "
        high = "" if field.high is None else f"up to {field.high:g}"
        parts.append(f"{low}{high}".strip().capitalize())
    if field.shortest is not None or field.longest is not None:
        unit = "values" if field.kind == "list" else "letters"
        parts.append(f"{field.shortest or 0} to {field.longest or 'any number of'} {unit}")
    if field.kind == "list" and field.choices:
        parts.append("Each of them: " + ", ".join(str(choice) for choice in field.choices))
    if field.default is not None and field.default != "":
        parts.append(f"The server takes {spelled_default(field, field.default)} by itself")
    if field.kind == "list":
        parts.append("Several values, with commas between them")
    return ". ".join(part for part in parts if part) + ("." if any(parts) else "")
