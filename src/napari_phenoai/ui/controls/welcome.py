"""What the Workbench shows while no project is open."""

from __future__ import annotations

from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from napari_phenoai.ui.controls.key_button import KeyButton

__all__ = ["Welcome"]


class Welcome(QWidget):
    """Three ways to begin: the sample, a folder of images, a project that exists."""

    sample_wanted = QtSignal()
    new_wanted = QtSignal()
    open_wanted = QtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 8, 4, 8)
        box.setSpacing(8)
        title = QLabel("Teach a model to segment your images")
        title.setStyleSheet("font-size: 15px; font-weight: bold;")
        text = QLabel(
            "Correct a few tiles; the model learns from them and proposes the next ones. "
            "How do you want to begin?"
        )
        for label in (title, text):
            label.setWordWrap(True)
            box.addWidget(label)
        self.sample = KeyButton("Open the sample field", primary=True)
        self.sample.setMinimumHeight(34)
        self.sample.clicked.connect(self.sample_wanted.emit)
        self.new = QPushButton("New project from a folder of images")
        self.new.clicked.connect(self.new_wanted.emit)
        self.open = QPushButton("Open a project")
        self.open.clicked.connect(self.open_wanted.emit)
        for button in (self.sample, self.new, self.open):
            box.addWidget(button)
        self.message = QLabel("")
        self.message.setWordWrap(True)
        box.addWidget(self.message)
        box.addStretch(1)

    def set_busy(self, message: str) -> None:
        """Show what is being done; an empty message lets the person choose again."""
        self.message.setText(message)
        for widget in (self.sample, self.new, self.open):
            widget.setEnabled(not message)
