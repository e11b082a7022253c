"""What can be set for the selected images: pixel size and group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QDoubleSpinBox, QFormLayout, QLabel, QLineEdit, QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_phenoai.core.records import ImageRecord

__all__ = ["ImageDetails"]


class _Micrometres(QDoubleSpinBox):
    def textFromValue(self, value: float) -> str:
        return f"{value:.10g}"


class ImageDetails(QWidget):
    """Shows and edits the pixel size and the group of some images."""

    pixel_changed = QtSignal(float)
    """Edge of a pixel in micrometres; 0 for unknown."""

    group_changed = QtSignal(str)
    """Group; empty for none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = QLabel()
        self.title.setWordWrap(True)
        self.pixel = _Micrometres()
        self.pixel.setRange(0, 1e7)
        self.pixel.setDecimals(4)
        self.pixel.setSuffix(" µm per pixel")
        self.pixel.setSpecialValueText("unknown")
        self.pixel.setKeyboardTracking(False)
        self.pixel.setToolTip("Edge of a pixel; areas get units by it. 0 stands for unknown")
        self.pixel.editingFinished.connect(self._on_pixel)
        self.group = QLineEdit()
        self.group.setPlaceholderText("plot, plant or date")
        self.group.setToolTip("Images of one group are never split between learning and measuring")
        self.group.editingFinished.connect(self._on_group)
        self._shown_pixel, self._shown_group = 0.0, ""
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(3)
        form.addRow(self.title)
        form.addRow("Pixel size", self.pixel)
        form.addRow("Group", self.group)
        self.set_images(())

    def set_images(self, images: Sequence[ImageRecord]) -> None:
        """Show what these images have in common."""
        self.setVisible(bool(images))
        if not images:
            return
        name = images[0].name if len(images) == 1 else f"{len(images)} images"
        self.title.setText(f"<b>{name}</b>")
        pixels = {image.pixel_um or 0.0 for image in images}
        groups = {image.group or "" for image in images}
        self._shown_pixel = pixels.pop() if len(pixels) == 1 else 0.0
        self._shown_group = groups.pop() if len(groups) == 1 else ""
        self.pixel.blockSignals(True)
        self.pixel.setValue(self._shown_pixel)
        self.pixel.blockSignals(False)
        self.group.setText(self._shown_group)

    def _on_pixel(self) -> None:
        if self.pixel.value() != self._shown_pixel:
            self._shown_pixel = self.pixel.value()
            self.pixel_changed.emit(self._shown_pixel)

    def _on_group(self) -> None:
        text = self.group.text().strip()
        if text != self._shown_group:
            self._shown_group = text
            self.group_changed.emit(text)
