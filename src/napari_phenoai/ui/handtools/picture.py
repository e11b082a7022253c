"""Pictures: what a gesture under way would do, as pixels to be drawn over the tile."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.editing.strokes import line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_phenoai.core.editing import Canvas, Outcome
    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.ui.handtools.mode import Point

__all__ = ["LINE", "Sketch", "box_round", "sketched"]

LINE = 255
"""Value of the pixels that are drawn white: a line, or what becomes background."""


@dataclass(frozen=True, eq=False)
class Sketch:
    """What is drawn, and where.

    Parameters
    ----------
    tile : Tile
        The place.
    values : ndarray of uint8, shape (height, width)
        Classes, or `LINE`; 0 where nothing is drawn.
    pixels : int
        How many pixels would change.
    """

    tile: Tile
    values: NDArray[np.uint8]
    pixels: int


def box_round(points: Sequence[Point]) -> tuple[Point, ...]:
    """Return the outline of the box between the first and the last point, closed.

    Examples
    --------
    >>> box_round([(1, 2), (4, 6)])
    ((1, 2), (1, 6), (4, 6), (4, 2), (1, 2))
    """
    (top, left), (bottom, right) = points[0], points[-1]
    return ((top, left), (top, right), (bottom, right), (bottom, left), (top, left))


def sketched(canvas: Canvas, outcome: Outcome | None, points: Sequence[Point]) -> Sketch | None:
    """Return what is drawn of an outcome and a line.

    Parameters
    ----------
    canvas : Canvas
        What the outcome was made of.
    outcome : Outcome or None
        Its changed pixels are drawn in what they become, background as `LINE`.
    points : sequence of (y, x)
        Corners of the line; none for no line.

    Returns
    -------
    Sketch or None
        None where nothing is to be drawn.
    """
    area = canvas.tile if canvas.scope is None else canvas.scope
    places = line(tuple(points)) - (area.y, area.x) if points else np.zeros((0, 2), np.int64)
    places = places[((places >= 0) & (places < area.shape)).all(axis=1)]
    changed = _changed(canvas, outcome)
    corners = [places.min(axis=0), places.max(axis=0) + 1] if len(places) else []
    if outcome is not None and outcome.tile is not None and changed is not None:
        top = np.array([outcome.tile.y - area.y, outcome.tile.x - area.x])
        corners += [top, top + np.array(changed.shape)]
    if not corners:
        return None
    (y, x), (y1, x1) = np.min(corners, axis=0).tolist(), np.max(corners, axis=0).tolist()
    values = np.zeros((y1 - y, x1 - x), np.uint8)
    pixels = 0
    if outcome is not None and outcome.tile is not None and changed is not None:
        row, column = outcome.tile.y - area.y - y, outcome.tile.x - area.x - x
        values[row : row + changed.shape[0], column : column + changed.shape[1]] = changed
        pixels = outcome.pixels
    values[places[:, 0] - y, places[:, 1] - x] = LINE
    tile = replace(area, y=area.y + y, x=area.x + x, height=y1 - y, width=x1 - x)
    return Sketch(tile, values, pixels)


def _changed(canvas: Canvas, outcome: Outcome | None) -> NDArray[np.uint8] | None:
    """Return the changed pixels in what they become; None without any.

    Of objects the new outlines are drawn, as a line.
    """
    if outcome is None or not outcome.pixels:
        return None
    if canvas.objects:
        return np.where(_outlines(outcome.after), LINE, 0).astype(np.uint8)
    after = np.where(np.isin(outcome.after, (0, canvas.ground)), LINE, outcome.after)
    return np.where(outcome.before == outcome.after, 0, after).astype(np.uint8)


def _outlines(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which pixels differ from the one above or to the left."""
    edges = np.zeros(values.shape, bool)
    edges[1:] |= values[1:] != values[:-1]
    edges[:, 1:] |= values[:, 1:] != values[:, :-1]
    return edges
