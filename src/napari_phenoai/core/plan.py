"""The plan of a prediction: blocks that are computed in one go, each pixel once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.geometry import Tile, cover
from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["CORE_PX", "Block", "plan_blocks", "useful_share"]

CORE_PX = 512
"""Edge of the tiles in which an image is predicted: one chunk of the store."""

_STRIP_BLOCKS = 4
"""An image is walked in strips of this many blocks, so that shared rows stay in memory."""


@dataclass(frozen=True, slots=True)
class Block:
    """What is read and computed in one go, and what of it is asked for.

    Parameters
    ----------
    area : Tile
        The rectangle that is computed, without context.
    tiles : tuple of Tile
        The tiles inside it that are to be written; together they need not fill it.
    """

    area: Tile
    tiles: tuple[Tile, ...]


def plan_blocks(
    image: str,
    plane: tuple[int, int],
    block_px: tuple[int, int],
    *,
    z: int = 0,
    region: Tile | None = None,
) -> Iterator[Block]:
    """Yield blocks that cover a plane, or the part of it round a region, each pixel once.

    Edges lie at multiples of 512 px, so that a chunk belongs to one block and a
    network meets every block at the same phase of its strides. Blocks are about
    equally large. They come in strips from the left to the right, each from top to
    bottom, so that neighbours come soon after each other however wide the image is.

    Parameters
    ----------
    image : str
        Id of the image.
    plane : tuple of int
        Rows and columns of the plane.
    block_px : tuple of int
        Most rows and columns of a block; multiples of 512.
    z : int
        Index of the plane.
    region : Tile, optional
        Only tiles of 512 px that share a pixel with it are asked for.

    Raises
    ------
    InputError
        If `block_px` are no multiples of 512.

    Examples
    --------
    >>> [block.area.shape for block in plan_blocks("leaf", (2560, 900), (2048, 2048))]
    [(1024, 900), (1536, 900)]
    """
    if any(edge < CORE_PX or edge % CORE_PX for edge in block_px):
        text = f"Blocks of {block_px[0]} x {block_px[1]} px are impossible."
        raise InputError(text, hint=f"Choose multiples of {CORE_PX}.")
    for area in _areas(image, plane, block_px, z):
        tiles = tuple(_tiles(area, region))
        if sum(tile.area_px for tile in tiles) == area.area_px:
            yield Block(area, tiles)
        elif tiles:
            yield Block(_around(tiles), tiles)


def useful_share(blocks: Iterable[Block], context_px: int) -> float:
    """Return which share of the computed pixels is asked for, with context on every side.

    Examples
    --------
    >>> round(useful_share(plan_blocks("leaf", (8192, 8192), (2048, 2048)), 64), 3)
    0.886
    """
    asked = computed = 0
    for block in blocks:
        asked += sum(tile.area_px for tile in block.tiles)
        height, width = block.area.shape
        computed += (height + 2 * context_px) * (width + 2 * context_px)
    return asked / max(1, computed)


def _areas(image: str, plane: tuple[int, int], block_px: tuple[int, int], z: int) -> Iterator[Tile]:
    edges = (_edges(length, edge) for length, edge in zip(plane, block_px, strict=True))
    rows, columns = (list(pairwise(some)) for some in edges)
    for start in range(0, len(columns), _STRIP_BLOCKS):
        for y, y1 in rows:
            for x, x1 in columns[start : start + _STRIP_BLOCKS]:
                yield Tile(image, y, x, y1 - y, x1 - x, z)


def _edges(length: int, longest: int) -> list[int]:
    chunks = -(-length // CORE_PX)
    count = -(-length // longest)
    edges = np.linspace(0, chunks, count + 1).round().astype(int) * CORE_PX
    return [min(int(edge), length) for edge in edges]


def _tiles(area: Tile, region: Tile | None) -> Iterator[Tile]:
    for part in cover(area.image, area.shape, CORE_PX, z=area.z):
        tile = Tile(area.image, area.y + part.y, area.x + part.x, part.height, part.width, area.z)
        if region is None or tile.intersects(region):
            yield tile


def _around(tiles: tuple[Tile, ...]) -> Tile:
    y, x = min(tile.y for tile in tiles), min(tile.x for tile in tiles)
    y1, x1 = max(tile.y1 for tile in tiles), max(tile.x1 for tile in tiles)
    return Tile(tiles[0].image, y, x, y1 - y, x1 - x, tiles[0].z)
