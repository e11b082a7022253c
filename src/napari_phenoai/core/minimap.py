"""The mini-map: where a plane, its tiles and what is seen of it lie in a small picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.window import View

__all__ = ["Box", "MapFit", "tile_at"]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on the map, in pixels of the map."""

    top: float
    left: float
    height: float
    width: float


@dataclass(frozen=True, slots=True)
class MapFit:
    """A plane laid into a map: as large as fits, in the middle, with equal scales.

    Parameters
    ----------
    plane : tuple of int
        Rows and columns of the image.
    height, width : float
        Extent of the map, in its pixels.

    Examples
    --------
    >>> fit = MapFit((1000, 2000), height=100, width=100)
    >>> fit.picture
    Box(top=25.0, left=0.0, height=50.0, width=100.0)
    >>> fit.to_plane(25, 100)
    (0.0, 2000.0)
    """

    plane: tuple[int, int]
    height: float
    width: float

    @property
    def scale(self) -> float:
        """Pixels of the map per pixel of the plane."""
        rows, columns = (max(extent, 1) for extent in self.plane)
        return max(min(self.height / rows, self.width / columns), 1e-9)

    @property
    def picture(self) -> Box:
        """Where the plane lies on the map."""
        height, width = self.plane[0] * self.scale, self.plane[1] * self.scale
        return Box((self.height - height) / 2, (self.width - width) / 2, height, width)

    def to_plane(self, down: float, across: float) -> tuple[float, float]:
        """Return the row and column under a point of the map; the nearest ones beside it."""
        place, (rows, columns) = self.picture, self.plane
        y = (down - place.top) / self.scale
        x = (across - place.left) / self.scale
        return min(max(y, 0.0), float(rows)), min(max(x, 0.0), float(columns))

    def tile(self, tile: Tile, *, least_px: float = 0.0) -> Box:
        """Return where `tile` lies on the map, made `least_px` high and wide round its middle."""
        middle_y, middle_x = tile.y + tile.height / 2, tile.x + tile.width / 2
        return self._box(middle_y, middle_x, tile.height, tile.width, least_px)

    def view(self, view: View) -> Box:
        """Return the part of the map that shows what is seen; all of it at most."""
        top, bottom = _clipped(view.y, view.height, self.plane[0])
        left, right = _clipped(view.x, view.width, self.plane[1])
        middle = (top + bottom) / 2, (left + right) / 2
        return self._box(*middle, bottom - top, right - left, 2.0)

    def _box(self, y: float, x: float, height: float, width: float, least_px: float) -> Box:
        place = self.picture
        high, wide = max(height * self.scale, least_px), max(width * self.scale, least_px)
        top = place.top + y * self.scale - high / 2
        left = place.left + x * self.scale - wide / 2
        return Box(top, left, high, wide)


def tile_at(tiles: Sequence[Tile], y: float, x: float, *, reach_px: float = 0.0) -> int | None:
    """Return the place in `tiles` of the one under a point of the plane.

    Of several the one whose middle is nearest; without any, the nearest whose middle is
    within `reach_px`, so that tiles too small to see can be hit; None where none is near.
    """

    def distance(at: int) -> float:
        tile = tiles[at]
        middle_y, middle_x = tile.y + tile.height / 2, tile.x + tile.width / 2
        return max(abs(y - middle_y), abs(x - middle_x))

    under = [at for at, tile in enumerate(tiles) if tile.y <= y < tile.y1 and tile.x <= x < tile.x1]
    near = under or [at for at in range(len(tiles)) if distance(at) <= reach_px]
    return min(near, key=distance, default=None)


def _clipped(middle: float, extent: float, limit: int) -> tuple[float, float]:
    first = min(max(middle - extent / 2, 0.0), float(limit))
    return first, min(max(middle + extent / 2, first), float(limit))
