"""The tools: which one is in the hand, and its options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_phenoai.ui.controls.tool_buttons import TOOL_BUTTONS, SmallKeyButton
from napari_phenoai.ui.scrolling import scroll_to

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_phenoai.ui.controls.key_button import KeyButton
    from napari_phenoai.ui.controls.tool_buttons import ToolButton

__all__ = ["ToolRow"]

_COLUMNS = 3
_UNSIZED = ("fill", "polygon")


class ToolRow(QWidget):
    """Buttons for all tools, and below them the options of the one in the hand.

    Rarer tools are folded away until they are asked for or one of them is chosen.

    Signals
    -------
    chosen : str
        Name of the tool.
    sized : int
        Width of the brush in pixels.
    """

    chosen = QtSignal(str)
    sized = QtSignal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        self.buttons: dict[str, KeyButton] = {}
        self._group = QButtonGroup(self)
        box.addWidget(self._grid([item for item in TOOL_BUTTONS if not item.more]))
        self.fold = QToolButton()
        self.fold.setAutoRaise(True)
        self.fold.setCheckable(True)
        self.fold.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.fold.setToolTip("Part, tidy up, replace, copy, threshold")
        self.fold.toggled.connect(self._unfold)
        box.addWidget(self.fold)
        self._more = self._grid([item for item in TOOL_BUTTONS if item.more])
        box.addWidget(self._more)
        self._unfold(False)
        box.addWidget(self._sizes())
        self._options = QVBoxLayout()
        self._options.setContentsMargins(0, 0, 0, 0)
        box.addLayout(self._options)
        self._shown: QWidget | None = None
        self._sight = QTimer(self)  # they have no place before the page is laid out
        self._sight.setSingleShot(True)
        self._sight.timeout.connect(self._bring_options)

    def _grid(self, items: Sequence[ToolButton]) -> QWidget:
        widget = QWidget()
        grid = QGridLayout(widget)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        for place, item in enumerate(items):
            button = SmallKeyButton(item)
            button.clicked.connect(lambda _=False, tool=item.tool: self.chosen.emit(tool))
            self._group.addButton(button)
            grid.addWidget(button, place // _COLUMNS, place % _COLUMNS)
            grid.setColumnStretch(place % _COLUMNS, 1)
            self.buttons[item.tool] = button
        return widget

    def _sizes(self) -> QWidget:
        self._size = QWidget()
        line = QHBoxLayout(self._size)
        line.setContentsMargins(0, 0, 0, 0)
        self._size_label = QLabel()
        self.size_slider = QSlider(Qt.Orientation.Horizontal)
        self.size_slider.setRange(1, 100)
        self.size_slider.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.size_slider.setToolTip("Width of brush and eraser; keys [ and ]")
        self.size_slider.valueChanged.connect(self.sized.emit)
        line.addWidget(self._size_label, 1)
        line.addWidget(self.size_slider, 1)
        return self._size

    def set_largest(self, size_px: int) -> None:
        """Let the slider choose sizes up to `size_px`."""
        blocked = self.size_slider.blockSignals(True)
        self.size_slider.setMaximum(size_px)
        self.size_slider.blockSignals(blocked)

    def show_options(self, options: QWidget | None) -> None:
        """Show the options of the tool in the hand, scrolled into sight; None for no options."""
        if options is self._shown:
            return
        if self._shown is not None:
            self._shown.hide()
        self._shown = options
        if options is not None:
            if self._options.indexOf(options) < 0:
                self._options.addWidget(options)
            options.show()
            self._sight.start()

    def _bring_options(self) -> None:
        if self._shown is not None and self._shown.isVisible():
            scroll_to(self._shown)

    def show_state(self, tool: str, size_px: int, *, sized: bool = True) -> None:
        """Show which tool is in the hand and how wide it is.

        Parameters
        ----------
        tool : str
            Its name.
        size_px : int
            Width of the brush.
        sized : bool
            Whether that width matters for it.
        """
        self._group.setExclusive(False)
        for name, button in self.buttons.items():
            button.setChecked(name == tool)
        self._group.setExclusive(True)
        chosen = self.buttons.get(tool)
        if chosen is not None and chosen.parentWidget() is self._more:
            self.fold.setChecked(True)
        self._size.setVisible(sized and tool not in _UNSIZED)
        self._size_label.setText(f"Brush {size_px} px  [ ]")
        blocked = self.size_slider.blockSignals(True)
        self.size_slider.setValue(size_px)
        self.size_slider.blockSignals(blocked)

    def _unfold(self, unfolded: bool) -> None:
        self.fold.setText("▾ Fewer tools" if unfolded else "▸ More tools")
        self._more.setVisible(unfolded)
