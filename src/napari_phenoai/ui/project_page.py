"""The page of the Project dock that shows an open project."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_phenoai.ui.classes_list import ClassesList
from napari_phenoai.ui.image_details import ImageDetails
from napari_phenoai.ui.images_list import ImagesList
from napari_phenoai.ui.train_box import Fold

__all__ = ["ProjectPage", "side_by_side"]

_NONE_YET = "No images yet. Add some with the button, or drop files and folders here."


class ProjectPage(QWidget):
    """Images with what can be set for them, and the classes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = QLabel()
        self.title.setWordWrap(True)
        self.add_button = QPushButton("Add images ...")
        self.add_folder_button = QPushButton("Add folder ...")
        self.list = ImagesList()
        self.empty = QLabel(_NONE_YET)
        self.empty.setWordWrap(True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.details = ImageDetails()
        self.classes = ClassesList()
        self.classes_fold = Fold("Classes", self.classes)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.title)
        layout.addLayout(side_by_side(self.add_button, self.add_folder_button))
        layout.addWidget(self.list, stretch=1)
        layout.addWidget(self.empty, stretch=1)
        layout.addWidget(self.details)
        layout.addWidget(self.classes_fold)


def side_by_side(*widgets: QWidget) -> QHBoxLayout:
    """Return a row of widgets."""
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    return row
