"""Which object is where in an exported image: people's, and predicted ones beside them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.object_table import FIRST_OBJECT, ObjectTable
from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.object_sizes import ObjectSizes
    from napari_phenoai.core.traits import ClassTraits
    from napari_phenoai.io.export.planes import Planes

__all__ = ["ObjectPlanes", "objects_in"]


class ObjectPlanes:
    """The objects of one image, read block by block.

    Parameters
    ----------
    planes : Planes
        The image, and where its values come from.

    Raises
    ------
    InputError
        If predicted objects are wanted that were not parted yet.
    """

    def __init__(self, planes: Planes) -> None:
        self.planes = planes
        record, project = planes.record, planes.project
        empty = ObjectTable.over((), {})
        people = project.labels(record.id).table if planes.source != "predictions" else None
        self._people = people or empty
        self._predicted, self._after = empty, self._people.next_id - FIRST_OBJECT
        store = None
        if planes.source != "labels" and planes.card is not None:
            store = project.predictions(record.id, planes.card.id)
        if store is not None and store.exists:
            if not store.objects.fits(project.spec):
                what = f"What {store.path.name} says of {record.name} has no objects yet."
                hint = "Run phenoai objects, which parts what is predicted into objects."
                raise InputError(what, hint=hint)
            self._predicted = store.objects.table
        self._store = store if store is not None and store.exists else None

    @property
    def dtype(self) -> type[np.unsignedinteger[Any]]:
        """The smallest type that holds all ids: uint16 or uint32."""
        most = self._after + self._predicted.next_id
        return np.uint16 if most <= np.iinfo(np.uint16).max else np.uint32

    def read(self, block: Tile) -> tuple[NDArray[np.uint32], int]:
        """Return the ids of a block, 0 for no object; and how many pixels have no class."""
        record, project = self.planes.record, self.planes.project
        values = np.zeros(block.shape, np.uint32)
        if self._store is not None:
            values = self._store.objects.read(block).copy()
            values[values >= FIRST_OBJECT] += np.uint32(self._after)
        if self.planes.source != "predictions":
            people = project.labels(record.id).values(block)
            values = np.where(people > 0, people, values)
        unknown = int(np.count_nonzero(values == 0))
        return np.where(values < FIRST_OBJECT, 0, values).astype(np.uint32), unknown

    def counted(
        self, traits: Sequence[ClassTraits], sizes: ObjectSizes, smallest_px: int
    ) -> list[ClassTraits]:
        """Return traits of classes with the number of objects that were measured."""
        large = [number for number, size in sizes.of.items() if size.area_px >= smallest_px]
        counts = Counter(self.class_of(number) for number in large)
        return [
            item if item.objects is None else replace(item, objects=counts[item.class_id])
            for item in traits
        ]

    def is_predicted(self, number: int) -> bool:
        """Tell whether an object comes from a model."""
        return number not in self._people.classes

    def class_of(self, number: int) -> int:
        """Return the class of an object; merged ones resolved."""
        its = self._people.classes.get(number) or self._predicted.classes[number - self._after]
        return int(self.planes.scheme.resolved(np.array([its], np.uint8))[0])


def objects_in(planes: Planes) -> ObjectPlanes | None:
    """Return the objects of an image; None in a project of classes."""
    return ObjectPlanes(planes) if planes.project.spec.has_objects else None
