"""The status lines: where one is, which model serves, how good it is, what is left."""

from __future__ import annotations

from qtpy.QtWidgets import QLabel, QProgressBar, QVBoxLayout, QWidget

from napari_phenoai.ui.controls.elided import ElidedLabel

__all__ = ["StatusLines"]


class StatusLines(QWidget):
    """Project and image, model and Dice, tiles done and left, and the next step."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(2)
        self.where = ElidedLabel()
        self.where.setStyleSheet("font-weight: bold;")
        self.model = ElidedLabel()
        self.quality = ElidedLabel()
        self.counts = ElidedLabel()
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(4)
        self.next_step = QLabel()
        self.next_step.setWordWrap(True)
        self.next_step.setStyleSheet(
            "background: rgba(86, 180, 233, 45); border-left: 3px solid #56b4e9;"
            "padding: 4px 6px; border-radius: 2px;"
        )
        for widget in (self.where, self.model, self.quality, self.counts, self.progress):
            box.addWidget(widget)
        box.addSpacing(2)
        box.addWidget(self.next_step)

    def show_counts(self, done: int, left: int, text: str) -> None:
        """Show how many tiles of the queue are done and left, and say it in `text`.

        A progress bar draws itself, and the whole window with it, in the very moment in
        which it gets a value, unless it is kept from that.
        """
        self.counts.set_whole(text)
        self.progress.setUpdatesEnabled(False)
        self.progress.setRange(0, max(1, done + left))
        self.progress.setValue(done)
        self.progress.setUpdatesEnabled(True)
