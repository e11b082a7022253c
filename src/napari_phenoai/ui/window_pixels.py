"""The pixels of an edit window: as they are painted, and as they are known to be on the disk."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.edits import Edit, edit_between
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.locking import protected
from napari_phenoai.core.window import changed_box

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from numpy.typing import NDArray

    from napari_phenoai.ui.objects_held import HeldObjects

__all__ = ["WindowPixels", "common_part"]


class WindowPixels:
    """Labels of one window, with what has been made of them since they were read.

    Parameters
    ----------
    tile : Tile
        Where the window lies.
    pixels : ndarray of uint8 or uint32, shape (height, width)
        As they were read from the disk; kept, and painted in place.
    waiting : iterable of Edit
        What was painted since then, oldest first: it is laid over them.
    objects : HeldObjects, optional
        The objects in it, where labels are objects.

    Attributes
    ----------
    painted : ndarray of uint8 or uint32, shape (height, width)
        What a layer shows and paints.
    """

    def __init__(
        self,
        tile: Tile,
        pixels: NDArray[Any],
        waiting: Iterable[Edit] = (),
        objects: HeldObjects | None = None,
    ) -> None:
        self.tile = tile
        self.objects = objects
        self.painted = pixels
        for edit in waiting:
            self._lay(edit, pixels)
        self._known = pixels.copy()

    def edit(self, box: tuple[slice, slice] | None, tool: str, author: str) -> Edit | None:
        """Return what was painted since the last time; None when nothing was.

        Parameters
        ----------
        box : tuple of slice or None
            Rows and columns outside which nothing has changed; without it all of them
            are compared, by chunk.
        tool, author : str
            What it was painted with, and by whom.
        """
        box = self._changed(box)
        if box is None:
            return None
        before, after = self._known[box], self.painted[box]
        if self.objects is not None:
            self.objects.follow(before, after)
        edit = edit_between(self._part(box), before, after, tool=tool, author=author)
        if edit is not None and self.objects is not None:
            edit = replace(edit, objects=self.objects.named_in(edit.after[edit.changed]))
        if edit is not None:
            self._lay(edit, self._known)
        return edit

    def named(self, number: int, before: int, after: int, author: str) -> Edit | None:
        """Return an edit that gives an object another class; None where it has no pixel here."""
        rows, columns = np.nonzero(self.painted == number)
        if not len(rows):
            return None
        box = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
        values = self.painted[box].copy()
        return Edit(
            self._part(box), values, values, "class", author, objects={number: (before, after)}
        )

    def restore(self, box: tuple[slice, slice] | None, locked: Collection[int]) -> bool:
        """Take back what was painted since the last time over pixels that are locked.

        Parameters
        ----------
        box : tuple of slice or None
            As of `edit`.
        locked : collection of int
            Label values that must stay where they are.

        Returns
        -------
        bool
            Whether there were any.
        """
        box = self._changed(box) if locked else None
        if box is None:
            return False
        painted = self.painted[box]
        kept = protected(self._known[box], painted, locked)
        if np.array_equal(kept, painted):
            return False
        painted[...] = kept
        return True

    def take_in(self, edit: Edit, waiting: Iterable[Edit] = ()) -> bool:
        """Show a change that was made elsewhere; return whether pixels are others now.

        `waiting` are edits that came later than `edit`.
        """
        if not self.tile.intersects(edit.tile):
            return False
        if self.objects is not None:
            self.objects.hear(edit)
        part = common_part(self.tile, edit.tile)
        values = self._known[self._box(part)].copy()
        edit.apply(values, y=part.y, x=part.x)
        return self.renew(part, values, waiting)

    def renew(self, part: Tile, values: NDArray[Any], waiting: Iterable[Edit] = ()) -> bool:
        """Take over `values` of a part of the window; return whether pixels are others now.

        Pixels of `waiting` edits and of a stroke under way stay as they are painted.
        """
        if not self.tile.intersects(part) or common_part(self.tile, part) != part:
            return False
        for edit in waiting:
            if part.intersects(edit.tile):
                edit.apply(values, y=part.y, x=part.x)
        box = self._box(part)
        known, painted = self._known[box], self.painted[box]
        changed = (known != values) & (painted == known)
        known[...] = values
        painted[changed] = values[changed]
        return bool(changed.any())

    def _changed(self, box: tuple[slice, slice] | None) -> tuple[slice, slice] | None:
        """Return `box` within the window, or else one round all changes; None when it is empty."""
        if box is None:
            return changed_box(self._known, self.painted)
        rows, columns = _clipped(box[0], self.tile.height), _clipped(box[1], self.tile.width)
        return None if rows.start == rows.stop or columns.start == columns.stop else (rows, columns)

    def _lay(self, edit: Edit, pixels: NDArray[Any]) -> None:
        if self.tile.intersects(edit.tile):
            edit.apply(pixels, y=self.tile.y, x=self.tile.x)

    def _box(self, part: Tile) -> tuple[slice, slice]:
        y, x = part.y - self.tile.y, part.x - self.tile.x
        return slice(y, y + part.height), slice(x, x + part.width)

    def _part(self, box: tuple[slice, slice]) -> Tile:
        rows, columns = box
        height, width = rows.stop - rows.start, columns.stop - columns.start
        y, x = self.tile.y + rows.start, self.tile.x + columns.start
        return Tile(self.tile.image, y, x, height, width, self.tile.z)


def _clipped(part: slice, size: int) -> slice:
    start, stop, _ = part.indices(size)
    return slice(start, max(start, stop))


def common_part(one: Tile, other: Tile) -> Tile:
    """Return the part that two tiles share; they must intersect.

    Examples
    --------
    >>> common_part(Tile("leaf", 0, 0, 8, 8), Tile("leaf", 4, 6, 8, 8)).key
    'leaf@0,4,6,4,2'
    """
    y, x = max(one.y, other.y), max(one.x, other.x)
    height, width = min(one.y1, other.y1) - y, min(one.x1, other.x1) - x
    return Tile(one.image, y, x, height, width, one.z)
