"""What may be written into the labels of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.object_table import FIRST_OBJECT
from napari_phenoai.errors import InputError, LabelError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.records import ImageRecord
    from napari_phenoai.core.scheme import ClassScheme

__all__ = ["check_inside", "check_objects", "check_values", "checked_labels"]


def check_inside(tile: Tile, image: ImageRecord) -> None:
    """Check that `tile` lies inside `image`.

    Raises
    ------
    InputError
        If it does not, or belongs to another image.
    """
    planes, _, rows, columns = image.shape
    inside = 0 <= tile.y < tile.y1 <= rows and 0 <= tile.x < tile.x1 <= columns
    if tile.image == image.id and inside and 0 <= tile.z < planes:
        return
    hint = f"{image.id} has {planes} plane(s) of {rows} x {columns} px."
    raise InputError(f"Tile {tile.key} does not lie inside image {image.id}.", hint=hint)


def checked_labels(
    tile: Tile,
    labels: NDArray[np.integer[Any]],
    image: ImageRecord,
    scheme: ClassScheme,
    objects: Collection[int] | None = None,
) -> NDArray[Any]:
    """Return the labels of a tile after checking that they fit.

    They are uint8, or uint32 where the ids of the known `objects` are given, too.

    Raises
    ------
    LabelError
        If the size differs from the tile's, or `scheme` lacks a value.
    """
    where = f"tile {tile.y},{tile.x} of {image.name}"
    if labels.shape != tile.shape:
        text = f"The mask for {where} has shape {labels.shape}, the tile {tile.shape}."
        raise LabelError(text, hint="Give a mask of the size of the tile.")
    if not np.issubdtype(labels.dtype, np.integer):
        text = f"The mask for {where} holds {labels.dtype}."
        raise LabelError(text, hint="Give whole numbers: 0 or the id of a class.")
    check_values(labels, f"The mask for {where}", scheme, objects)
    return labels.astype(np.uint8 if objects is None else np.uint32)


def check_values(
    values: NDArray[np.integer[Any]],
    what: str,
    scheme: ClassScheme,
    objects: Collection[int] | None = None,
) -> None:
    """Check that each value is 0, one of `objects` or a class that `scheme` has or had.

    Raises
    ------
    LabelError
        If one is not; its message begins with `what`.
    """
    known = {0, *(item.id for item in scheme.classes)}
    unknown = sorted(_different(values) - known)
    if objects is not None:
        unknown = [value for value in unknown if value not in objects]
    if unknown:
        listed = ", ".join(map(str, unknown[:5]))
        names = ", ".join(f"{item.id} {item.name}" for item in scheme.active)
        text = f"{what} has values without a class: {listed}."
        raise LabelError(text, hint=f"Use 0 for unlabelled or a class: {names}.")


def check_objects(objects: Mapping[int, int], image: ImageRecord, scheme: ClassScheme) -> None:
    """Check that objects have possible ids, and classes that `scheme` has or had; 0 is none.

    Raises
    ------
    LabelError
        If one has not.
    """
    known = {0, *(item.id for item in scheme.classes)} - {scheme.background}
    for number, its in objects.items():
        if number < FIRST_OBJECT or its not in known:
            names = ", ".join(f"{item.id} {item.name}" for item in scheme.foreground)
            text = f"Object {number} of {image.name} cannot have the class {its}."
            hint = f"Use ids from {FIRST_OBJECT} on, and a class that is not background: {names}."
            raise LabelError(text, hint=hint)


def _different(values: NDArray[np.integer[Any]]) -> set[int]:
    if values.dtype == np.uint8:
        return set(np.flatnonzero(np.bincount(values.ravel(), minlength=1)).tolist())
    return set(np.unique(values).tolist())
