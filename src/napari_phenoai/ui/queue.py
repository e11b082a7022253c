"""The Queue dock: a filmstrip of the tiles that come, and those that are done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal.qt import start_emitting_from_queue
from qtpy.QtCore import QModelIndex, QSize, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QListView,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_phenoai.core.sampling import strategies
from napari_phenoai.ui.controls.tile_card import CARD_HEIGHT_PX, PICTURE_PX, TileCard
from napari_phenoai.ui.docks import settle_soon
from napari_phenoai.ui.errors import show_errors_of
from napari_phenoai.ui.listening import listen
from napari_phenoai.ui.queue_model import ITEM_ROLE, QueueFilter, QueueModel
from napari_phenoai.ui.session import session_of
from napari_phenoai.ui.tile_pictures import TilePictures

if TYPE_CHECKING:
    import napari.viewer
    import numpy as np
    from numpy.typing import NDArray

    from napari_phenoai.core.records import QueueItem

__all__ = ["QueueDock"]

_BEAT_MS = 10
_SHORT = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
_FILTERS = (
    ("all", "All tiles"),
    ("waiting", "To do"),
    ("decided", "Decided"),
    ("flagged", "Flagged"),
    ("heldout", "Held-out"),
)
_STRATEGIES = {
    "coverage": "Tiles that together show all kinds of pixels",
    "random": "Random: an even look at everything",
    "foreground-random": "Random among tiles with each class, the rarer ones more often",
    "entropy": "Where the model is unsure (entropy)",
    "margin": "Where two classes are close (margin)",
}


class QueueDock(QWidget):
    """Shows the queue, lets jump to a tile, and chooses anew.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose session is shown.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        start_emitting_from_queue(msec=_BEAT_MS)
        self.session = session_of(viewer)
        show_errors_of(self.session)
        self.model = QueueModel()
        self.filter = QueueFilter()
        self.filter.setSourceModel(self.model)
        self.pictures = TilePictures(self.session.background, 2 * PICTURE_PX)
        self.card = TileCard(self._picture_of)
        self.strip = QListView()
        self.filter_box = QComboBox()
        self.strategy_box = QComboBox()
        self.batch_box = QSpinBox()
        self.refresh_button = QPushButton("Choose anew")
        self.counts = QLabel()
        self.empty = QLabel()
        self._compose()
        self._connect()
        self._on_project()
        settle_soon(viewer, "Queue")

    # --- building

    def _compose(self) -> None:
        self._fill_controls()
        self.strip.setModel(self.filter)
        self.strip.setItemDelegate(self.card)
        self.strip.setFlow(QListView.Flow.LeftToRight)
        self.strip.setWrapping(False)
        self.strip.setUniformItemSizes(True)
        self.strip.setHorizontalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.strip.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.strip.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.strip.setMinimumHeight(CARD_HEIGHT_PX + 16)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setWordWrap(True)
        line = QHBoxLayout()
        line.addWidget(self.filter_box)
        line.addWidget(self.counts)
        line.addStretch(1)
        self.strategy_box.setSizeAdjustPolicy(_SHORT)
        self.strategy_box.setMinimumContentsLength(12)
        line.addWidget(self.strategy_box)
        line.addWidget(self.batch_box)
        line.addWidget(self.refresh_button)
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 4, 6, 4)
        box.setSpacing(4)
        box.addLayout(line)
        box.addWidget(self.strip, 1)
        box.addWidget(self.empty, 1)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def _fill_controls(self) -> None:
        for key, text in _FILTERS:
            self.filter_box.addItem(text, key)
        self.strategy_box.addItem("Choose: automatic", None)
        self.strategy_box.setItemData(
            0,
            "Coverage at first, then tiles with each class, the rarer ones more often",
            Qt.ItemDataRole.ToolTipRole,
        )
        for at, name in enumerate(strategies(), start=1):
            self.strategy_box.addItem(name.replace("-", " "), name)
            tip = _STRATEGIES.get(name, name)
            self.strategy_box.setItemData(at, tip, Qt.ItemDataRole.ToolTipRole)
        self.strategy_box.setToolTip("How the next tiles are chosen; held-out ones are random")
        self.batch_box.setRange(5, 200)
        self.batch_box.setValue(20)
        self.batch_box.setSuffix(" tiles")
        self.batch_box.setMinimumWidth(104)
        self.batch_box.setToolTip("How many tiles are chosen at once")
        self.refresh_button.setToolTip("Choose the next tiles anew; the one on the screen stays")
        for widget in (self.filter_box, self.strategy_box, self.refresh_button):
            widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.batch_box.setFocusPolicy(Qt.FocusPolicy.ClickFocus)

    def _connect(self) -> None:
        session = self.session
        listen(self, session.project_changed, self._on_project)
        listen(self, session.queue_changed, self._on_queue)
        listen(self, session.current_changed, self._on_current)
        listen(self, session.standing_changed, self._on_standing)
        listen(self, self.pictures.arrived, self._on_picture)
        self.strip.clicked.connect(self._jump)
        self.filter_box.currentIndexChanged.connect(
            lambda _: self.filter.set_wanted(self.filter_box.currentData())
        )
        self.refresh_button.clicked.connect(self._refresh)

    # --- answers

    def _on_project(self) -> None:
        if self.session.project is None:
            self.pictures.clear()
        self.setEnabled(self.session.project is not None)
        self._on_queue()

    def _on_queue(self) -> None:
        queue = self.session.queue
        self.model.images = self.session.standing.images
        self.model.set_items(queue)
        left = sum(item.state == "waiting" for item in queue)
        self.counts.setText(f"{len(queue) - left} done, {left} left" if queue else "")
        filling = self.session.filling
        busy = filling is not None and filling.busy
        self.refresh_button.setText("Choosing …" if busy else "Choose anew")
        self.refresh_button.setEnabled(not busy)
        self.strip.setVisible(bool(queue))
        self.empty.setVisible(not queue)
        self.empty.setText(self._why_empty(busy=busy))
        self._on_current()

    def _why_empty(self, *, busy: bool) -> str:
        if self.session.project is None:
            return "Open a project: its tiles will be lined up here."
        return "Choosing tiles …" if busy else "No tiles yet: add images in the Project dock."

    def _on_current(self) -> None:
        current = self.session.current
        key = current.tile if current else None
        if key != self.card.current:
            self.card.current = key
            self._redraw()
        row = self.model.row_of(key) if key else None
        if row is not None:
            index = self.filter.mapFromSource(self.model.index(row))
            self.strip.scrollTo(index, QListView.ScrollHint.PositionAtCenter)

    def _redraw(self) -> None:
        viewport = self.strip.viewport()
        if viewport is not None:
            viewport.update()

    def _on_standing(self) -> None:
        self.model.images = self.session.standing.images

    def _on_picture(self, key: str) -> None:
        row = self.model.row_of(key)
        if row is not None:
            self.model.touch(row)

    def _picture_of(self, item: QueueItem) -> NDArray[np.uint8] | None:
        project = self.session.project
        return None if project is None else self.pictures.picture(project, item.where)

    # --- wishes

    def _jump(self, index: QModelIndex) -> None:
        item = index.data(ITEM_ROLE)
        if item is not None:
            self.session.open_item(item)

    def _refresh(self) -> None:
        filling = self.session.filling
        if filling is not None:
            filling.strategy = self.strategy_box.currentData()
            filling.batch = self.batch_box.value()
            filling.refresh()

    def sizeHint(self) -> QSize:
        """Return a height that shows one row of cards and no more."""
        return QSize(600, 200)
