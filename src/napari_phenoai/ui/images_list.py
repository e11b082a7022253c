"""The images of a project as a list with thumbnails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractListModel, QModelIndex, QSize, Qt
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QListView, QWidget

from napari_phenoai.core.geometry import cover

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_phenoai.core.records import ImageRecord
    from napari_phenoai.io.project import Project

__all__ = ["ImageRow", "ImagesList", "ImagesModel", "read_images"]

_THUMB = 56
_PREDICTED_BY = 512


@dataclass(frozen=True)
class ImageRow:
    """One image and how far the work on it is.

    ``decided`` counts tiles that people accepted, corrected or rejected;
    ``predicted`` is the share of the image, in [0, 1], that the model that serves
    has predicted, None without one.
    """

    record: ImageRecord
    decided: int = 0
    predicted: float | None = None

    @property
    def words(self) -> str:
        """Two lines about the image."""
        record = self.record
        rows, columns = record.plane
        size = f"{columns} x {rows} px"
        if record.shape[0] > 1:
            size += f" x {record.shape[0]}"
        pixel = "? µm" if record.pixel_um is None else f"{record.pixel_um:g} µm"
        group = f" · {record.group}" if record.group else ""
        return f"{record.name}\n{size} · {pixel}{group}\n{self.state}"

    @property
    def state(self) -> str:
        """How far the work on it is."""
        tiles = {0: "no tile reviewed", 1: "1 tile reviewed"}
        words = tiles.get(self.decided, f"{self.decided} tiles reviewed")
        if self.predicted is None:
            return words
        if self.predicted in (0, 1):
            return f"{words} · {'predicted' if self.predicted else 'not predicted'}"
        return f"{words} · {100 * self.predicted:.0f} % predicted"


def read_images(project: Project) -> list[ImageRow]:
    """Read the images of `project` and how far each is."""
    reviews = project.reviews.current().values()
    decided = Counter(
        review.image
        for review in reviews
        if review.verdict in ("accepted", "corrected", "rejected")
    )
    served = project.rounds.served()
    return [
        ImageRow(record, decided[record.id], _predicted(project, record, served))
        for record in project.images()
    ]


def _predicted(project: Project, record: ImageRecord, model: str | None) -> float | None:
    if model is None:
        return None
    store = project.predictions(record.id, model)
    if not store.exists:
        return 0.0
    tiles = [
        tile
        for z in range(record.shape[0])
        for tile in cover(record.id, record.plane, _PREDICTED_BY, z=z)
    ]
    return 1 - len(store.missing(tiles)) / len(tiles)


class ImagesModel(QAbstractListModel):
    """Images as rows: thumbnail, name, size, state."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.images: list[ImageRow] = []
        self._thumbs: dict[str, QPixmap] = {}

    def set_images(self, images: Sequence[ImageRow]) -> None:
        """Show other images; thumbnails that are here already stay."""
        self.beginResetModel()
        self.images = list(images)
        known = {row.record.id for row in self.images}
        self._thumbs = {name: pixmap for name, pixmap in self._thumbs.items() if name in known}
        self.endResetModel()

    def without_thumbnail(self) -> list[str]:
        """Return the ids of images whose thumbnail has not come yet."""
        return [row.record.id for row in self.images if row.record.id not in self._thumbs]

    def set_thumbnail(self, image: str, pixels: NDArray[np.uint8]) -> None:
        """Show `pixels`, shape (y, x, 3), as the picture of an image."""
        height, width = pixels.shape[:2]
        kind = QImage.Format.Format_RGB888
        self._thumbs[image] = QPixmap(QImage(pixels.tobytes(), width, height, 3 * width, kind))
        for number, row in enumerate(self.images):
            if row.record.id == image:
                self.dataChanged.emit(self.index(number), self.index(number))

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of images."""
        return 0 if parent is not None and parent.isValid() else len(self.images)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return words, picture or tooltip of a row."""
        if not index.isValid() or index.row() >= len(self.images):
            return None
        row = self.images[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return row.words
        if role == Qt.ItemDataRole.DecorationRole:
            return self._thumbs.get(row.record.id) or _blank()
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{row.record.id}\n{row.record.original}\n{row.state}"
        return None


class ImagesList(QListView):
    """The list itself; tells which images are selected."""

    chosen = QtSignal(list)
    """Ids of the images that are selected."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.images = ImagesModel(self)
        self.setModel(self.images)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setIconSize(QSize(_THUMB, _THUMB))
        self.setSpacing(2)
        self.setUniformItemSizes(True)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        selection = self.selectionModel()
        if selection is not None:
            selection.selectionChanged.connect(lambda: self.chosen.emit(self.selected))

    @property
    def selected(self) -> list[str]:
        """Ids of the images that are selected, in the order of the list."""
        rows = sorted(index.row() for index in self.selectedIndexes())
        return [self.images.images[row].record.id for row in rows]

    def set_images(self, images: Sequence[ImageRow]) -> None:
        """Show other images; the selection stays where it can."""
        selected = set(self.selected)
        self.images.set_images(images)
        selection = self.selectionModel()
        for number, row in enumerate(self.images.images):
            if row.record.id in selected and selection is not None:
                flag = selection.SelectionFlag.Select
                selection.select(self.images.index(number), flag)


def _blank() -> QPixmap:
    pixmap = QPixmap(_THUMB, _THUMB)
    pixmap.fill(Qt.GlobalColor.transparent)
    return pixmap
