"""A button with its key printed on it."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

__all__ = ["KeyButton"]

_CAP = (
    "border: 1px solid rgba(128, 128, 128, 160); border-radius: 3px;"
    "padding: 0px 3px; font-size: 10px; background: transparent;"
)
_PRIMARY = (
    "QPushButton { background-color: #0072b2; border-radius: 4px; }"
    "QPushButton:hover { background-color: #1a86c4; }"
    "QPushButton:disabled { background-color: rgba(0, 114, 178, 90); }"
)


class KeyButton(QPushButton):
    """A push button that shows what it does and which key does the same.

    It never takes the keyboard focus, so that keys keep going to the canvas.

    Parameters
    ----------
    text : str
        What it does.
    key : str
        The key; empty for none.
    upright : bool
        Whether the key stands below the text, for narrow places.
    primary : bool
        Whether it is the next step.
    """

    def __init__(
        self,
        text: str,
        key: str = "",
        *,
        upright: bool = False,
        primary: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(f"{text} ({key})" if key else text)
        vertical, horizontal = QBoxLayout.Direction.TopToBottom, QBoxLayout.Direction.LeftToRight
        box = QBoxLayout(vertical if upright else horizontal, self)
        box.setContentsMargins(4, 3, 4, 3)
        box.setSpacing(2 if upright else 6)
        self._label = _caption(text, self)
        box.addStretch(1)
        box.addWidget(self._label, 0, Qt.AlignmentFlag.AlignCenter)
        self._cap = _caption(key, self)
        self._cap.setStyleSheet(_CAP)
        self._cap.setVisible(bool(key))
        box.addWidget(self._cap, 0, Qt.AlignmentFlag.AlignCenter)
        box.addStretch(1)
        self.toggled.connect(self._on_toggled)
        if primary:
            self.setStyleSheet(_PRIMARY)
            self._label.setStyleSheet(
                "color: white; font-weight: bold; font-size: 14px; background: transparent;"
            )
            self._cap.setStyleSheet(_CAP + "color: white; border-color: white;")

    def _on_toggled(self, checked: bool) -> None:
        colour = "color: white;" if checked else ""
        self._label.setStyleSheet(f"background: transparent; {colour}")
        self._cap.setStyleSheet(_CAP + colour)

    def caption(self) -> str:
        """Return what the button says."""
        return self._label.text()

    def set_caption(self, text: str) -> None:
        """Let the button say something else."""
        self._label.setText(text)
        key = self._cap.text()
        self.setAccessibleName(f"{text} ({key})" if key else text)

    def set_key(self, key: str, whole: str = "") -> None:
        """Let another key be printed on the button, none where it is empty; read out `whole`."""
        self._cap.setText(key)
        self._cap.setVisible(bool(key))
        text = self.caption()
        self.setAccessibleName(f"{text} ({whole or key})" if key else text)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        """Return the size that caption and key need."""
        layout = self.layout()
        return layout.sizeHint() if layout is not None else super().sizeHint()

    def minimumSizeHint(self) -> QSize:
        """Return the size that caption and key need."""
        return self.sizeHint()


def _caption(text: str, parent: QWidget) -> QLabel:
    label = QLabel(text, parent)
    label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    label.setStyleSheet("background: transparent;")
    return label
