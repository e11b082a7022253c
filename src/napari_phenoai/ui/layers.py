"""Layers: the image, what is known of it, and the tile that is painted."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_phenoai.core.geometry import Tile
from napari_phenoai.ui.camera import look_at
from napari_phenoai.ui.edit_window import EditWindow
from napari_phenoai.ui.gallery import Gallery, Scene
from napari_phenoai.ui.looks import Looks
from napari_phenoai.ui.refreshing import Refresher
from napari_phenoai.ui.strokes import Strokes

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari
    from napari.layers import Labels
    from numpy.typing import NDArray
    from psygnal import SignalInstance
    from qtpy.QtCore import QObject

    from napari_phenoai.core.records import Review
    from napari_phenoai.ui.desk import Desk
    from napari_phenoai.ui.session import Session
    from napari_phenoai.ui.window_pixels import WindowPixels

__all__ = ["TileLayers"]

_CONTEXT = 1.6
_log = logging.getLogger(__name__)


class TileLayers(Looks):
    """Keeps the layers of one viewer in step with its session.

    Parameters
    ----------
    viewer : napari.Viewer
        Gets the layers when a project is opened, loses them when it is closed.
    session : Session
        Says what is to be seen, and hears of every stroke.
    parent : QObject
        Owns the timers.

    Attributes
    ----------
    scene : Scene or None
        The plane that is shown.
    window : EditWindow
        What is painted while no tile is, in the mode "paint anywhere".
    """

    tile_shown = Signal()

    def __init__(self, viewer: napari.Viewer, session: Session, parent: QObject) -> None:
        super().__init__(viewer, session)
        self.viewer = viewer
        self._gallery: Gallery | None = None
        self._refresher = Refresher(parent)
        self.scene: Scene | None = None
        self._placed: str | None = None
        self._seen: NDArray[np.uint8] | None = None
        self._strokes: Strokes | None = None
        self.window = EditWindow(self, parent)
        self._links: list[tuple[SignalInstance, Callable[..., None]]] = [
            (session.project_changed, self._on_project),
            (session.current_changed, self._on_current),
            (session.desk_changed, self._on_desk),
            (session.painting_changed, self._on_painting),
            (session.review_saved, self._on_saved),
            (session.standing_changed, self._on_standing),
            (session.jobs_changed, self._on_jobs),
        ]
        for signal, slot in self._links:
            signal.connect(slot)
        viewer.mouse_move_callbacks.append(self._on_mouse)
        viewer.mouse_wheel_callbacks.append(self._on_mouse)
        self._on_project()

    # --- what the view shows

    @property
    def tile(self) -> Labels | None:
        """The layer to paint in, or None while there is neither a tile nor a window."""
        return self.stack.tile if self._placed is not None or self.window.shown else None

    def zoom_to_tile(self) -> None:
        """Move the camera so that the tile or the window lies in the middle, with some context."""
        if self.window.shown:
            self.window.look()
        elif self.session.current is not None and self.scene is not None:
            scale = self.scene.picture.scale
            look_at(self.viewer, self.session.current.where, scale, _CONTEXT)

    def refresh_soon(self, overlay: str) -> None:
        """Draw an overlay anew in a moment, as its pixels have changed."""
        self._refresher.soon(self.stack.overlays.get(overlay))

    def close(self) -> None:
        """Take the layers away and listen no more."""
        self.disconnect()
        self._clear()

    def disconnect(self) -> None:
        """Listen no more."""
        self.window.close()
        self._refresher.stop()
        for signal, slot in self._links:
            signal.disconnect(slot, missing_ok=True)
        for callbacks in (self.viewer.mouse_move_callbacks, self.viewer.mouse_wheel_callbacks):
            if self._on_mouse in callbacks:
                callbacks.remove(self._on_mouse)
        if self._gallery is not None:
            self._gallery.close()
            self._gallery = None

    # --- answers to the session

    def _on_project(self) -> None:
        project = self.session.project
        if project is None:
            self._clear()
            return
        if self._gallery is None or self._gallery.project is not project:
            self._clear()
            self._gallery = Gallery(project, self.session.background)
            self._gallery.ready.connect(self._on_scene)
            self._gallery.labels_changed.connect(self._on_labels)
            self._gallery.failed.connect(self._on_no_scene)
            self._on_current()
        self.restyle()

    def _on_current(self) -> None:
        where = self._where
        if self.session.current is None and not self.window.place:
            self._put_away()
        if where is None or self._gallery is None:
            return
        scene = self._gallery.want(where, self._model)
        if scene is not None:
            self._show_scene(scene)
            if self.session.desk is None and not self.window.place:
                self.zoom_to_tile()
        for coming in self.session.upcoming()[:2]:
            self._gallery.want(coming.where, self._model)

    def _on_scene(self, scene: Scene) -> None:
        if scene.shows(self._where) and scene.model == self._model:
            first = self.scene is None
            self._show_scene(scene)
            self._on_desk()
            if first and self.session.current is None and not self.window.place:
                rows, columns = scene.picture.shape
                whole = Tile(scene.picture.image, 0, 0, rows, columns)
                look_at(self.viewer, whole, scene.picture.scale, 1.0)

    def _on_painting(self) -> None:
        self.hidden = False
        self.look_below(served=self._model is not None)
        if not self.window.settled:
            self._put_away()
        self._on_current()
        self._on_desk()

    def _on_labels(self, tile: Tile) -> None:
        if self.scene is not None and self.scene.shows(tile):
            self.refresh_soon("labels")

    def _on_no_scene(self, error: Exception) -> None:
        """Log why an image cannot be shown; reading its tile tells people."""
        _log.warning("An image cannot be shown.", exc_info=error)

    def _on_standing(self) -> None:
        if self.scene is None or self.scene.model != self._model:
            self._on_current()
            self._on_desk()

    def _on_desk(self) -> None:
        desk = self.session.desk
        if self.window.place is not None:
            self.window.follow()
        elif desk is None or self.scene is None or not self.scene.shows(desk.tile):
            self._put_away()
        else:
            self._place(desk)

    def _on_saved(self, review: Review) -> None:
        if self.scene is not None and self.scene.shows(review.tile):
            self.scene.overlays.labels.forget(review.tile)
            self.refresh_soon("labels")

    def _on_jobs(self) -> None:
        if self.scene is not None:
            for name in ("prediction", "uncertainty"):
                self.scene.overlays.named()[name].forget()
                self.refresh_soon(name)

    def _on_mouse(self, *_: Any) -> None:
        if self.session.reviewing is not None:
            self.session.reviewing.touch()

    @property
    def _where(self) -> Tile | None:
        """A tile on the plane that is to be seen; of the first image while none is chosen."""
        item = self.session.current
        if self.window.place is not None or item is not None:
            return self.window.place or (item.where if item else None)
        for image in self.session.standing.images.values():
            return Tile(image.id, image.plane[0] // 2, image.plane[1] // 2, 1, 1)
        return None

    @property
    def _model(self) -> str | None:
        served = self.session.standing.served
        return served.id if served else None

    # --- putting things on the canvas

    def _show_scene(self, scene: Scene) -> None:
        if scene is self.scene:
            return
        former, self.scene = self.scene, scene
        if former is None or former.picture is not scene.picture:
            self.stack.show_picture(scene.picture)
        self.stack.show_overlays(scene.overlays, scene.picture.scale)
        for channel, layer in zip(scene.picture.channels, self.stack.images, strict=True):
            self._refresher.watch(channel.pyramid, layer)
        for name, pyramid in scene.overlays.named().items():
            self._refresher.watch(pyramid, self.stack.overlays[name])

    def _place(self, desk: Desk) -> None:
        scene = self.scene
        if scene is None:
            return
        moved = self._placed != desk.tile.key
        self._placed = desk.tile.key
        self.hidden = self.hidden and not moved
        self._seen = desk.labels.copy()
        layer = self.stack.show_tile(desk, scene.picture.scale)
        if self._strokes is None or layer is not self._strokes.layer:
            self._strokes = Strokes(layer, self._on_paint)
        scene.overlays.put_on_desk(desk)
        self.restyle()
        self.stack.refresh_overlays()
        if moved:
            self.zoom_to_tile()
        self.viewer.layers.selection.active = layer
        self.tile_shown.emit()

    def place_window(self, window: WindowPixels) -> Labels | None:
        """Lay the window for painting anywhere on top, and return its layer."""
        scene = self.scene
        if scene is None:
            return None
        layer = self.stack.show_window(window, scene.picture.scale)
        scene.overlays.put_under(window.tile)
        self.restyle()
        self.stack.refresh_overlays()
        self.viewer.layers.selection.active = layer
        return layer

    def _put_away(self) -> None:
        self._placed = None
        self.window.let_go()
        if self.scene is not None:
            self.scene.overlays.put_on_desk(None)
            self.stack.refresh_overlays()
        self.stack.hide_tile()
        self.tile_shown.emit()

    def _on_paint(self, *_: Any) -> None:
        layer, desk = self.tile, self.session.desk
        if layer is None or desk is None or desk.tile.key != self._placed:
            return
        data = np.asarray(layer.data)
        if data is not desk.labels and data.shape == desk.labels.shape:
            desk.labels[...] = data
        if self._seen is None or not np.array_equal(self._seen, desk.labels):
            self._seen = desk.labels.copy()
            self.session.mark_edited()

    def _clear(self) -> None:
        self._refresher.stop()
        self.scene = self._placed = self._seen = None
        self.stack.clear()
        if self._gallery is not None:
            self._gallery.close()
            self._gallery = None
