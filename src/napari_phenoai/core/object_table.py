"""Which object has which class."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.errors import LabelError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

__all__ = ["ObjectTable"]


@dataclass(frozen=True)
class ObjectTable:
    """The class of each object, by its id.

    Parameters
    ----------
    classes : mapping of int to int
        From id to class. Id 0 is unlabelled and has none.

    Examples
    --------
    >>> table = ObjectTable({1: 2, 2: 3})
    >>> table.as_classes(np.array([[0, 1], [2, 2]], np.uint16)).tolist()
    [[0, 2], [3, 3]]
    >>> sorted(table.ids_of({3})), table.next_id
    ([2], 3)
    """

    classes: Mapping[int, int] = field(default_factory=dict)

    @property
    def next_id(self) -> int:
        """The lowest id from which on all are free."""
        return max(self.classes, default=0) + 1

    def ids_of(self, classes: Collection[int]) -> frozenset[int]:
        """Return the objects of some classes, for example of those that are locked."""
        return frozenset(number for number, its in self.classes.items() if its in classes)

    def as_classes(self, ids: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the class of each pixel.

        Parameters
        ----------
        ids : ndarray of unsigned integers, any shape
            Ids of objects; 0 where unlabelled.

        Raises
        ------
        LabelError
            If an id is not in the table.
        """
        present, places = np.unique(ids, return_inverse=True)
        missing = [number for number in present.tolist() if number and number not in self.classes]
        if missing:
            what = f"Object {missing[0]} has no class."
            raise LabelError(what, hint="Give each object a class first.")
        its = [self.classes.get(number, 0) if number else 0 for number in present.tolist()]
        result: NDArray[np.uint8] = np.array(its, np.uint8)[places].reshape(ids.shape)
        return result

    def followed(
        self, before: NDArray[Any], after: NDArray[Any], *, otherwise: int | None = None
    ) -> ObjectTable:
        """Return the table after a change of pixels.

        Each new id gets the class that most of its pixels had before (the lowest of
        several as frequent). Ids that are gone from these pixels stay in the table: they
        may have others elsewhere, and no id is ever used for another object.

        Parameters
        ----------
        before, after : ndarray of unsigned integers, of one shape
            Ids, as in `Edit`.
        otherwise : int, optional
            Class of new objects that were painted where nothing was labelled.

        Raises
        ------
        LabelError
            If a new object lies where nothing was labelled and `otherwise` is not given.
        """
        changed = before != after
        new = sorted(set(np.unique(after[changed]).tolist()) - set(self.classes) - {0})
        found = dict(self.classes)
        for number in new:
            here = self.as_classes(before[changed & (after == number)])
            counts = np.bincount(here[here != 0], minlength=1)
            its = int(np.argmax(counts)) if counts.any() else otherwise
            if its is None:
                what = f"Object {number} lies where nothing was labelled."
                raise LabelError(what, hint="Say which class it has.")
            found[number] = its
        return ObjectTable(found)
