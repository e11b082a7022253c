"""Why this tile: one sentence and a small bar."""

from __future__ import annotations

from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

__all__ = ["WhyBox"]


class WhyBox(QWidget):
    """The reason for which a tile was chosen, and its score."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(2)
        self.sentence = QLabel()
        self.sentence.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setRange(0, 100)
        self.bar.setFixedHeight(6)
        self.bar.setTextVisible(False)
        self.value = QLabel()
        line = QHBoxLayout()
        line.addWidget(self.bar, 1)
        line.addWidget(self.value)
        box.addWidget(self.sentence)
        box.addLayout(line)

    def show_reason(self, reason: str, score: float | None, role: str) -> None:
        """Show why the tile came.

        Parameters
        ----------
        reason : str
            In a sentence.
        score : float or None
            In [0, 1]; None hides the bar.
        role : str
            ``heldout`` tiles check the model and never teach it.
        """
        held = " It checks the model and is never learned from." if role == "heldout" else ""
        told = (reason or "chosen by hand").rstrip(".")
        self.sentence.setText(f"{told[0].upper()}{told[1:]}.{held}")
        self.bar.setVisible(score is not None)
        self.value.setVisible(score is not None)
        if score is not None:
            self.bar.setUpdatesEnabled(False)  # else it draws itself, and the window, right now
            self.bar.setValue(round(100 * min(max(score, 0), 1)))
            self.bar.setUpdatesEnabled(True)
            self.value.setText(f"{score:.2f}")
            self.bar.setToolTip(f"Score {score:.3f}; the higher, the sooner it comes")
