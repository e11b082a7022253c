"""The state of prompts: what happens, which keys there are, which network answers."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_phenoai.ui.controls.elided import ElidedLabel
from napari_phenoai.ui.controls.key_button import KeyButton
from napari_phenoai.ui.keyed import keyed, keyed_tip
from napari_phenoai.ui.keys import brief, key_of

__all__ = ["PromptBox"]

_STEPS = 1000
_BAR_PX = 6


class PromptBox(QWidget):
    """Below the tools while one of the prompts is in the hand.

    Signals
    -------
    taken, stepped, dropped
        The same as Enter, Tab and Esc.
    network_wanted
        Another network is to be chosen.
    """

    taken = QtSignal()
    stepped = QtSignal()
    dropped = QtSignal()
    network_wanted = QtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(_BAR_PX)
        self.bar.setAccessibleName("How far the tile is prepared")
        self.take = _button("Take", "accept", "The mask that is shown becomes the chosen class")
        self.step = _button("Next", "next", "Show the next mask that may be meant")
        self.drop = _button("Drop", "drop", "Forget the clicks and the mask")
        self.network = ElidedLabel()
        self.choose = QPushButton("Network …")
        self.choose.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.choose.setToolTip("Choose or download the network that outlines")
        box.addWidget(self.words)
        box.addWidget(self.bar)
        box.addLayout(_line(self.take, self.step, self.drop))
        box.addLayout(_line(self.network, self.choose))
        for button, signal in (
            (self.take, self.taken),
            (self.step, self.stepped),
            (self.drop, self.dropped),
            (self.choose, self.network_wanted),
        ):
            button.clicked.connect(signal)

    def show_state(
        self,
        words: str,
        network: str,
        *,
        share: float | None,
        takes: bool,
        several: bool,
        drops: bool,
        wanting: bool,
    ) -> None:
        """Show how prompts stand.

        Parameters
        ----------
        words, network : str
            What happens, and which network answers.
        share : float or None
            How far the tile is prepared; -1 where that is not known, None for no bar.
        takes, several, drops : bool
            Whether there is a mask to take, another to step to, anything to drop.
        wanting : bool
            Whether a network has to be chosen first.
        """
        self.words.setText(words)
        self.network.set_whole(network)
        self.bar.setVisible(share is not None)
        self.bar.setRange(0, 0 if share is not None and share < 0 else _STEPS)
        if share is not None and share >= 0:
            self.bar.setValue(round(share * _STEPS))
        self.take.setEnabled(takes)
        self.step.setEnabled(several)
        self.drop.setEnabled(drops)
        for button in (self.take, self.step, self.drop):
            button.setVisible(not wanting)
        self.choose.setStyleSheet("font-weight: bold;" if wanting else "")


def _button(text: str, action: str, tip: str) -> KeyButton:
    button = KeyButton(text, upright=True)
    keyed(button, lambda button: button.set_key(brief(key_of(action))))
    keyed_tip(button, tip, action)
    return button


def _line(first: QWidget, *others: QWidget) -> QHBoxLayout:
    line = QHBoxLayout()
    line.setSpacing(4)
    line.addWidget(first, 1)
    for widget in others:
        line.addWidget(widget, int(isinstance(widget, KeyButton)))
    return line
