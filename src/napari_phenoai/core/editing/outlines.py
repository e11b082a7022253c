"""Tools that move outlines: grow, shrink, smooth."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from napari_phenoai.core.editing.discs import (
    commonest,
    core_px,
    meets_another,
    nearest,
    rims,
    spread,
)
from napari_phenoai.core.editing.regions import object_at
from napari_phenoai.core.editing.tool import Draft, Tool
from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.editing.canvas import Canvas
    from napari_phenoai.core.editing.regions import Region

__all__ = ["Grow", "Shrink", "Smooth"]


@dataclass(frozen=True)
class _Outline(Tool):
    """What the three have in common.

    Parameters
    ----------
    px : int
        How far, in pixels.
    at : (y, x), optional
        Only the object, or connected region of a class, that has this pixel.
    value : int, optional
        Only this object or class; ignored with `at`.
    """

    px: int
    at: tuple[int, int] | None = None
    value: int | None = None

    def __post_init__(self) -> None:
        if self.px < 1:
            hint = "Give a distance of 1 px or more."
            raise InputError(f"An outline cannot be moved by {self.px} px.", hint=hint)

    def draft(self, canvas: Canvas) -> Draft:
        """Return the labels with the outlines moved."""
        if self.at is None:
            margin = self.reach_px
            rows = _wider(canvas.scope_slices[0], margin, canvas.tile.height)
            columns = _wider(canvas.scope_slices[1], margin, canvas.tile.width)
            values = self._moved(canvas, rows, columns, None)
            return Draft(rows.start, columns.start, values, canvas.lacks(margin))
        region = object_at(canvas, *self.at)
        if region is None:
            missing = canvas.place(*self.at) is None and canvas.in_plane(*self.at)
            return Draft.nothing(canvas, touches_border=missing)
        margin = self.reach_px + self.px
        rows = _wider(region.rows, margin, canvas.tile.height)
        columns = _wider(region.columns, margin, canvas.tile.width)
        cut = canvas.leaves(*region.box, margin)
        return Draft(
            rows.start,
            columns.start,
            self._moved(canvas, rows, columns, region),
            touches_border=cut,
        )

    @abstractmethod
    def _moved(
        self, canvas: Canvas, rows: slice, columns: slice, region: Region | None
    ) -> NDArray[Any]:
        """Return the new labels of a box; only those of `region` change if it is given."""

    def _wanted(self, values: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return mask if self.value is None else mask & (values == self.value)


@dataclass(frozen=True)
class Grow(_Outline):
    """Let objects grow into the background.

    Each pixel of background takes the value of the nearest object, the lowest of several
    as near, if that is not farther than `px`: objects never grow over or past each other.

    Parameters
    ----------
    unlabelled : bool
        Whether they grow into what is unlabelled, too.
    """

    name: ClassVar[str] = "grow"
    tip: ClassVar[str] = "Lets an object grow into the background."

    unlabelled: bool = False

    @property
    def covers_unlabelled(self) -> bool:
        """Whether unlabelled pixels are grown over."""
        return self.unlabelled

    @property
    def reach_px(self) -> int:
        """As far as it grows."""
        return self.px

    def _moved(
        self, canvas: Canvas, rows: slice, columns: slice, region: Region | None
    ) -> NDArray[Any]:
        labels = canvas.labels[rows, columns]
        front = canvas.front(labels)
        sources = front
        if region is not None:
            sources = region.within(rows, columns)
        elif self.value is not None:
            sources = front & (labels == self.value)
        free = np.asarray(labels == canvas.ground)
        if self.unlabelled:
            free |= labels == 0
        places = np.flatnonzero(spread(sources, self.px) & free)
        found, own = nearest(labels, front, sources, places, self.px)
        values = labels.copy()
        values.ravel()[places[own]] = found[own]
        return values


@dataclass(frozen=True)
class Shrink(_Outline):
    """Take away the rim of objects.

    Pixels with another value within `px` become background; the border of the plane
    takes nothing away.

    Parameters
    ----------
    into : int, optional
        What the rim becomes; without it, background.
    """

    name: ClassVar[str] = "shrink"
    tip: ClassVar[str] = "Takes away the rim of an object."

    into: int | None = None

    @property
    def reach_px(self) -> int:
        """As far as it shrinks."""
        return self.px

    def _moved(
        self, canvas: Canvas, rows: slice, columns: slice, region: Region | None
    ) -> NDArray[Any]:
        labels = canvas.labels[rows, columns]
        mask = self._wanted(labels, canvas.front(labels))
        if region is not None:
            mask = region.within(rows, columns)
        into = canvas.ground if self.into is None else self.into
        rim = mask & meets_another(labels, self.px)
        return np.asarray(Draft.painted(canvas, (rows, columns), rim, into).values)


@dataclass(frozen=True)
class Smooth(_Outline):
    """Smooth outlines: each pixel takes the commonest value within `px`.

    Unlabelled pixels neither change nor count. Of values that are as common the pixel's
    own wins, else the lowest. With `at` or `value`, only pixels that belong to it before
    or after change.
    """

    name: ClassVar[str] = "smooth"
    tip: ClassVar[str] = "Smooths the outline of an object."

    @property
    def reach_px(self) -> int:
        """The radius in which values are counted."""
        return self.px

    def _moved(
        self, canvas: Canvas, rows: slice, columns: slice, region: Region | None
    ) -> NDArray[Any]:
        labels = canvas.labels[rows, columns]
        near = spread(rims(labels), core_px(self.px)) & (labels != 0)
        only = self.value
        if region is not None:
            mask = region.within(rows, columns)
            near &= spread(mask, self.px)
            only = int(labels[mask][0])
        places = np.flatnonzero(near)
        old = labels.ravel()[places]
        new = commonest(labels, places, self.px)
        if only is not None:
            new = np.where((old == only) | (new == only), new, old)
        values = labels.copy()
        values.ravel()[places] = new
        return values


def _wider(part: slice, margin: int, limit: int) -> slice:
    return slice(max(part.start - margin, 0), min(part.stop + margin, limit))
