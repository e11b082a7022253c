"""Tiles: rectangles in full-resolution pixels, the key of everything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Tile", "cover", "gap_px", "grid"]


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """A half-open rectangle in level-0 pixels of one plane of one image.

    Parameters
    ----------
    image : str
        Id of the image in its project.
    y, x : int
        First row and column, in pixels.
    height, width : int
        Extent in pixels; the last row is ``y + height - 1``.
    z : int
        Index of the plane; 0 for a flat image.

    Examples
    --------
    >>> tile = Tile("leaf", 0, 256, 128, 64)
    >>> tile.key
    'leaf@0,0,256,128,64'
    >>> Tile.from_key(tile.key) == tile
    True
    """

    image: str
    y: int
    x: int
    height: int
    width: int
    z: int = 0

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            size = f"{self.height} x {self.width}"
            raise InputError(f"A tile of {size} px is empty.", hint="Give it at least one pixel.")

    @property
    def y1(self) -> int:
        """First row after the tile."""
        return self.y + self.height

    @property
    def x1(self) -> int:
        """First column after the tile."""
        return self.x + self.width

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.height, self.width

    @property
    def area_px(self) -> int:
        """Number of pixels."""
        return self.height * self.width

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices into the plane."""
        return slice(self.y, self.y1), slice(self.x, self.x1)

    @property
    def key(self) -> str:
        """Text that names the tile, also in files: ``image@z,y,x,height,width``."""
        return f"{self.image}@{self.z},{self.y},{self.x},{self.height},{self.width}"

    @classmethod
    def from_key(cls, key: str) -> Tile:
        """Return the tile that `key` names.

        Raises
        ------
        InputError
            If `key` is not of the form ``image@z,y,x,height,width``.
        """
        image, _, numbers = key.rpartition("@")
        try:
            z, y, x, height, width = (int(number) for number in numbers.split(","))
        except ValueError as error:
            hint = "Write it as image@z,y,x,height,width."
            raise InputError(f"{key!r} does not name a tile.", hint=hint) from error
        return cls(image, y, x, height, width, z)

    def intersects(self, other: Tile) -> bool:
        """Tell whether the two tiles share a pixel."""
        return gap_px(self, other) < 0

    def clipped(self, shape: tuple[int, int]) -> Tile:
        """Return the part of the tile inside a plane of `shape` (rows, columns)."""
        y, x = max(self.y, 0), max(self.x, 0)
        height, width = min(self.y1, shape[0]) - y, min(self.x1, shape[1]) - x
        return Tile(self.image, y, x, height, width, self.z)


def gap_px(one: Tile, other: Tile) -> float:
    """Return how many pixels lie between two tiles.

    Returns
    -------
    float
        0 when they touch, -1 when they overlap, infinity when they lie in
        different images or planes, else the wider of the two axis gaps.
    """
    if (one.image, one.z) != (other.image, other.z):
        return float("inf")
    gap_y = max(one.y, other.y) - min(one.y1, other.y1)
    gap_x = max(one.x, other.x) - min(one.x1, other.x1)
    gap = max(gap_y, gap_x)
    return float(gap) if gap >= 0 else -1.0


def cover(image: str, shape: tuple[int, int], size: int, *, z: int = 0) -> Iterator[Tile]:
    """Yield tiles that cover a plane of `shape` with every pixel in exactly one.

    Tiles at the lower and right border are smaller where `size` does not divide
    the plane. This is the order and the layout of prediction.
    """
    _check_size(size)
    for y in range(0, shape[0], size):
        for x in range(0, shape[1], size):
            yield Tile(image, y, x, min(size, shape[0] - y), min(size, shape[1] - x), z)


def grid(image: str, shape: tuple[int, int], size: int, *, z: int = 0) -> Iterator[Tile]:
    """Yield tiles of full `size`, evenly spread, that together cover the plane.

    Where `size` does not divide the plane, neighbours overlap a little instead
    of leaving slivers at the border: this is the layout of the queue. A plane
    smaller than `size` gives one tile of its own size.
    """
    _check_size(size)
    for y in _starts(shape[0], size):
        for x in _starts(shape[1], size):
            yield Tile(image, y, x, min(size, shape[0]), min(size, shape[1]), z)


def _starts(length: int, size: int) -> list[int]:
    if length <= size:
        return [0]
    count = -(-length // size)
    return [int(start) for start in np.linspace(0, length - size, count).round()]


def _check_size(size: int) -> None:
    if size < 1:
        raise InputError(f"A tile size of {size} px is impossible.", hint="Give 1 px or more.")
