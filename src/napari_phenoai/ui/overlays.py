"""Overlays: people's labels, predictions and uncertainty of a whole image, for viewers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.ui.picture import read_lazily
from napari_phenoai.ui.pyramid import PatientPyramid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.io.project import Project
    from napari_phenoai.ui.blocks import BlockReader
    from napari_phenoai.ui.desk import Desk
    from napari_phenoai.ui.pyramid import Inlay

__all__ = ["Overlays", "open_overlays"]

_FREE = 0
_UNKNOWN = 255
_MEMORY_BYTES = 32 * 2**20


@dataclass(frozen=True)
class Overlays:
    """Pyramids that lie over one plane of one image.

    ``labels`` and ``prediction`` hold class values, ``uncertainty`` 0 to 254.
    The two last show the tile on the desk only while there is no model.
    """

    labels: PatientPyramid
    prediction: PatientPyramid
    uncertainty: PatientPyramid

    def named(self) -> dict[str, PatientPyramid]:
        """Return the three by name, bottom first."""
        names = ("labels", "prediction", "uncertainty")
        pyramids = (self.labels, self.prediction, self.uncertainty)
        return dict(zip(names, pyramids, strict=True))

    def put_on_desk(self, desk: Desk | None) -> bool:
        """Leave the labels free where the tile is edited; show what its model says there.

        Returns
        -------
        bool
            Whether anything looks different now.
        """
        if desk is None:
            return self._lay_in(None, None, None)
        under, doubt = self.uncertainty.inlay, desk.uncertainty
        if doubt is None:
            under = None
        elif not self._shows(desk):
            under = (desk.tile, (doubt.clip(0, 1) * 254).astype(np.uint8))
        return self._lay_in((desk.tile, _FREE), (desk.tile, desk.proposal.labels), under)

    def put_under(self, window: Tile) -> bool:
        """Leave the labels free where a window of them is painted; return as `put_on_desk`."""
        return self._lay_in((window, _FREE), None, None)

    def _shows(self, desk: Desk) -> bool:
        inlay = self.prediction.inlay
        return inlay is not None and inlay[0] == desk.tile and inlay[1] is desk.proposal.labels

    def _lay_in(self, *inlays: Inlay | None) -> bool:
        changed = False
        pyramids = (self.labels, self.prediction, self.uncertainty)
        for pyramid, inlay in zip(pyramids, inlays, strict=True):
            if not _same(pyramid.inlay, inlay):
                pyramid.inlay = inlay
                changed = True
        return changed


def open_overlays(
    project: Project, image: str, z: int, model: str | None, reader: BlockReader
) -> Overlays:
    """Return the overlays of an image of `project`, with predictions of `model`."""
    labels = project.labels(image).levels
    if model is None:
        empty = [_Nothing(level.shape) for level in labels]
        return Overlays(*(_pyramid(part, z, reader) for part in (labels, empty, empty)))
    store = project.predictions(image, model)
    parts = (labels, store.levels, store.uncertainty_levels)
    return Overlays(*(_pyramid(part, z, reader) for part in parts))


def _same(one: Inlay | None, other: Inlay | None) -> bool:
    if one is None or other is None:
        return one is other
    return one[0] == other[0] and one[1] is other[1]


class _Nothing:
    """A level of which nothing is known."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def __getitem__(self, key: tuple[Any, ...]) -> NDArray[np.uint8]:
        rows, columns = key[-2:]
        return np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.uint8)


def _pyramid(levels: Sequence[Any], z: int, reader: BlockReader) -> PatientPyramid:
    flat = len(levels[0].shape) == 2

    def read(level: int, rows: slice, columns: slice) -> NDArray[Any]:
        key = (rows, columns) if flat else (z, rows, columns)
        values = read_lazily(levels[level], *key)
        return np.where(values == _UNKNOWN, 0, values).astype(np.uint8)

    shapes = [(level.shape[-2], level.shape[-1]) for level in levels]
    dtype = np.dtype(np.uint8)
    return PatientPyramid(shapes, dtype, read, reader, memory_bytes=_MEMORY_BYTES)
