"""What is to be predicted on a server: a tile, some tiles, what is seen, images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QSpinBox, QWidget

from napari_phenoai.errors import InputError
from napari_phenoai.ui.keys import key_of
from napari_phenoai.ui.server_places import image_seen, part_seen
from napari_phenoai.ui.server_work import Request

if TYPE_CHECKING:
    import napari.viewer

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.loop.remote_work import Wish
    from napari_phenoai.ui.session import Session

__all__ = ["WhatBox", "request_for"]

_WHAT = (
    ("tile", "this tile"),
    ("next", "the next tiles"),
    ("view", "what is seen of the image"),
    ("image", "this image"),
    ("all", "all images"),
)


class WhatBox(QWidget):
    """Chooses what is predicted."""

    changed = QtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.box = QComboBox()
        self.box.setAccessibleName("What to predict")
        for key, words in _WHAT:
            self.box.addItem(words, key)
        self.count_box = QSpinBox()
        self.count_box.setRange(1, 200)
        self.count_box.setValue(6)
        self.count_box.setToolTip("How many of the tiles that come next in the queue")
        self.count_box.hide()
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.box, 1)
        line.addWidget(self.count_box)
        self.box.currentIndexChanged.connect(self._on_what)

    @property
    def what(self) -> str:
        """``tile``, ``next``, ``view``, ``image`` or ``all``."""
        return str(self.box.currentData())

    @property
    def count(self) -> int:
        """How many of the next tiles."""
        return self.count_box.value()

    def choose(self, what: str) -> None:
        """Choose one of the above."""
        self.box.setCurrentIndex(self.box.findData(what))

    def _on_what(self) -> None:
        self.count_box.setVisible(self.what == "next")
        self.changed.emit()


def request_for(
    what: str, count: int, wish: Wish, viewer: napari.viewer.Viewer, session: Session
) -> Request:
    """Return what a person asks a server for.

    Parameters
    ----------
    what : str
        As `WhatBox.what`.
    count : int
        How many of the next tiles.
    wish : Wish
        Which server, and how.
    viewer, session
        Where the person looks.

    Raises
    ------
    InputError
        If there is no such tile or image at the moment.
    """
    on = f"on {wish.server}"
    if what in {"tile", "next"}:
        tiles = _tiles(what, count, session)
        return Request(wish, f"{_counted(len(tiles))} {on}", tiles=tiles)
    if what == "all":
        if not session.standing.images:
            raise InputError("The project has no image yet.", hint="Add some in the Project dock.")
        return Request(wish, f"All images {on}")
    seen = image_seen(session)
    part = part_seen(viewer, session)
    if seen is None or part is None:
        raise InputError("Nothing of an image is seen.", hint="Move it into the window.")
    if what == "image":
        return Request(wish, f"{seen[0].name} {on}", images=(seen[0].id,))
    return Request(wish, f"View {on}", regions=(part,))


def _tiles(what: str, count: int, session: Session) -> tuple[Tile, ...]:
    if what == "next":
        coming = tuple(item.where for item in session.upcoming()[:count])
        if not coming:
            raise InputError("No tile waits in the queue.", hint="Choose this tile or an image.")
        return coming
    if session.current is None or session.paints_anywhere:
        raise InputError("There is no tile on the screen.", hint=_to_queue())
    return (session.current.where,)


def _counted(tiles: int) -> str:
    return "1 tile" if tiles == 1 else f"{tiles} tiles"


def _to_queue() -> str:
    key = key_of("paint")
    return f"Go back to the queue: key {key}." if key else "Go back to the queue."
