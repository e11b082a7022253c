"""Painting anywhere: which image, which plane, undo and redo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_phenoai.ui.controls.key_button import KeyButton
from napari_phenoai.ui.keyed import keyed, keyed_tip
from napari_phenoai.ui.keys import key_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PaintBox"]


class PaintBox(QWidget):
    """Where one paints, and the way back through all edits.

    Signals
    -------
    placed : str, int
        Id of the image and index of the plane to paint on.
    turned : str
        ``undo`` or ``redo``.
    history_wanted
        The list of all edits shall be shown.
    """

    placed = QtSignal(str, int)
    turned = QtSignal(str)
    history_wanted = QtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        self.image = QComboBox()
        self.image.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.image.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.image.setToolTip("The image to paint on")
        self.image.activated.connect(self._on_image)
        self.plane = QSlider(Qt.Orientation.Horizontal)
        self.plane.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        keyed(self.plane, lambda slider: slider.setToolTip(_plane_tip()))
        self.plane.valueChanged.connect(self._on_plane)
        self._plane_label = QLabel()
        grid.addWidget(QLabel("Image"), 0, 0)
        grid.addWidget(self.image, 0, 1)
        grid.addWidget(self._plane_label, 1, 0)
        grid.addWidget(self.plane, 1, 1)
        box.addLayout(grid)
        line = QHBoxLayout()
        line.setSpacing(4)
        self.undo = _button(line, "Undo", "undo", "Take back the last edit of the project")
        self.redo = _button(line, "Redo", "redo", "Do again what was taken back last")
        self.history = _button(line, "History", "", "List all edits; go back to any of them")
        self.undo.clicked.connect(lambda: self.turned.emit("undo"))
        self.redo.clicked.connect(lambda: self.turned.emit("redo"))
        self.history.clicked.connect(self.history_wanted)
        box.addLayout(line)

    def show_place(self, names: Mapping[str, str], image: str, z: int, planes: int) -> None:
        """Show what is painted, without telling it back.

        Parameters
        ----------
        names : mapping of str to str
            Names of all images, by id.
        image : str
            Id of the one that is painted.
        z, planes : int
            Index of the plane, and how many there are.
        """
        for widget in (self.image, self.plane):
            widget.blockSignals(True)
        if [self.image.itemData(at) for at in range(self.image.count())] != list(names):
            self.image.clear()
            for key, name in names.items():
                self.image.addItem(name, key)
        self.image.setCurrentIndex(self.image.findData(image))
        self.plane.setRange(0, planes - 1)
        self.plane.setValue(z)
        self._plane_label.setText(f"Plane {z + 1} of {planes}")
        self.plane.setVisible(planes > 1)
        self._plane_label.setVisible(planes > 1)
        for widget in (self.image, self.plane):
            widget.blockSignals(False)

    def _on_image(self, _: int) -> None:
        self.placed.emit(self.image.currentData(), 0)

    def _on_plane(self, z: int) -> None:
        self.placed.emit(self.image.currentData(), z)


def _plane_tip() -> str:
    keys = [key for key in (key_of("plane_before"), key_of("plane_after")) if key]
    return f"{' and '.join(keys)} step" if keys else "The plane to paint on"


def _button(line: QHBoxLayout, text: str, action: str, tip: str) -> KeyButton:
    button = KeyButton(text, upright=True)
    button.setToolTip(tip)
    if action:
        keyed(button, lambda button: button.set_key(key_of(action)))
        keyed_tip(button, tip, action)
    line.addWidget(button, 1)
    return button
