"""The window of a plane that a tool works on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.locking import locked_mask
from napari_phenoai.core.scheme import UNLABELLED
from napari_phenoai.errors import InputError, LabelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile

__all__ = ["Canvas", "checked_value"]


@dataclass(frozen=True, eq=False)
class Canvas:
    """A window of a plane, with all that tools look at.

    Parameters
    ----------
    tile : Tile
        Where the window lies.
    plane : tuple of int
        Rows and columns of the image.
    labels : ndarray of unsigned integers, shape (height, width)
        Classes (uint8) or ids of objects (uint16, uint32); 0 is unlabelled. Never changed.
    objects : bool
        Whether the labels are ids of objects, and not classes.
    background : int, optional
        The value that is neither unlabelled nor an object: class 1 unless told otherwise,
        and 0 for objects; then background and unlabelled are the same.
    locked : frozenset of int
        Values whose pixels stay as they are.
    next_id : int, optional
        Lowest id from which on all are free in the whole image. Needed to make new
        objects when the window is not the whole plane.
    pixels : ndarray, shape (c, height, width), optional
        The image.
    prediction : ndarray, shape (height, width), optional
        Like `labels`; 0 where nothing is predicted.
    selection : ndarray of bool, shape (height, width), optional
        What is selected; without it, everything.
    scope : Tile, optional
        Pixels outside it are only looked at, never changed.

    Raises
    ------
    LabelError
        If an array does not have the size of the tile.
    """

    tile: Tile
    plane: tuple[int, int]
    labels: NDArray[Any]
    objects: bool = False
    background: int | None = None
    locked: frozenset[int] = frozenset()
    next_id: int | None = None
    pixels: NDArray[Any] | None = None
    prediction: NDArray[Any] | None = None
    selection: NDArray[np.bool_] | None = None
    scope: Tile | None = None

    def __post_init__(self) -> None:
        for name in ("labels", "pixels", "prediction", "selection"):
            values = getattr(self, name)
            if values is not None and values.shape[-2:] != self.tile.shape:
                size = " x ".join(map(str, values.shape))
                what = f"The {name} of {self.tile.key} have {size} px."
                raise LabelError(what, hint=f"Give {self.tile.height} x {self.tile.width} px.")
        if self.labels.dtype.kind != "u":
            what = f"The labels of {self.tile.key} are {self.labels.dtype}."
            raise LabelError(what, hint="Give uint8, uint16 or uint32.")

    @property
    def ground(self) -> int:
        """The value that the place of something deleted gets."""
        if self.background is not None:
            return self.background
        return 0 if self.objects else 1

    @property
    def open_sides(self) -> tuple[bool, bool, bool, bool]:
        """Whether the plane goes on at the top, the left, the bottom and the right."""
        tile = self.tile
        return tile.y > 0, tile.x > 0, tile.y1 < self.plane[0], tile.x1 < self.plane[1]

    @property
    def scope_slices(self) -> tuple[slice, slice]:
        """Rows and columns of the window that may change."""
        rows, columns = self.tile.shape
        if self.scope is None:
            return slice(0, rows), slice(0, columns)
        y, x = self.scope.y - self.tile.y, self.scope.x - self.tile.x
        return (
            slice(min(max(y, 0), rows), min(max(y + self.scope.height, 0), rows)),
            slice(min(max(x, 0), columns), min(max(x + self.scope.width, 0), columns)),
        )

    def front(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Tell which of `values` are classes or objects, not unlabelled and not background."""
        mask = np.asarray(values != UNLABELLED)
        return mask if self.ground == UNLABELLED else mask & (values != self.ground)

    def loose(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Tell which of `values` are classes or objects that are not locked."""
        mask = self.front(values)
        return mask & ~locked_mask(values, self.locked) if self.locked else mask

    def place(self, y: int, x: int) -> tuple[int, int] | None:
        """Return row and column in the window of a pixel of the plane; None outside."""
        row, column = y - self.tile.y, x - self.tile.x
        inside = 0 <= row < self.tile.height and 0 <= column < self.tile.width
        return (row, column) if inside else None

    def in_plane(self, y: int, x: int) -> bool:
        """Tell whether the plane has this pixel."""
        return 0 <= y < self.plane[0] and 0 <= x < self.plane[1]

    def leaves(self, rows: slice, columns: slice, margin: int = 0) -> bool:
        """Tell whether a box of the window, `margin` px wider, touches a side that is open."""
        top, left, bottom, right = self.open_sides
        height, width = self.tile.shape
        upper = (top and rows.start - margin <= 0) or (left and columns.start - margin <= 0)
        lower = bottom and rows.stop + margin >= height
        return upper or lower or (right and columns.stop + margin >= width)

    def lacks(self, margin: int) -> bool:
        """Tell whether pixels up to `margin` px from the scope lie outside the window."""
        rows, columns = self.scope_slices
        return self.leaves(rows, columns, margin - 1) if margin > 0 else False

    def first_new_id(self, count: int) -> int:
        """Return the first of `count` ids that no object of the image has.

        Raises
        ------
        InputError
            If the window is a part of the plane and `next_id` was not given.
        LabelError
            If the ids do not fit the type of the labels.
        """
        first = self.next_id
        if first is None:
            if any(self.open_sides):
                hint = "Give next_id, the first id that is free in the whole image."
                raise InputError(f"Free ids are not known for {self.tile.key}.", hint=hint)
            first = max(int(self.labels.max(initial=0)), self.ground) + 1
        if first + count - 1 > np.iinfo(self.labels.dtype).max:
            what = f"Object {first + count - 1} does not fit {self.labels.dtype}."
            raise LabelError(what, hint="Keep the ids as uint32, or number the objects anew.")
        return first


def checked_value(canvas: Canvas, value: int) -> int:
    """Return `value` if the labels can hold it.

    Raises
    ------
    LabelError
        If they cannot.
    """
    most = int(np.iinfo(canvas.labels.dtype).max)
    if not 0 <= value <= most:
        what = f"The value {value} does not fit labels of {canvas.labels.dtype}."
        raise LabelError(what, hint=f"Give 0 to {most}.")
    return value
