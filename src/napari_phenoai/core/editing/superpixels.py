"""The superpixel brush: paints whole patches of one colour."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from napari_phenoai.core.editing.colours import pixels_of
from napari_phenoai.core.editing.strokes import Mark, stroke
from napari_phenoai.core.editing.tool import Draft, Tool
from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.editing.canvas import Canvas

__all__ = ["BLOCK_PX", "PatchBrush", "Patches"]

BLOCK_PX = 128
"""Superpixels are computed in blocks of this extent, which begin at its multiples."""

_KEPT = 512


class Patches:
    """Superpixels (SLIC), computed block by block where a brush comes, and kept.

    The blocks lie on a grid of the plane, so the superpixels are the same in every window.

    Parameters
    ----------
    size_px : int
        Edge of a square as large as a superpixel; at least 2.
    compactness : float
        How square they are; 0.01 to 100. At 10, colour and shape count about alike.

    References
    ----------
    Achanta et al. (2012), SLIC superpixels compared to state-of-the-art superpixel
    methods, IEEE TPAMI 34 (11).
    """

    def __init__(self, size_px: int = 10, compactness: float = 10) -> None:
        if size_px < 2:
            hint = "Give 2 px or more."
            raise InputError(f"Superpixels of {size_px} px are impossible.", hint=hint)
        self.size_px = size_px
        self.compactness = compactness
        self._blocks: OrderedDict[tuple[str, int, int, int], NDArray[np.int64]] = OrderedDict()

    def block(self, canvas: Canvas, row: int, column: int) -> NDArray[np.int64] | None:
        """Return the superpixels of one block, from 1; None when the window lacks some of it.

        Parameters
        ----------
        canvas : Canvas
            With pixels.
        row, column : int
            Place of the block on the grid.
        """
        key = canvas.tile.image, canvas.tile.z, row, column
        if key not in self._blocks:
            box = _block_box(canvas, row, column)
            if box is None:
                return None
            self._blocks[key] = self._computed(pixels_of(canvas)[:, *box])
        self._blocks.move_to_end(key)
        while len(self._blocks) > _KEPT:
            self._blocks.popitem(last=False)
        return self._blocks[key]

    def _computed(self, pixels: NDArray[Any]) -> NDArray[np.int64]:
        from skimage.segmentation import slic

        count = max(1, round(pixels[0].size / self.size_px**2))
        return np.asarray(
            slic(pixels, count, self.compactness, channel_axis=0, start_label=1), np.int64
        )


@dataclass(frozen=True, eq=False)
class PatchBrush(Tool):
    """Paint all superpixels that a stroke touches.

    Parameters
    ----------
    points : tuple of (y, x)
        The stroke.
    value : int
        What is painted.
    width_px : float
        Its width.
    patches : Patches
        Keep one for all strokes, so that each block is computed once.
    """

    name: ClassVar[str] = "superpixel"
    tip: ClassVar[str] = "Drag: paints whole patches of one colour."
    paints_unlabelled: ClassVar[bool] = True

    points: tuple[tuple[int, int], ...]
    value: int
    patches: Patches
    width_px: float = 1

    def draft(self, canvas: Canvas) -> Draft:
        """Return the touched superpixels in the value."""
        box, mask, cut = stroke(self.points, self.width_px).on(canvas)
        places = np.argwhere(mask) + np.array([box[0].start, box[1].start])
        grid = (places + np.array([canvas.tile.y, canvas.tile.x])) // BLOCK_PX
        rows, columns = _grown_to_blocks(canvas, grid)
        chosen = np.zeros((rows.stop - rows.start, columns.stop - columns.start), bool)
        for row, column in np.unique(grid, axis=0).tolist():
            numbers = self.patches.block(canvas, row, column)
            if numbers is None:
                cut = True
                continue
            y, x = row * BLOCK_PX, column * BLOCK_PX
            own = places[(grid == (row, column)).all(axis=1)]
            own = own + np.array([canvas.tile.y - y, canvas.tile.x - x])
            touched = np.isin(numbers, numbers[own[:, 0], own[:, 1]])
            here, mask, narrow = Mark(y, x, touched).on(canvas)
            cut |= narrow
            top, left = here[0].start - rows.start, here[1].start - columns.start
            chosen[top : top + mask.shape[0], left : left + mask.shape[1]] |= mask
        return Draft.painted(canvas, (rows, columns), chosen, self.value, touches_border=cut)


def _block_box(canvas: Canvas, row: int, column: int) -> tuple[slice, slice] | None:
    """Return where a block lies in the window; None unless all of it does."""
    y, x = row * BLOCK_PX, column * BLOCK_PX
    y1, x1 = min(y + BLOCK_PX, canvas.plane[0]), min(x + BLOCK_PX, canvas.plane[1])
    tile = canvas.tile
    if y < tile.y or x < tile.x or y1 > tile.y1 or x1 > tile.x1:
        return None
    return slice(y - tile.y, y1 - tile.y), slice(x - tile.x, x1 - tile.x)


def _grown_to_blocks(canvas: Canvas, grid: NDArray[np.int64]) -> tuple[slice, slice]:
    """Return the box of the window that holds all blocks, as far as they lie in it."""
    if not len(grid):
        return slice(0, 0), slice(0, 0)
    low, high = grid.min(axis=0) * BLOCK_PX, (grid.max(axis=0) + 1) * BLOCK_PX
    tile = canvas.tile
    return (
        slice(max(int(low[0]) - tile.y, 0), min(int(high[0]) - tile.y, tile.height)),
        slice(max(int(low[1]) - tile.x, 0), min(int(high[1]) - tile.x, tile.width)),
    )
