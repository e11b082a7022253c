"""Open PNG and JPEG files, which are decoded as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.io.images.cache import PixelCache
from napari_phenoai.io.images.fingerprint import file_fingerprint
from napari_phenoai.io.images.lazy import LazyImage
from napari_phenoai.io.images.orientation import UPRIGHT, Orientation
from napari_phenoai.io.images.planes import Oriented, Planes
from napari_phenoai.io.images.problems import explained, unsupported
from napari_phenoai.io.images.units import RGB_NAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RasterPlanes", "open_raster", "vips_pixels"]

_decoded = PixelCache(512 << 20)
_DTYPES = {
    "uchar": "uint8",
    "char": "int8",
    "ushort": "uint16",
    "short": "int16",
    "uint": "uint32",
    "int": "int32",
    "float": "float32",
    "double": "float64",
}


def open_raster(path: Path, kind: str) -> LazyImage:
    """Open a PNG or JPEG file; only its header is read.

    The pixels are decoded at the first read and shared from then on, within a
    bounded amount of memory. Alpha is dropped, palettes and CMYK become RGB, one
    bit becomes 0 and 255, 16 bits stay, and the EXIF orientation is applied. The
    dots per inch of such files speak of printing and are no pixel size.

    Raises
    ------
    ImageError
        If the header cannot be read.
    """
    uri = str(path)
    with explained(uri, f"cannot be read as {kind}"):
        image = vips_pixels(path, page=None)
        turned = int(image.get("orientation")) if image.get_typeof("orientation") else 1
        orientation = Orientation.from_tag(turned)
        if image.format not in _DTYPES:
            hint = "Save it as 8 or 16 bit PNG."
            raise unsupported(uri, f"has pixel values of the kind {image.format}", hint)
        status = path.stat()
        planes: Planes = RasterPlanes(
            path,
            (1, image.bands, image.height, image.width),
            np.dtype(_DTYPES[image.format]),
            (status.st_size, status.st_mtime_ns),
        )
    if orientation != UPRIGHT:
        planes = Oriented(planes, orientation)
    return LazyImage(
        uri=uri,
        kind=kind,
        pyramid=(planes,),
        axes="YXC" if planes.shape[1] > 1 else "YX",
        sign=lambda: file_fingerprint(path),
        channels=RGB_NAMES if planes.shape[1] == 3 else (),
        orientation=orientation.tag,
        stream=lambda _: vips_pixels(path, page=None),
    )


def vips_pixels(path: Path, *, page: int | None) -> Any:
    """Return the file as a sequential libvips image without alpha, CMYK as RGB.

    It is as stored, not turned. A file that ends too early is an error on
    reading. `page` chooses a page of a TIFF file.
    """
    import pyvips

    options = {} if page is None else {"page": page}
    image = pyvips.Image.new_from_file(
        str(path), access="sequential", fail_on="truncated", revalidate=True, **options
    )
    if image.interpretation == "cmyk":
        image = image.colourspace("srgb")
    if image.hasalpha():
        image = image[: image.bands - 1]
    return image


@dataclass(frozen=True)
class RasterPlanes:
    """The single plane of a PNG or JPEG, as stored; fills `Planes`."""

    path: Path
    shape: tuple[int, int, int, int]
    dtype: np.dtype[Any]
    stamp: tuple[int, int]

    @property
    def chunk(self) -> tuple[int, int, int]:
        """The whole plane: it is decoded at once."""
        return self.shape[1:]

    def read(self, z: int, c: slice, y: slice, x: slice) -> NDArray[Any]:  # noqa: ARG002
        """Return the window as ``(c, y, x)``."""
        whole = _decoded.get((str(self.path), *self.stamp), self._decode)
        return np.moveaxis(whole[y, x, c], 2, 0)

    def _decode(self) -> NDArray[Any]:
        image = vips_pixels(self.path, page=None)
        data = image.write_to_memory()
        if (1, image.bands, image.height, image.width) != self.shape:
            raise ValueError("it has changed since it was opened")
        _, bands, rows, columns = self.shape
        return np.frombuffer(data, self.dtype).reshape(rows, columns, bands)
