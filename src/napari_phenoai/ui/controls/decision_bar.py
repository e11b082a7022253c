"""The decision bar: what a person may say about a tile."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QGridLayout, QWidget

from napari_phenoai.ui.controls.key_button import KeyButton
from napari_phenoai.ui.keyed import keyed, keyed_tip
from napari_phenoai.ui.keys import key_of

__all__ = ["DecisionBar"]

_SMALL = (
    ("skip", "Skip", "Leave this tile undecided and go on"),
    ("reject", "Reject", "The tile is no good, blurred for example: nothing is learned from it"),
    ("flag", "Flag", "Set the tile aside, to talk about it later"),
    ("back", "Back", "Reopen the tile that was decided last"),
)


class DecisionBar(QWidget):
    """Accept, skip, reject, flag and back, each with its key.

    Signals
    -------
    chosen : str
        Name of the action, as in `ui.keys.KEYS`.
    """

    chosen = QtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        self.accept = KeyButton("Accept", primary=True)
        keyed(self.accept, lambda button: button.set_key(key_of("accept")))
        self.accept.setMinimumHeight(34)
        self.accept.clicked.connect(lambda: self.chosen.emit("accept"))
        grid.addWidget(self.accept, 0, 0, 1, 4)
        self.buttons = {"accept": self.accept}
        for column, (action, text, tip) in enumerate(_SMALL):
            button = KeyButton(text, upright=True)
            keyed(button, partial(_print_key, action=action))
            keyed_tip(button, tip, action)
            button.clicked.connect(lambda _=False, action=action: self.chosen.emit(action))
            grid.addWidget(button, 1, column)
            grid.setColumnStretch(column, 1)
            self.buttons[action] = button

    def set_ready(self, *, ready: bool) -> None:
        """Let decisions be taken, or not while there is no tile; Skip and Back stay."""
        for action, button in self.buttons.items():
            button.setEnabled(ready or action in ("skip", "back"))

    def set_accept(self, text: str, tip: str) -> None:
        """Say what Enter would record now."""
        self.accept.set_caption(text)
        self.accept.setToolTip(tip)


def _print_key(button: KeyButton, action: str) -> None:
    key = key_of(action)
    button.set_key(key.replace("Backspace", "Bksp"), key)
