"""Masks of objects that were made elsewhere: a number for each object, and its class."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.errors import InputError, LabelError
from napari_phenoai.io.files import disk_errors
from napari_phenoai.io.foreign import read_foreign
from napari_phenoai.io.pairs import read_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.records import ImageRecord
    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.io.foreign import ForeignMask
    from napari_phenoai.io.project import Project

__all__ = ["Read", "ReadMask", "is_there", "object_reader"]

TABLE = "objects.csv"
"""Beside the masks: ``image``, ``object`` and ``class`` (its name or id), as exported."""


@dataclass(frozen=True, eq=False)
class ReadMask:
    """A mask of a whole image.

    Parameters
    ----------
    labels : ndarray, shape (y, x)
        Classes (uint8, 0 where unknown), or ids of objects (uint32).
    objects : mapping of int to int
        The class of each object.
    background : int
        The class where no object is.
    """

    labels: NDArray[Any]
    objects: Mapping[int, int] = field(default_factory=dict)
    background: int = 1

    def numbered(self, project: Project, image: str) -> ReadMask:
        """Return the mask with ids that are free in the image; classes stay as they are."""
        if self.labels.dtype == np.uint8:
            return self
        ids = np.full(self.labels.shape, self.background, np.uint32)
        present = sorted(self.objects)
        if present:
            first = project.labels(image).reserve(len(present))
            places = np.searchsorted(present, self.labels) + first
            ids = np.where(self.labels > 0, places, ids).astype(np.uint32)
            objects = {first + place: self.objects[one] for place, one in enumerate(present)}
            return ReadMask(ids, objects, self.background)
        return ReadMask(ids)


Read = Callable[["ForeignMask", "ImageRecord"], ReadMask]
"""Reads the mask of an image."""


def object_reader(project: Project, masks: Sequence[ForeignMask]) -> Read:
    """Return what reads masks in which each number above 0 is an object.

    Its class is that in the table ``objects.csv`` beside the masks; without one, the only
    class that is not background.

    Raises
    ------
    InputError
        If there are several such classes and no table, or the table cannot be used.
    """
    scheme = project.scheme
    tables = {mask.path.parent: _table(mask.path.parent / TABLE, scheme) for mask in masks}

    def read(mask: ForeignMask, record: ImageRecord) -> ReadMask:
        if mask.painted:
            return ReadMask(read_foreign(mask, {}, scheme, record.plane))
        values = read_values(mask.path)
        if values.shape != record.plane:
            sizes = [" x ".join(map(str, shape)) for shape in (values.shape, record.plane)]
            text = f"The mask {mask.path} has {sizes[0]} px, its image {sizes[1]} px."
            raise LabelError(text, hint="Give each image a mask of its own size.")
        known = tables[mask.path.parent]
        names = (record.id, record.name, mask.name)
        objects = {
            number: _class_of(number, names, known, scheme, mask.path)
            for number in np.unique(values).tolist()
            if number
        }
        return ReadMask(values.astype(np.uint32), objects, scheme.background)

    return read


def is_there(project: Project, tile: Tile, labels: NDArray[Any]) -> bool:
    """Tell whether the decision in force about a tile is this mask, whatever its ids are."""
    review = project.reviews.current().get(tile.key)
    if review is None or not review.teaches:
        return False
    if labels.dtype == np.uint8:
        return np.array_equal(project.reviews.mask(review), labels)
    kept = project.reviews.values(review)
    pairs = np.unique(np.stack([kept.ravel(), labels.ravel()]), axis=1)
    return all(len(np.unique(row)) == pairs.shape[1] for row in pairs)


def _class_of(
    number: int,
    names: tuple[str, ...],
    known: Mapping[tuple[str, int], int] | None,
    scheme: ClassScheme,
    path: Path,
) -> int:
    if known is not None:
        for name in names:
            if (name, number) in known:
                return known[name, number]
        what = f"The table {path.parent / TABLE} has no object {number} of {path.name}."
        raise InputError(what, hint="Add a row with its image, object and class.")
    if len(scheme.foreground) == 1:
        return scheme.foreground[0].id
    listed = ", ".join(item.name for item in scheme.foreground)
    hint = f"Put a table {TABLE} with the columns image, object and class beside the masks."
    raise InputError(f"Nothing says which objects of {path.name} are {listed}.", hint=hint)


def _table(path: Path, scheme: ClassScheme) -> dict[tuple[str, int], int] | None:
    """Return the class of each object of each image; None where there is no table."""
    if not path.is_file():
        return None
    with disk_errors(path, "read"):
        rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    found: dict[tuple[str, int], int] = {}
    for row in rows:
        try:
            image, number, its = row["image"], int(row["object"]), row["class"]
        except (KeyError, TypeError, ValueError) as error:
            hint = "It needs the columns image, object (a whole number) and class."
            raise InputError(f"The table {path} cannot be read.", hint=hint) from error
        found[image, number] = scheme.named(its).id
        if row.get("name"):
            found[row["name"], number] = scheme.named(its).id
    return found
