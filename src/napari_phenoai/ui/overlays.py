"""Overlays: people's labels, predictions and uncertainty of a whole image, for viewers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.object_table import ObjectTable
from napari_phenoai.ui.objects_colours import coded
from napari_phenoai.ui.picture import read_lazily
from napari_phenoai.ui.pyramid import PatientPyramid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_phenoai.core.edits import Edit
    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.io.predicted_objects import PredictedObjects
    from napari_phenoai.io.project import Project
    from napari_phenoai.loop.proposing import Proposal
    from napari_phenoai.ui.blocks import BlockReader
    from napari_phenoai.ui.desk import Desk
    from napari_phenoai.ui.pyramid import Inlay

__all__ = ["Overlays", "open_overlays"]

_FREE = 0
_UNKNOWN = 255
_MEMORY_BYTES = 32 * 2**20


def _no_table() -> None:
    """Labels are classes."""


@dataclass(frozen=True)
class Overlays:
    """Pyramids that lie over one plane of one image.

    ``labels`` and ``prediction`` hold class values, or what `coded` gives where labels are
    objects; ``uncertainty`` 0 to 254. The two last show the tile on the desk only while
    there is no model.
    """

    labels: PatientPyramid
    prediction: PatientPyramid
    uncertainty: PatientPyramid
    table: Callable[[], ObjectTable | None] = _no_table
    _drawn: list[tuple[Proposal, NDArray[Any]]] = field(default_factory=list)

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
        return self._lay_in((desk.tile, _FREE), (desk.tile, self._proposed(desk)), under)

    def put_under(self, window: Tile) -> bool:
        """Leave the labels free where a window of them is painted; return as `put_on_desk`."""
        return self._lay_in((window, _FREE), None, None)

    def paint(self, edit: Edit) -> None:
        """Show a change of the labels at once, before it can be read."""
        table = self.table()
        if table is not None:
            named = {number: its for number, (_, its) in edit.objects.items()}
            table = table.but(named)
            before, after = coded(edit.before, table), coded(edit.after, table)
            edit = replace(edit, before=before, after=after, objects={})
        self.labels.paint(edit)

    def _proposed(self, desk: Desk) -> NDArray[Any]:
        """Return the proposal as it is drawn, the same array for the same proposal."""
        proposal = desk.proposal
        if proposal.ids is None:
            return proposal.labels
        if not self._drawn or self._drawn[0][0] is not proposal:
            table = ObjectTable.over(np.unique(proposal.labels).tolist(), proposal.objects)
            self._drawn[:] = [(proposal, coded(proposal.ids, table))]
        return self._drawn[0][1]

    def _shows(self, desk: Desk) -> bool:
        inlay = self.prediction.inlay
        here = inlay is not None and inlay[0] == desk.tile
        return here and inlay is not None and inlay[1] is self._proposed(desk)

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
    store = project.labels(image)
    labels: Sequence[Any] = store.levels
    predicted: Sequence[Any] = [_Nothing(level.shape) for level in labels]
    doubt = predicted
    if model is not None:
        found = project.predictions(image, model)
        predicted, doubt = found.levels, found.uncertainty_levels
    if not project.spec.has_objects:
        below, above = _pyramid(labels, z, reader), _pyramid(predicted, z, reader)
        return Overlays(below, above, _pyramid(doubt, z, reader))
    labels = _coded_levels(store.value_levels, labels, lambda: store.table)
    if model is not None:
        parted = found.objects
        table = partial(_table_of, parted)
        predicted = _coded_levels(parted.levels, predicted, table)
    below = _pyramid(labels, z, reader, np.uint16)
    above = _pyramid(predicted, z, reader, np.uint16)
    return Overlays(below, above, _pyramid(doubt, z, reader), lambda: store.table)


def _table_of(parted: PredictedObjects) -> ObjectTable | None:
    """Return the classes of predicted objects; None while they are not whole."""
    return parted.table if parted.complete else None


def _coded_levels(
    ids: Sequence[Any], classes: Sequence[Any], table: Callable[[], ObjectTable | None]
) -> list[_Coded]:
    return [_Coded(*pair, table) for pair in zip(ids, classes, strict=True)]


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


class _Coded:
    """A level of objects as it is drawn: as classes while there are no objects."""

    def __init__(self, ids: Any, classes: Any, table: Callable[[], ObjectTable | None]) -> None:
        self.shape = classes.shape
        self._ids = ids
        self._classes = classes
        self._table = table

    def __getitem__(self, key: tuple[Any, ...]) -> NDArray[Any]:
        table = self._table()
        if table is None:
            return read_lazily(self._classes, *key)
        return coded(read_lazily(self._ids, *key), table)


def _pyramid(
    levels: Sequence[Any],
    z: int,
    reader: BlockReader,
    dtype: type[np.unsignedinteger[Any]] = np.uint8,
) -> PatientPyramid:
    flat = len(levels[0].shape) == 2

    def read(level: int, rows: slice, columns: slice) -> NDArray[Any]:
        key = (rows, columns) if flat else (z, rows, columns)
        values = read_lazily(levels[level], *key)
        return np.where(values == _UNKNOWN, 0, values).astype(dtype)

    shapes = [(level.shape[-2], level.shape[-1]) for level in levels]
    return PatientPyramid(shapes, np.dtype(dtype), read, reader, memory_bytes=_MEMORY_BYTES)
