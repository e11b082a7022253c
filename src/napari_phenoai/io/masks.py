"""Masks as small TIFF files that any image program opens."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.errors import ProjectError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["decode_mask", "encode_mask"]


_TYPES = (np.uint8, np.uint16, np.uint32)


def encode_mask(mask: NDArray[Any]) -> bytes:
    """Return `mask` as the bytes of a deflated TIFF, the same for the same pixels.

    Parameters
    ----------
    mask : ndarray of uint8, uint16 or uint32, shape (y, x)
        Classes, or ids of objects.
    """
    import tifffile

    file = io.BytesIO()
    tifffile.imwrite(
        file,
        np.ascontiguousarray(mask),
        photometric="minisblack",
        compression="adobe_deflate",
        metadata=None,
        software=False,
        rowsperstrip=mask.shape[0],
    )
    return file.getvalue()


def decode_mask(data: bytes, path: Path) -> NDArray[Any]:
    """Return the pixels in the TIFF bytes `data`, the content of `path`.

    Raises
    ------
    ProjectError
        If they are no TIFF of one plane of uint8, uint16 or uint32.
    """
    import tifffile

    hint = "Review that tile again."
    try:
        mask = tifffile.imread(io.BytesIO(data))
    except (tifffile.TiffFileError, ValueError, RuntimeError) as error:
        raise ProjectError(f"The mask {path} cannot be decoded ({error}).", hint=hint) from error
    if mask.dtype not in _TYPES or mask.ndim != 2:
        raise ProjectError(f"The mask {path} is not one plane of label values.", hint=hint)
    return mask
