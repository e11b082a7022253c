"""The one door through which images come in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from napari_phenoai.errors import ImageError
from napari_phenoai.io.images.ome_zarr import open_zarr
from napari_phenoai.io.images.problems import explained, unsupported
from napari_phenoai.io.images.raster import open_raster
from napari_phenoai.io.images.stores import DOCUMENTS, is_address, local_path
from napari_phenoai.io.images.tiff import open_tiff

if TYPE_CHECKING:
    from napari_phenoai.io.images.lazy import LazyImage

__all__ = ["open_image"]

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_FORMATS = "PNG, JPEG, TIFF or OME-Zarr"


def open_image(uri: str | os.PathLike[str]) -> LazyImage:
    """Open an image of any supported kind; only its header is read.

    The kind is told from the content, not from the name. Supported are OME-Zarr
    0.1 to 0.5 and plain zarr arrays in folders and at addresses (``https://``,
    ``s3://`` and others that fsspec knows), TIFF of any layout, PNG and JPEG.

    Parameters
    ----------
    uri : str or path
        Path, ``file://`` address or remote address.

    Returns
    -------
    LazyImage
        Pixels ``(z, c, y, x)``; ``z`` are depths, or moments, or pages.

    Raises
    ------
    ImageError
        If there is no such file, it is empty or damaged, its kind or its axes
        are not supported, or the address cannot be reached.
    """
    text = os.fspath(uri)
    if is_address(text):
        return open_zarr(text)
    path = local_path(text)
    if path.is_dir():
        if any((path / name).is_file() for name in DOCUMENTS):
            return open_zarr(str(path))
        hint = "Give one image file, or add the folder to a project to take all images in it."
        raise unsupported(str(path), "is a folder and no OME-Zarr image", hint)
    return _open_file(path)


def _open_file(path: Path) -> LazyImage:
    head = _head(path)
    if head.startswith(_TIFF):
        return open_tiff(path)
    if head.startswith(_PNG):
        return open_raster(path, "PNG")
    if head.startswith(_JPEG):
        return open_raster(path, "JPEG")
    hint = f"Save the image as {_FORMATS} and use that file."
    raise unsupported(str(path), f"does not begin like a {_FORMATS} image", hint)


def _head(path: Path) -> bytes:
    with explained(str(path), "cannot be opened", "Check the path and your right to read it."):
        try:
            with path.open("rb") as stream:
                head = stream.read(16)
        except FileNotFoundError as error:
            hint = "Check the path; if the file was moved, give its new place."
            raise ImageError(f"{path} does not exist.", hint=hint) from error
    if not head:
        raise ImageError(f"{path} is empty (0 bytes).", hint="Copy it again from its origin.")
    return head
