"""The image source that all formats end in."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.errors import InputError
from napari_phenoai.io.images.planes import PlaneArray
from napari_phenoai.io.images.problems import DAMAGED_HINT, NETWORK_HINT, explained

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.io.images.planes import Planes

__all__ = ["LazyImage"]

_VIEW_PX = 512


@dataclass(frozen=True)
class LazyImage:
    """Lazy, read-only pixels of one image; fills the port ``ImageSource``.

    Opening reads the header only and keeps no file open. Reading is safe from
    several threads.

    Parameters
    ----------
    uri : str
        Path or address that it was opened from.
    kind : str
        What the file is, for people: ``BigTIFF``, ``OME-Zarr 0.5``.
    pyramid : tuple of Planes
        The levels, full resolution first; at least one.
    axes : str
        The axes as the file has them, upper case: ``TCZYX``.
    channels : tuple of str
        Names of the channels; empty where the file has none.
    pixel_um, z_um : float or None
        Edge length of a pixel and distance of planes in micrometres.
    sign : callable
        Computes the fingerprint.
    orientation : int
        EXIF orientation that is applied on reading; 1 is upright.
    remote : bool
        Whether it lies at an address.
    stream : callable or None
        For files that are best decoded once from top to bottom: gives the stored
        plane ``z`` as a sequential libvips image.
    """

    uri: str
    kind: str
    pyramid: tuple[Planes, ...]
    axes: str
    sign: Callable[[], str] = field(repr=False, compare=False)
    channels: tuple[str, ...] = ()
    pixel_um: float | None = None
    z_um: float | None = None
    orientation: int = 1
    remote: bool = False
    stream: Callable[[int], Any] | None = field(default=None, repr=False, compare=False)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Extent ``(z, c, y, x)`` at full resolution."""
        return self.pyramid[0].shape

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of the pixel values, in the byte order of this machine."""
        return self.pyramid[0].dtype

    @property
    def chunk(self) -> tuple[int, int, int]:
        """Extent ``(c, y, x)`` that the file hands out at once at full resolution."""
        return self.pyramid[0].chunk

    @cached_property
    def fingerprint(self) -> str:
        """Text that depends on the content only, not on name, place or time of the file."""
        with self._explained():
            return self.sign()

    @cached_property
    def levels(self) -> Sequence[object]:
        """Lazy dask arrays ``(z, c, y, x)`` from full resolution downwards."""
        import dask.array as da

        arrays = []
        for number, planes in enumerate(self.pyramid):
            arrays.append(
                da.from_array(
                    PlaneArray(planes),
                    chunks=(1, *_view_chunk(planes)),
                    fancy=False,
                    name=f"image-{self.fingerprint}-{number}",
                    meta=np.empty((0, 0, 0, 0), planes.dtype),
                )
            )
        return tuple(arrays)

    def read(self, tile: Tile) -> NDArray[np.generic]:
        """Return the pixels ``(c, y, x)`` of `tile` as an array of their own.

        Raises
        ------
        InputError
            If the tile does not lie inside the image.
        ImageError
            If the file is damaged, has changed or cannot be reached.
        """
        depth, count, rows, columns = self.shape
        inside = min(tile.y, tile.x) >= 0 and tile.y1 <= rows and tile.x1 <= columns
        if not (inside and 0 <= tile.z < depth):
            size = f"{depth} planes of {rows} x {columns} px"
            hint = "Clip the tile to the image first."
            raise InputError(
                f"The tile {tile.key} leaves the image {self.uri} ({size}).", hint=hint
            )
        return self.window(tile.z, slice(0, count), *tile.slices)

    def window(
        self, z: int, c: slice, y: slice, x: slice, *, level: int = 0
    ) -> NDArray[np.generic]:
        """Return a window ``(c, y, x)`` of one level; the slices lie inside the image."""
        with self._explained():
            pixels: NDArray[Any] = self.pyramid[level].read(z, c, y, x)
            return np.array(pixels, dtype=self.dtype, order="C", copy=True)

    def _explained(self) -> Any:
        return explained(self.uri, hint=NETWORK_HINT if self.remote else DAMAGED_HINT)


def _view_chunk(planes: Planes) -> tuple[int, int, int]:
    c, y, x = planes.chunk
    _, _, rows, columns = planes.shape
    return c, _at_least(y, _VIEW_PX, rows), _at_least(x, _VIEW_PX, columns)


def _at_least(chunk: int, wanted: int, length: int) -> int:
    return max(1, min(length, chunk * -(-wanted // chunk)))
