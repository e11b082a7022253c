"""Tools that give pixels another value as they are: replace, delete, copy what was predicted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from napari_phenoai.core.editing.canvas import checked_value
from napari_phenoai.core.editing.regions import object_at, region_at
from napari_phenoai.core.editing.strokes import stroke
from napari_phenoai.core.editing.tool import Draft, Tool
from napari_phenoai.errors import LabelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.editing.canvas import Canvas

__all__ = ["CopyPrediction", "Delete", "Paint", "Replace"]

Point = tuple[int, int]


@dataclass(frozen=True)
class Paint(Tool):
    """Paint along a stroke with a round brush.

    Parameters
    ----------
    points : tuple of (y, x)
        The stroke, in the plane.
    value : int
        What is painted; 0 makes pixels unlabelled.
    width_px : float
        Diameter of the brush.
    """

    name: ClassVar[str] = "brush"
    tip: ClassVar[str] = "Drag: paints with a round brush."
    paints_unlabelled: ClassVar[bool] = True

    points: tuple[Point, ...]
    value: int
    width_px: float = 1

    def draft(self, canvas: Canvas) -> Draft:
        """Return the stroke in the value."""
        box, mask, cut = stroke(self.points, self.width_px).on(canvas)
        return Draft.painted(canvas, box, mask, self.value, touches_border=cut)


@dataclass(frozen=True)
class Replace(Tool):
    """Give all pixels of one value another.

    Parameters
    ----------
    old, new : int
        The two values.
    at : (y, x), optional
        Only the connected region that has this pixel; without it, all of the scope.
    """

    name: ClassVar[str] = "replace"
    tip: ClassVar[str] = "Gives a region, or all of one class, another class."

    old: int
    new: int
    at: Point | None = None

    @property
    def covers_unlabelled(self) -> bool:
        """Whether the value that is replaced is that of unlabelled pixels."""
        return self.old == 0

    def draft(self, canvas: Canvas) -> Draft:
        """Return the new value where the old one was."""

        def same(rows: slice, columns: slice) -> NDArray[np.bool_]:
            return np.asarray(canvas.labels[rows, columns] == self.old)

        if self.at is None:
            box = canvas.scope_slices
            return Draft.painted(canvas, box, same(*box), self.new)
        seed = canvas.place(*self.at)
        if seed is None or canvas.labels[seed] != self.old:
            cut = seed is None and canvas.in_plane(*self.at)
            return Draft.nothing(canvas, touches_border=cut)
        region = region_at(same, canvas.tile.shape, seed, corners=True)
        cut = region.leaves(canvas)
        return Draft.painted(canvas, region.box, region.mask, self.new, touches_border=cut)


@dataclass(frozen=True)
class Delete(Tool):
    """Turn an object, or a connected region of a class, into background.

    Parameters
    ----------
    at : (y, x)
        One of its pixels.
    into : int, optional
        What takes its place; without it, the background.
    """

    name: ClassVar[str] = "delete"
    tip: ClassVar[str] = "Click: deletes the object."

    at: Point
    into: int | None = None

    def draft(self, canvas: Canvas) -> Draft:
        """Return the ground where the object was."""
        region = object_at(canvas, *self.at)
        if region is None:
            missing = canvas.place(*self.at) is None and canvas.in_plane(*self.at)
            return Draft.nothing(canvas, touches_border=missing)
        into = canvas.ground if self.into is None else self.into
        cut = region.leaves(canvas)
        return Draft.painted(canvas, region.box, region.mask, into, touches_border=cut)


@dataclass(frozen=True)
class CopyPrediction(Tool):
    """Take over what was predicted.

    Pixels without a prediction stay as they are. What is copied is limited to the selection.

    Parameters
    ----------
    at : (y, x), optional
        Only the connected region of one predicted value that has this pixel.
    value : int, optional
        Only where this is predicted.

    Raises
    ------
    LabelError
        If the canvas has no prediction, or one with values that the labels cannot hold.
    """

    name: ClassVar[str] = "prediction"
    tip: ClassVar[str] = "Click: takes over what was predicted here."
    paints_unlabelled: ClassVar[bool] = True

    at: Point | None = None
    value: int | None = None

    def draft(self, canvas: Canvas) -> Draft:
        """Return the predicted values."""
        predicted = canvas.prediction
        if predicted is None:
            what = f"There is no prediction of {canvas.tile.key}."
            raise LabelError(what, hint="Predict the image first.")
        if self.at is None:
            return self._taken(canvas, predicted, canvas.scope_slices, None, cut=False)
        seed = canvas.place(*self.at)
        if seed is None:
            return Draft.nothing(canvas, touches_border=canvas.in_plane(*self.at))
        value = predicted[seed]

        def same(rows: slice, columns: slice) -> NDArray[np.bool_]:
            return np.asarray(predicted[rows, columns] == value)

        region = region_at(same, canvas.tile.shape, seed, corners=True)
        cut = region.leaves(canvas)
        return self._taken(canvas, predicted, region.box, region.mask, cut=cut)

    def _taken(
        self,
        canvas: Canvas,
        predicted: NDArray[np.integer],
        box: tuple[slice, slice],
        mask: NDArray[np.bool_] | None,
        *,
        cut: bool,
    ) -> Draft:
        here = predicted[box]
        wanted = here != 0 if self.value is None else here == self.value
        wanted &= here != 0
        for limit in (mask, None if canvas.selection is None else canvas.selection[box]):
            if limit is not None:
                wanted &= limit
        checked_value(canvas, int(here.max(initial=0, where=wanted)))
        values = np.where(wanted, here, canvas.labels[box])
        return Draft(box[0].start, box[1].start, values, cut)
