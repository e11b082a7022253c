"""What one works on: the tiles of the queue, or anywhere."""

from __future__ import annotations

from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QWidget

from napari_phenoai.ui.controls.key_button import KeyButton
from napari_phenoai.ui.keyed import keyed, keyed_tip
from napari_phenoai.ui.keys import key_of

__all__ = ["ModeRow"]

_CHECKED = "KeyButton:checked { background-color: #0072b2; }"


class ModeRow(QWidget):
    """Two buttons side by side, one of them down.

    Signals
    -------
    chosen : bool
        Whether to paint anywhere.
    """

    chosen = QtSignal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        box = QHBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        self.queue = KeyButton("Queue")
        self.queue.setToolTip("Decide about one tile after the other; models learn from them")
        self.anywhere = KeyButton("Paint anywhere")
        keyed(self.anywhere, lambda button: button.set_key(key_of("paint")))
        tip = "Paint on the whole image; every stroke is saved at once"
        keyed_tip(self.anywhere, tip, "paint")
        self._group = QButtonGroup(self)
        for button, paints in ((self.queue, False), (self.anywhere, True)):
            button.setCheckable(True)
            button.setStyleSheet(_CHECKED)
            button.clicked.connect(lambda _=False, paints=paints: self.chosen.emit(paints))
            self._group.addButton(button)
            box.addWidget(button, 1)
        self.show_mode(paints=False)

    def show_mode(self, *, paints: bool) -> None:
        """Show which button is down."""
        (self.anywhere if paints else self.queue).setChecked(True)
