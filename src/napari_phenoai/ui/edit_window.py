"""The edit window: where one paints on an image of any size; it follows the view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.window import follow, inside, window_at
from napari_phenoai.ui.camera import look_at, view_of
from napari_phenoai.ui.strokes import Strokes, forget_strokes, painting_now

if TYPE_CHECKING:
    from qtpy.QtCore import QObject

    from napari_phenoai.core.edits import Edit
    from napari_phenoai.core.window import View
    from napari_phenoai.ui.gallery import Scene
    from napari_phenoai.ui.layers import TileLayers
    from napari_phenoai.ui.painting import Painting

__all__ = ["EditWindow"]

_FOLLOW_MS = 40
_RETRY_MS = 3000
_CONTEXT = 1.05
_AROUND_PX = 96
_ZOOM_IN = "You see more than can be painted at once: zoom in, or paint inside the frame."


class EditWindow:
    """Lays the window of `Painting` on the canvas, and moves it with the camera.

    Parameters
    ----------
    layers : TileLayers
        Shows the plane, and has the layer to paint in.
    parent : QObject
        Owns the timers.
    """

    def __init__(self, layers: TileLayers, parent: QObject) -> None:
        self._layers = layers
        self._viewer = layers.viewer
        self._session = layers.session
        self._strokes: Strokes | None = None
        self._scene: Scene | None = None
        self._painting: Painting | None = None
        self._soon = _timer(parent, _FOLLOW_MS, self.follow)
        self._soon.setSingleShot(True)
        self._again = _timer(parent, _RETRY_MS, self._retry)
        self._again.start()
        camera = self._viewer.scene.camera
        camera.events.center.connect(self._on_camera)
        camera.events.zoom.connect(self._on_camera)
        self._session.project_changed.connect(self._on_project)
        self._on_project()

    @property
    def shown(self) -> bool:
        """Whether the window is on the canvas."""
        return self._strokes is not None

    @property
    def settled(self) -> bool:
        """Whether the window on the canvas is one of the plane that is painted now."""
        painting = self._painting
        return self.shown and painting is not None and painting.window is not None

    @property
    def place(self) -> Tile | None:
        """Where on the plane that is painted one looks; None while the mode is off."""
        painting = self._painting
        if painting is None or painting.image is None:
            return None
        if painting.goal is not None:
            return painting.goal
        rows, columns = painting.plane
        y, x = rows // 2, columns // 2
        if painting.window is not None:
            window = painting.window.tile
            y, x = window.y + window.height // 2, window.x + window.width // 2
        return Tile(painting.image, y, x, 1, 1, painting.z)

    def follow(self) -> None:
        """Bring the window to where the camera looks, if it is not there."""
        painting, scene = self._painting, self._layers.scene
        if painting is None or scene is None or not scene.shows(self.place):
            return
        scale = scene.picture.scale
        if painting.goal is not None:
            self._look_at_goal(painting, painting.goal, scale)
        view = view_of(self._viewer, scale)
        here = painting.window.tile if painting.window else None
        if here is None:
            view = self._into_image(painting, view, scale)
            place = (str(painting.image), painting.plane, view.y, view.x)
            painting.want(window_at(*place, z=painting.z))
        elif painting.reading:
            painting.flush()
        else:
            painting.want(follow(here, painting.plane, view))
            new = not self.shown or self._scene is not scene
            if new and not self._under_way():
                self._show()
        self._say(view)

    def look(self) -> None:
        """Bring the window into the middle of the view, so that all of it is seen."""
        painting, scene = self._painting, self._layers.scene
        if painting is not None and painting.window is not None and scene is not None:
            look_at(self._viewer, painting.window.tile, scene.picture.scale, _CONTEXT)

    def let_go(self) -> None:
        """Take the window from the canvas; another tile or window will come."""
        if self._strokes is not None:
            self._strokes.close()
            self._strokes = None

    def close(self) -> None:
        """Listen no more."""
        self.let_go()
        self._soon.stop()
        self._again.stop()
        camera = self._viewer.scene.camera
        camera.events.center.disconnect(self._on_camera)
        camera.events.zoom.disconnect(self._on_camera)
        self._session.project_changed.disconnect(self._on_project, missing_ok=True)
        self._listen(None)

    # --- answers

    def _on_project(self) -> None:
        if self._session.painting is not self._painting:
            self.let_go()
            self._listen(self._session.painting)

    def _listen(self, painting: Painting | None) -> None:
        for one, connect in ((self._painting, False), (painting, True)):
            if one is None:
                continue
            for signal, slot in (
                (one.window_changed, self._show),
                (one.pixels_changed, self._on_pixels),
                (one.painted, self._on_painted),
                (one.turned, self._on_turned),
            ):
                if connect:
                    signal.connect(slot)
                else:
                    signal.disconnect(slot, missing_ok=True)
            one.under_way = self._under_way if connect else _no
        self._painting = painting

    def _on_camera(self, _: Any = None) -> None:
        if self.place is not None and not self._soon.isActive():
            self._soon.start()

    def _on_stroke(self, box: tuple[slice, slice] | None, tool: str) -> None:
        painting, layer = self._painting, self._layers.stack.tile
        if painting is None or painting.window is None or layer is None or self._strokes is None:
            return
        forget_strokes(layer)
        if layer.data is not painting.window.painted:
            return
        painting.flush(box, tool)
        self._soon.start()

    def _show(self) -> None:
        painting = self._painting
        if painting is None or painting.window is None:
            return
        self._close_strokes()
        layer = self._layers.place_window(painting.window)
        scene = self._layers.scene
        if layer is None or scene is None:
            return
        for edit in painting.writer.unwritten:
            if scene.shows(edit.tile):
                scene.overlays.paint(edit)
        self._strokes, self._scene = Strokes(layer, self._on_stroke), scene
        self._layers.tile_shown.emit()
        self._soon.start()

    def _close_strokes(self) -> None:
        if self._strokes is not None:
            self._strokes.close()

    def _on_pixels(self) -> None:
        layer = self._layers.stack.tile
        if layer is not None and self.shown:
            layer.refresh(extent=False)

    def _on_painted(self, edit: Edit) -> None:
        scene = self._layers.scene
        if scene is not None and scene.shows(edit.tile):
            scene.overlays.paint(edit)
            window = self._painting.window if self._painting else None
            if window is None or not window.tile.intersects(edit.tile):
                self._layers.refresh_soon("labels")

    def _on_turned(self, edit: Edit) -> None:
        """Look at what was undone, if it is out of sight."""
        painting, scene = self._painting, self._layers.scene
        if painting is None or not painting.active:
            return
        if scene is not None and scene.shows(edit.tile):
            view = view_of(self._viewer, scene.picture.scale)
            if _sees(view, edit.tile):
                return
        self._session.paint_anywhere(edit.tile)

    # --- inside

    def _under_way(self) -> bool:
        layer = self._layers.stack.tile
        return self.shown and layer is not None and painting_now(layer)

    def _retry(self) -> None:
        if self._painting is not None and self._painting.writer.stuck:
            self._painting.writer.retry()

    def _look_at_goal(self, painting: Painting, goal: Tile, scale: float) -> None:
        painting.goal = None
        wide = Tile(
            goal.image,
            goal.y - _AROUND_PX,
            goal.x - _AROUND_PX,
            goal.height + 2 * _AROUND_PX,
            goal.width + 2 * _AROUND_PX,
            goal.z,
        )
        look_at(self._viewer, wide, scale, _CONTEXT)

    def _into_image(self, painting: Painting, view: View, scale: float) -> View:
        """Look at the middle of the image where the camera looks beside it."""
        rows, columns = painting.plane
        if 0 <= view.y < rows and 0 <= view.x < columns:
            return view
        middle = window_at(str(painting.image), (rows, columns), rows / 2, columns / 2)
        look_at(self._viewer, middle, scale, _CONTEXT)
        return view_of(self._viewer, scale)

    def _say(self, view: View) -> None:
        painting = self._painting
        if painting is not None and painting.window is not None:
            seen = inside(painting.window.tile, painting.plane, view)
            painting.set_hint("" if seen else _ZOOM_IN)


def _no() -> bool:
    return False


def _sees(view: View, tile: Tile) -> bool:
    rows = view.y - view.height / 2 <= tile.y1 and tile.y <= view.y + view.height / 2
    return rows and view.x - view.width / 2 <= tile.x1 and tile.x <= view.x + view.width / 2


def _timer(parent: QObject, interval_ms: int, call: Any) -> QTimer:
    timer = QTimer(parent)
    timer.setInterval(interval_ms)
    timer.timeout.connect(call)
    return timer
