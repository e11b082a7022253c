"""What is seen of labels, prediction and uncertainty."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QCheckBox, QGridLayout, QHBoxLayout, QLabel, QSlider, QWidget

from napari_phenoai.ui.keyed import keyed
from napari_phenoai.ui.keys import key_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ViewBox"]

_CHOICES = (
    ("labels", "Labels around", "Labels of the tiles that were decided before"),
    ("prediction", "Prediction", "Outline of what the model predicts"),
    ("uncertainty", "How unsure", "Bright where the model is unsure (entropy)"),
    ("outline", "Outlines", "Draw classes as outlines, not filled"),
    ("hidden", "Hide all", "See the image alone"),
)
_ACTIONS = {"prediction": "prediction", "outline": "outline", "hidden": "hide"}


class ViewBox(QWidget):
    """Check boxes for the overlays, and a slider for their opacity.

    Signals
    -------
    switched : str, bool
        ``labels``, ``prediction``, ``uncertainty``, ``outline`` or ``hidden``.
    faded : float
        Opacity in [0, 1].
    """

    switched = QtSignal(str, bool)
    faded = QtSignal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(2)
        self.boxes: dict[str, QCheckBox] = {}
        for at, (name, text, tip) in enumerate(_CHOICES):
            box = QCheckBox(text)
            box.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            box.setToolTip(tip)
            if name in _ACTIONS:
                keyed(box, partial(_caption, text=text, action=_ACTIONS[name]))
            box.toggled.connect(lambda on, name=name: self.switched.emit(name, on))
            grid.addWidget(box, at // 2, at % 2)
            self.boxes[name] = box
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.opacity.setRange(5, 100)
        keyed(self.opacity, lambda slider: slider.setToolTip(_opacity_tip()))
        self.opacity.valueChanged.connect(lambda value: self.faded.emit(value / 100))
        fade = QHBoxLayout()
        fade.addWidget(QLabel("Opacity"))
        fade.addWidget(self.opacity, 1)
        grid.addLayout(fade, 2, 1)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)

    def show_state(self, switches: Mapping[str, bool], opacity: float) -> None:
        """Show what is switched on, without telling it back."""
        for name, box in self.boxes.items():
            blocked = box.blockSignals(True)
            box.setChecked(switches[name])
            box.blockSignals(blocked)
        blocked = self.opacity.blockSignals(True)
        self.opacity.setValue(round(opacity * 100))
        self.opacity.blockSignals(blocked)


def _caption(box: QCheckBox, text: str, action: str) -> None:
    box.setText(f"{text}  {key_of(action)}".rstrip())


def _opacity_tip() -> str:
    steps = [(key_of(action), action) for action in ("fainter", "stronger")]
    keys = ", ".join(f"{key}: {action}" for key, action in steps if key)
    return f"Opacity of the labels ({keys})" if keys else "Opacity of the labels"
