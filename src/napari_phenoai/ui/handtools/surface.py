"""The surface: the labels that tools work on, a tile of the queue or a window anywhere."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.editing import Canvas
from napari_phenoai.core.editing.superpixels import BLOCK_PX

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.ui.layers import TileLayers
    from napari_phenoai.ui.session import Session

__all__ = ["Surface", "surface_of"]


@dataclass(eq=False)
class Surface:
    """One tile or window with all that tools look at.

    Parameters
    ----------
    tile : Tile
        Where it lies.
    plane : tuple of int
        Rows and columns of the image.
    labels : ndarray of uint8 or uint32, shape (height, width)
        The classes, or the objects, as they are painted; tools get a copy.
    background : int
        Class of what is none of the others.
    unknown : bool
        Whether what is not painted is unlabelled, and not background: then tools take
        unlabelled pixels as background.
    read_pixels : callable
        Returns the image ``(c, height, width)`` of a tile; called in a thread.
    read_prediction : callable
        Returns the predicted classes ``(height, width)`` or None; called in a thread, once.
    next_id : int, optional
        The id of the next new object, where the labels are objects.
    roams : bool
        Whether it is a window, which another one of the same plane may follow.
    """

    tile: Tile
    plane: tuple[int, int]
    labels: NDArray[Any]
    background: int
    unknown: bool
    read_pixels: Callable[[Tile], NDArray[Any]]
    read_prediction: Callable[[], NDArray[Any] | None]
    next_id: int | None = None
    roams: bool = False
    _pixels: NDArray[Any] | None = field(default=None, init=False)
    _blocks: NDArray[Any] | None = field(default=None, init=False)
    _prediction: NDArray[Any] | None = field(default=None, init=False)

    def canvas(self, labels: NDArray[Any], locked: frozenset[int], needs: frozenset[str]) -> Canvas:
        """Return what a tool works on; called in a thread.

        Parameters
        ----------
        labels : ndarray of uint8 or uint32, shape (height, width)
            A copy of `labels`, made on the main thread.
        locked : frozenset of int
            Label values whose pixels stay as they are.
        needs : frozenset of str
            ``pixels``, ``prediction``, ``blocks`` (pixels as far as the blocks of
            superpixels go that have a part of the tile), or none.
        """
        if "blocks" in needs:
            return self._wide(labels, locked)
        if "pixels" in needs and self._pixels is None:
            self._pixels = np.asarray(self.read_pixels(self.tile))
        if "prediction" in needs and self._prediction is None:
            self._prediction = self.read_prediction()
        return Canvas(
            self.tile,
            self.plane,
            labels,
            objects=labels.dtype != np.uint8,
            background=self.background,
            next_id=self.next_id,
            locked=locked,
            pixels=self._pixels,
            prediction=self._prediction,
            scope=self.tile,
        )

    def _wide(self, labels: NDArray[Any], locked: frozenset[int]) -> Canvas:
        """Return a canvas of whole blocks; nothing outside the tile can change."""
        tile = self.tile
        y, x = tile.y // BLOCK_PX * BLOCK_PX, tile.x // BLOCK_PX * BLOCK_PX
        y1, x1 = min(-(-tile.y1 // BLOCK_PX) * BLOCK_PX, self.plane[0]), self.plane[1]
        x1 = min(-(-tile.x1 // BLOCK_PX) * BLOCK_PX, x1)
        whole = replace(tile, y=y, x=x, height=y1 - y, width=x1 - x)
        if self._blocks is None:
            self._blocks = np.asarray(self.read_pixels(whole))
        padded = np.zeros(whole.shape, labels.dtype)
        row, column = tile.y - y, tile.x - x
        padded[row : row + tile.height, column : column + tile.width] = labels
        return Canvas(
            whole,
            self.plane,
            padded,
            objects=labels.dtype != np.uint8,
            background=self.background,
            next_id=self.next_id,
            locked=locked,
            pixels=self._blocks,
            scope=tile,
        )

    @property
    def home(self) -> str:
        """Where a change that was asked for here may still be made: this tile, or this plane."""
        return f"{self.tile.image}@{self.tile.z}" if self.roams else self.tile.key

    def same_as(self, other: Surface | None) -> bool:
        """Tell whether two are the same labels at the same place."""
        return other is not None and self.tile == other.tile and self.labels is other.labels


def surface_of(session: Session, layers: TileLayers) -> Surface | None:
    """Return the labels that can be painted now; None while there are none."""
    project, painting, desk = session.project, session.painting, session.desk
    if project is None or layers.tile is None:
        return None
    background = project.scheme.background
    if painting is not None and session.paints_anywhere:
        window = painting.window
        served = session.standing.served
        if window is None or layers.tile.data is not window.painted:
            return None
        tile = window.tile

        def predicted() -> NDArray[Any] | None:
            if served is None or window.objects is not None:
                return None
            values = project.predictions(tile.image, served.id).classes(tile)
            return np.where(values == 255, 0, values).astype(np.uint8)

        return Surface(
            tile,
            painting.plane,
            window.painted,
            background,
            unknown=True,
            read_pixels=lambda part: project.source(part.image).read(part),
            read_prediction=predicted,
            roams=True,
            next_id=None if window.objects is None else window.objects.next_id,
        )
    if desk is None or layers.tile.data is not desk.labels:
        return None
    tile, proposal = desk.tile, desk.proposal
    return Surface(
        tile,
        project.image(tile.image).plane,
        desk.labels,
        background,
        unknown=desk.paint_only or not desk.has_prediction,
        read_pixels=lambda part: project.source(part.image).read(part),
        read_prediction=lambda: proposal.values if proposal.values.any() else None,
        next_id=None if desk.objects is None else desk.objects.next_id,
    )
