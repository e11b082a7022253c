"""Pixels of a tile as a file that models can read."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_phenoai.errors import ModelError
from napari_phenoai.remote.upload import Upload

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PictureFormat", "picture_upload"]

PictureFormat = Literal["png", "jpeg", "tiff", "tiff-exact"]
_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "tiff": "image/tiff"}
_ENDINGS = {"png": "png", "jpeg": "jpg", "tiff": "tif"}


def picture_upload(
    pixels: NDArray[np.generic], dtype: str = "uint8", kind: PictureFormat = "png"
) -> Upload:
    """Return the pixels of a tile as a picture with 8 bits a channel.

    The name is always the same: file names can tell more than a server has to know.

    Parameters
    ----------
    pixels : ndarray, shape (c, y, x)
        One channel makes a grey picture, three make a coloured one, and of two or of more
        than three the first one or three are taken.
    dtype : str
        Type of the values of the image files, which says what white is: 255 for
        ``uint8``, 65535 for ``uint16``, 1 for decimals.
    kind : str
        ``png`` or ``tiff``, without loss; ``jpeg``, small; or ``tiff-exact``, with all
        channels in their own type, which few models understand.

    Raises
    ------
    ModelError
        If there is nothing to send.
    """
    from PIL import Image

    if pixels.ndim != 3 or not pixels.size:
        shape = " x ".join(str(size) for size in pixels.shape)
        raise ModelError(f"A tile of {shape} cannot be sent.", hint="Choose another tile.")
    if kind == "tiff-exact":
        return Upload("tile.tif", _exact(pixels.astype(dtype, copy=False)), "image/tiff")
    eight = _eight_bits(pixels[: 3 if len(pixels) >= 3 else 1], np.dtype(dtype))
    array = eight[0] if len(eight) == 1 else np.moveaxis(eight, 0, -1)
    buffer = io.BytesIO()
    options: dict[str, dict[str, Any]] = {
        "png": {"compress_level": 1},
        "jpeg": {"quality": 95},
        "tiff": {"compression": "tiff_deflate"},
    }
    Image.fromarray(np.ascontiguousarray(array)).save(buffer, format=kind, **options[kind])
    return Upload(f"tile.{_ENDINGS[kind]}", buffer.getvalue(), _TYPES[kind])


def _exact(pixels: NDArray[np.generic]) -> bytes:
    import tifffile

    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(
            np.ascontiguousarray(pixels),
            photometric="minisblack",
            compression="adobe_deflate",
            metadata={"axes": "CYX"},
            software=False,
        )
    return buffer.getvalue()


def _eight_bits(pixels: NDArray[np.generic], dtype: np.dtype[Any]) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint8 and dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    white = {"u": 2 ** (8 * dtype.itemsize) - 1, "i": 2 ** (8 * dtype.itemsize - 1) - 1, "b": 1}
    share = np.nan_to_num(pixels.astype(np.float64), nan=0, posinf=np.inf, neginf=0)
    share = (share / white.get(dtype.kind, 1)).clip(0, 1)
    eight: NDArray[np.uint8] = (share * 255).round().astype(np.uint8)
    return eight
