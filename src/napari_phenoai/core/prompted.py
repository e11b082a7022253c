"""Masks that answer prompts, taken into labels with the pixel tools."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from napari_phenoai.core.editing import Draft, Mark, Stamp, Tool, use
from napari_phenoai.core.editing.canvas import checked_value
from napari_phenoai.core.scheme import UNLABELLED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_phenoai.core.editing import Canvas, Outcome
    from napari_phenoai.core.prompts import MaskCandidate

__all__ = ["Everything", "Prompted", "taken", "taken_all"]


@dataclass(frozen=True, eq=False)
class Prompted(Stamp):
    """Put down the mask that was chosen; as `Stamp`, under a name of its own."""

    name: ClassVar[str] = "prompt"
    tip: ClassVar[str] = "Enter: takes the outlined thing into the class."


@dataclass(frozen=True, eq=False)
class Everything(Tool):
    """Put down many masks at once, where nothing is labelled yet.

    The first mask that has a pixel gets it. Pixels that carry a class or an object
    already are left as they are; unlabelled pixels and background are painted.

    Parameters
    ----------
    marks : tuple of Mark
        In the order of their right to a pixel.
    value : int, optional
        What all get. Without it each gets an id of its own, for labels of objects.
    """

    name: ClassVar[str] = "everything"
    tip: ClassVar[str] = "Takes over all masks that were found in the tile."
    paints_unlabelled: ClassVar[bool] = True

    marks: tuple[Mark, ...]
    value: int | None = None

    def draft(self, canvas: Canvas) -> Draft:
        """Return the masks on what is free."""
        free = (canvas.labels == UNLABELLED) | (canvas.labels == canvas.ground)
        owner = np.zeros(canvas.tile.shape, np.int64)
        cut = False
        for number, mark in enumerate(self.marks, 1):
            box, mask, lost = mark.on(canvas)
            here = owner[box]
            here[mask & (here == 0) & free[box]] = number
            cut |= lost
        present = np.unique(owner)
        present = present[present > 0]
        if not len(present):
            return Draft.nothing(canvas, touches_border=cut)
        values = canvas.labels.copy()
        if self.value is not None:
            values[owner > 0] = checked_value(canvas, self.value)
        else:
            ids = np.zeros(len(self.marks) + 1, values.dtype)
            first = canvas.first_new_id(len(present))
            ids[present] = np.arange(first, first + len(present), dtype=values.dtype)
            np.copyto(values, ids[owner], where=owner > 0)
        return Draft(0, 0, values, cut)


def taken(candidate: MaskCandidate, canvas: Canvas, value: int | None = None) -> Outcome:
    """Put the mask of a candidate into labels.

    Parameters
    ----------
    candidate : MaskCandidate
        The one that was chosen.
    canvas : Canvas
        The window; its locked values keep their pixels.
    value : int, optional
        Class or object that the mask becomes. For labels of objects it may be left out:
        then it becomes a new object.

    Returns
    -------
    Outcome
        ``edit()`` of it is one step of undo.

    Raises
    ------
    LabelError
        If the labels cannot hold the value.
    InputError
        If a new id is needed and not known.
    """
    if value is None:
        value = canvas.first_new_id(1)
    return use(Prompted(_mark(candidate), value), canvas)


def taken_all(
    candidates: Sequence[MaskCandidate], canvas: Canvas, value: int | None = None
) -> Outcome:
    """Put many masks into labels in one step, small ones over large ones.

    What is labelled already stays. Parameters, result and errors are those of `taken`;
    without a value, each mask becomes an object.
    """
    by_area = sorted(candidates, key=lambda candidate: candidate.area)
    marks = tuple(_mark(candidate) for candidate in by_area)
    return use(Everything(marks, value), canvas)


def _mark(candidate: MaskCandidate) -> Mark:
    """Return the mask without the empty rows and columns round it."""
    tile, box = candidate.tile, candidate.box
    if box is None:
        return Mark(tile.y, tile.x, candidate.mask[:0, :0])
    return Mark(tile.y + box[0].start, tile.x + box[1].start, candidate.mask[box])
