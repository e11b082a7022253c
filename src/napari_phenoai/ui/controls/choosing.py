"""How the next tiles are chosen, and how many at once."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QSizePolicy, QSpinBox, QWidget

from napari_phenoai.core.sampling import strategies

__all__ = ["BatchBox", "StrategyBox"]

_WIDEST_PX = 190
_STRATEGIES = {
    "coverage": "Tiles that together show all kinds of pixels",
    "random": "Random: an even look at everything",
    "foreground-random": "Random among tiles with each class, the rarer ones more often",
    "entropy": "Where the model is unsure (entropy)",
    "margin": "Where two classes are close (margin)",
}
_AUTOMATIC = "Coverage at first, then tiles with each class, the rarer ones more often"


class StrategyBox(QComboBox):
    """Lists the strategies; its data are their names, None for the automatic choice."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeAdjustPolicy(self.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMaximumWidth(_WIDEST_PX)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setToolTip("How the next tiles are chosen; held-out ones are random")
        self.setAccessibleName("How the next tiles are chosen")
        self._add("Automatic", None, _AUTOMATIC)
        for name in strategies():
            self._add(name.replace("-", " "), name, _STRATEGIES.get(name, name))

    def _add(self, text: str, name: str | None, tip: str) -> None:
        self.addItem(text, name)
        self.setItemData(self.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)


class BatchBox(QSpinBox):
    """How many tiles are chosen at once."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setRange(5, 200)
        self.setValue(20)
        self.setSuffix(" tiles")
        self.setMinimumWidth(112)
        self.setToolTip("How many tiles are chosen at once")
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
