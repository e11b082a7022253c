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

__all__ = ["Overlays", "open_overlays"]

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

    def put_on_desk(self, desk: Desk | None) -> None:
        """Leave the labels free where the tile is edited; show what its model says there."""
        if desk is None:
            self.labels.inlay = self.prediction.inlay = self.uncertainty.inlay = None
            return
        self.labels.inlay = (desk.tile, 0)
        self.prediction.inlay = (desk.tile, desk.proposal.labels)
        if desk.uncertainty is None:
            self.uncertainty.inlay = None
        else:
            scaled = (desk.uncertainty.clip(0, 1) * 254).astype(np.uint8)
            self.uncertainty.inlay = (desk.tile, scaled)

    def put_under(self, window: Tile) -> None:
        """Leave the labels free where a window of them is painted."""
        self.put_on_desk(None)
        self.labels.inlay = (window, 0)


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
