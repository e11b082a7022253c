"""Objects of a tile: parted from classes, numbered, and joined to those beyond its border."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.instances import objects_of
from napari_phenoai.core.masks import checked_mask
from napari_phenoai.core.object_table import FIRST_OBJECT, ObjectTable
from napari_phenoai.errors import LabelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from napari_phenoai.core.records import ProjectFile
    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.io.project import Project

__all__ = ["Decided", "decided_mask", "numbered", "parted", "proposed_objects"]

Known = tuple["NDArray[np.uint32]", "Mapping[int, int]"]
"""Ids of objects, and the class of each."""


@dataclass(frozen=True, eq=False)
class Decided:
    """A mask as it is kept.

    Parameters
    ----------
    values : ndarray of uint8 or uint32, shape (y, x)
        Classes, or ids of objects.
    classes : ndarray of uint8, shape (y, x)
        The class of each pixel.
    objects : dict of int to int, or None
        The class of each object; None in a project of classes.
    numbers : ndarray of uint32, shape (y, x), or None
        The ids before objects were joined to those beyond the tile; None where a person
        decided about classes only.
    """

    values: NDArray[Any]
    classes: NDArray[np.uint8]
    objects: dict[int, int] | None = None
    numbers: NDArray[np.uint32] | None = None


def parted(
    classes: NDArray[np.uint8], spec: ProjectFile, *, smallest_px: int = 1
) -> tuple[NDArray[np.uint32], dict[int, int]]:
    """Part classes into objects as the project says, numbered from 1; 0 is no object."""
    ids, table = objects_of(classes, _front(spec.scheme), neck=spec.neck, smallest_px=smallest_px)
    return ids, dict(table.classes)


def numbered(
    project: Project, tile: Tile, classes: NDArray[np.uint8], known: Known | None = None
) -> Known:
    """Return the objects of a tile under ids that nobody else has.

    Parameters
    ----------
    project : Project
        Of objects.
    tile : Tile
        Where.
    classes : ndarray of uint8, shape (y, x)
        0 where unlabelled. Parts of an object class that belong to no object become
        background.
    known : tuple of (ndarray, mapping), optional
        The objects under numbers of their own; else `classes` are parted.
    """
    scheme = project.scheme
    local, objects = known or parted(classes, project.spec)
    present = [number for number in np.unique(local).tolist() if number]
    stuff = np.where(np.isin(classes, _front(scheme)), scheme.background, classes)
    ids = stuff.astype(np.uint32)
    if not present:
        return ids, {}
    first = project.labels(tile.image).reserve(len(present))
    places = np.searchsorted(present, local).astype(np.uint32)
    ids = np.where(local > 0, places + np.uint32(first), ids)
    return ids, {first + place: objects[number] for place, number in enumerate(present)}


def proposed_objects(
    project: Project, tile: Tile, classes: NDArray[np.uint8], model_id: str | None
) -> Known:
    """Return predicted objects of a tile: those of the whole image where they are stored.

    Else the predicted `classes` of the tile are parted by themselves.
    """
    if model_id is not None:
        stored = project.predictions(tile.image, model_id).objects
        if stored.fits(project.spec):
            ids, table = stored.read(tile), stored.table
            found = project.scheme.resolved(table.as_classes(ids, strict=False))
            if np.array_equal(found, np.where(ids < FIRST_OBJECT, found, classes)):
                local = np.where(ids < FIRST_OBJECT, 0, ids).astype(np.uint32)
                return numbered(project, tile, classes, (local, table.objects))
    spec = project.spec
    return numbered(project, tile, classes, parted(classes, spec, smallest_px=spec.smallest_px))


def decided_mask(
    project: Project,
    tile: Tile,
    labels: NDArray[Any] | None,
    objects: Mapping[int, int] | None,
    proposed: Known | None,
    *,
    fill: bool,
    needed: bool,
    joins: bool = True,
) -> Decided | None:
    """Return the mask of a tile as it is kept, after checking that it fits.

    Parameters
    ----------
    project : Project
        Open.
    tile : Tile
        What the mask is of.
    labels : ndarray, shape (height, width), or None
        Classes (uint8) or, in a project of objects, ids (wider types).
    objects : mapping of int to int, optional
        The class of each object that the label image does not know, or that changes.
    proposed : tuple of (ndarray, mapping), optional
        The objects that the person started from.
    fill, needed : bool
        As for `checked_mask`.
    joins : bool
        Whether new objects are joined to those that they touch beyond the tile.

    Raises
    ------
    LabelError
        If the mask does not fit, or has an object without a class.
    """
    scheme = project.scheme
    with_ids = labels is not None and project.spec.has_objects and labels.dtype != np.uint8
    table = ObjectTable()
    wanted = labels
    if with_ids and labels is not None:
        table = _table(project, tile).but({**(proposed[1] if proposed else {}), **(objects or {})})
        wanted = table.as_classes(labels)
    classes = checked_mask(scheme, tile, wanted, fill=fill, needed=needed)
    if classes is None or labels is None or not project.spec.has_objects:
        return None if classes is None else Decided(classes, classes)
    if not with_ids:
        return _joined(project, tile, _objects_for(project, tile, classes, proposed), joins=joins)
    front = np.isin(classes, _front(scheme))
    ids = np.where(front, labels, classes).astype(np.uint32)
    known = ids, _classes_of(ids, table, scheme)
    return _joined(project, tile, known, numbers=ids, joins=joins)


def _objects_for(
    project: Project, tile: Tile, classes: NDArray[np.uint8], proposed: Known | None
) -> Known:
    """Return the objects of decided classes: those known before where classes are the same."""
    scheme, table = project.scheme, _table(project, tile)
    before = project.labels(tile.image).values(tile)
    for ids, objects in [*([proposed] if proposed else []), (before, table.objects)]:
        both = table.but(objects)
        found = scheme.resolved(both.as_classes(ids, strict=False))
        loose = (found == 0) & ~np.isin(classes, _front(scheme))
        if (loose | (found == classes)).all():
            kept = np.where(loose, classes, ids).astype(np.uint32)
            return kept, _classes_of(kept, both, scheme)
    return numbered(project, tile, classes)


def _classes_of(ids: NDArray[np.uint32], table: ObjectTable, scheme: ClassScheme) -> dict[int, int]:
    """Return the class of each object in an array, merged ones resolved."""
    present = [number for number in np.unique(ids).tolist() if number >= FIRST_OBJECT]
    its = scheme.resolved(np.array([table.classes[number] for number in present], np.uint8))
    return dict(zip(present, its.tolist(), strict=True))


def _joined(
    project: Project,
    tile: Tile,
    known: Known,
    *,
    joins: bool,
    numbers: NDArray[np.uint32] | None = None,
) -> Decided:
    """Give new objects the id of the one that they continue beyond the border of the tile."""
    table, (ids, objects) = _table(project, tile), known
    new = {number: its for number, its in objects.items() if number not in table.classes}
    same = _continued(project, tile, ids, new, table) if new and joins else {}
    values = ids.copy()
    for number, other in same.items():
        values[ids == number] = other
    kept = {same.get(number, number): its for number, its in objects.items()}
    classes = table.but(kept).as_classes(values)
    return Decided(values, classes, kept, numbers)


def _continued(
    project: Project,
    tile: Tile,
    ids: NDArray[np.uint32],
    new: Mapping[int, int],
    table: ObjectTable,
) -> dict[int, int]:
    """Return which new object is a part of which one beyond the tile.

    They touch along the border, and have one class. Of several, the one with the longest
    contact counts, and none gets two parts of the tile.
    """
    contacts: dict[tuple[int, int], int] = {}
    taken = set(np.unique(ids).tolist())
    store, plane = project.labels(tile.image), project.image(tile.image).plane
    for beyond, inside in _borders(tile, plane, ids):
        pairs, counts = np.unique(
            np.stack([inside.ravel(), store.values(beyond).ravel()]), axis=1, return_counts=True
        )
        for (own, other), count in zip(pairs.T.tolist(), counts.tolist(), strict=True):
            same = own in new and other >= FIRST_OBJECT and table.classes.get(other) == new[own]
            if same and other not in taken:
                contacts[own, other] = contacts.get((own, other), 0) + count
    found: dict[int, int] = {}
    for own, other in sorted(contacts, key=lambda pair: (-contacts[pair], pair)):
        if own not in found and other not in found.values():
            found[own] = other
    return found


def _borders(
    tile: Tile, plane: tuple[int, int], ids: NDArray[np.uint32]
) -> Iterator[tuple[Tile, NDArray[np.uint32]]]:
    """Yield the rows and columns just beyond a tile, each with the ids just inside."""
    name, z = tile.image, tile.z
    if tile.y > 0:
        yield Tile(name, tile.y - 1, tile.x, 1, tile.width, z), ids[0]
    if tile.y1 < plane[0]:
        yield Tile(name, tile.y1, tile.x, 1, tile.width, z), ids[-1]
    if tile.x > 0:
        yield Tile(name, tile.y, tile.x - 1, tile.height, 1, z), ids[:, 0]
    if tile.x1 < plane[1]:
        yield Tile(name, tile.y, tile.x1, tile.height, 1, z), ids[:, -1]


def _table(project: Project, tile: Tile) -> ObjectTable:
    table = project.labels(tile.image).table
    if table is None:
        what = f"The labels of {tile.image} are classes and no objects."
        raise LabelError(what, hint="Give classes as uint8.")
    return table


def _front(scheme: ClassScheme) -> list[int]:
    return [item.id for item in scheme.foreground]
