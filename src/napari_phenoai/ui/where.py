"""Where one is: keeps the mini-map in step with a session and its viewer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer

from napari_phenoai.ui.camera import view_of
from napari_phenoai.ui.listening import listen, while_alive
from napari_phenoai.ui.minimap import MiniMap
from napari_phenoai.ui.queue_model import describe
from napari_phenoai.ui.thumbnails import thumbnail

if TYPE_CHECKING:
    import napari.viewer
    import numpy as np
    from numpy.typing import NDArray

    from napari_phenoai.core.records import ImageRecord, QueueItem
    from napari_phenoai.io.project import Project
    from napari_phenoai.ui.session import Session

__all__ = ["Whereabouts"]

_LANE = "thumbnails"
_PAUSE_MS = 40
_PICTURE_PX = 320


class Whereabouts:
    """Shows on a map which plane is on the screen, its tiles, and what is seen of it.

    A click looks there at the zoom there is; one on a tile goes to it, but not while a
    person paints anywhere, as that would end it.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose camera is shown and moved.
    session : Session
        What the viewer has open.

    Attributes
    ----------
    map : MiniMap
        The widget.
    """

    def __init__(self, viewer: napari.viewer.Viewer, session: Session) -> None:
        self._viewer = viewer
        self._session = session
        self._place: tuple[Project, str, int] | None = None
        self.map = MiniMap(self._describe)
        self._soon = QTimer(self.map)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_PAUSE_MS)
        self._soon.timeout.connect(self._show_view)
        for signal in (
            session.project_changed,
            session.current_changed,
            session.painting_changed,
            session.queue_changed,
            session.standing_changed,
        ):
            listen(self.map, signal, self.look)
        camera = viewer.scene.camera
        camera.events.center.connect(self._on_camera)
        camera.events.zoom.connect(self._on_camera)
        self.map.destroyed.connect(self.close)
        self.map.looked.connect(self._go)
        self.map.picked.connect(self._pick)
        self.look()

    def look(self) -> None:
        """Show the plane that is on the screen, its tiles, and what is seen."""
        place, record = self._find(), self._record
        if place is not None and record is not None:
            if place != self._place:
                self._place = place
                self.map.show_plane(record.plane)
                self._read(*place)
            self.map.show_items(self._items(place), self._current)
            self.resized()
        elif self._place is not None:
            self._place = None
            self.map.show_plane((0, 0))
            self.map.show_items([], None)

    def resized(self) -> None:
        """Hear that the canvas may have another extent."""
        if not self._soon.isActive():
            self._soon.start()

    def close(self) -> None:
        """Listen to the camera no more."""
        camera = self._viewer.scene.camera
        camera.events.center.disconnect(self._on_camera)
        camera.events.zoom.disconnect(self._on_camera)

    # --- what is where

    def _find(self) -> tuple[Project, str, int] | None:
        session = self._session
        project, painting, item = session.project, session.painting, session.current
        if project is None:
            return None
        if painting is not None and painting.image is not None:
            return project, painting.image, painting.z
        if item is not None:
            return project, item.where.image, item.where.z
        first = next(iter(session.standing.images), None)
        return (project, first, 0) if first is not None else None

    @property
    def _record(self) -> ImageRecord | None:
        place = self._find()
        return self._session.standing.images.get(place[1]) if place is not None else None

    @property
    def _current(self) -> str | None:
        item = None if self._session.paints_anywhere else self._session.current
        return item.tile if item is not None else None

    def _items(self, place: tuple[Project, str, int]) -> list[QueueItem]:
        where = ((item, item.where) for item in self._session.queue)
        return [item for item, tile in where if (tile.image, tile.z) == place[1:]]

    def _describe(self, item: QueueItem) -> str:
        return describe(item, self._session.standing.images)

    # --- the picture

    def _read(self, project: Project, image: str, z: int) -> None:
        self._session.background.do(
            _LANE,
            partial(_small_picture, project, image, z),
            then=while_alive(self.map, partial(self._on_picture, (project, image, z))),
        )

    def _on_picture(self, place: tuple[Project, str, int], pixels: NDArray[np.uint8]) -> None:
        if place == self._place:
            self.map.show_picture(pixels)

    # --- the camera

    def _on_camera(self, _: Any = None) -> None:
        self.resized()

    @property
    def _scale(self) -> float:
        record = self._record
        return (record.pixel_um if record is not None else None) or 1.0

    def _show_view(self) -> None:
        shown = self._place is not None and len(self._viewer.layers) > 0
        self.map.show_view(view_of(self._viewer, self._scale) if shown else None)

    def _go(self, y: float, x: float) -> None:
        scale = self._scale
        self._viewer.scene.camera.center = (0.0, y * scale, x * scale)

    def _pick(self, item: QueueItem) -> None:
        if not self._session.paints_anywhere:
            self._session.open_item(item)


def _small_picture(project: Project, image: str, z: int) -> NDArray[np.uint8]:
    return thumbnail(project.source(image), _PICTURE_PX, z=z)
