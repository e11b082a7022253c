"""From slice to slice: masks between two masks, and masks that are put on a plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from napari_phenoai.core.editing.regions import object_at
from napari_phenoai.core.editing.strokes import Mark
from napari_phenoai.core.editing.tool import Draft, Tool
from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.editing.canvas import Canvas

__all__ = ["Stamp", "between", "interpolated"]


@dataclass(frozen=True, eq=False)
class Stamp(Tool):
    """Put a mask on a plane.

    Parameters
    ----------
    mark : Mark
        The mask and where it lies.
    value : int
        What is painted.
    """

    name: ClassVar[str] = "mask"
    tip: ClassVar[str] = "Takes over a mask."
    paints_unlabelled: ClassVar[bool] = True

    mark: Mark
    value: int

    def draft(self, canvas: Canvas) -> Draft:
        """Return the mask in the value."""
        box, mask, cut = self.mark.on(canvas)
        return Draft.painted(canvas, box, mask, self.value, touches_border=cut)


def interpolated(
    first: Canvas, first_at: tuple[int, int], last: Canvas, last_at: tuple[int, int]
) -> tuple[list[Stamp], bool]:
    """Return what lies between an object in one slice and in a later one of a stack.

    Parameters
    ----------
    first, last : Canvas
        Windows of two planes of one image.
    first_at, last_at : (y, x)
        A pixel of the object in each.

    Returns
    -------
    stamps : list of Stamp
        One for each plane between, in order; apply each with `use` to its own plane. They
        paint the value that the object has in the first slice.
    touches_border : bool
        Whether the object may go on outside one of the windows.

    Raises
    ------
    InputError
        If there is no object at one of the pixels, or no plane between the two.
    """
    steps = last.tile.z - first.tile.z - 1
    if steps < 1 or first.tile.image != last.tile.image:
        what = f"No plane lies between plane {first.tile.z} and plane {last.tile.z}."
        raise InputError(what, hint="Choose two slices of one stack with others between.")
    one, other = _mark(first, first_at), _mark(last, last_at)
    place = first.place(*first_at)
    value = int(first.labels[place]) if place is not None else 0
    cut = any(
        region is not None and region.leaves(canvas)
        for canvas, region in (
            (first, object_at(first, *first_at)),
            (last, object_at(last, *last_at)),
        )
    )
    return [Stamp(mark, value) for mark in between(one, other, steps)], cut


def between(first: Mark, last: Mark, steps: int) -> list[Mark]:
    """Return masks that lead evenly from one to another.

    Their signed distances to the outline are blended, after the two were laid on each
    other by their centres, which then move evenly from one place to the other.

    Parameters
    ----------
    first, last : Mark
        Not empty.
    steps : int
        How many to make.

    References
    ----------
    Raya & Udupa (1990), Shape-based interpolation of multidimensional objects, IEEE
    Transactions on Medical Imaging 9 (1), 32-42.
    """
    one_at, other_at = _centre(first), _centre(last)
    half = max(_radius(first, one_at), _radius(last, other_at)) + 1
    one, other = _signed(first, one_at, half), _signed(last, other_at, half)
    marks = []
    for step in range(1, steps + 1):
        share = step / (steps + 1)
        y, x = (round((1 - share) * a + share * b) for a, b in zip(one_at, other_at, strict=True))
        marks.append(Mark(y - half, x - half, (1 - share) * one + share * other > 0))
    return marks


def _mark(canvas: Canvas, at: tuple[int, int]) -> Mark:
    region = object_at(canvas, *at)
    if region is None:
        what = f"There is no object at {at[0]}, {at[1]} in plane {canvas.tile.z}."
        raise InputError(what, hint="Click an object in both slices.")
    y, x = canvas.tile.y + region.rows.start, canvas.tile.x + region.columns.start
    return Mark(y, x, region.mask)


def _centre(mark: Mark) -> tuple[int, int]:
    y, x = np.argwhere(mark.mask).mean(axis=0).round().astype(int).tolist()
    return mark.y + y, mark.x + x


def _radius(mark: Mark, centre: tuple[int, int]) -> int:
    y, x = centre[0] - mark.y, centre[1] - mark.x
    return int(max(y, x, mark.mask.shape[0] - y, mark.mask.shape[1] - x))


def _signed(mark: Mark, centre: tuple[int, int], half: int) -> NDArray[np.float64]:
    """Return the distance to the outline, positive inside, in a square round the centre."""
    from scipy import ndimage

    mask = np.zeros((2 * half + 1, 2 * half + 1), bool)
    y, x = mark.y - centre[0] + half, mark.x - centre[1] + half
    mask[y : y + mark.mask.shape[0], x : x + mark.mask.shape[1]] = mark.mask
    inner = ndimage.distance_transform_edt(mask)
    outer = ndimage.distance_transform_edt(~mask)
    return np.asarray(np.where(mask, inner - 0.5, 0.5 - outer))
