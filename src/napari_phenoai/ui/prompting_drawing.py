"""Candidates and prompts as pixels of the preview."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_dilation

from napari_phenoai.core.prompts import BoxPrompt, PointPrompt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.prompts import MaskCandidate, Prompts

__all__ = ["drawing"]

_HATCH = 6


def drawing(
    place: Tile,
    candidates: Sequence[MaskCandidate],
    prompts: Prompts | None,
    *,
    value: int,
    line: int,
    width: int = 1,
) -> NDArray[np.uint8]:
    """Draw masks as outlines with hatching, so that the image is seen through them.

    A click on the thing is drawn as a plus, one beside it as a minus, so that they
    differ without colour.

    Parameters
    ----------
    place : Tile
        What is drawn; masks must have its size.
    candidates : sequence of MaskCandidate
        Each gets an outline.
    prompts : Prompts or None
        Drawn on top.
    value : int
        Of the hatching and the inner line.
    line : int
        Of the outer line and the prompts.
    width : int
        Of the lines, in pixels.

    Returns
    -------
    ndarray of uint8, shape (height, width)
        0 where nothing is drawn.
    """
    drawn = np.zeros(place.shape, np.uint8)
    for candidate in candidates:
        box = candidate.box
        if box is not None:
            _outline(
                drawn[box], candidate.mask[box], _hatch(place, box, width), (value, line, width)
            )
    for step in prompts.steps if prompts is not None else ():
        if isinstance(step, BoxPrompt) and step is prompts.box:  # type: ignore[union-attr]
            _frame(drawn, step, place, line, width)
        elif isinstance(step, PointPrompt):
            _sign(drawn, step, place, (value, line, width))
    return drawn


def _outline(
    drawn: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    hatch: NDArray[np.bool_],
    style: tuple[int, int, int],
) -> None:
    value, line, width = style
    inner = _eroded(mask, width)
    core = _eroded(inner, width)
    drawn[mask & hatch] = value
    drawn[inner & ~core] = value
    drawn[mask & ~inner] = line


def _hatch(place: Tile, box: tuple[slice, slice], width: int) -> NDArray[np.bool_]:
    rows = np.arange(box[0].start, box[0].stop)[:, None] + place.y
    columns = np.arange(box[1].start, box[1].stop)[None, :] + place.x
    return np.asarray((rows + columns) % (_HATCH * width) < width)


def _eroded(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """Return the mask without a rim; faster than the general way, as it runs at each click."""
    for _ in range(by):
        inner = np.zeros_like(mask)
        inner[1:-1, 1:-1] = (
            mask[1:-1, 1:-1] & mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
        )
        mask = inner
    return mask


def _frame(drawn: NDArray[np.uint8], box: BoxPrompt, place: Tile, line: int, width: int) -> None:
    y0, x0 = round(box.y0) - place.y, round(box.x0) - place.x
    y1, x1 = round(box.y1) - place.y + 1, round(box.x1) - place.x + 1
    for rows, columns in (
        (slice(y0, y0 + width), slice(x0, x1)),
        (slice(y1 - width, y1), slice(x0, x1)),
        (slice(y0, y1), slice(x0, x0 + width)),
        (slice(y0, y1), slice(x1 - width, x1)),
    ):
        drawn[_clipped(rows), _clipped(columns)] = line


def _sign(
    drawn: NDArray[np.uint8], point: PointPrompt, place: Tile, style: tuple[int, int, int]
) -> None:
    """Draw a plus or a minus with a rim, its middle in the pixel that was clicked."""
    value, line, width = style
    arm, half = 3 * width, width // 2
    reach = arm + width
    sign = np.zeros((2 * reach + 1, 2 * reach + 1), bool)
    bar = slice(reach - half, reach + half + 1)
    sign[bar, width:-width] = True
    if point.positive:
        sign[width:-width, bar] = True
    rim = binary_dilation(sign, np.ones((3, 3)), iterations=width)
    y, x = round(point.y) - place.y - reach, round(point.x) - place.x - reach
    for mask, colour in ((rim, line), (sign, value)):
        rows, columns = np.nonzero(mask)
        rows, columns = rows + y, columns + x
        inside = (rows >= 0) & (columns >= 0) & (rows < drawn.shape[0]) & (columns < drawn.shape[1])
        drawn[rows[inside], columns[inside]] = colour


def _clipped(part: slice) -> slice:
    return slice(max(0, part.start), max(0, part.stop))
