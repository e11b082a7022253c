"""Edits: changes of label pixels as values that can be kept, applied and taken back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.ids import new_id
from napari_phenoai.core.records import now
from napari_phenoai.errors import LabelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile

__all__ = ["Edit", "edit_between", "one_step"]


@dataclass(frozen=True, eq=False)
class Edit:
    """One change of label pixels.

    A pixel belongs to the edit where `before` and `after` differ; all others in the
    tile are only there to make it a rectangle, and applying the edit leaves them alone.

    Parameters
    ----------
    tile : Tile
        Where it lies; made by `edit_between`, it is the smallest box round the pixels.
    before, after : ndarray of integers, shape (height, width)
        The values, both of the same type.
    tool : str
        What made it: ``brush``, ``eraser``, ``fill``, ``polygon``, ``review``,
        ``import``, ``undo``, ``redo``.
    author : str
        Who made it.
    at : datetime
        When, in UTC.
    id : str
        Its name, which sorts by time.
    objects : mapping of int to (int, int)
        Objects whose class it changes: from id to the class before and after, 0 where the
        object is not there. Empty where labels are classes.
    more : tuple of Edit
        What it changes in other planes of the same stack: one step, taken back at once.
        `before`, `after`, `changed` and `apply` speak of the plane of `tile` only.

    Raises
    ------
    LabelError
        If the arrays do not fit the tile or each other, or if two of the planes are one.

    Examples
    --------
    >>> from napari_phenoai.core.geometry import Tile
    >>> old, new = np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8)
    >>> new[1, 2] = 3
    >>> edit = edit_between(Tile("leaf", 10, 20, 4, 4), old, new, tool="brush")
    >>> edit.tile.key, edit.pixels
    ('leaf@0,11,22,1,1', 1)
    """

    tile: Tile
    before: NDArray[np.integer[Any]]
    after: NDArray[np.integer[Any]]
    tool: str = ""
    author: str = ""
    at: datetime = field(default_factory=now)
    id: str = field(default_factory=new_id)
    objects: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    more: tuple[Edit, ...] = ()

    def __post_init__(self) -> None:
        self._check_planes()
        fits = self.before.shape == self.after.shape == self.tile.shape
        if fits and self.before.dtype == self.after.dtype and self.before.dtype.kind in "ui":
            return
        found = f"{_said(self.before)} before and {_said(self.after)} after"
        hint = f"Give whole numbers of one type, {self.tile.height} x {self.tile.width}."
        raise LabelError(f"The edit of {self.tile.key} has {found}.", hint=hint)

    @property
    def changed(self) -> NDArray[np.bool_]:
        """Which pixels ``(height, width)`` belong to it."""
        return np.asarray(self.before != self.after)

    @property
    def pixels(self) -> int:
        """How many pixels it changes, in all planes."""
        return int(np.count_nonzero(self.changed)) + sum(other.pixels for other in self.more)

    @property
    def planes(self) -> tuple[Edit, ...]:
        """What it changes in each plane, as edits without `more`; the first has its own id."""
        return (replace(self, more=()), *self.more) if self.more else (self,)

    def inverse(self, *, tool: str = "undo", author: str | None = None) -> Edit:
        """Return the edit that takes this one back: new id, made now, by the same author."""
        return Edit(
            self.tile,
            before=self.after,
            after=self.before,
            tool=tool,
            author=self.author if author is None else author,
            objects={number: (new, old) for number, (old, new) in self.objects.items()},
            more=tuple(other.inverse(tool=tool, author=author) for other in self.more),
        )

    def apply(self, values: NDArray[Any], *, y: int = 0, x: int = 0) -> None:
        """Set the pixels of the edit in an array that shows a part of the same plane.

        Parameters
        ----------
        values : ndarray, shape (rows, columns)
            Changed in place; what of the edit lies outside is left out.
        y, x : int
            Row and column in the image of its first pixel.
        """
        rows, own_rows = _overlap(self.tile.y - y, self.tile.height, values.shape[0])
        columns, own_columns = _overlap(self.tile.x - x, self.tile.width, values.shape[1])
        after = self.after[own_rows, own_columns]
        mask = after != self.before[own_rows, own_columns]
        np.copyto(values[rows, columns], after, where=mask, casting="unsafe")

    def parts(self, size: int) -> Iterator[Edit]:
        """Cut the edit along a grid of `size` pixels; yield what lies in each cell of a plane.

        Each part is the smallest box round the pixels in its cell; cells without
        any yield nothing, so a long thin stroke stays small.
        """
        for top in range(self.tile.y // size * size, self.tile.y1, size):
            for left in range(self.tile.x // size * size, self.tile.x1, size):
                part = self._within(top, left, size)
                if part is not None:
                    yield part
        for other in self.more:
            yield from other.parts(size)

    def _within(self, top: int, left: int, size: int) -> Edit | None:
        rows = slice(max(top - self.tile.y, 0), min(top + size - self.tile.y, self.tile.height))
        columns = slice(max(left - self.tile.x, 0), min(left + size - self.tile.x, self.tile.width))
        return self._cut(rows, columns)

    def _cut(self, rows: slice, columns: slice) -> Edit | None:
        """Return the smallest edit with the pixels of a window into this one; None without any."""
        box = _box(self.before[rows, columns] != self.after[rows, columns])
        if box is None:
            return None
        y, x = rows.start + box[0].start, columns.start + box[1].start
        y1, x1 = rows.start + box[0].stop, columns.start + box[1].stop
        place = replace(
            self.tile, y=self.tile.y + y, x=self.tile.x + x, height=y1 - y, width=x1 - x
        )
        before, after = self.before[y:y1, x:x1].copy(), self.after[y:y1, x:x1].copy()
        return replace(self, tile=place, before=before, after=after, more=())

    def _check_planes(self) -> None:
        places = [(self.tile.image, self.tile.z)]
        places += [(other.tile.image, other.tile.z) for other in self.more]
        alone = not any(other.more for other in self.more)
        if alone and len({image for image, _ in places}) == 1 and len(set(places)) == len(places):
            return
        what = f"The edit of {self.tile.key} and {len(self.more)} more is no edit of one stack."
        raise LabelError(what, hint="Give one change for each plane of one image.")


def edit_between(
    tile: Tile,
    before: NDArray[np.integer[Any]],
    after: NDArray[np.integer[Any]],
    *,
    tool: str = "brush",
    author: str = "",
) -> Edit | None:
    """Return the edit that leads from one state of `tile` to another; None when they are equal.

    Parameters
    ----------
    tile : Tile
        What the arrays show.
    before, after : ndarray of integers, shape (height, width)
        The two states, of the same type; what is needed of them is copied.
    tool, author : str
        What made the change, and who.

    Returns
    -------
    Edit or None
        Its tile is the smallest box round the pixels that differ.

    Raises
    ------
    LabelError
        If the arrays do not fit the tile or each other.
    """
    whole = Edit(tile, before, after, tool=tool, author=author)
    return whole._cut(slice(0, tile.height), slice(0, tile.width))  # noqa: SLF001 - of this module


def one_step(edits: Sequence[Edit], *, tool: str) -> Edit | None:
    """Return edits of different planes of one stack as one, which is undone at once.

    Parameters
    ----------
    edits : sequence of Edit
        One for each plane.
    tool : str
        What made them.

    Returns
    -------
    Edit or None
        None without any edit.

    Raises
    ------
    LabelError
        If two are of one plane, or of different images.
    """
    named = [replace(edit, tool=tool) for edit in edits]
    return replace(named[0], more=tuple(named[1:])) if named else None


def _box(mask: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return None
    columns = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _overlap(start: int, length: int, limit: int) -> tuple[slice, slice]:
    """Return where `length` pixels from `start` meet ``[0, limit)``: there, and in themselves."""
    first, last = max(start, 0), max(min(start + length, limit), 0)
    last = max(first, last)
    return slice(first, last), slice(first - start, last - start)


def _said(values: NDArray[Any]) -> str:
    return f"{' x '.join(map(str, values.shape))} {values.dtype}"
