"""Spreading: choosing tiles that are not near-duplicates of each other."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_phenoai.core.geometry import Tile

__all__ = ["spread", "uncovered"]

_MOST_COVERED = 0.5
"""Share of a tile that earlier ones may cover together."""


def spread(
    order: Sequence[Tile],
    count: int,
    taken: Sequence[Tile] = (),
    *,
    most_per_image: int = 1,
) -> list[Tile]:
    """Return the first `count` tiles of `order` that are not too near to each other.

    Parameters
    ----------
    order : sequence of Tile
        Most wanted first.
    count : int
        How many at most.
    taken : sequence of Tile
        Tiles decided before; they push others away as chosen ones do.
    most_per_image : int
        How many one image may give at first, if that is more than its even share.

    Returns
    -------
    list of Tile
        In the order of choice. Tiles that are covered by more than half are never
        chosen.
    """
    if count < 1 or not order:
        return []
    even = max(most_per_image, -(-count // len({tile.image for tile in order})))
    near = _Neighbours(taken)
    chosen: dict[Tile, None] = {}
    number: Counter[str] = Counter()
    for share, apart, overlap in (
        (even, 0.5, 0.0),
        (2 * even, 0.0, 0.0),
        (count, 0.0, _MOST_COVERED),
    ):
        for tile in order:
            if len(chosen) == count:
                return list(chosen)
            if tile in chosen or number[tile.image] >= share:
                continue
            if near.covers(tile, apart) > overlap:
                continue
            chosen[tile] = None
            number[tile.image] += 1
            near.add(tile)
    return list(chosen)


def uncovered(tiles: Sequence[Tile], taken: Sequence[Tile]) -> list[Tile]:
    """Return those of `tiles` of which `taken` covers no more than half, in their order."""
    near = _Neighbours(taken)
    return [tile for tile in tiles if near.covers(tile) <= _MOST_COVERED]


class _Neighbours:
    """Tiles by image and plane, to ask how much of another one they cover."""

    def __init__(self, tiles: Sequence[Tile]) -> None:
        self._boxes: dict[tuple[str, int], list[tuple[int, int, int, int]]] = defaultdict(list)
        for tile in tiles:
            self.add(tile)

    def add(self, tile: Tile) -> None:
        self._boxes[tile.image, tile.z].append((tile.y, tile.x, tile.y1, tile.x1))

    def covers(self, tile: Tile, apart: float = 0.0) -> float:
        """Return how much of `tile`, grown by `apart` of its size, they cover in sum."""
        boxes = self._boxes.get((tile.image, tile.z))
        if not boxes:
            return 0.0
        more_y, more_x = apart * tile.height, apart * tile.width
        y0, x0, y1, x1 = np.asarray(boxes).T
        height = np.minimum(y1, tile.y1 + more_y) - np.maximum(y0, tile.y - more_y)
        width = np.minimum(x1, tile.x1 + more_x) - np.maximum(x0, tile.x - more_x)
        area = np.maximum(height, 0) * np.maximum(width, 0)
        return float(area.sum() / tile.area_px)
