"""Small pictures of tiles for the queue, made in the background and kept."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_phenoai.ui.picture import is_colour

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.io.project import Project
    from napari_phenoai.ui.background import Background

__all__ = ["TilePictures", "tile_picture"]

_KEPT = 400


def tile_picture(project: Project, tile: Tile, size_px: int) -> NDArray[np.uint8]:
    """Read a tile and make it small.

    Returns
    -------
    ndarray of uint8, shape (y, x, 3)
        At most `size_px` rows and columns; the first channel in grey where the
        image has no colours.
    """
    source = project.source(tile.image)
    pixels = source.read(tile)
    pixels = pixels[:3] if is_colour(source) else pixels[:1]
    step = max(1, max(tile.shape) // size_px)
    rows, columns = (length // step * step for length in tile.shape)
    blocks = pixels[:, :rows, :columns].reshape(len(pixels), rows // step, step, -1, step)
    small = _as_bytes(blocks.mean(axis=(2, 4)), pixels.dtype)
    picture = np.moveaxis(np.repeat(small, 3, axis=0) if len(small) == 1 else small, 0, -1)
    return np.ascontiguousarray(picture)


class TilePictures:
    """Pictures of tiles by their key; those that are missing are made in the background.

    Parameters
    ----------
    background : Background
        Lane ``thumbnails`` is used.
    size_px : int
        Largest extent of a picture.
    """

    arrived = Signal(str)

    def __init__(self, background: Background, size_px: int) -> None:
        self._background = background
        self._size_px = size_px
        self._pictures: OrderedDict[str, NDArray[np.uint8] | None] = OrderedDict()

    def picture(self, project: Project, tile: Tile) -> NDArray[np.uint8] | None:
        """Return the picture of `tile`; None when `arrived` will tell of it."""
        key = tile.key
        if key in self._pictures:
            self._pictures.move_to_end(key)
            return self._pictures[key]
        self._pictures[key] = None
        while len(self._pictures) > _KEPT:
            self._pictures.popitem(last=False)
        self._background.do(
            "thumbnails",
            partial(tile_picture, project, tile, self._size_px),
            then=partial(self._on_picture, key),
            otherwise=lambda _: None,
        )
        return None

    def clear(self) -> None:
        """Forget all pictures."""
        self._pictures.clear()

    def _on_picture(self, key: str, picture: NDArray[np.uint8]) -> None:
        if key in self._pictures:
            self._pictures[key] = picture
            self.arrived.emit(key)


def _as_bytes(pixels: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[np.uint8]:
    if dtype == np.uint8:
        return pixels.round().astype(np.uint8)
    finite = pixels[np.isfinite(pixels)]
    low, high = np.percentile(finite, (1, 99)) if finite.size else (0.0, 1.0)
    scaled = (pixels - low) * (255 / max(high - low, 1e-6))
    return np.nan_to_num(scaled).clip(0, 255).astype(np.uint8)
