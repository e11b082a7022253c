"""People's labels of one image: the working state, as plain OME-Zarr."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from napari_phenoai.core.edits import Edit, edit_between
from napari_phenoai.errors import LabelError, PhenoError, ProjectError
from napari_phenoai.io.label_checks import check_inside, check_values, checked_labels
from napari_phenoai.io.label_reader import LabelReader
from napari_phenoai.io.label_writer import LabelWriter
from napari_phenoai.io.lower_levels import LowerLevels
from napari_phenoai.io.objects import object_changes
from napari_phenoai.io.ome import label_attributes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import ImageRecord
    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.io.journal import Journal

__all__ = ["LabelStore", "check_inside"]


class LabelStore(LabelReader):
    """Writable labels of one image: an OME-Zarr 0.5 label image.

    It holds classes (uint8) or ids of objects (uint32, with a table of their classes).
    0 means that nobody has decided about the pixel. The store is made at the
    first write. The first write also takes a lock file beside it, which is held
    until `close` or the death of the process: one process writes, any may read.
    One object may be used from several threads.

    Every change is an `Edit` that is in the journal before the first chunk is
    touched; what a crash left undone is done when the store is opened again.

    Parameters
    ----------
    path : Path
        The store, ``labels/<image>.ome.zarr``.
    image : ImageRecord
        The image that it labels.
    scheme : callable
        Returns the classes that may be written; their names and colours are kept
        inside, for other viewers.
    journal : callable
        Returns the edit journal of the project.
    objects : bool
        Whether it holds ids of objects.
    """

    def __init__(
        self,
        path: Path,
        image: ImageRecord,
        scheme: Callable[[], ClassScheme],
        journal: Callable[[], Journal],
        *,
        objects: bool = False,
    ) -> None:
        super().__init__(path, image, scheme, objects=objects)
        self._journal = journal
        self._lower = LowerLevels(self._pyramid, image, journal)
        self._writer = LabelWriter(
            path.with_name(f"{image.id}.lock"),
            image,
            pyramid=self._pyramid,
            lower=self._lower,
            journal=journal,
            attributes=self._attributes,
            objects=self._objects,
        )
        self._mutex = self._writer.mutex

    @property
    def listeners(self) -> list[Callable[[Tile], None]]:
        """Functions that are called with a tile after the lower levels above it changed.

        They are called in a thread of the store.
        """
        return self._lower.listeners

    def reserve(self, count: int) -> int:
        """Return the first of `count` ids that no other object gets, in any process.

        Raises
        ------
        LabelError
            If labels are classes, or the ids are used up.
        """
        table = self.table
        if table is None:
            what = f"The labels of {self._image.name} are classes and no objects."
            raise LabelError(what, hint="Make a project for objects: phenoai create --instances.")
        return self._journal().object_ids.reserve(self._image.id, count, table.next_id)

    def apply(self, edit: Edit, *, reverts: int | None = None) -> int:
        """Change the pixels of `edit`; when this returns, they are on the disk.

        Only the chunks in which a pixel changes are written.

        Parameters
        ----------
        edit : Edit
            Inside the image. The journal keeps it with the pixels that are really
            there as ``before``.
        reverts : int, optional
            Number of the edit that it takes back, for undo and redo.

        Returns
        -------
        int
            Its number in the journal. An edit that was recorded before, as its first
            try ended with an error, is not applied twice.

        Raises
        ------
        LabelError
            If the scheme lacks a value.
        InputError
            If the tile does not lie inside the image, or `reverts` was reverted already.
        LockedError
            If another process writes labels of this image.
        ProjectError
            If a chunk is damaged.
        DiskError
            If the disk is full or read-only. What was written before is safe; the edit
            may be tried again, and is completed by itself if it is in the journal.
        """
        for plane in edit.planes:
            check_inside(plane.tile, self._image)
        with self._writer.mutex:
            wanted = {number: after for number, (_, after) in edit.objects.items()}
            objects, known_ids = object_changes(self.table, wanted, self._image, self._scheme())
            for plane in edit.planes:
                values, what = plane.after[plane.changed], f"The edit of {plane.tile.key}"
                check_values(values, what, self._scheme(), known_ids)
            self._writer.open()
            known = self._journal().number_of(edit.id)
            if known is not None:
                return known
            others = tuple(self._real(other) for other in edit.more)
            real = replace(self._real(edit), objects=objects, more=others)
            return self._writer.carry_out(real, reverts)

    def write(
        self,
        tile: Tile,
        labels: NDArray[np.integer[Any]],
        *,
        tool: str = "review",
        author: str = "",
        objects: Mapping[int, int] | None = None,
    ) -> None:
        """Write the labels of `tile`; when this returns, they are on the disk.

        Parameters
        ----------
        tile : Tile
            Where, inside the image.
        labels : ndarray of integers, shape (height, width)
            0 or the id of a class that the scheme has or had; or ids of objects.
        tool, author : str
            What writes, and for whom, for the journal.
        objects : mapping of int to int, optional
            The classes of objects that are new or get another one. New ones have ids
            from `reserve`.

        Raises
        ------
        LabelError
            If the size differs from the tile's, or the scheme lacks a value.
        InputError, LockedError, ProjectError, DiskError
            As `apply` does. A damaged chunk is replaced when the tile covers it.
        """
        check_inside(tile, self._image)
        with self._writer.mutex:
            changes, known = object_changes(self.table, objects or {}, self._image, self._scheme())
            values = checked_labels(tile, labels, self._image, self._scheme(), known)
            self._writer.open()
            try:
                before = self._pyramid.read(tile)
            except ProjectError:
                self._pyramid.discard_damaged(tile)
                before = self._pyramid.read(tile)
            edit = edit_between(tile, before, values, tool=tool, author=author)
            if edit is None and changes:
                edit = Edit(tile, before, before, tool, author)
            if edit is not None:
                self._writer.carry_out(replace(edit, objects=changes), None)

    def lock(self) -> None:
        """Become the one process that writes this store, making it when needed.

        Edits that were recorded and not completed are completed. `apply` and `write`
        do this by themselves.

        Raises
        ------
        LockedError
            If another process is; names it.
        DiskError
            If the disk is full or read-only.
        """
        self._writer.open()

    def recover(self) -> None:
        """Complete what a crash left unfinished, where this process may and can."""
        if self.exists:
            with suppress(PhenoError):
                self._writer.recover()

    def flush_levels(self) -> None:
        """Make the lower levels right before this returns.

        Raises
        ------
        LockedError
            If another process writes this store.
        ProjectError, DiskError
            If a chunk is damaged, or the disk is full or read-only.
        """
        if not self.exists:
            return
        with self._writer.opened():
            self._lower.update()

    def describe(self, image: ImageRecord) -> None:
        """Take over a changed pixel size and changed classes, also in the file if there is one.

        Raises
        ------
        LockedError
            If another process writes this store; then it does that when it opens.
        """
        self._image = image
        if self._pyramid.exists:
            with self._writer.opened():
                self._pyramid.describe(self._attributes())

    def rebuild_levels(self) -> Work[None]:
        """Make the lower levels anew from full resolution.

        Raises
        ------
        LockedError
            If another process writes this store.
        """
        if not self.exists:
            return
        yield from self._lower.remade(self._writer.opened)

    def damaged(self) -> Iterator[Path]:
        """Yield the chunk files at full resolution that cannot be decoded; reads all of them."""
        yield from self._pyramid.damaged()

    def close(self) -> None:
        """Let the lock go; reading and writing afterwards is allowed.

        Lower levels that are not right within two seconds are made when it opens again.
        """
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _real(self, edit: Edit) -> Edit:
        """Return what `edit` changes in its plane, with the pixels that are there before."""
        before = self._pyramid.read(edit.tile)
        after = np.where(edit.changed, edit.after, before).astype(before.dtype)
        return replace(edit, before=before, after=after)

    def _attributes(self) -> dict[str, Any]:
        return label_attributes(self._image, self._scheme(), self._pyramid.count)
