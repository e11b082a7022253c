"""What a model says of one image, parted into objects: ids and their classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.io.chunks import read_group, write_group
from napari_phenoai.io.files import disk_errors
from napari_phenoai.io.objects import OBJECTS, ObjectFile
from napari_phenoai.io.ome import label_attributes, mode_2x2
from napari_phenoai.io.pyramid import Pyramid

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.object_table import ObjectTable
    from napari_phenoai.core.records import ImageRecord, ProjectFile
    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.io.pyramid import Level

__all__ = ["PredictedObjects"]


class PredictedObjects:
    """Objects of one image, made from the predicted classes: an OME-Zarr label image of uint32.

    Ids are unique in the image; those below 256 are classes without objects, as in
    people's labels. The table of the objects is written last, so objects that have one
    are whole; it is taken away when other classes are predicted.

    Parameters
    ----------
    path : Path
        The label image.
    image : ImageRecord
        The image.
    scheme : callable
        Returns the classes that are in force.
    """

    def __init__(self, path: Path, image: ImageRecord, scheme: Callable[[], ClassScheme]) -> None:
        self.path = path
        self._image = image
        self._scheme = scheme
        shape = (image.shape[0], *image.plane)
        self._pyramid = Pyramid(path, shape, fill=0, reduce=mode_2x2, truth=False, dtype=np.uint32)
        self._file = ObjectFile(path / OBJECTS, scheme)

    @property
    def complete(self) -> bool:
        """Whether the objects of the whole image are there."""
        return self._file.path.exists()

    @property
    def table(self) -> ObjectTable:
        """The class of each object."""
        return self._file.table()

    @property
    def levels(self) -> list[Level]:
        """Ids as lazy arrays for viewers, from full resolution downwards."""
        return self._pyramid.levels

    def fits(self, spec: ProjectFile) -> bool:
        """Tell whether the objects are complete and were parted as the project says."""
        if not self.complete:
            return False
        return (read_group(self.path) or {}).get("phenoai") == _about(spec)

    def read(self, tile: Tile) -> NDArray[np.uint32]:
        """Return the ids ``(height, width)`` of `tile`, which lies inside the image."""
        return self._pyramid.read(tile)

    def write(self, tile: Tile, ids: NDArray[np.uint32]) -> None:
        """Write the ids of `tile`.

        Raises
        ------
        DiskError
            If the disk is full or read-only.
        """
        if not self._pyramid.exists:
            write_group(self.path.parent, {"version": "0.5", "labels": ["classes", "objects"]})
            self._pyramid.create(self._attributes())
        if self._pyramid.write(tile, ids):
            self._pyramid.refresh(tile)

    def finish(self, objects: dict[int, int], spec: ProjectFile) -> None:
        """Say that all objects are written: their classes, and how they were parted."""
        self._pyramid.describe({**self._attributes(), "phenoai": _about(spec)})
        self._file.write(objects)

    def discard(self) -> None:
        """Take the table away, as the objects are no longer those of the classes."""
        with disk_errors(self._file.path, "removed"):
            self._file.path.unlink(missing_ok=True)

    def _attributes(self) -> dict[str, Any]:
        attributes = label_attributes(self._image, self._scheme(), self._pyramid.count)
        attributes["image-label"]["source"] = {"image": "../../"}
        return attributes


def _about(spec: ProjectFile) -> dict[str, float]:
    return {"neck": spec.neck, "smallest_px": spec.smallest_px}
