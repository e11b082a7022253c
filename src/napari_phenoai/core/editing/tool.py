"""Tools as requests, what they would do, and what comes of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from napari_phenoai.core.context import grown
from napari_phenoai.core.editing.canvas import checked_value
from napari_phenoai.core.edits import edit_between
from napari_phenoai.core.locking import protected
from napari_phenoai.core.scheme import UNLABELLED

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_phenoai.core.editing.canvas import Canvas
    from napari_phenoai.core.edits import Edit
    from napari_phenoai.core.geometry import Tile

__all__ = ["Draft", "Outcome", "Tool", "settled", "use"]

_FEW = 16
"""Where fewer than one pixel in so many changes, only those are checked for locks."""


@dataclass(frozen=True, eq=False)
class Draft:
    """What a tool would do, before locks and scope.

    Parameters
    ----------
    y, x : int
        First row and column in the window.
    values : ndarray, shape (rows, columns)
        The new values there.
    touches_border : bool
        Whether what it depends on may go on outside the window.
    """

    y: int
    x: int
    values: NDArray[Any]
    touches_border: bool = False

    @classmethod
    def nothing(cls, canvas: Canvas, *, touches_border: bool = False) -> Draft:
        """Return the draft that changes nothing."""
        return cls(0, 0, canvas.labels[:0, :0], touches_border)

    @classmethod
    def painted(
        cls,
        canvas: Canvas,
        box: tuple[slice, slice],
        mask: NDArray[np.bool_],
        value: int,
        *,
        touches_border: bool = False,
    ) -> Draft:
        """Return the draft that gives the pixels of `mask` in a box of the window one value."""
        checked_value(canvas, value)
        values = canvas.labels[box].copy()
        values[mask] = value
        return cls(box[0].start, box[1].start, values, touches_border)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a tool does to a window.

    Parameters
    ----------
    tile : Tile or None
        The box that may have changed; None when nothing has.
    before, after : ndarray, shape (rows, columns)
        The values in that box.
    touches_border : bool
        False: all that changes lies in the window, and a larger window gives the
        same. True: it may not; ask again with a larger one (`settled`).
    tool : str
        The name of the tool.
    """

    tile: Tile | None
    before: NDArray[Any]
    after: NDArray[Any]
    touches_border: bool
    tool: str = ""

    @property
    def pixels(self) -> int:
        """How many pixels change."""
        return int(np.count_nonzero(self.before != self.after))

    def applied(self, canvas: Canvas) -> NDArray[Any]:
        """Return the labels of `canvas` after the change; the canvas is left as it is."""
        values = canvas.labels.copy()
        if self.tile is not None:
            y, x = self.tile.y - canvas.tile.y, self.tile.x - canvas.tile.x
            values[y : y + self.tile.height, x : x + self.tile.width] = self.after
        return values

    def edit(self, author: str = "") -> Edit | None:
        """Return the change as an edit, one step of undo; None when nothing changes."""
        if self.tile is None:
            return None
        return edit_between(self.tile, self.before, self.after, tool=self.tool, author=author)


@dataclass(frozen=True)
class Tool(ABC):
    """A request: which tool, where and how, as a value that can be kept and done again.

    All places are in pixels of the plane, so that a request means the same in every
    window. Subclasses are frozen dataclasses.
    """

    name: ClassVar[str]
    """Short name; the one that the edit carries."""

    tip: ClassVar[str]
    """One sentence for people."""

    paints_unlabelled: ClassVar[bool] = False
    """Whether the tool paints where nothing is labelled; others leave such pixels alone."""

    @property
    def covers_unlabelled(self) -> bool:
        """Whether this request may label what is unlabelled."""
        return self.paints_unlabelled

    @property
    def reach_px(self) -> int:
        """Pixels round the scope that always count; tools on objects may need more."""
        return 0

    @abstractmethod
    def draft(self, canvas: Canvas) -> Draft:
        """Return the change without regard to locks, scope and unlabelled pixels."""


def use(tool: Tool, canvas: Canvas) -> Outcome:
    """Apply a tool to a window; also the preview, as nothing is changed.

    Locked values keep their pixels, nothing outside the scope changes, and unlabelled
    pixels stay unlabelled unless it is the tool's purpose to paint there.

    Parameters
    ----------
    tool : Tool
        What to do.
    canvas : Canvas
        Where.

    Returns
    -------
    Outcome
        Look at `Outcome.touches_border` before it is kept.

    Raises
    ------
    InputError, LabelError
        If the canvas lacks what the tool needs, or a value does not fit.
    """
    draft = tool.draft(canvas)
    rows, columns = canvas.scope_slices
    top, left = max(draft.y, rows.start), max(draft.x, columns.start)
    bottom = min(draft.y + draft.values.shape[0], rows.stop)
    right = min(draft.x + draft.values.shape[1], columns.stop)
    if bottom <= top or right <= left:
        none = canvas.labels[:0, :0]
        return Outcome(None, none, none, draft.touches_border, tool.name)
    values = draft.values[top - draft.y : bottom - draft.y, left - draft.x : right - draft.x]
    before = canvas.labels[top:bottom, left:right]
    after = _limited(canvas, before, values, covers_unlabelled=tool.covers_unlabelled)
    tile = replace(
        canvas.tile,
        y=canvas.tile.y + top,
        x=canvas.tile.x + left,
        height=bottom - top,
        width=right - left,
    )
    return Outcome(tile, before.copy(), after, draft.touches_border, tool.name)


def _limited(
    canvas: Canvas, before: NDArray[Any], values: NDArray[Any], *, covers_unlabelled: bool
) -> NDArray[Any]:
    """Return the values where they may be, else those before."""
    after = values.astype(before.dtype)
    spare = canvas.ground == UNLABELLED or covers_unlabelled
    if spare and not canvas.locked:
        return after
    changed = after != before
    if np.count_nonzero(changed) > after.size // _FEW:
        return _spared(canvas, before, after, spare=spare)
    places = np.nonzero(changed)
    after[places] = _spared(canvas, before[places], after[places], spare=spare)
    return after


def _spared(
    canvas: Canvas, before: NDArray[Any], after: NDArray[Any], *, spare: bool
) -> NDArray[Any]:
    if not spare:
        after = np.where(before == UNLABELLED, before, after)
    return protected(before, after, canvas.locked) if canvas.locked else after


def settled(
    tool: Tool,
    read: Callable[[Tile], Canvas],
    tile: Tile,
    plane: tuple[int, int],
    *,
    most_px: int = 8192,
) -> Outcome:
    """Apply a tool in a window that is made larger until the result does not depend on it.

    Parameters
    ----------
    tool : Tool
        What to do.
    read : callable
        Returns the canvas of a tile; its scope, if any, must stay the same.
    tile : Tile
        The window to begin with; it is first grown by what the tool reaches.
    plane : tuple of int
        Rows and columns of the image.
    most_px : int
        No window becomes longer or wider than this.

    Returns
    -------
    Outcome
        `Outcome.touches_border` is still true when `most_px` was not enough.
    """
    window = grown(tile, tool.reach_px, plane)
    outcome = use(tool, read(window))
    while outcome.touches_border:
        wider = grown(window, max(*window.shape, 32) // 2, plane)
        if wider == window or max(wider.shape) > most_px:
            break
        window = wider
        outcome = use(tool, read(window))
    return outcome
