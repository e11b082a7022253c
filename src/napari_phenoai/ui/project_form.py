"""The form of a new project: where, which classes, classes or objects, how large a tile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_phenoai.core.proposals import TILE_SIZES, class_names, project_folder
from napari_phenoai.ui.controls.elided import ElidedLabel

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["NewProjectForm"]

_KINDS = (("Classes: each pixel has one", False), ("Single objects: each has an id", True))
_KINDS_TIP = (
    "Classes: soil, leaf, root; what touches and has one class is one patch.\n"
    "Single objects: each cell, seed or flower is counted and measured by itself,\n"
    "also where it touches another one. Chosen once for a project."
)


class NewProjectForm(QWidget):
    """Asks for what a new project needs; makes nothing itself."""

    create_wanted = QtSignal()
    cancel_wanted = QtSignal()

    images_changed = QtSignal(list)
    """Places of the images that shall be added."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._places: list[str] = []
        self._own_folder = False
        self.images = ElidedLabel("none yet: browse or drop")
        self.browse_images = _browse("Choose the folder of images")
        self.folder = QLineEdit()
        self.folder.setPlaceholderText("where the project is kept")
        self.browse_folder = _browse("Choose where the project is kept")
        self.classes = QLineEdit()
        self.classes.setPlaceholderText("soil, plant")
        self.classes.setToolTip("Names between commas, the background first")
        self.kind = QComboBox()
        for text, instances in _KINDS:
            self.kind.addItem(text, instances)
        self.kind.setToolTip(_KINDS_TIP)
        self.kind.setAccessibleName("What is labelled")
        self.tile = QComboBox()
        for size in TILE_SIZES:
            self.tile.addItem(f"{size} x {size} px", size)
        self.tile.setToolTip("What is looked at at once; proposed from the images")
        self.create_button = QPushButton("Create project")
        self.cancel_button = QPushButton("Cancel")
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        self.problem.hide()
        self.set_tile(256)
        self._compose()
        self._connect()

    @property
    def places(self) -> tuple[str, ...]:
        """Files and folders of images that shall be added."""
        return tuple(self._places)

    @property
    def names(self) -> list[str]:
        """Names of the classes, the background first."""
        return class_names(self.classes.text())

    @property
    def path(self) -> Path | None:
        """Folder of the project; None while it is not known."""
        text = self.folder.text().strip()
        return Path(text).expanduser() if text else None

    @property
    def instances(self) -> bool:
        """Whether single objects are labelled, and not classes only."""
        return bool(self.kind.currentData())

    @property
    def tile_px(self) -> int:
        """Edge of a tile, in pixels."""
        return int(self.tile.currentData())

    def set_tile(self, size: int) -> None:
        """Propose the edge of a tile."""
        self.tile.setCurrentIndex(max(0, self.tile.findData(size)))

    def set_images(self, places: Sequence[str]) -> None:
        """Take these files and folders, and propose a folder beside them."""
        self._places = list(places)
        first = Path(self._places[0])
        more = f" and {len(self._places) - 1} more" if len(self._places) > 1 else ""
        self.images.set_whole(f"{first.name}{more}", "\n".join(self._places))
        if not self._own_folder:
            beside = first if len(self._places) == 1 else first.parent
            self.folder.setText(str(project_folder(beside)))
        self.images_changed.emit(self._places)
        self._check()

    def set_problem(self, words: str) -> None:
        """Say why a project cannot be made; empty takes it away."""
        self.problem.setText(words)
        self.problem.setVisible(bool(words))

    def _compose(self) -> None:
        form = QFormLayout()
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapAllRows)
        form.setVerticalSpacing(4)
        form.addRow("Images", _row(self.images, self.browse_images))
        form.addRow("Classes, the background first", self.classes)
        form.addRow("What is labelled", self.kind)
        form.addRow("Project folder", _row(self.folder, self.browse_folder))
        form.addRow("Tile", self.tile)
        buttons = QHBoxLayout()
        buttons.addWidget(self.create_button, stretch=1)
        buttons.addWidget(self.cancel_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addWidget(self.problem)
        layout.addLayout(buttons)

    def _connect(self) -> None:
        self.browse_images.clicked.connect(self._ask_images)
        self.browse_folder.clicked.connect(self._ask_folder)
        self.folder.textEdited.connect(self._on_folder)
        self.folder.textChanged.connect(self._check)
        self.classes.textChanged.connect(self._check)
        self.classes.returnPressed.connect(self.create_button.click)
        self.create_button.clicked.connect(self.create_wanted)
        self.cancel_button.clicked.connect(self.cancel_wanted)
        self._check()

    def _on_folder(self) -> None:
        self._own_folder = True

    def _check(self) -> None:
        ready = len(self.names) >= 2 and self.path is not None
        self.create_button.setEnabled(ready)
        words = "" if ready else "Needs a project folder and two class names or more"
        self.create_button.setToolTip(words)

    def _ask_images(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "The folder of images")
        if path:
            self.set_images([path])

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "A new or empty folder for the project")
        if path:
            self._own_folder = True
            self.folder.setText(path)


def _browse(about: str) -> QPushButton:
    button = QPushButton("Browse ...")
    button.setToolTip(about)
    return button


def _row(left: QWidget, right: QWidget) -> QWidget:
    box = QWidget()
    layout = QHBoxLayout(box)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(left, stretch=1)
    layout.addWidget(right)
    return box
