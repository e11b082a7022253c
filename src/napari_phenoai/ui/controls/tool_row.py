"""The tools: which one is in the hand, and how wide it is."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QButtonGroup, QGridLayout, QLabel, QSlider, QWidget

from napari_phenoai.ui.controls.key_button import KeyButton
from napari_phenoai.ui.keys import key_of

__all__ = ["ToolRow"]

_CHECKED = "KeyButton:checked { background-color: #0072b2; }"
_TIPS = {
    "brush": "Paint the chosen class",
    "eraser": "Paint background; in a tile without prediction, make pixels unlabelled again",
    "fill": "Fill a patch of one class with the chosen class",
    "polygon": "Click the corners of an area; Enter or a double click closes it",
}


class ToolRow(QWidget):
    """Buttons for brush, eraser, fill and polygon, and the size of the brush.

    Signals
    -------
    chosen : str
        Name of the tool.
    sized : int
        Diameter in pixels.
    """

    chosen = QtSignal(str)
    sized = QtSignal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        self.buttons: dict[str, KeyButton] = {}
        self._group = QButtonGroup(self)
        for column, (tool, tip) in enumerate(_TIPS.items()):
            button = KeyButton(tool.capitalize(), key_of(tool), upright=True)
            button.setCheckable(True)
            button.setToolTip(f"{tip} ({key_of(tool)})")
            button.setStyleSheet(_CHECKED)
            button.clicked.connect(lambda _=False, tool=tool: self.chosen.emit(tool))
            self._group.addButton(button)
            grid.addWidget(button, 0, column)
            grid.setColumnStretch(column, 1)
            self.buttons[tool] = button
        self._size_label = QLabel()
        self.size_slider = QSlider(Qt.Orientation.Horizontal)
        self.size_slider.setRange(1, 100)
        self.size_slider.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.size_slider.setToolTip("Width of brush and eraser; keys [ and ]")
        self.size_slider.valueChanged.connect(self.sized.emit)
        grid.addWidget(self._size_label, 1, 0, 1, 2)
        grid.addWidget(self.size_slider, 1, 2, 1, 2)

    def set_largest(self, size_px: int) -> None:
        """Let the slider choose sizes up to `size_px`."""
        blocked = self.size_slider.blockSignals(True)
        self.size_slider.setMaximum(size_px)
        self.size_slider.blockSignals(blocked)

    def show_state(self, tool: str, size_px: int) -> None:
        """Show which tool is in the hand and how wide it is."""
        self._group.setExclusive(False)
        for name, button in self.buttons.items():
            button.setChecked(name == tool)
        self._group.setExclusive(True)
        self._size_label.setText(f"Brush {size_px} px  [ ]")
        blocked = self.size_slider.blockSignals(True)
        self.size_slider.setValue(size_px)
        self.size_slider.blockSignals(blocked)
