"""The options of a tool: a slider for each number, a box for each switch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QCheckBox, QGridLayout, QLabel, QSlider, QWidget

from napari_phenoai.ui.controls.key_button import KeyButton
from napari_phenoai.ui.handtools.kinds import Number
from napari_phenoai.ui.handtools.status import stepping_keys
from napari_phenoai.ui.keyed import keyed
from napari_phenoai.ui.keys import key_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_phenoai.ui.handtools.kinds import Kind, Switch

__all__ = ["ToolOptions"]


class ToolOptions(QWidget):
    """One line for each option of a tool, and a button for the whole tile where it has one.

    Parameters
    ----------
    kind : Kind
        The tool.

    Signals
    -------
    changed : str, float
        Name of an option, and its new value.
    everywhere_wanted
        The tool shall be used on the whole tile.
    """

    changed = QtSignal(str, float)
    everywhere_wanted = QtSignal()

    def __init__(self, kind: Kind, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kind = kind
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(4)
        self._grid.setColumnStretch(0, 1)
        self._grid.setColumnStretch(1, 1)
        self.sliders: dict[str, QSlider] = {}
        self.boxes: dict[str, QCheckBox] = {}
        self._labels: dict[str, QLabel] = {}
        self._values: Mapping[str, float] = {}
        for option in kind.options:
            if isinstance(option, Number):
                self._add_number(option)
            else:
                self._add_switch(option)
        self.everywhere = KeyButton(kind.everywhere, kind.key)
        if kind.action:
            keyed(self.everywhere, lambda button: button.set_key(key_of(kind.action)))
        self.everywhere.setToolTip(f"{kind.text}: use it on the whole tile or window at once")
        self.everywhere.clicked.connect(self.everywhere_wanted)
        self.everywhere.setVisible(bool(kind.everywhere))
        if kind.everywhere:
            self._grid.addWidget(self.everywhere, self._grid.rowCount(), 0, 1, 2)
        keyed(self, ToolOptions._show_keys)

    def show_values(self, values: Mapping[str, float]) -> None:
        """Show how the options are set, without telling it back."""
        self._values = values
        for option in self._kind.options:
            value = values[option.name]
            widget = self.sliders.get(option.name) or self.boxes[option.name]
            blocked = widget.blockSignals(True)
            if isinstance(option, Number):
                self.sliders[option.name].setValue(round(value / option.step))
                keys = stepping_keys() if option is self._kind.main else ""
                text = f"{option.text} {value:g}{option.unit}  {keys}".rstrip()
                self._labels[option.name].setText(text)
            else:
                self.boxes[option.name].setChecked(bool(value))
            widget.blockSignals(blocked)

    def _show_keys(self) -> None:
        """Print the keys in force behind the options, once there are values."""
        if self._values:
            self.show_values(self._values)

    def _add_number(self, option: Number) -> None:
        label, slider = QLabel(), QSlider(Qt.Orientation.Horizontal)
        slider.setRange(round(option.low / option.step), round(option.high / option.step))
        slider.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        slider.setAccessibleName(option.text)
        for widget in (label, slider):
            keyed(widget, lambda widget: widget.setToolTip(_stepped(option.tip)))
        slider.valueChanged.connect(lambda value: self._tell(option, value))
        row = self._grid.rowCount()
        self._grid.addWidget(label, row, 0)
        self._grid.addWidget(slider, row, 1)
        self.sliders[option.name], self._labels[option.name] = slider, label

    def _add_switch(self, option: Switch) -> None:
        box = QCheckBox()
        keyed(box, lambda box: _show_switch(box, option))
        box.setAccessibleName(option.text)
        box.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        box.toggled.connect(lambda on: self.changed.emit(option.name, float(on)))
        self._grid.addWidget(box, self._grid.rowCount(), 0, 1, 2)
        self.boxes[option.name] = box

    def _tell(self, option: Number, value: int) -> None:
        told = min(max(round(value * option.step, 6), option.low), option.high)
        self.changed.emit(option.name, told)


def _stepped(tip: str) -> str:
    keys = " and ".join(filter(None, (key_of("smaller"), key_of("larger"))))
    return f"{tip}; keys {keys}" if keys else tip


def _show_switch(box: QCheckBox, option: Switch) -> None:
    key = key_of("switch")
    box.setText(f"{option.text}  {key}".rstrip())
    box.setToolTip(f"{option.tip}; key {key}" if key else option.tip)
