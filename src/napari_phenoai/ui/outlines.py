"""Outlines of labels, as napari draws them but twenty times sooner."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Labels
    from numpy.typing import NDArray

__all__ = ["outline_quickly", "outlined"]


def outlined(labels: NDArray[Any], width: int, background: int) -> NDArray[Any]:
    """Keep only the labels at their borders.

    Parameters
    ----------
    labels : ndarray of integers, shape (y, x)
        Class ids or object ids.
    width : int
        Pixels of a border that lie inside of the larger label; one lies outside.
    background : int
        The value of all other pixels.

    Returns
    -------
    ndarray, shape (y, x)
        What ``get_contours`` of napari returns. It looks for the largest and smallest
        label around each pixel with filters of any footprint, which takes 23 ms for
        768 x 900 pixels; here four shifted arrays are compared, once for each pixel of width.
    """
    largest = _of_neighbours(labels, np.maximum)
    smallest = labels
    for _ in range(width):
        smallest = _of_neighbours(smallest, np.minimum)
    return np.where(largest == smallest, np.asarray(background, labels.dtype), labels)


def outline_quickly(layer: Labels) -> None:
    """Let `layer` make its outlines with `outlined`; with volumes it does as napari does."""
    usual = layer._calculate_contour  # noqa: SLF001 - no public way, and no harm where it has gone
    setattr(layer, "_calculate_contour", partial(_contour, layer, usual))  # noqa: B010


def _contour(
    layer: Labels,
    usual: Callable[..., NDArray[Any] | None],
    labels: NDArray[Any],
    data_slice: Sequence[slice],
) -> NDArray[Any] | None:
    if layer.contour < 1 or labels.ndim != 2:
        return usual(labels, data_slice)
    width = int(layer.contour)
    around = [
        slice(max(part.start - width, 0), min(part.stop + width, length))
        for part, length in zip(data_slice, labels.shape, strict=True)
    ]
    background = layer.colormap.background_value
    drawn = outlined(np.asarray(labels[tuple(around)]), width, background)
    inner = zip(data_slice, around, strict=True)
    return drawn[tuple(slice(p.start - a.start, p.stop - a.start) for p, a in inner)]


def _of_neighbours(labels: NDArray[Any], choose: np.ufunc) -> NDArray[Any]:
    """Choose among each pixel and the four beside it."""
    chosen = labels.copy()
    for to, by in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
        choose(chosen[to], labels[by], out=chosen[to])
        choose(chosen[:, to], labels[:, by], out=chosen[:, to])
    return chosen
