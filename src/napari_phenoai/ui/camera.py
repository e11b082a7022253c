"""The camera: where one looks, in pixels of the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.window import View

if TYPE_CHECKING:
    import napari

    from napari_phenoai.ui.picture import Picture

__all__ = ["look_at", "look_at_all", "view_of"]


def look_at(viewer: napari.Viewer, tile: Tile, scale: float, context: float) -> None:
    """Bring `tile` into the middle.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose camera moves.
    tile : Tile
        What to look at.
    scale : float
        World units per pixel.
    context : float
        How many times the extent of the tile is seen.
    """
    camera = viewer.scene.camera
    middle = (tile.y + (tile.height - 1) / 2, tile.x + (tile.width - 1) / 2)
    camera.center = (0.0, middle[0] * scale, middle[1] * scale)
    height, width = viewer.canvas.size
    fit = min(height / tile.height, width / tile.width)
    camera.zoom = max(fit, 1e-6) / (scale * context)


def look_at_all(viewer: napari.Viewer, picture: Picture) -> None:
    """Bring the whole of `picture` into sight."""
    rows, columns = picture.shape
    look_at(viewer, Tile(picture.image, 0, 0, rows, columns, picture.z), picture.scale, 1.0)


def view_of(viewer: napari.Viewer, scale: float) -> View:
    """Return what is seen, in pixels of an image with `scale` world units per pixel."""
    camera = viewer.scene.camera
    height, width = viewer.canvas.size
    per_pixel = max(camera.zoom * scale, 1e-12)
    y, x = (float(value) / scale for value in camera.center[-2:])
    return View(y, x, height / per_pixel, width / per_pixel)
