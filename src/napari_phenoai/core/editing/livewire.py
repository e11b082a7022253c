"""The livewire: paths that follow edges of the image from an anchor to the cursor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from napari_phenoai.core.editing.colours import pixels_of
from napari_phenoai.core.editing.strokes import inside
from napari_phenoai.core.editing.tool import Draft, Tool
from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.editing.canvas import Canvas

__all__ = ["Enclose", "Path", "Wire", "edge_cost"]

_FLOOR = 0.1
"""Cost of a pixel on a full edge; one without an edge costs 1."""

_NEAR_PX, _FAR_PX = 96, 512
_CONTRAST_PX = 32


@dataclass(frozen=True)
class Enclose(Tool):
    """Paint an outline and all that lies inside it.

    Parameters
    ----------
    points : tuple of (y, x)
        The outline, which is closed: corners of a polygon, or the paths of a livewire.
    value : int
        What is painted.
    """

    name: ClassVar[str] = "outline"
    tip: ClassVar[str] = "Click round something: paints what is inside."
    paints_unlabelled: ClassVar[bool] = True

    points: tuple[tuple[int, int], ...]
    value: int

    def draft(self, canvas: Canvas) -> Draft:
        """Return the inside in the value."""
        box, mask, cut = inside(self.points).on(canvas)
        return Draft.painted(canvas, box, mask, self.value, touches_border=cut)


@dataclass(frozen=True, eq=False)
class Path:
    """The cheapest way from an anchor to a pixel.

    Parameters
    ----------
    points : tuple of (y, x)
        Every pixel on it in the plane, each next to the one before (corners connect).
    cost : float
        What it costs.
    touches_border : bool
        Whether a cheaper one may lead through pixels outside the window.
    """

    points: tuple[tuple[int, int], ...]
    cost: float
    touches_border: bool


class Wire:
    """All cheapest paths from one anchor, computed once and only as far as they are asked for.

    A path never leaves the square of 1025 px round the anchor. Costs are computed in
    a small square first; a path out of it is used when no way out of the square is as
    cheap, so it is the one that the large square would give, and else the square grows.

    Parameters
    ----------
    canvas : Canvas
        With pixels.
    y, x : int
        The anchor, in the window.
    contrast : float, optional
        The step of grey level that makes a full edge; without it, what the steepest
        pixels (1 in 20) near the anchor have.

    Raises
    ------
    ImageError
        If the canvas has no pixels.
    InputError
        If the anchor lies outside the window.
    """

    def __init__(self, canvas: Canvas, y: int, x: int, contrast: float | None = None) -> None:
        place = canvas.place(y, x)
        if place is None:
            hint = "Put it inside the window."
            raise InputError(f"The anchor {y}, {x} lies outside {canvas.tile.key}.", hint=hint)
        self._canvas = canvas
        self._pixels = pixels_of(canvas)
        self._anchor = place
        near = _square(place, _CONTRAST_PX, canvas.tile.shape)
        steps = _gradient(self._pixels, *near)
        self._unsure = contrast is None and canvas.leaves(*near, 1)
        self._contrast = float(np.quantile(steps, 0.95)) if contrast is None else contrast
        self._half = 0
        self._grow()

    def path(self, y: int, x: int) -> Path:
        """Return the cheapest path from the anchor to a pixel of the plane.

        A pixel outside the window or the square counts as the nearest one inside.
        """
        while True:
            row, column = self._nearest(y, x, _FAR_PX)
            here = self._nearest(y, x, self._half)
            if here == (row, column):
                cost = float(self._costs[row - self._rows.start, column - self._columns.start])
                sure = cost <= self._way_out
                if sure or self._half >= _FAR_PX:
                    break
            self._grow()
        top, left = self._rows.start, self._columns.start
        track = self._paths.traceback((row - top, column - left))
        origin_y, origin_x = self._canvas.tile.y + top, self._canvas.tile.x + left
        points = tuple((int(a) + origin_y, int(b) + origin_x) for a, b in track)
        moved = self._canvas.in_plane(y, x) and self._canvas.place(y, x) is None
        cut = (
            moved
            or self._unsure
            or (not sure and self._canvas.leaves(self._rows, self._columns, 1))
        )
        return Path(points, cost, cut)

    def _nearest(self, y: int, x: int, half: int) -> tuple[int, int]:
        """Return the nearest pixel of the window in a square round the anchor."""
        rows, columns = _square(self._anchor, half, self._canvas.tile.shape)
        row = min(max(y - self._canvas.tile.y, rows.start), rows.stop - 1)
        return row, min(max(x - self._canvas.tile.x, columns.start), columns.stop - 1)

    def _grow(self) -> None:
        from skimage.graph import MCP_Geometric

        self._half = min(2 * self._half or _NEAR_PX, _FAR_PX)
        self._rows, self._columns = _square(self._anchor, self._half, self._canvas.tile.shape)
        steps = _gradient(self._pixels, self._rows, self._columns)
        self._paths = MCP_Geometric(edge_cost(steps, self._contrast))
        start = self._anchor[0] - self._rows.start, self._anchor[1] - self._columns.start
        self._costs, _ = self._paths.find_costs([start])
        self._way_out = self._cheapest_way_out()

    def _cheapest_way_out(self) -> float:
        """Return the lowest cost of a pixel from which a path could leave the square.

        Gradients on the border of the window lack a neighbour there, so a path counts
        as having left one pixel earlier.
        """
        rows, columns = self._canvas.tile.shape
        plane_sides = [not goes_on for goes_on in self._canvas.open_sides]
        at_sides = (
            self._rows.start == 0,
            self._columns.start == 0,
            self._rows.stop == rows,
            self._columns.stop == columns,
        )
        costs, ways = self._costs, [np.inf]
        edges = (costs[:2], costs[:, :2], costs[-2:], costs[:, -2:])
        for edge, at_side, ends in zip(edges, at_sides, plane_sides, strict=True):
            if not (at_side and ends):
                ways.append(float(edge.min()))
        return min(ways)


def edge_cost(steps: NDArray[np.float32], contrast: float) -> NDArray[np.float64]:
    """Return what each pixel costs: 1 without an edge, 0.1 on one of this contrast or more."""
    share = np.minimum(steps / max(contrast, 1e-12), 1.0)
    return np.asarray(1 - (1 - _FLOOR) * share, np.float64)


def _gradient(pixels: NDArray[Any], rows: slice, columns: slice) -> NDArray[np.float32]:
    """Return the steepest slope of any channel in a box, per pixel."""
    from scipy import ndimage

    top, left = max(rows.start - 1, 0), max(columns.start - 1, 0)
    part = pixels[:, top : rows.stop + 1, left : columns.stop + 1].astype(np.float32)
    slopes = [
        np.hypot(ndimage.sobel(one, 0, mode="nearest"), ndimage.sobel(one, 1, mode="nearest")) / 8
        for one in part
    ]
    steepest = np.max(slopes, axis=0)
    y, x = rows.start - top, columns.start - left
    height, width = rows.stop - rows.start, columns.stop - columns.start
    return np.asarray(steepest[y : y + height, x : x + width])


def _square(centre: tuple[int, int], half: int, shape: tuple[int, int]) -> tuple[slice, slice]:
    rows, columns = (
        slice(max(middle - half, 0), min(middle + half + 1, length))
        for middle, length in zip(centre, shape, strict=True)
    )
    return rows, columns
