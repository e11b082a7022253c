"""Reading a tile together with the pixels round it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.geometry import Tile
from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.ports import ImageSource

__all__ = ["crop_with_context", "grown", "mirrored", "read_with_context"]


def grown(tile: Tile, margin_px: int, plane: tuple[int, int]) -> Tile:
    """Return `tile` with up to `margin_px` more pixels on each side, inside the `plane`.

    Examples
    --------
    >>> grown(Tile("leaf", 0, 10, 20, 20), 8, (100, 100))
    Tile(image='leaf', y=0, x=2, height=28, width=36, z=0)
    """
    wide = Tile(
        tile.image,
        tile.y - margin_px,
        tile.x - margin_px,
        tile.height + 2 * margin_px,
        tile.width + 2 * margin_px,
        tile.z,
    )
    return wide.clipped(plane)


def read_with_context(source: ImageSource, tile: Tile, context_px: int) -> NDArray[np.generic]:
    """Read `tile` and `context_px` pixels on every side of it.

    What lies beyond the border of the image is its mirror picture, so that a
    model sees no edge there.

    Parameters
    ----------
    source : ImageSource
        Where the pixels come from.
    tile : Tile
        Must lie inside the image.
    context_px : int
        0 or more.

    Returns
    -------
    ndarray, shape (c, height + 2 * context_px, width + 2 * context_px)
        In the type of the image.

    Raises
    ------
    InputError
        If the tile reaches beyond the image.
    """
    plane = (source.shape[2], source.shape[3])
    if tile.y < 0 or tile.x < 0 or tile.y1 > plane[0] or tile.x1 > plane[1]:
        text = f"The tile {tile.key} reaches beyond the image of {plane[0]} x {plane[1]} px."
        raise InputError(text, hint="Choose a tile inside the image.")
    inner = grown(tile, context_px, plane)
    return mirrored(source.read(inner), inner, tile, context_px)


def crop_with_context(
    pixels: NDArray[np.generic], tile: Tile, context_px: int
) -> NDArray[np.generic]:
    """Cut `tile` and its context out of an array, as `read_with_context` does of an image.

    Parameters
    ----------
    pixels : ndarray, shape (c, y, x)
        The whole.
    tile : Tile
        Inside it.
    context_px : int
        0 or more.

    Returns
    -------
    ndarray, shape (c, height + 2 * context_px, width + 2 * context_px)
    """
    inner = grown(tile, context_px, (pixels.shape[1], pixels.shape[2]))
    return mirrored(pixels[:, *inner.slices], inner, tile, context_px)


def mirrored(
    pixels: NDArray[np.generic], inner: Tile, tile: Tile, context_px: int
) -> NDArray[np.generic]:
    """Continue the pixels of `inner` by their mirror picture until `tile` has its context.

    Parameters
    ----------
    pixels : ndarray, shape (c, inner.height, inner.width)
        What was read.
    inner : Tile
        ``grown(tile, context_px, plane)``.
    tile : Tile
        Inside the image.
    context_px : int
        0 or more.

    Returns
    -------
    ndarray, shape (c, height + 2 * context_px, width + 2 * context_px)
        `pixels` themselves where nothing is missing.
    """
    rows = (context_px - (tile.y - inner.y), context_px - (inner.y1 - tile.y1))
    columns = (context_px - (tile.x - inner.x), context_px - (inner.x1 - tile.x1))
    if not any((*rows, *columns)):
        return pixels
    return np.pad(pixels, ((0, 0), rows, columns), mode="reflect")
