"""Blocks: cutting one image into pieces with a gap between them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.geometry import Tile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["blocks", "reached"]

_FEW_BLOCKS = 25
"""An image is cut into larger blocks only while there are at least this many."""


def blocks(plane: Tile, tile_px: int, gap: int) -> Iterator[tuple[str, Tile]]:
    """Cut a plane into square blocks of 1 to 16 tiles a side, with a gap between them."""
    for edge in (16, 8, 4, 2, 1):
        size = edge * tile_px + gap
        rows, columns = (max(1, (length + gap) // size) for length in plane.shape)
        if rows * columns >= _FEW_BLOCKS:
            break
    if rows * columns == 1:
        yield f"image:{plane.image}", plane
        return
    for row, (y, height) in enumerate(_pieces(plane.height, rows, gap)):
        for column, (x, width) in enumerate(_pieces(plane.width, columns, gap)):
            key = f"block:{plane.image}:{row}of{rows},{column}of{columns}"
            yield key, Tile(plane.image, y, x, height, width)


def _pieces(length: int, count: int, gap: int) -> Iterator[tuple[int, int]]:
    edges = np.linspace(0, length + gap, count + 1).round().astype(int)
    for start, stop in pairwise(int(edge) for edge in edges):
        yield start, stop - start - gap


def reached(areas: Mapping[str, Tile], tile: Tile, gap: int) -> list[str]:
    """Return the keys of those `areas` that lie nearer to `tile` than the gap, in pixels."""
    if not areas:
        return []
    boxes = np.array([(area.y, area.x, area.y1, area.x1) for area in areas.values()])
    far_y = np.maximum(boxes[:, 0] - tile.y1, tile.y - boxes[:, 2])
    far_x = np.maximum(boxes[:, 1] - tile.x1, tile.x - boxes[:, 3])
    keys = list(areas)
    return [keys[index] for index in np.flatnonzero(np.maximum(far_y, far_x) < gap)]
