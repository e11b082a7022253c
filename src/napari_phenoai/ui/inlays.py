"""Inlays: a tile laid into the pixels of any level of a pyramid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.ui.blocks import overlap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.edits import Edit
    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.ui.blocks import Window

__all__ = ["lay_in", "paint_in"]


def lay_in(
    pixels: NDArray[Any],
    window: Window,
    scale: tuple[float, float],
    tile: Tile,
    values: NDArray[Any] | int,
) -> None:
    """Overwrite the part of `pixels` that `tile` covers.

    Parameters
    ----------
    pixels : ndarray, shape (y, x)
        The rectangle `window` of a level; changed in place.
    window : Window
        In pixels of the level.
    scale : tuple of float
        Full-resolution pixels per pixel of the level, down and across.
    tile : Tile
        At full resolution.
    values : ndarray or int
        Pixels of `tile`, shape ``(y, x)``, or one value for all of them.
    """
    y0, y1 = overlap(tile.y, tile.y1, scale[0], window.y0, window.y1)
    x0, x1 = overlap(tile.x, tile.x1, scale[1], window.x0, window.x1)
    target = (slice(y0 - window.y0, y1 - window.y0), slice(x0 - window.x0, x1 - window.x0))
    if isinstance(values, int):
        pixels[target] = values
        return
    rows = (np.arange(y0, y1) * scale[0]).astype(int).clip(tile.y, tile.y1 - 1) - tile.y
    columns = (np.arange(x0, x1) * scale[1]).astype(int).clip(tile.x, tile.x1 - 1) - tile.x
    pixels[target] = values[rows[:, None], columns[None, :]]


def paint_in(pixels: NDArray[Any], window: Window, scale: tuple[float, float], edit: Edit) -> None:
    """Make the change of `edit` in `pixels`, roughly at coarse levels.

    Parameters
    ----------
    pixels : ndarray, shape (y, x)
        The rectangle `window` of a level; changed in place.
    window : Window
        In pixels of the level.
    scale : tuple of float
        Full-resolution pixels per pixel of the level, down and across.
    edit : Edit
        At full resolution.
    """
    tile = edit.tile
    y0, y1 = overlap(tile.y, tile.y1, scale[0], window.y0, window.y1)
    x0, x1 = overlap(tile.x, tile.x1, scale[1], window.x0, window.x1)
    rows = ((np.arange(y0, y1) + 0.5) * scale[0]).astype(int).clip(tile.y, tile.y1 - 1) - tile.y
    columns = ((np.arange(x0, x1) + 0.5) * scale[1]).astype(int)
    columns = columns.clip(tile.x, tile.x1 - 1) - tile.x
    after = edit.after[rows[:, None], columns[None, :]]
    changed = after != edit.before[rows[:, None], columns[None, :]]
    target = pixels[y0 - window.y0 : y1 - window.y0, x0 - window.x0 : x1 - window.x0]
    target[changed] = after[changed]
