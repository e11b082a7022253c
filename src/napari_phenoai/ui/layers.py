"""Layers: the image, what is known of it, and the tile that is painted."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_phenoai.core.geometry import Tile
from napari_phenoai.ui.backdrop import Backdrop
from napari_phenoai.ui.camera import look_at, look_at_all
from napari_phenoai.ui.canvas_focus import canvas_of
from napari_phenoai.ui.edit_window import EditWindow
from napari_phenoai.ui.gallery import Gallery, Scene
from napari_phenoai.ui.looks import Looks
from napari_phenoai.ui.tile_on_top import TileOnTop
from napari_phenoai.ui.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari
    from napari.layers import Labels
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
    window : EditWindow
        What is painted while no tile is, in the mode "paint anywhere".
    """

    tile_shown = Signal()

    def __init__(self, viewer: napari.Viewer, session: Session, parent: QObject) -> None:
        super().__init__(viewer, session)
        self.viewer = viewer
        self._gallery: Gallery | None = None
        self._backdrop = Backdrop(self.stack, parent, self.restyle)
        self._turns = Turns(self._show_more, parent, canvas_of(viewer), self.rests)
        self._tile, self._look_there = TileOnTop(self.stack, session), False
        self.stack.behind.connect(self._go_on)
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
    def scene(self) -> Scene | None:
        """The plane that is shown; None while another image is on its way to the canvas."""
        return self._backdrop.scene

    @property
    def tile(self) -> Labels | None:
        """The layer to paint in, or None while there is neither a tile nor a window."""
        return self.stack.tile if self._tile.placed is not None or self.window.shown else None

    def zoom_to_tile(self) -> None:
        """Move the camera so that the tile or the window lies in the middle, with some context."""
        if self.window.shown:
            self.window.look()
        elif self.session.current is not None and self.scene is not None:
            look_at(self.viewer, self.session.current.where, self.stack.scale, _CONTEXT)

    def refresh_soon(self, overlay: str) -> None:
        """Draw an overlay anew in a moment: its pixels have changed."""
        self._backdrop.refresh_soon(overlay)

    def close(self) -> None:
        """Take the layers away and listen no more."""
        self.disconnect()
        self._clear()

    def disconnect(self) -> None:
        """Listen no more."""
        self.window.close()
        self._turns.stop()
        self._backdrop.stop()
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
        where, item = self._where, self.session.current
        if self.window.place is None and (item is None or item.tile != self._tile.placed):
            self._put_away()
            self._look_there = item is not None
        if where is None or self._gallery is None:
            return
        scene = self._gallery.want(where, self._model)
        if scene is not None:
            self._bring(scene)
        for coming in self.session.upcoming()[:2]:
            self._gallery.want(coming.where, self._model)

    def _on_scene(self, scene: Scene) -> None:
        if scene.shows(self._where) and scene.model == self._model:
            self._bring(scene)

    def _on_painting(self) -> None:
        self.hidden = False
        self.look_below(served=self._model is not None)
        if not self.window.settled:
            self._put_away()
        self._on_current()
        self._on_desk()

    def _on_labels(self, tile: Tile) -> None:
        coming = self._backdrop.coming
        if coming is not None and coming.shows(tile):
            self.refresh_soon("labels")

    def _on_no_scene(self, error: Exception) -> None:
        """Log why an image cannot be shown; reading its tile tells people."""
        _log.warning("An image cannot be shown.", exc_info=error)

    def _on_standing(self) -> None:
        coming = self._backdrop.coming
        if coming is None or coming.model != self._model:
            self._on_current()
            self._on_desk()

    def _on_desk(self) -> None:
        desk = self.session.desk
        here = desk is not None and desk.tile.key == self._tile.placed
        if self.window.place is None and not here:
            self._put_away()
        if desk is not None and here and self.window.place is None:
            self._tile.lay(desk)
            self.restyle()
            self.tile_shown.emit()
        self._go_on()

    def _on_saved(self, review: Review) -> None:
        self._backdrop.read_anew("labels", review.tile)

    def _on_jobs(self) -> None:
        for name in ("prediction", "uncertainty"):
            self._backdrop.read_anew(name)

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
    def _edited(self) -> Desk | Tile | None:
        """The desk, or the window on the canvas while one paints anywhere."""
        painting = self.session.painting
        if painting is None or self.window.place is None:
            return self.session.desk
        return painting.window.tile if painting.window and self.window.shown else None

    @property
    def _model(self) -> str | None:
        return self.session.shown_model

    def _bring(self, scene: Scene) -> None:
        """Show `scene` from the next turn of the event loop on, if it is not shown."""
        self._backdrop.bring(scene)
        if self.scene is None:
            self._put_away()
        self._go_on()

    def _go_on(self) -> None:
        self._turns.begin(drawing=self.stack.picture is None)

    def _show_more(self) -> bool:
        """Show one more part of what is to be seen; return whether anything is left."""
        desk, first = self.session.desk, self.stack.picture is None
        if self._gallery is None:
            return False
        if self._backdrop.show_more(self._edited):
            self._look()
            if first and self.stack.picture is not None and self._edited is None:
                look_at_all(self.viewer, self.stack.picture)
            return True
        if self.window.place is not None:
            self.window.follow()
        elif desk is None or self.scene is None or not self.scene.shows(desk.tile):
            self._look()
        elif self._tile.laid is not desk:
            self._tile.lay(desk)
            return True
        elif self._tile.placed != desk.tile.key:
            self._reveal(desk)
        return False

    def _reveal(self, desk: Desk) -> None:
        """Let the tile on the desk be seen and painted."""
        self._tile.placed = desk.tile.key
        self.hidden = False
        self.restyle()
        self._look()
        self.viewer.layers.selection.active = self.stack.tile
        self.tile_shown.emit()

    def _look(self) -> None:
        """Move the camera to the current tile, once for each."""
        item, scene = self.session.current, self.scene
        there = item is not None and scene is not None and scene.shows(item.where)
        if self._look_there and there and self.window.place is None:
            self._look_there = False
            self.zoom_to_tile()

    def place_window(self, window: WindowPixels) -> Labels | None:
        """Lay the window for painting anywhere on top, and return its layer."""
        if self.scene is None:
            return None
        layer = self.stack.show_window(window)
        self.scene.overlays.put_under(window.tile)
        self.restyle()
        self.stack.refresh_overlays()
        self.viewer.layers.selection.active = layer
        return layer

    def _put_away(self) -> None:
        """Take tile or window from the canvas at once: nobody paints on what has gone."""
        if self.tile is None and self._tile.laid is None:
            return
        self._go_on()
        self.window.let_go()
        self._tile.lift()
        self.tile_shown.emit()

    def _clear(self) -> None:
        self._turns.stop()
        self._backdrop.clear()
        self._tile.clear()
        self.stack.clear()
        if self._gallery is not None:
            self._gallery.close()
            self._gallery = None
