"""The Queue dock: a filmstrip of the tiles that come and those that are done, and a map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal.qt import start_emitting_from_queue
from qtpy.QtCore import QModelIndex, QSize, Qt, QTimer
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QListView,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_phenoai.ui.controls.choosing import BatchBox, StrategyBox
from napari_phenoai.ui.controls.class_filter import ClassFilter
from napari_phenoai.ui.controls.fitted import FittedLabel
from napari_phenoai.ui.controls.tile_card import CARD_HEIGHT_PX, PICTURE_PX, TileCard
from napari_phenoai.ui.docks import settle_soon
from napari_phenoai.ui.errors import show_errors_of
from napari_phenoai.ui.listening import listen
from napari_phenoai.ui.queue_model import ITEM_ROLE, QueueFilter, QueueModel
from napari_phenoai.ui.session import session_of
from napari_phenoai.ui.tile_classes import TileClasses
from napari_phenoai.ui.tile_pictures import TilePictures
from napari_phenoai.ui.where import Whereabouts

if TYPE_CHECKING:
    import napari.viewer
    import numpy as np
    from numpy.typing import NDArray
    from qtpy.QtGui import QResizeEvent

    from napari_phenoai.core.records import QueueItem

__all__ = ["QueueDock"]

_BEAT_MS = 10
_SORT_MS = 150
_NARROW_PX = 440
_FILTERS = (
    ("all", "All tiles"),
    ("waiting", "To do"),
    ("decided", "Decided"),
    ("flagged", "Flagged"),
    ("heldout", "Held-out"),
)


class QueueDock(QWidget):
    """Shows the queue and where its tiles lie, lets jump to a tile, and chooses anew.

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
        self.where = Whereabouts(viewer, self.session)
        self.contents = TileClasses(self.session.background, self)
        self.filter_box = QComboBox()
        self.class_box = ClassFilter()
        self.strategy_box = StrategyBox()
        self.batch_box = BatchBox()
        self.refresh_button = QPushButton("Choose anew")
        self.counts = FittedLabel()
        self.empty = QLabel()
        self._pages = QStackedWidget()
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._moved = False
        self._sort = QTimer(self)
        self._compose()
        self._connect()
        self._on_project()
        settle_soon(viewer, "Queue")

    # --- building

    def _compose(self) -> None:
        self._fill_controls()
        self._fill_strip()
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setWordWrap(True)
        self._pages.addWidget(self.empty)
        self._pages.addWidget(self.strip)
        self._split.addWidget(self._pages)
        self._split.addWidget(self.where.map)
        self._split.setStretchFactor(0, 1)
        self._split.setCollapsible(0, False)
        line = QHBoxLayout()
        line.setSpacing(4)
        line.addWidget(self.filter_box)
        line.addWidget(self.class_box, 1)
        line.addWidget(self.counts, 2)
        line.addWidget(self.strategy_box, 1)
        line.addWidget(self.batch_box)
        line.addWidget(self.refresh_button)
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 4, 6, 4)
        box.setSpacing(4)
        box.addLayout(line)
        box.addWidget(self._split, 1)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def _fill_strip(self) -> None:
        self.strip.setModel(self.filter)
        self.strip.setItemDelegate(self.card)
        self.strip.setFlow(QListView.Flow.LeftToRight)
        self.strip.setWrapping(False)
        self.strip.setUniformItemSizes(True)
        self.strip.setHorizontalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.strip.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.strip.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.strip.setMinimumHeight(CARD_HEIGHT_PX + 16)

    def _fill_controls(self) -> None:
        for key, text in _FILTERS:
            self.filter_box.addItem(text, key)
        self.refresh_button.setToolTip("Choose the next tiles anew; the one on the screen stays")
        for widget in (self.filter_box, self.refresh_button):
            widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def _connect(self) -> None:
        session = self.session
        listen(self, session.project_changed, self._on_project)
        listen(self, session.queue_changed, self._on_queue)
        listen(self, session.current_changed, self._on_current)
        listen(self, session.standing_changed, self._on_standing)
        listen(self, self.pictures.arrived, self._on_picture)
        listen(self, session.history_changed, self._on_pixels)
        listen(self, session.jobs_changed, self._on_pixels)
        listen(self, self.contents.arrived, self._sort_soon)
        self.strip.clicked.connect(self._jump)
        self.filter_box.currentIndexChanged.connect(self._set_filter)
        self.class_box.wanted.connect(self._set_class)
        self._split.splitterMoved.connect(self._on_moved)
        self._sort.setSingleShot(True)
        self._sort.setInterval(_SORT_MS)
        self._sort.timeout.connect(self._sort_now)
        self.refresh_button.clicked.connect(self._refresh)

    # --- answers

    def _on_project(self) -> None:
        project = self.session.project
        if project is None:
            self.pictures.clear()
            self.contents.clear()
        self.class_box.set_scheme(project.scheme if project is not None else None)
        self.setEnabled(project is not None)
        self._on_queue()

    def _on_queue(self) -> None:
        queue = self.session.queue
        self.model.images = self.session.standing.images
        self.model.set_items(queue)
        left = sum(item.state == "waiting" for item in queue)
        self._show_counts(len(queue) - left, len(queue))
        filling = self.session.filling
        busy = filling is not None and filling.busy
        self.refresh_button.setText("Choosing …" if busy else "Choose anew")
        self.refresh_button.setEnabled(not busy)
        self._show_strip()
        self._on_current()

    def _show_counts(self, done: int, tiles: int) -> None:
        """Say how many tiles are decided, in as many words as there is room for."""
        short = f"{done} of {tiles}"
        wordings = (f"{short} done", short, f"{done}/{tiles}") if tiles else ("",)
        self.counts.set_wordings(*wordings, about=f"{short} tiles decided" if tiles else "")

    def _show_strip(self) -> None:
        """Show the cards, or why there are none."""
        any_card = self.filter.rowCount() > 0
        self.empty.setText("" if any_card else self._why_empty())
        if any_card != (self._pages.currentWidget() is self.strip):
            self._pages.setCurrentWidget(self.strip if any_card else self.empty)
            QTimer.singleShot(0, self._scroll)

    def _why_empty(self) -> str:
        if self.session.project is None:
            return "Open a project: its tiles will be lined up here."
        if self.session.queue:
            busy = self.class_box.chosen is not None and self.contents.busy
            return "Looking for tiles …" if busy else "No tile of the queue is like that."
        filling = self.session.filling
        busy = filling is not None and filling.busy
        return "Choosing tiles …" if busy else "No tiles yet: add images in the Project dock."

    def _on_current(self) -> None:
        current = self.session.current
        key = current.tile if current else None
        if key != self.card.current:
            self.card.current = key
            self._redraw()
        self._scroll()

    def _scroll(self) -> None:
        """Bring the current tile into the middle of the strip."""
        row = self.model.row_of(self.card.current) if self.card.current else None
        if row is not None:
            index = self.filter.mapFromSource(self.model.index(row))
            self.strip.scrollTo(index, QListView.ScrollHint.PositionAtCenter)

    def _redraw(self) -> None:
        viewport = self.strip.viewport()
        if viewport is not None:
            viewport.update()

    def _on_standing(self) -> None:
        self.model.images = self.session.standing.images
        self._sort_soon()

    def _on_pixels(self) -> None:
        """Hear that tiles may hold other classes now."""
        self.contents.renew()
        self._sort_soon()

    def _sort_soon(self) -> None:
        if self.class_box.chosen is not None and not self._sort.isActive():
            self._sort.start()

    def _sort_now(self) -> None:
        self.filter.invalidate()
        self._show_strip()

    def _on_picture(self, key: str) -> None:
        row = self.model.row_of(key)
        if row is not None:
            self.model.touch(row)

    def _picture_of(self, item: QueueItem) -> NDArray[np.uint8] | None:
        project = self.session.project
        return None if project is None else self.pictures.picture(project, item.where)

    def _holds(self, item: QueueItem) -> bool:
        project, wanted = self.session.project, self.class_box.chosen
        if project is None or wanted is None:
            return True
        served = self.session.standing.served
        return self.contents.holds(project, item, wanted, served.id if served else None)

    # --- wishes

    def _set_filter(self) -> None:
        self.filter.set_wanted(self.filter_box.currentData())
        self._show_strip()

    def _set_class(self, class_id: int | None) -> None:
        self.filter.set_class(None if class_id is None else self._holds)
        self._show_strip()

    def _on_moved(self) -> None:
        self._moved = True

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

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Give the map a square as high as the strip, unless a person has chosen its width."""
        super().resizeEvent(event)
        self.where.resized()
        self.where.map.setVisible(self.width() >= _NARROW_PX)
        if not self._moved:
            width, side = self._split.width(), self._split.height()
            self._split.setSizes([width - side, side])
        QTimer.singleShot(0, self._scroll)

    def sizeHint(self) -> QSize:
        """Return a height that shows one row of cards and no more."""
        return QSize(600, 200)
