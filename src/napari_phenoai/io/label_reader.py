"""Reading the labels of one image: classes, or objects and their classes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.io.label_checks import check_inside
from napari_phenoai.io.objects import OBJECTS, ClassLevel, ObjectFile
from napari_phenoai.io.ome import mode_2x2
from napari_phenoai.io.pyramid import Pyramid

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.object_table import ObjectTable
    from napari_phenoai.core.records import ImageRecord
    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.io.pyramid import Level

__all__ = ["LabelReader"]


class LabelReader:
    """What can be read of a label image; `LabelStore` writes it, too.

    Parameters
    ----------
    path : Path
        The label image.
    image : ImageRecord
        The image that it labels.
    scheme : callable
        Returns the classes that are in force.
    objects : bool
        Whether it holds ids of objects.
    """

    def __init__(
        self, path: Path, image: ImageRecord, scheme: Callable[[], ClassScheme], *, objects: bool
    ) -> None:
        self.path = path
        self._image = image
        self._scheme = scheme
        self._mutex = threading.RLock()
        shape = (image.shape[0], *image.plane)
        dtype: type[np.unsignedinteger[Any]] = np.uint32 if objects else np.uint8
        self._pyramid = Pyramid(path, shape, fill=0, reduce=mode_2x2, truth=True, dtype=dtype)
        self._objects = ObjectFile(path / OBJECTS, scheme) if objects else None

    @property
    def exists(self) -> bool:
        """Whether anything was ever written."""
        return self._pyramid.exists

    @property
    def levels(self) -> list[Level]:
        """Lazy arrays of classes for viewers, from full resolution downwards.

        ``(y, x)`` for a flat image, ``(z, y, x)`` for a stack; they may be taken
        before the first write and show every later one: full resolution at once,
        the others soon after.
        """
        if self._objects is not None:
            return [ClassLevel(array, self._objects.table) for array in self._pyramid.arrays]
        return self._pyramid.levels

    @property
    def value_levels(self) -> list[Level]:
        """Lazy arrays like `levels` of what `values` returns: ids where labels are objects."""
        return self._pyramid.levels

    @property
    def table(self) -> ObjectTable | None:
        """The class of each object, as it is on the disk now; None where labels are classes."""
        return None if self._objects is None else self._objects.table()

    def read(self, tile: Tile) -> NDArray[np.uint8]:
        """Return the classes ``(height, width)`` of `tile`, 0 where nothing was written.

        Raises
        ------
        InputError, ProjectError
            If the tile does not lie inside the image, or the store is damaged.
        """
        with self._mutex:
            values, table = self.values(tile), self.table
        return values if table is None else table.as_classes(values, strict=False)

    def values(self, tile: Tile) -> NDArray[Any]:
        """Return what edits of `tile` are made of: classes (uint8), or ids of objects (uint32).

        Ids below 256 are classes as a whole, without objects, such as the background.

        Raises
        ------
        InputError, ProjectError
            As `read` does.
        """
        check_inside(tile, self._image)
        with self._mutex:
            return self._pyramid.read(tile)
