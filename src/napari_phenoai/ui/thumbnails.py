"""Thumbnails: small pictures of whole images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.ui.picture import is_colour, read_lazily

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.ports import ImageSource

__all__ = ["thumbnail"]


def thumbnail(source: ImageSource, size: int = 56, *, z: int | None = None) -> NDArray[np.uint8]:
    """Return a picture of plane `z`, or else the middle one, that fits into `size` x `size` pixels.

    Returns
    -------
    ndarray of uint8, shape (y, x, 3)
        The first channel in grey where the image has no colours.
    """
    from PIL import Image

    levels: list[Any] = list(source.levels)
    level = next((lv for lv in reversed(levels) if max(lv.shape[-2:]) >= size), levels[0])
    channels = slice(0, 3) if is_colour(source) else slice(0, 1)
    plane = source.shape[0] // 2 if z is None else z
    pixels = read_lazily(level, plane, channels, slice(None), slice(None))
    step = max(1, max(pixels.shape[1:]) // (8 * size))
    picture = Image.fromarray(_as_bytes(np.moveaxis(pixels[:, ::step, ::step], 0, -1)))
    picture.thumbnail((size, size))
    return np.asarray(picture, np.uint8)


def _as_bytes(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    if pixels.dtype != np.uint8:
        finite = pixels[np.isfinite(pixels)]
        low, high = np.percentile(finite, (1, 99)) if finite.size else (0, 1)
        scaled = (pixels.astype(np.float32) - low) * (255 / max(high - low, 1e-6))
        pixels = np.nan_to_num(scaled).clip(0, 255).astype(np.uint8)
    if pixels.shape[-1] == 1:
        pixels = np.repeat(pixels, 3, axis=-1)
    return np.ascontiguousarray(pixels)
