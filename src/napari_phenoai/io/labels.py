"""People's labels of one image: the working state, as plain OME-Zarr."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from napari_phenoai.core.geometry import Tile, cover
from napari_phenoai.core.progress import Progress
from napari_phenoai.errors import InputError, LabelError
from napari_phenoai.io.locks import FileLock
from napari_phenoai.io.ome import label_attributes, mode_2x2
from napari_phenoai.io.pyramid import Pyramid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import ImageRecord
    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.io.pyramid import Level

__all__ = ["LabelStore", "check_inside"]


class LabelStore:
    """Writable labels of one image: an OME-Zarr 0.5 label image of uint8.

    0 means that nobody has decided about the pixel. The store is made at the
    first write. The first write also takes a lock file beside it, which is held
    until `close` or the death of the process: one process writes, any may read.
    One object may be used from several threads.

    Parameters
    ----------
    path : Path
        The store, ``labels/<image>.ome.zarr``.
    image : ImageRecord
        The image that it labels.
    scheme : callable
        Returns the classes that may be written; their names and colours are kept
        inside, for other viewers.
    """

    def __init__(self, path: Path, image: ImageRecord, scheme: Callable[[], ClassScheme]) -> None:
        self.path = path
        self._image = image
        self._scheme = scheme
        planes, _, rows, columns = image.shape
        shape = (planes, rows, columns)
        self._pyramid = Pyramid(path, shape, fill=0, reduce=mode_2x2, truth=True)
        lock = path.with_name(f"{image.id}.lock")
        self._lock = FileLock(lock, f"The label image of {image.name}")
        self._mutex = threading.RLock()
        self._unfinished: list[Tile] = []

    @property
    def exists(self) -> bool:
        """Whether anything was ever written."""
        return self._pyramid.exists

    @property
    def levels(self) -> list[Level]:
        """Lazy arrays for viewers, from full resolution downwards.

        ``(y, x)`` for a flat image, ``(z, y, x)`` for a stack; they may be taken
        before the first write and show every later one.
        """
        return self._pyramid.levels

    def read(self, tile: Tile) -> NDArray[np.uint8]:
        """Return the labels of `tile`, 0 where nothing was written.

        Returns
        -------
        ndarray of uint8, shape (height, width)

        Raises
        ------
        InputError
            If the tile does not lie inside the image.
        ProjectError
            If the store is damaged.
        """
        check_inside(tile, self._image)
        return self._pyramid.read(tile)

    def write(self, tile: Tile, labels: NDArray[np.integer[Any]]) -> None:
        """Write the labels of `tile`; when this returns, they are on the disk.

        Parameters
        ----------
        tile : Tile
            Where, inside the image.
        labels : ndarray of integers, shape (height, width)
            0 or the id of a class that the scheme has or had.

        Raises
        ------
        LabelError
            If the size differs from the tile's, or the scheme lacks a value.
        InputError
            If the tile does not lie inside the image.
        LockedError
            If another process writes labels of this image.
        DiskError
            If the disk is full or read-only; what was written before is safe.
        """
        check_inside(tile, self._image)
        values = self._checked(tile, labels)
        with self._mutex:
            self.lock()
            self._unfinished.append(tile)
            self._lock.note("\n".join(part.key for part in self._unfinished))
            changed = self._pyramid.write(tile, values)
            if changed or len(self._unfinished) > 1:
                for part in self._unfinished:
                    self._pyramid.refresh(part)
            self._unfinished.clear()
            self._lock.note("")

    def lock(self) -> None:
        """Become the one process that writes this store, making it when needed.

        `write` does this by itself.

        Raises
        ------
        LockedError
            If another process is; names it.
        """
        with self._mutex:
            if self._lock.held:
                return
            note = self._lock.acquire()
            try:
                if self._pyramid.exists:
                    self._pyramid.describe(self._attributes())
                else:
                    self._pyramid.create(self._attributes())
                self._repair(note)
            except BaseException:
                self._lock.release()
                raise

    def describe(self, image: ImageRecord) -> None:
        """Take over a changed pixel size and changed classes, also in the file if there is one.

        Raises
        ------
        LockedError
            If another process writes this store; then it does that when it opens.
        """
        with self._mutex:
            self._image = image
            if not self._pyramid.exists:
                return
            held = self._lock.held
            self.lock()
            try:
                self._pyramid.describe(self._attributes())
            finally:
                if not held:
                    self._lock.release()

    def rebuild_levels(self) -> Work[None]:
        """Make the lower levels anew from full resolution.

        Raises
        ------
        LockedError
            If another process writes this store.
        """
        if not self.exists:
            return
        planes, _, rows, columns = self._image.shape
        tiles = [
            tile
            for z in range(planes)
            for tile in cover(self._image.id, (rows, columns), 2048, z=z)
        ]
        for done, tile in enumerate(tiles, start=1):
            with self._mutex:
                self.lock()
                self._pyramid.refresh(tile)
            yield Progress(done, len(tiles), f"overview of {self._image.name}")

    def damaged(self) -> Iterator[Path]:
        """Yield the chunk files at full resolution that cannot be decoded; reads all of them."""
        yield from self._pyramid.damaged()

    def close(self) -> None:
        """Let the lock go; reading and writing afterwards is allowed."""
        with self._mutex:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _checked(self, tile: Tile, labels: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        where = f"tile {tile.y},{tile.x} of {self._image.name}"
        if labels.shape != tile.shape:
            text = f"The mask for {where} has shape {labels.shape}, the tile {tile.shape}."
            raise LabelError(text, hint="Give a mask of the size of the tile.")
        if not np.issubdtype(labels.dtype, np.integer):
            text = f"The mask for {where} holds {labels.dtype}."
            raise LabelError(text, hint="Give whole numbers: 0 or the id of a class.")
        scheme = self._scheme()
        known = {0, *(item.id for item in scheme.classes)}
        unknown = sorted(_values(labels) - known)
        if unknown:
            listed = ", ".join(map(str, unknown[:5]))
            names = ", ".join(f"{item.id} {item.name}" for item in scheme.active)
            text = f"The mask for {where} has values without a class: {listed}."
            raise LabelError(text, hint=f"Use 0 for unlabelled or a class: {names}.")
        return labels.astype(np.uint8)

    def _attributes(self) -> dict[str, Any]:
        return label_attributes(self._image, self._scheme(), self._pyramid.count)

    def _repair(self, note: str) -> None:
        for part in _tiles_in(note, self._image):
            self._pyramid.refresh(part)


def _values(labels: NDArray[np.integer[Any]]) -> set[int]:
    if labels.dtype == np.uint8:
        return set(np.flatnonzero(np.bincount(labels.ravel())).tolist())
    return set(np.unique(labels).tolist())


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


def _tiles_in(note: str, image: ImageRecord) -> Iterator[Tile]:
    for line in note.splitlines():
        try:
            tile = Tile.from_key(line)
            check_inside(tile, image)
        except InputError:
            continue
        yield tile
