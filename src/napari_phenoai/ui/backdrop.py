"""The backdrop: picture and overlays of one plane, brought onto the canvas part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_phenoai.core.geometry import Tile
from napari_phenoai.ui.refreshing import Refresher

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtCore import QObject

    from napari_phenoai.ui.desk import Desk
    from napari_phenoai.ui.gallery import Scene
    from napari_phenoai.ui.layer_stack import LayerStack

__all__ = ["Backdrop"]


class Backdrop:
    """Shows one scene, and draws it anew when more of its pixels have come.

    Parameters
    ----------
    stack : LayerStack
        The layers.
    parent : QObject
        Owns the timer.
    restyle : callable
        Called when layers were made, which are hidden and without colours at first.

    Attributes
    ----------
    scene : Scene or None
        What is shown; None while another picture is on its way to the canvas.
    coming : Scene or None
        What is shown or will be.
    """

    def __init__(self, stack: LayerStack, parent: QObject, restyle: Callable[[], object]) -> None:
        self._stack = stack
        self._restyle = restyle
        self._made = False
        self._refresher = Refresher(parent)
        self.scene: Scene | None = None
        self.coming: Scene | None = None

    def bring(self, scene: Scene) -> None:
        """Show `scene` with the next calls of `show_more`."""
        self.coming = scene
        if self.scene is not None and self.scene.picture is not scene.picture:
            self.scene = None

    def show_more(self, edited: Desk | Tile | None) -> bool:
        """Show one more part of what is coming, if there is one.

        Parameters
        ----------
        edited : Desk, Tile or None
            The desk or window that is or will be edited; overlays leave its place free.

        Returns
        -------
        bool
            False if all is shown.
        """
        scene = self.coming
        if scene is None:
            return False
        if self.scene is not scene:
            self._show(scene, edited)
        elif _leave_free(scene, edited):
            self._stack.refresh_overlays()
        else:
            return self._stack.catch_up()
        return True

    def refresh_soon(self, overlay: str) -> None:
        """Draw an overlay anew in a moment, as its pixels have changed."""
        self._refresher.soon(self._stack.overlays.get(overlay))

    def read_anew(self, overlay: str, tile: Tile | None = None) -> None:
        """Read an overlay anew, under `tile` if that lies on this plane; all without one."""
        if self.coming is not None and (tile is None or self.coming.shows(tile)):
            self.coming.overlays.named()[overlay].forget(tile)
            self.refresh_soon(overlay)

    def stop(self) -> None:
        """Draw nothing any more."""
        self._refresher.stop()

    def clear(self) -> None:
        """Show nothing any more."""
        self.stop()
        self.scene = self.coming = None

    def _show(self, scene: Scene, edited: Desk | Tile | None) -> None:
        """Show all of `scene`, so that labels never lie over another image; layers one by one."""
        first = self._stack.picture is None
        if self._stack.picture is not scene.picture:
            self._show_picture(scene)
        if first:
            return
        if self._stack.make_overlay(scene.overlays):
            self._made = True
            return
        _leave_free(scene, edited)
        self._show_overlays(scene)

    def _show_picture(self, scene: Scene) -> None:
        for channel in scene.picture.channels:
            self._refresher.listen(channel.pyramid)
        self._stack.show_picture(scene.picture)
        for channel, layer in zip(scene.picture.channels, self._stack.images, strict=True):
            self._refresher.watch(channel.pyramid, layer)

    def _show_overlays(self, scene: Scene) -> None:
        for pyramid in scene.overlays.named().values():
            self._refresher.listen(pyramid)
        self._stack.show_overlays(scene.overlays)
        for name, pyramid in scene.overlays.named().items():
            self._refresher.watch(pyramid, self._stack.overlays[name])
        self.scene = scene
        if self._made:
            self._made = False
            self._restyle()


def _leave_free(scene: Scene, edited: Desk | Tile | None) -> bool:
    if isinstance(edited, Tile):
        return scene.overlays.put_under(edited)
    there = edited is not None and scene.shows(edited.tile)
    return scene.overlays.put_on_desk(edited if there else None)
