"""Which object has which class."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.errors import LabelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FIRST_OBJECT", "ObjectTable"]

FIRST_OBJECT = 256
"""The lowest id of an object in a project; lower values are classes as a whole."""

_MOST_LISTED = 1 << 22
"""Ids below it are looked up in a list with a place for each."""


@dataclass(frozen=True)
class ObjectTable:
    """The class of each object, by its id.

    Parameters
    ----------
    classes : mapping of int to int
        From id to class. Id 0 is unlabelled and has none.
    first : int
        No id below it is ever given to a new object.

    Examples
    --------
    >>> table = ObjectTable({1: 2, 2: 3})
    >>> table.as_classes(np.array([[0, 1], [2, 2]], np.uint16)).tolist()
    [[0, 2], [3, 3]]
    >>> sorted(table.ids_of({3})), table.next_id
    ([2], 3)
    """

    classes: Mapping[int, int] = field(default_factory=dict)
    first: int = 1

    @classmethod
    def over(cls, class_ids: Collection[int], objects: Mapping[int, int]) -> ObjectTable:
        """Return the table of a project, in which each class stands for itself, too.

        Parameters
        ----------
        class_ids : collection of int
            Classes, 1 to 254: a pixel with such a value has that class and no object.
        objects : mapping of int to int
            The class of each object; ids from `FIRST_OBJECT` on.

        Examples
        --------
        >>> table = ObjectTable.over([1, 2], {300: 2})
        >>> table.as_classes(np.array([1, 300], np.uint32)).tolist(), table.next_id
        ([1, 2], 301)
        """
        return cls({**{number: number for number in class_ids}, **objects}, FIRST_OBJECT)

    @property
    def objects(self) -> dict[int, int]:
        """The class of each object, without the classes that stand for themselves."""
        return {number: its for number, its in self.classes.items() if number >= self.first}

    @cached_property
    def next_id(self) -> int:
        """The lowest id from which on all are free."""
        return max(max(self.classes, default=0) + 1, self.first)

    def ids_of(self, classes: Collection[int]) -> frozenset[int]:
        """Return the objects of some classes, for example of those that are locked."""
        return frozenset(number for number, its in self.classes.items() if its in classes)

    def but(self, changes: Mapping[int, int]) -> ObjectTable:
        """Return the table with other classes for some objects; class 0 takes one out."""
        classes = {**self.classes, **changes}
        kept = {number: its for number, its in classes.items() if its}
        return ObjectTable(kept, self.first)

    def as_classes(self, ids: NDArray[Any], *, strict: bool = True) -> NDArray[np.uint8]:
        """Return the class of each pixel.

        Parameters
        ----------
        ids : ndarray of unsigned integers, any shape
            Ids of objects; 0 where unlabelled.
        strict : bool
            Whether an id that the table lacks is an error; else it counts as unlabelled.

        Raises
        ------
        LabelError
            If an id is not in the table.
        """
        top = int(ids.max(initial=0))
        if top < _MOST_LISTED:
            known = np.zeros(max(top + 1, len(self._listed)), np.uint8)
            known[: len(self._listed)] = self._listed
            result: NDArray[np.uint8] = known[ids]
        else:
            present, places = np.unique(ids, return_inverse=True)
            its = [self.classes.get(number, 0) for number in present.tolist()]
            result = np.array(its, np.uint8)[places].reshape(ids.shape)
        if strict:
            self._check(ids[(result == 0) & (ids != 0)])
        return result

    def followed(
        self,
        before: NDArray[Any],
        after: NDArray[Any],
        *,
        otherwise: int | None = None,
        ground: Collection[int] = (),
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
        ground : collection of int
            Classes that count as nothing labelled, such as the background. With them, a
            new object follows others only where these had at least half of it.

        Raises
        ------
        LabelError
            If a new object lies where nothing was labelled and `otherwise` is not given.
        """
        changed = before != after
        new = sorted(set(np.unique(after[changed]).tolist()) - set(self.classes) - {0})
        found = dict(self.classes)
        for number in new:
            here = self.as_classes(before[changed & (after == number)], strict=not ground)
            there = here[(here != 0) & ~np.isin(here, list(ground))]
            counts = np.bincount(there, minlength=1)
            if ground and otherwise is not None and 2 * len(there) < len(here):
                counts = counts[:0]
            its = int(np.argmax(counts)) if counts.any() else otherwise
            if its is None:
                what = f"Object {number} lies where nothing was labelled."
                raise LabelError(what, hint="Say which class it has.")
            found[number] = its
        return ObjectTable(found, self.first)

    @cached_property
    def _listed(self) -> NDArray[np.uint8]:
        """The class of each id below `_MOST_LISTED`, 0 where there is no object."""
        low = {number: its for number, its in self.classes.items() if number < _MOST_LISTED}
        listed = np.zeros(max(low, default=0) + 1, np.uint8)
        listed[list(low)] = list(low.values())
        listed[0] = 0
        return listed

    @staticmethod
    def _check(missing: NDArray[Any]) -> None:
        if missing.size:
            what = f"Object {int(missing.min())} has no class."
            raise LabelError(what, hint="Give each object a class first.")
