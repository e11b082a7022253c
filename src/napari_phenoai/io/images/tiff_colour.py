"""Colour models of TIFF: what comes out is grey, RGB or plain channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.io.images.planes import Finish, Finished, Planes
from napari_phenoai.io.images.problems import unsupported

if TYPE_CHECKING:
    import tifffile
    from numpy.typing import NDArray

__all__ = ["cmyk_to_rgb", "coloured", "is_rgb"]

_WHITE_IS_0, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 2, 3, 5, 6
_ALPHA = (1, 2)
_COLOURMAP = 320


def is_rgb(page: tifffile.TiffPage) -> bool:
    """Tell whether the pixels of `page` are shown in colour."""
    return int(page.photometric) in (_RGB, _PALETTE, _CMYK, _YCBCR)


def coloured(planes: Planes, page: tifffile.TiffPage, uri: str) -> Planes:
    """Return `planes` as people see them: alpha dropped, palette and CMYK as RGB.

    One-bit images become 0 and 255, and images in which 0 is white are inverted,
    so that bright is high everywhere.
    """
    count = planes.shape[1]
    finish, kept, dtype = _finish(planes, page, uri)
    if finish is None and kept == count and dtype == planes.dtype:
        return planes
    return Finished(planes, finish or (lambda pixels: pixels[:kept]), kept, dtype)


def _finish(
    planes: Planes, page: tifffile.TiffPage, uri: str
) -> tuple[Finish | None, int, np.dtype[Any]]:
    model, count, dtype = int(page.photometric), planes.shape[1], planes.dtype
    if model == _PALETTE and _COLOURMAP in page.tags and count == 1:
        table = _palette(page.tags[_COLOURMAP].value)
        return (lambda pixels: np.asarray(table[:, pixels[0]])), 3, table.dtype
    if model == _CMYK and count >= 4 and page.samplesperpixel >= 4:
        return cmyk_to_rgb, 3, dtype
    if model == _YCBCR and page.compression == 1:
        raise unsupported(uri, "has uncompressed YCbCr colours", "Save it anew as RGB.")
    if dtype == np.bool_:
        return _bits(inverted=model == _WHITE_IS_0), count, np.dtype(np.uint8)
    if model == _WHITE_IS_0 and dtype.kind == "u":
        return _inverted, count, dtype
    return None, _without_alpha(planes, page), dtype


def _without_alpha(planes: Planes, page: tifffile.TiffPage) -> int:
    count, samples = planes.shape[1], page.samplesperpixel
    alpha = sum(int(extra) in _ALPHA for extra in page.extrasamples)
    return count - alpha if count == samples and alpha < count else count


def _palette(values: Any) -> NDArray[Any]:
    table = np.asarray(values, np.uint16)
    wide = bool(table.max(initial=0) > 255)
    return (table >> 8).astype(np.uint8) if wide else table.astype(np.uint8)


def _bits(*, inverted: bool) -> Finish:
    def finish(pixels: NDArray[Any]) -> NDArray[Any]:
        return np.where(pixels != inverted, np.uint8(255), np.uint8(0))

    return finish


def _inverted(pixels: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.iinfo(pixels.dtype).max - pixels)


def cmyk_to_rgb(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return RGB ``(3, y, x)`` for ink shares ``(4 or more, y, x)``, full ink being the top value.

    The plain rule, light = (1 - ink) (1 - black), without a colour profile.
    """
    top = float(np.iinfo(pixels.dtype).max) if pixels.dtype.kind in "ui" else 1.0
    light = 1 - pixels[:4].astype(np.float32) / np.float32(top)
    mixed = light[:3] * light[3] * np.float32(top)
    if pixels.dtype.kind in "ui":
        mixed = np.rint(mixed)
    return np.asarray(mixed, pixels.dtype)
