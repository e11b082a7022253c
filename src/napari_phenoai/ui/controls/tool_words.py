"""What the next click does, in the status bar of the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMainWindow

from napari_phenoai.ui.controls.elided import ElidedLabel

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

__all__ = ["ToolWords"]


class ToolWords(ElidedLabel):
    """One line at the right end of the status bar; napari's own help hides below the mouse."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("toolWords")
        self.setAccessibleName("What the next click does")
        self.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def settle(self, window: QWidget | None) -> None:
        """Go into the status bar of `window`; nothing happens in another kind of window."""
        bar = window.statusBar() if isinstance(window, QMainWindow) else None
        if bar is not None and self.parent() is not bar:
            bar.addWidget(self, 2)
            self.show()
