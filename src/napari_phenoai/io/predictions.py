"""What a model says of one image: classes and uncertainty, written chunk by chunk."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.errors import LabelError
from napari_phenoai.io.chunks import CHUNK_PX, write_group
from napari_phenoai.io.labels import check_inside
from napari_phenoai.io.locks import FileLock
from napari_phenoai.io.ome import label_attributes, mean_2x2, mode_2x2, multiscales
from napari_phenoai.io.predicted_objects import PredictedObjects
from napari_phenoai.io.pyramid import Pyramid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.records import ImageRecord
    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.io.pyramid import Level

__all__ = ["PredictionStore"]

_LOCK_SECONDS = 20.0
_UNKNOWN = 255


class PredictionStore:
    """Predicted classes and uncertainty of one image by one model.

    One OME-Zarr 0.5: the image is the uncertainty (0 to 254 for 0 to 1; 255 where
    it was not computed), the label image ``labels/classes`` the classes (0 where
    nothing was predicted yet). The lock file beside is held during a write only,
    so several processes may fill one store; any may read meanwhile. The label image
    ``labels/objects`` is there in projects of objects, see `PredictedObjects`.

    Parameters
    ----------
    path : Path
        The store, ``predictions/<image>/<model>.ome.zarr``.
    image : ImageRecord
        The image.
    scheme : callable
        Returns names and colours of the classes, for other viewers.

    Attributes
    ----------
    objects : PredictedObjects
        The predicted classes parted into objects, once that was done.
    """

    def __init__(self, path: Path, image: ImageRecord, scheme: Callable[[], ClassScheme]) -> None:
        self.path = path
        self._image = image
        self._scheme = scheme
        planes, _, rows, columns = image.shape
        self._shape = shape = (planes, rows, columns)
        self._uncertainty = Pyramid(path, shape, fill=_UNKNOWN, reduce=mean_2x2, truth=False)
        self._classes = Pyramid(
            path / "labels" / "classes", shape, fill=0, reduce=mode_2x2, truth=False
        )
        self.objects = PredictedObjects(path / "labels" / "objects", image, scheme)
        self._lock = FileLock(path.with_name(f"{path.name}.lock"), f"The prediction {path.name}")
        self._mutex = threading.RLock()
        self._full: set[tuple[int, int, int]] = set()

    @property
    def exists(self) -> bool:
        """Whether anything was ever written."""
        return self._classes.exists

    @property
    def levels(self) -> list[Level]:
        """Classes as lazy arrays for viewers, from full resolution downwards.

        ``(y, x)`` for a flat image, ``(z, y, x)`` for a stack; uint8.
        """
        return self._classes.levels

    @property
    def uncertainty_levels(self) -> list[Level]:
        """Uncertainty as lazy arrays like `levels`: 0 to 254, 255 where not computed."""
        return self._uncertainty.levels

    def read(self, tile: Tile) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Return classes and uncertainty of `tile`.

        Returns
        -------
        classes : ndarray of uint8, shape (height, width)
            0 where nothing was predicted yet.
        uncertainty : ndarray of float32, shape (height, width)
            In [0, 1]; NaN where it was not computed.

        Raises
        ------
        InputError
            If the tile does not lie inside the image.
        ProjectError
            If the store is damaged.
        """
        check_inside(tile, self._image)
        coded = self._uncertainty.read(tile)
        uncertainty = coded.astype(np.float32) / np.float32(254)
        uncertainty[coded == _UNKNOWN] = np.nan
        return self._classes.read(tile), uncertainty

    def classes(self, tile: Tile) -> NDArray[np.uint8]:
        """Return the classes of `tile` only; else as `read`."""
        check_inside(tile, self._image)
        return self._classes.read(tile)

    def write(
        self,
        tile: Tile,
        classes: NDArray[np.integer[Any]],
        uncertainty: NDArray[np.floating[Any]] | NDArray[np.uint8] | None = None,
    ) -> None:
        """Write what was predicted for `tile`; a crash leaves whole chunks.

        A tile whose edges lie at multiples of 512 px, or at the border of the image, is
        there (`has`) only when its lower levels are right, too.

        Parameters
        ----------
        tile : Tile
            Where, inside the image.
        classes : ndarray of integers, shape (height, width)
            Ids of classes, 1 to 254.
        uncertainty : ndarray of float or uint8, shape (height, width), optional
            In [0, 1], NaN where it was not computed; or 0 to 254 for 0 to 1, and 255
            where it was not computed. None: nowhere computed.

        Raises
        ------
        LabelError
            If a size differs from the tile's, or a value is no class.
        LockedError
            If another process is writing this store without end.
        DiskError
            If the disk is full or read-only; what was written before is safe.
        """
        check_inside(tile, self._image)
        _check_classes(tile, classes)
        coded = _coded(tile, uncertainty)
        with self._mutex, self._lock.holding(_LOCK_SECONDS):
            self._create()
            self.objects.discard()
            for pyramid, values in (
                (self._uncertainty, coded),
                (self._classes, classes.astype(np.uint8, copy=False)),
            ):
                if pyramid.fits(tile):
                    pyramid.write_all(tile, values)
                else:
                    pyramid.write(tile, values)
                    pyramid.refresh(tile)

    def has(self, tile: Tile) -> bool:
        """Tell whether every pixel of `tile` has been predicted."""
        check_inside(tile, self._image)
        if not self.exists:
            return False
        chunks = _chunks(tile)
        if self._full.issuperset(chunks):
            return True
        if not all(self._classes.chunk_path(*chunk).exists() for chunk in chunks):
            return False
        if not self._classes.read(tile).all():
            return False
        self._full.update(chunk for chunk in chunks if self._covers(tile, chunk))
        return True

    def missing(self, tiles: Iterable[Tile]) -> list[Tile]:
        """Return those of `tiles` that have not been predicted whole, in their order."""
        return [tile for tile in tiles if not self.has(tile)]

    def _create(self) -> None:
        if not self._uncertainty.exists:
            scales = multiscales(
                "uncertainty",
                self._shape,
                self._uncertainty.count,
                self._image.pixel_um,
            )
            self._uncertainty.create({"version": "0.5", "multiscales": scales})
        if not self._classes.exists:
            write_group(self.path / "labels", {"version": "0.5", "labels": ["classes"]})
            attributes = label_attributes(self._image, self._scheme(), self._classes.count)
            attributes["image-label"]["source"] = {"image": "../../"}
            self._classes.create(attributes)

    def _covers(self, tile: Tile, chunk: tuple[int, int, int]) -> bool:
        _, row, column = chunk
        y1 = min((row + 1) * CHUNK_PX, self._image.shape[2])
        x1 = min((column + 1) * CHUNK_PX, self._image.shape[3])
        inside = tile.y <= row * CHUNK_PX and tile.x <= column * CHUNK_PX
        return inside and tile.y1 >= y1 and tile.x1 >= x1


def _chunks(tile: Tile) -> list[tuple[int, int, int]]:
    rows = range(tile.y // CHUNK_PX, -(-tile.y1 // CHUNK_PX))
    columns = range(tile.x // CHUNK_PX, -(-tile.x1 // CHUNK_PX))
    return [(tile.z, row, column) for row in rows for column in columns]


def _check_classes(tile: Tile, classes: NDArray[np.integer[Any]]) -> None:
    if classes.shape != tile.shape:
        text = f"The classes for tile {tile.key} have shape {classes.shape}, not {tile.shape}."
        raise LabelError(text, hint="Give one class for each pixel of the tile.")
    if classes.min() < 1 or classes.max() > 254:
        text = f"The classes for tile {tile.key} reach from {classes.min()} to {classes.max()}."
        raise LabelError(text, hint="Give ids of classes, 1 to 254.")


def _coded(
    tile: Tile, uncertainty: NDArray[np.floating[Any]] | NDArray[np.uint8] | None
) -> NDArray[np.uint8]:
    if uncertainty is None:
        return np.full(tile.shape, _UNKNOWN, np.uint8)
    if uncertainty.shape != tile.shape:
        text = f"The uncertainty of tile {tile.key} has shape {uncertainty.shape}."
        raise LabelError(text, hint=f"Give one value for each pixel: {tile.shape}.")
    if uncertainty.dtype == np.uint8:
        return uncertainty.astype(np.uint8, copy=False)
    scaled = np.rint(np.clip(uncertainty, 0, 1) * 254)
    return np.where(np.isnan(scaled), _UNKNOWN, scaled).astype(np.uint8)
