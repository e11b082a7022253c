"""What an image is, in a few facts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_phenoai.io.images.lazy import LazyImage
from napari_phenoai.io.images.opening import open_image

if TYPE_CHECKING:
    import os

    from napari_phenoai.core.ports import ImageSource

__all__ = ["ImageInfo", "describe_image", "needs_conversion"]

_PLANE_PX = 4096 * 4096
_PLANE_BYTES = 64 << 20
_SEGMENT_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """Facts about an image.

    Parameters
    ----------
    uri : str
        Path or address.
    kind : str
        What the file is, for people.
    axes : str
        The axes as the file has them: ``TCZYX``.
    shape : tuple of int
        Extent ``(z, c, y, x)`` at full resolution.
    dtype : str
        Type of the pixel values.
    levels : tuple of tuple of int
        Extent ``(z, c, y, x)`` of every resolution level, full resolution first.
    chunk : tuple of int
        Rows and columns that the file hands out at once.
    pixel_um : float or None
        Edge of a pixel in micrometres.
    channels : tuple of str
        Names of the channels; empty where the file has none.
    memory_bytes : int
        What the full resolution takes in memory.
    converts : bool
        Whether adding it to a project converts it.
    """

    uri: str
    kind: str
    axes: str
    shape: tuple[int, int, int, int]
    dtype: str
    levels: tuple[tuple[int, int, int, int], ...]
    chunk: tuple[int, int]
    pixel_um: float | None
    channels: tuple[str, ...]
    memory_bytes: int
    converts: bool


def describe_image(uri: str | os.PathLike[str]) -> ImageInfo:
    """Return what the image at `uri` is, from its header alone.

    Raises
    ------
    ImageError
        If it cannot be opened.
    """
    image = open_image(uri)
    return ImageInfo(
        uri=image.uri,
        kind=image.kind,
        axes=image.axes,
        shape=image.shape,
        dtype=str(image.dtype),
        levels=tuple(planes.shape for planes in image.pyramid),
        chunk=image.chunk[1:],
        pixel_um=image.pixel_um,
        channels=image.channels,
        memory_bytes=math.prod(image.shape) * image.dtype.itemsize,
        converts=needs_conversion(image),
    )


def needs_conversion(source: ImageSource) -> bool:
    """Tell whether `source` is too slow or too large to work on as it is.

    An OME-Zarr never is, nor is anything remote. Of other files, one needs it if
    a plane has more than 4096 x 4096 px and there is no pyramid, if it has to be
    decoded in pieces (strips, or the whole file) of more than 16 MiB out of
    planes of more than 64 MiB, or if such a piece alone is over 64 MiB.
    """
    if not isinstance(source, LazyImage) or source.remote or source.kind.startswith("OME-Zarr"):
        return False
    _, count, rows, columns = source.shape
    piece = math.prod(source.chunk) * source.dtype.itemsize
    plane = count * rows * columns * source.dtype.itemsize
    large = rows * columns > _PLANE_PX and len(source.pyramid) == 1
    clumsy = plane > _PLANE_BYTES and piece > _SEGMENT_BYTES
    return large or clumsy or piece > _PLANE_BYTES
