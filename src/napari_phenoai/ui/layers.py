"""Layers: the image, what is known of it, and the tile that is painted."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_phenoai.ui.gallery import Gallery, Scene
from napari_phenoai.ui.layer_stack import LayerStack
from napari_phenoai.ui.refreshing import Refresher

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari
    from napari.layers import Labels
    from numpy.typing import NDArray
    from psygnal import SignalInstance
    from qtpy.QtCore import QObject

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.records import Review
    from napari_phenoai.ui.desk import Desk
    from napari_phenoai.ui.session import Session

__all__ = ["TileLayers"]

_CONTEXT = 1.6
_log = logging.getLogger(__name__)


class TileLayers:
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
    stack : LayerStack
        The layers themselves; ``stack.tile`` is the one to paint in.
    """

    tile_shown = Signal()
    view_changed = Signal()

    def __init__(self, viewer: napari.Viewer, session: Session, parent: QObject) -> None:
        self.viewer = viewer
        self.session = session
        self.stack = LayerStack(viewer)
        self.outline = False
        self.hidden = False
        self.opacity = 0.55
        self._gallery: Gallery | None = None
        self._refresher = Refresher(parent)
        self._scene: Scene | None = None
        self._placed: str | None = None
        self._seen: NDArray[np.uint8] | None = None
        self._heard: Labels | None = None
        self._links: list[tuple[SignalInstance, Callable[..., None]]] = [
            (session.project_changed, self._on_project),
            (session.current_changed, self._on_current),
            (session.desk_changed, self._on_desk),
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
        """The layer to paint in, or None while no tile is on the desk."""
        return self.stack.tile if self._placed is not None else None

    def set_outline(self, outline: bool) -> None:
        """Draw classes as outlines, or filled."""
        self.outline = outline
        self._restyle()

    def set_hidden(self, hidden: bool) -> None:
        """Hide everything that lies over the image, or show it again."""
        self.hidden = hidden
        self._restyle()

    def set_opacity(self, opacity: float) -> None:
        """Draw labels with `opacity` in [0, 1]."""
        self.opacity = opacity
        self._restyle()

    def show(self, name: str, *, visible: bool) -> None:
        """Show or hide the overlay ``labels``, ``prediction`` or ``uncertainty``."""
        self.stack.wanted[name] = visible
        self._restyle()

    def shows(self, name: str) -> bool:
        """Whether the overlay of this name is wanted."""
        return self.stack.wanted[name]

    def zoom_to_tile(self) -> None:
        """Move the camera so that the tile lies in the middle, with some context."""
        if self.session.current is not None and self._scene is not None:
            self._look_at(self.session.current.where, self._scene.picture.scale)

    def close(self) -> None:
        """Take the layers away and listen no more."""
        self.disconnect()
        self._clear()

    def disconnect(self) -> None:
        """Listen no more."""
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
            self._gallery.failed.connect(self._on_no_scene)
            self._on_current()
        self._restyle()

    def _on_current(self) -> None:
        item = self.session.current
        if item is None or self._gallery is None:
            self._put_away()
            return
        scene = self._gallery.want(item.where, self._model)
        if scene is not None:
            self._show_scene(scene)
            if self.session.desk is None:
                self.zoom_to_tile()
        for coming in self.session.upcoming()[:2]:
            self._gallery.want(coming.where, self._model)

    def _on_scene(self, scene: Scene) -> None:
        item = self.session.current
        if item is not None and scene.shows(item.where) and scene.model == self._model:
            self._show_scene(scene)
            self._on_desk()

    def _on_no_scene(self, error: Exception) -> None:
        """Log why an image cannot be shown; reading its tile tells people."""
        _log.warning("An image cannot be shown.", exc_info=error)

    def _on_standing(self) -> None:
        if self._scene is not None and self._scene.model != self._model:
            self._on_current()
            self._on_desk()

    def _on_desk(self) -> None:
        desk = self.session.desk
        if desk is None or self._scene is None or not self._scene.shows(desk.tile):
            self._put_away()
        else:
            self._place(desk)

    def _on_saved(self, review: Review) -> None:
        if self._scene is not None and self._scene.shows(review.tile):
            self._scene.overlays.labels.forget(review.tile)
            self._refresher.soon(self.stack.overlays.get("labels"))

    def _on_jobs(self) -> None:
        if self._scene is not None:
            for name in ("prediction", "uncertainty"):
                self._scene.overlays.named()[name].forget()
                self._refresher.soon(self.stack.overlays.get(name))

    def _on_mouse(self, *_: Any) -> None:
        if self.session.reviewing is not None:
            self.session.reviewing.touch()

    @property
    def _model(self) -> str | None:
        served = self.session.standing.served
        return served.id if served else None

    # --- putting things on the canvas

    def _show_scene(self, scene: Scene) -> None:
        if scene is self._scene:
            return
        former, self._scene = self._scene, scene
        if former is None or former.picture is not scene.picture:
            self.stack.show_picture(scene.picture)
        self.stack.show_overlays(scene.overlays, scene.picture.scale)
        for channel, layer in zip(scene.picture.channels, self.stack.images, strict=True):
            self._refresher.watch(channel.pyramid, layer)
        for name, pyramid in scene.overlays.named().items():
            self._refresher.watch(pyramid, self.stack.overlays[name])

    def _place(self, desk: Desk) -> None:
        scene = self._scene
        if scene is None:
            return
        moved = self._placed != desk.tile.key
        self._placed = desk.tile.key
        self.hidden = self.hidden and not moved
        self._seen = desk.labels.copy()
        layer = self.stack.show_tile(desk, scene.picture.scale)
        if layer is not self._heard:
            layer.events.paint.connect(self._on_paint)
            layer.events.set_data.connect(self._on_paint)
            self._heard = layer
        scene.overlays.put_on_desk(desk)
        self._restyle()
        self.stack.refresh_overlays()
        if moved:
            self.zoom_to_tile()
        self.viewer.layers.selection.active = layer
        self.tile_shown.emit()

    def _put_away(self) -> None:
        self._placed = None
        if self._scene is not None:
            self._scene.overlays.put_on_desk(None)
            self.stack.refresh_overlays()
        self.stack.hide_tile()
        self.tile_shown.emit()

    def _restyle(self) -> None:
        project = self.session.project
        if project is not None:
            desk = self.session.desk
            covers = desk is not None and desk.has_prediction and not desk.paint_only
            self.stack.style(
                project.scheme,
                background_alpha=0.0 if covers else 0.5,
                opacity=self.opacity,
                outline=self.outline,
                hidden=self.hidden,
            )
        self.view_changed.emit()

    def _look_at(self, tile: Tile, scale: float) -> None:
        camera = self.viewer.scene.camera
        middle = (tile.y + (tile.height - 1) / 2, tile.x + (tile.width - 1) / 2)
        camera.center = (0.0, middle[0] * scale, middle[1] * scale)
        height, width = self.viewer.canvas.size
        fit = min(height / tile.height, width / tile.width)
        camera.zoom = max(fit, 1e-6) / (scale * _CONTEXT)

    def _on_paint(self, _: Any = None) -> None:
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
        self._scene = self._placed = self._seen = None
        self.stack.clear()
        if self._gallery is not None:
            self._gallery.close()
            self._gallery = None
