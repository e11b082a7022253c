"""Masks in any of the shapes that models answer in, as arrays of the size that was sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.errors import AnswerError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MaskValues", "fitted"]

_ASPECT = 0.02


@dataclass(frozen=True)
class MaskValues:
    """What came back, not yet classes of a project.

    Parameters
    ----------
    values : ndarray of int32, shape (y, x)
        As the server means them: classes, 0 and 255, or numbers of objects.
    names : mapping of int to str
        What the server calls them, where it says so.
    notes : tuple of str
        What a person should know of how they were read.
    """

    values: NDArray[np.int32]
    names: Mapping[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.values.shape[0], self.values.shape[1]

    @property
    def distinct(self) -> tuple[int, ...]:
        """The different values, sorted."""
        return tuple(np.unique(self.values).tolist())

    def noting(self, *notes: str) -> MaskValues:
        """Return the same with more notes."""
        return replace(self, notes=(*self.notes, *notes))


def fitted(mask: MaskValues, shape: tuple[int, int]) -> MaskValues:
    """Return `mask` in the size that was sent, taking the nearest value for each pixel.

    Parameters
    ----------
    mask : MaskValues
        As it came.
    shape : tuple of int
        Rows and columns that were sent.

    Raises
    ------
    AnswerError
        If it has no pixels.
    """
    if mask.shape == shape:
        return mask
    if min(mask.shape) < 1:
        raise AnswerError("The answer is an empty mask.", hint="Check what the model needs.")
    rows, columns = (
        ((np.arange(wanted) + 0.5) * (had / wanted)).astype(np.intp)
        for wanted, had in zip(shape, mask.shape, strict=True)
    )
    sizes = [f"{size[0]} x {size[1]}" for size in (mask.shape, shape)]
    note = f"The answer had {sizes[0]} px and was fitted to {sizes[1]} px."
    stretch = (mask.shape[0] * shape[1]) / (mask.shape[1] * shape[0])
    if abs(stretch - 1) > _ASPECT:
        note += " Its sides have another proportion, so it was stretched."
    return replace(mask, values=mask.values[np.ix_(rows, columns)]).noting(note)
