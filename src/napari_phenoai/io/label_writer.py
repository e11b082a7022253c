"""Writing a label image: one process at a time, and no edit half done."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from napari_phenoai.errors import DiskError, ProjectError
from napari_phenoai.io.chunk_parts import CHUNK_PX
from napari_phenoai.io.locks import FileLock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari_phenoai.core.edits import Edit
    from napari_phenoai.core.records import ImageRecord
    from napari_phenoai.io.journal import Journal
    from napari_phenoai.io.lower_levels import LowerLevels
    from napari_phenoai.io.objects import ObjectFile
    from napari_phenoai.io.pyramid import Pyramid

__all__ = ["LabelWriter"]

_AT_WORK = "writing"
"""Note in the lock file, found there only if the writer died."""

_CLOSE_SECONDS = 2.0
"""How long closing waits for the lower levels."""

_FEW_CHUNKS = 64
"""So many are made anew at once when a project is opened, within a second."""


class LabelWriter:
    """Takes the lock of a label image, completes what was left, carries edits out.

    Parameters
    ----------
    path : Path
        The lock file.
    image : ImageRecord
        The image whose labels are written.
    pyramid : Pyramid
        The label image.
    lower : LowerLevels
        Told when full resolution has changed.
    journal : callable
        Returns the edit journal of the project.
    attributes : callable
        Returns the OME attributes that the label image should have.
    objects : ObjectFile, optional
        The classes of the objects, where labels are ids.

    Attributes
    ----------
    mutex : threading.RLock
        Held while chunks at full resolution are being changed.
    """

    def __init__(
        self,
        path: Path,
        image: ImageRecord,
        *,
        pyramid: Pyramid,
        lower: LowerLevels,
        journal: Callable[[], Journal],
        attributes: Callable[[], dict[str, Any]],
        objects: ObjectFile | None = None,
    ) -> None:
        self.mutex = threading.RLock()
        self._lock = FileLock(path, f"The label image of {image.name}")
        self._image = image.id
        self._pyramid = pyramid
        self._lower = lower
        self._journal = journal
        self._attributes = attributes
        self._objects = objects
        self._unsettled = False

    def open(self) -> None:
        """Take the lock, make the label image when needed, and complete recorded edits.

        Raises
        ------
        LockedError
            If another process has the lock; names it.
        DiskError
            If the disk is full or read-only.
        """
        with self.mutex:
            if self._lock.held:
                if self._unsettled:
                    self._replay()
                return
            died = self._lock.acquire() == _AT_WORK
            try:
                self._lock.note(_AT_WORK)
                if self._pyramid.exists:
                    self._pyramid.describe(self._attributes())
                else:
                    self._pyramid.create(self._attributes())
                if died:
                    self._pyramid.sweep()
                self._replay()
            except BaseException:
                self._lock.release()
                raise

    def close(self) -> None:
        """Let the lock go, after waiting a little for the lower levels.

        They are written with the lock only, so what another thread changes meanwhile is
        waited for as well.
        """
        while True:
            self._lower.stop(_CLOSE_SECONDS)
            with self.mutex:
                if not self._lower.wanted:
                    self._lock.release()
                    return

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Have the lock for a ``with`` block, and afterwards only if it was held before."""
        with self.mutex:
            held = self._lock.held
            self.open()
        try:
            yield
        finally:
            if not held:
                self.close()

    def recover(self) -> None:
        """Complete what a crash left, and let the lock go where that was little.

        Raises
        ------
        LockedError, ProjectError, DiskError
            If another process has the lock, or as `LowerLevels.update`.
        """
        journal = self._journal()
        if not journal.pending(self._image) and not journal.stale.of(self._image):
            return
        self.open()
        if len(journal.stale.of(self._image)) <= _FEW_CHUNKS:
            self._lower.update()
            self.close()

    def carry_out(self, edit: Edit, reverts: int | None) -> int:
        """Record an edit, change the chunks, settle it; return its number in the journal.

        New chunks are written beside the old ones first. So where the disk is full,
        nothing is recorded and nothing has changed.
        """
        with ExitStack() as stack:
            puts: list[Callable[[], object]] = []
            for plane in edit.planes:
                after = plane.after.astype(self._pyramid.dtype, copy=False)
                puts.append(stack.enter_context(self._pyramid.writing(plane.tile, after)))
            if self._objects is not None:
                puts.insert(0, stack.enter_context(self._objects.writing(edit.objects)))
            self._unsettled = True
            number = self._journal().record(edit, reverts=reverts)
            for put in puts:
                put()
        with suppress(DiskError):
            self._journal().settle(number)
            self._unsettled = False
        self._lower.soon()
        return number

    def _replay(self) -> None:
        journal = self._journal()
        for number, edit in journal.pending(self._image):
            if self._objects is not None:
                self._objects.change(edit.objects)
            for part in edit.parts(CHUNK_PX):
                with suppress(ProjectError):
                    self._pyramid.write(part.tile, part.after.astype(self._pyramid.dtype))
            journal.settle(number)
        self._unsettled = False
        if journal.stale.of(self._image):
            self._lower.soon()
