"""Time: how long a person needs to correct a tile, as a documented model.

The model is made for comparing strategies fairly, in minutes rather than in
pixels; it is not a forecast for one person. Its figures:

=====================  ==========  =====================================================
figure                 value       source
=====================  ==========  =====================================================
painting               400 px/s    simulation benchmark of RootPainter (screen pixels)
travel                 800 px/s    the same
search for an error    0.2 s       the same, before each stroke
check of a stroke      0.2 s       the same, after each stroke
brush                  24 px       our assumption: 8 image pixels at threefold zoom
reach of a stroke      96 px       our assumption: what the hand does in one go
tile on the screen     768 px      our assumption: the edge of a tile, hence the zoom
look at a tile         2 s         our assumption: before the first stroke or the key
key                    0.2 s       our assumption: choosing a class, filling, deciding
=====================  ==========  =====================================================

All lengths are in screen pixels. What must be painted is laid on a grid of brush
cells: each cell touched costs its width in painting. Strokes are the cells of a
coarser grid, as wide as the hand reaches, each with one search and one check; the
way between them, row by row and back, costs travel. Each class is painted apart.
So more to paint never takes less time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TimeModel", "painting_seconds", "tile_seconds"]


@dataclass(frozen=True, slots=True)
class TimeModel:
    """The figures of the model; lengths in screen pixels, times in seconds.

    Parameters
    ----------
    zoom : float
        Screen pixels per image pixel.
    brush_px, reach_px : float
        Width of the brush and of what one stroke covers.
    paint_px_s, travel_px_s : float
        Speed of the hand with the button pressed and released.
    search_s, check_s : float
        Before and after each stroke.
    look_s : float
        For each tile, once.
    key_s : float
        For a key or a click: choosing a class, filling the tile, deciding.
    """

    zoom: float = 3.0
    brush_px: float = 24.0
    reach_px: float = 96.0
    paint_px_s: float = 400.0
    travel_px_s: float = 800.0
    search_s: float = 0.2
    check_s: float = 0.2
    look_s: float = 2.0
    key_s: float = 0.2

    @classmethod
    def for_tile(cls, tile_px: int, screen_px: float = 768.0) -> Self:
        """Return the model with the zoom at which `tile_px` fill `screen_px`."""
        return cls(zoom=screen_px / tile_px)


def painting_seconds(paint: NDArray[np.uint8], model: TimeModel | None = None) -> float:
    """Return the seconds needed to paint what `paint` asks for.

    Parameters
    ----------
    paint : ndarray of uint8, shape (y, x)
        The class that a pixel must get; 0 where nothing is to be done.
    model : TimeModel, optional
        The figures; None takes those of a tile of 256 px.

    Returns
    -------
    float
        0 when nothing is to be done; never less for more pixels of the same classes.

    Examples
    --------
    >>> painting_seconds(np.zeros((8, 8), np.uint8))
    0.0
    >>> dot = np.zeros((8, 8), np.uint8)
    >>> dot[3, 3] = 2
    >>> round(painting_seconds(dot), 2)  # key, search, 24 px of painting, check
    0.66
    """
    model = model or TimeModel()
    values = np.unique(paint[paint > 0])
    return float(sum(_class_seconds(paint == value, model) for value in values))


def tile_seconds(
    paint: NDArray[np.uint8], model: TimeModel | None = None, *, keys: int = 1
) -> float:
    """Return the seconds for a whole tile: a look, the painting, and `keys` keys."""
    model = model or TimeModel()
    return model.look_s + painting_seconds(paint, model) + keys * model.key_s


def _class_seconds(mask: NDArray[np.bool_], model: TimeModel) -> float:
    cells = _touched(mask, model.brush_px / model.zoom)
    strokes = _touched(mask, model.reach_px / model.zoom)
    painting = len(cells) * model.brush_px / model.paint_px_s
    pauses = len(strokes) * (model.search_s + model.check_s)
    travel = _way(strokes) * model.reach_px / model.travel_px_s
    return model.key_s + painting + pauses + travel


def _touched(mask: NDArray[np.bool_], width: float) -> NDArray[np.int64]:
    """Return row and column of each grid cell of `width` image pixels that `mask` touches."""
    return np.unique((np.argwhere(mask) // width).astype(np.int64), axis=0)


def _way(cells: NDArray[np.int64]) -> float:
    """Return the length of the way through `cells`, row by row, every second row backwards.

    The order of any two cells does not depend on the others, so that leaving
    one out never makes the way longer.
    """
    rows, columns = cells[:, 0], cells[:, 1]
    order = np.lexsort((np.where(rows % 2, -columns, columns), rows))
    steps = np.diff(cells[order], axis=0)
    return float(np.hypot(steps[:, 0], steps[:, 1]).sum())
