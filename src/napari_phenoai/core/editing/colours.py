"""Tools that look at the image: the magic wand and the threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from napari_phenoai.core.editing.regions import region_at
from napari_phenoai.core.editing.tool import Draft, Tool
from napari_phenoai.errors import ImageError, InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.editing.canvas import Canvas

__all__ = ["Threshold", "Wand", "otsu_level"]

_BINS = 256


@dataclass(frozen=True)
class Wand(Tool):
    """Paint what has the colour of a pixel.

    Parameters
    ----------
    y, x : int
        The pixel, in the plane.
    value : int
        What is painted.
    tolerance : float
        By how much each channel may differ, in grey levels.
    contiguous : bool
        Whether only what is connected to the pixel by its edges is painted, or all of
        the window that has the colour.

    Raises
    ------
    ImageError
        If the canvas has no pixels.
    """

    name: ClassVar[str] = "wand"
    tip: ClassVar[str] = "Click: paints the region that has about this colour."
    paints_unlabelled: ClassVar[bool] = True

    y: int
    x: int
    value: int
    tolerance: float = 16
    contiguous: bool = True

    def draft(self, canvas: Canvas) -> Draft:
        """Return the region of the colour, in the value."""
        pixels = pixels_of(canvas)
        seed = canvas.place(self.y, self.x)
        if seed is None:
            return Draft.nothing(canvas, touches_border=canvas.in_plane(self.y, self.x))
        ranges = [_near(channel[seed], self.tolerance, channel.dtype) for channel in pixels]

        def alike(rows: slice, columns: slice) -> NDArray[np.bool_]:
            mask = _between(pixels[0, rows, columns], ranges[0])
            for channel, span in zip(pixels[1:], ranges[1:], strict=True):
                mask &= _between(channel[rows, columns], span)
            return mask if canvas.selection is None else mask & canvas.selection[rows, columns]

        if not self.contiguous:
            box = canvas.scope_slices
            return Draft.painted(canvas, box, alike(*box), self.value)
        if not alike(slice(seed[0], seed[0] + 1), slice(seed[1], seed[1] + 1)).all():
            return Draft.nothing(canvas)
        region = region_at(alike, canvas.tile.shape, seed, corners=False)
        cut = region.leaves(canvas)
        return Draft.painted(canvas, region.box, region.mask, self.value, touches_border=cut)


@dataclass(frozen=True)
class Threshold(Tool):
    """Paint what is brighter, or darker, than a level inside the selection.

    Parameters
    ----------
    value : int
        What is painted.
    level : float, optional
        Grey level, which counts as bright; without it, Otsu's for the selected pixels.
    bright : bool
        Whether the bright or the dark pixels are painted.
    channel : int, optional
        Which channel is looked at; without it, the mean of all.

    Raises
    ------
    ImageError
        If the canvas has no pixels, or not this channel.
    """

    name: ClassVar[str] = "threshold"
    tip: ClassVar[str] = "Paints what is brighter than a level inside the selection."
    paints_unlabelled: ClassVar[bool] = True

    value: int
    level: float | None = None
    bright: bool = True
    channel: int | None = None

    def draft(self, canvas: Canvas) -> Draft:
        """Return the bright or dark part of the selection, in the value."""
        box = _box_of(canvas)
        if box is None:
            return Draft.nothing(canvas)
        grey = self._grey(pixels_of(canvas)[:, *box])
        mask = np.ones(grey.shape, bool) if canvas.selection is None else canvas.selection[box]
        level = otsu_level(grey[mask]) if self.level is None else self.level
        bright = grey >= level
        chosen = mask & (bright if self.bright else ~bright)
        cut = self.level is None and canvas.leaves(*box)
        return Draft.painted(canvas, box, chosen, self.value, touches_border=cut)

    def _grey(self, pixels: NDArray[Any]) -> NDArray[Any]:
        if self.channel is None:
            mean = pixels[0] if len(pixels) == 1 else pixels.mean(axis=0, dtype=np.float32)
            return np.asarray(mean)
        if not 0 <= self.channel < len(pixels):
            what = f"The image has no channel {self.channel}."
            raise ImageError(what, hint=f"Choose 0 to {len(pixels) - 1}.")
        return np.asarray(pixels[self.channel])


def otsu_level(values: NDArray[Any]) -> float:
    """Return the level that best parts values in two; values at the level are the bright ones.

    Parameters
    ----------
    values : ndarray
        Grey levels of any type; at least one.

    References
    ----------
    Otsu (1979), IEEE Transactions on Systems, Man, and Cybernetics 9 (1), 62-66.

    Examples
    --------
    >>> otsu_level(np.array([1, 2, 2, 9, 9, 8], np.uint8))
    8.0
    """
    if not values.size:
        raise InputError("Nothing is selected.", hint="Select some pixels first.")
    low, high = values.min(), values.max()
    if low == high:
        return float(low)
    if values.dtype == np.uint8:
        counts, levels = np.bincount(values.ravel(), minlength=_BINS), np.arange(_BINS + 1.0)
    else:
        counts, levels = np.histogram(values, _BINS, (float(low), float(high)))
    middles = (levels[:-1] + levels[1:]) / 2
    below, mass = np.cumsum(counts)[:-1], np.cumsum(counts * middles)
    above = counts.sum() - below
    parted = (below > 0) & (above > 0)
    gap = np.zeros(len(below))
    gap[parted] = (mass[:-1] / np.maximum(below, 1))[parted] - (
        (mass[-1] - mass[:-1]) / np.maximum(above, 1)
    )[parted]
    spread = below * above * gap**2
    step = int(np.argmax(spread))
    brighter = step + 1 + int(np.argmax(counts[step + 1 :] > 0))
    return float(levels[brighter])


def pixels_of(canvas: Canvas) -> NDArray[Any]:
    """Return the pixels ``(c, y, x)`` of a canvas.

    Raises
    ------
    ImageError
        If it has none.
    """
    if canvas.pixels is None:
        hint = "Give the image with the labels."
        raise ImageError(f"The pixels of {canvas.tile.key} are missing.", hint=hint)
    return canvas.pixels


def _near(centre: Any, tolerance: float, kind: np.dtype[Any]) -> tuple[Any, Any]:
    low, high = float(centre) - tolerance, float(centre) + tolerance
    if kind.kind not in "ui":
        return low, high
    limits = np.iinfo(kind)
    return (
        kind.type(max(int(np.ceil(low)), limits.min)),
        kind.type(min(int(np.floor(high)), limits.max)),
    )


def _between(values: NDArray[Any], span: tuple[Any, Any]) -> NDArray[np.bool_]:
    mask = np.asarray(values >= span[0])
    mask &= values <= span[1]
    return mask


def _box_of(canvas: Canvas) -> tuple[slice, slice] | None:
    """Return the box round the selection, or the whole window without one."""
    if canvas.selection is None:
        return slice(0, canvas.tile.height), slice(0, canvas.tile.width)
    rows = np.flatnonzero(canvas.selection.any(axis=1))
    if not len(rows):
        return None
    columns = np.flatnonzero(canvas.selection[rows[0] : rows[-1] + 1].any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
