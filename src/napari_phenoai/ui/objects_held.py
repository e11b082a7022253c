"""The objects of a tile or window under way: their classes, and ids that are free for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.object_table import FIRST_OBJECT, ObjectTable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from napari_phenoai.core.edits import Edit
    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.io.project import Project

__all__ = ["HeldObjects", "held_objects"]

_SPARE = 64


@dataclass
class HeldObjects:
    """What is known of objects that are not all on the disk yet.

    Parameters
    ----------
    classes : dict of int to int
        The class of each object that may occur.
    scheme : ClassScheme
        The classes.
    reserve : callable
        Returns the first of so many ids that nobody else gets; may wait for the disk.
    spare : range
        Ids that were reserved and not used yet.
    painted : int
        The class that new objects get, where they do not come out of others.
    changed : bool
        Whether an object got another class.
    """

    classes: dict[int, int]
    scheme: ClassScheme
    reserve: Callable[[int], int]
    spare: range = range(0)
    painted: int = 0
    changed: bool = False
    new: set[int] = field(default_factory=set)

    @property
    def table(self) -> ObjectTable:
        """The class of each value, the classes as such too."""
        return ObjectTable.over([item.id for item in self.scheme.classes], self.classes)

    @property
    def next_id(self) -> int:
        """The id that the next new object gets."""
        if not self.spare:
            self._reserve(_SPARE)
        return self.spare[0]

    def take(self, its: int) -> int:
        """Return a new id for an object of class `its`."""
        number = self.next_id
        self.spare = self.spare[1:]
        self.classes[number] = its
        self.new.add(number)
        return number

    def set_class(self, number: int, its: int) -> None:
        """Give an object another class."""
        if self.classes.get(number) not in (None, its):
            self.classes[number], self.changed = its, True

    def follow(self, before: NDArray[Any], labels: NDArray[Any]) -> bool:
        """Give the objects that a tool has made a class; return whether there were any.

        Parameters
        ----------
        before : ndarray of uint32, shape (y, x)
            As it was before the tool.
        labels : ndarray of uint32, shape (y, x)
            As it is now. Ids that were not free after all are replaced in place.
        """
        changed = before != labels
        fresh = self._unknown(labels[changed])
        if not fresh:
            return False
        beyond = [number for number in fresh if self.spare and number >= self.spare.stop]
        if beyond:
            self._renumber(labels, beyond)
            fresh = self._unknown(labels[changed])
        others = self.table
        found = others.followed(
            before, labels, otherwise=self.painted, ground=(self.scheme.background,)
        )
        new = {one: found.classes[one] for one in fresh}
        self.classes.update(new)
        self.new.update(new)
        self.spare = range(max([self.spare.start, *(one + 1 for one in new)]), self.spare.stop)
        return True

    def named_in(self, labels: NDArray[Any]) -> dict[int, tuple[int, int]]:
        """Return, as an `Edit` names them, the new objects among `labels`, which are no more."""
        named = {int(one) for one in np.unique(labels)} & self.new
        self.new -= named
        return {number: (0, self.classes[number]) for number in sorted(named)}

    def hear(self, edit: Edit) -> None:
        """Take over the classes of objects that an edit changed elsewhere."""
        for number, (_, its) in edit.objects.items():
            if its:
                self.classes[number] = its
            else:
                self.classes.pop(number, None)
                self.new.discard(number)

    def _unknown(self, labels: NDArray[Any]) -> list[int]:
        """Return the objects among `labels` that have no class yet."""
        present = [int(number) for number in np.unique(labels)]
        return [one for one in present if one >= FIRST_OBJECT and one not in self.classes]

    def _renumber(self, labels: NDArray[Any], beyond: list[int]) -> None:
        """Give ids that a tool took beyond the spare ones ids that are free."""
        first = self.reserve(len(beyond) + _SPARE)
        for place, number in enumerate(beyond):
            if number != first + place:
                labels[labels == number] = first + place
        self.spare = range(self.spare.start, first + len(beyond) + _SPARE)

    def _reserve(self, count: int) -> None:
        first = self.reserve(count)
        self.spare = range(first, first + count)


def held_objects(
    project: Project, image: str, labels: NDArray[Any], *more: Mapping[int, int]
) -> HeldObjects:
    """Return the objects that occur in `labels`, and those of `more`, with spare ids.

    Waits for the disk; called in a thread.
    """
    store = project.labels(image)
    table = store.table
    known = {} if table is None else table.objects
    present = {number: known[number] for number in np.unique(labels).tolist() if number in known}
    for objects in more:
        present.update(objects)
    held = HeldObjects(present, project.scheme, store.reserve)
    held.spare = range(held.next_id, held.spare.stop)
    return held
