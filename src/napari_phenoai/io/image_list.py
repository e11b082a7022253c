"""The images of a project: their records, and their pixels on demand."""

from __future__ import annotations

import shutil
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from napari_phenoai.core.ids import slug, unique
from napari_phenoai.core.progress import Progress, scaled
from napari_phenoai.core.records import ImageRecord
from napari_phenoai.errors import ImageError, InputError
from napari_phenoai.io.files import PARTIAL, disk_error, make_folder, write_json
from napari_phenoai.io.folders import RecordFolder, json_files, stem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_phenoai.core.ports import ImageSource
    from napari_phenoai.core.progress import Work
    from napari_phenoai.io.findings import Finding
    from napari_phenoai.io.folders import FileIndex
    from napari_phenoai.io.locks import FileLock

__all__ = ["ImageList"]

_LOCK_SECONDS = 20.0


class ImageList:
    """Image records in the folder ``images`` of a project, as ``<id>.json``.

    Parameters
    ----------
    root : Path
        Folder of the project; what lies inside it is named relative to it.
    lock : FileLock
        Held while a record is changed.
    index : callable, optional
        Returns an index that makes opening fast, or None.
    """

    def __init__(
        self, root: Path, lock: FileLock, index: Callable[[], FileIndex | None] | None = None
    ) -> None:
        self.root = root
        self.folder = root / "images"
        self._lock = lock
        self._mutex = threading.RLock()
        self._sources: dict[str, ImageSource] = {}
        self._records = RecordFolder(
            self.folder,
            ImageRecord,
            "image",
            files=json_files(self.folder),
            name_of=stem,
            fixed=False,
            index=index,
        )

    @property
    def problems(self) -> list[Finding]:
        """Records that are left out, and why."""
        return self._records.findings()

    def all(self) -> list[ImageRecord]:
        """Return all records in the order in which the images were added."""
        records = self._records.records().values()
        return sorted(records, key=lambda record: (record.added, record.id))

    def get(self, image_id: str) -> ImageRecord:
        """Return the record of one image.

        Raises
        ------
        InputError
            If the project has no such image.
        """
        try:
            return self._records.records()[image_id]
        except KeyError:
            hint = "phenoai info lists the images of the project."
            raise InputError(f"The project has no image {image_id!r}.", hint=hint) from None

    def source(self, image_id: str) -> ImageSource:
        """Return the lazy pixels of one image; the same object each time.

        Raises
        ------
        ImageError
            If the file has gone, cannot be read or is not the one that was added.
        """
        with self._mutex:
            if image_id not in self._sources:
                self._sources[image_id] = self._opened(self.get(image_id))
            return self._sources[image_id]

    def add(
        self,
        uri: str | Path,
        *,
        copy: bool = False,
        group: str | None = None,
        pixel_um: float | None = None,
    ) -> Work[ImageRecord]:
        """Add one image; `Project.add_image` says how."""
        from napari_phenoai.io.images import convert_image, needs_conversion, open_image

        where = _full(uri)
        source = open_image(where)
        yield Progress(0, 1, f"looking at {_name(where)}")
        known = self._with_fingerprint(source.fingerprint)
        if known is not None:
            return self.relink(known.id, where) if self._lost(known) else known
        with self._reserve(slug(Path(_name(where)).stem)) as image_id:
            stored = self.stored(where)
            if copy or needs_conversion(source):
                target = self.folder / f"{image_id}.ome.zarr"
                yield from scaled(convert_image(where, target), 0, 1)
                stored = self.stored(str(target))
            try:
                record = self._record(image_id, source, where, stored, pixel_um)
                with self._mutex:
                    self._write(record.but(group=group))
            except BaseException:
                if stored != self.stored(where):
                    shutil.rmtree(self.root / stored, ignore_errors=True)
                raise
        return self.get(image_id)

    def change(self, image_id: str, **changes: object) -> ImageRecord:
        """Replace the record of an image by one with `changes`.

        Raises
        ------
        InputError
            If there is no such image, or a value cannot be used.
        DiskError
            If the disk is full or read-only.
        """
        with self._mutex, self._lock.holding(_LOCK_SECONDS):
            try:
                record = self.get(image_id).but(**changes)
            except ValidationError as error:
                text = f"Image {image_id} cannot have {changes}: {error.errors()[0]['msg']}."
                raise InputError(text, hint="Give another value.") from error
            self._write(record)
            return record

    def relink(self, image_id: str, uri: str | Path) -> ImageRecord:
        """Take the pixels of an image from another place from now on.

        Raises
        ------
        ImageError
            If what is there cannot be read or has another size.
        """
        from napari_phenoai.io.images import open_image

        record, where = self.get(image_id), _full(uri)
        source = open_image(where)
        if tuple(source.shape) != record.shape:
            text = f"{where} has the shape {tuple(source.shape)}, image {image_id} {record.shape}."
            raise ImageError(text, hint="Give the same image, or add this one as a new one.")
        with self._mutex:
            self._sources.pop(image_id, None)
        place = self.stored(where)
        return self.change(image_id, uri=place, original=place, fingerprint=source.fingerprint)

    def located(self, record: ImageRecord) -> str:
        """Return the full path or the address of an image."""
        return record.uri if _is_address(record.uri) else str(self.root / record.uri)

    def stored(self, where: str) -> str:
        """Return how a full path or an address is written in a record."""
        if _is_address(where):
            return where
        path = Path(where)
        if path.is_relative_to(self.root):
            return path.relative_to(self.root).as_posix()
        return str(path)

    def close(self) -> None:
        """Let go of the images that were opened."""
        with self._mutex:
            self._sources.clear()

    def _opened(self, record: ImageRecord) -> ImageSource:
        from napari_phenoai.io.images import open_image

        where = self.located(record)
        if self._lost(record):
            text = f"The image {record.name} is not at {where} any more."
            raise ImageError(text, hint=_back(record))
        source: ImageSource = open_image(where)
        own = record.uri != record.original and self._inside(where)
        same = own or source.fingerprint == record.fingerprint
        if tuple(source.shape) != record.shape or not same:
            text = f"The image {record.name} at {where} has changed since it was added."
            hint = "Put the old file back, or add the changed one under another name."
            raise ImageError(text, hint=hint)
        return source

    def _inside(self, where: str) -> bool:
        """Tell whether a file is in the project: only there may its bytes be others."""
        place = None if _is_address(where) else Path(where).resolve()
        return place is not None and place.is_relative_to(self.root.resolve())

    def _lost(self, record: ImageRecord) -> bool:
        return not _is_address(record.uri) and not Path(self.located(record)).exists()

    def _with_fingerprint(self, fingerprint: str) -> ImageRecord | None:
        matches = (record for record in self.all() if record.fingerprint == fingerprint)
        return next(matches, None)

    @contextmanager
    def _reserve(self, name: str) -> Iterator[str]:
        """Give an id that no other thread or process takes meanwhile."""
        taken = {path.name.partition(".")[0] for path in self.folder.glob("[!.]*")}
        while True:
            image_id = unique(name, taken)
            claim = self.folder / f".{image_id}.claim{PARTIAL}"
            if self._claimed(claim, image_id):
                break
            taken.add(image_id)
        try:
            yield image_id
        finally:
            with suppress(OSError):
                claim.unlink()

    def _claimed(self, claim: Path, image_id: str) -> bool:
        make_folder(self.folder)
        try:
            claim.open("x").close()
        except FileExistsError:
            return False
        except OSError as error:
            raise disk_error(error, claim, "made") from error
        if not any(self.folder.glob(f"{image_id}.*")):
            return True
        claim.unlink()
        return False

    def _record(
        self, image_id: str, source: ImageSource, where: str, stored: str, pixel_um: float | None
    ) -> ImageRecord:
        try:
            return ImageRecord(
                id=image_id,
                name=_name(where),
                uri=stored,
                original=self.stored(where),
                shape=source.shape,
                dtype=str(source.dtype),
                channels=tuple(source.channels),
                pixel_um=source.pixel_um if pixel_um is None else pixel_um,
                fingerprint=source.fingerprint,
            )
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
            text = f"{where} cannot be added: {reason}."
            raise InputError(text, hint="Give a pixel size above 0 in micrometres.") from error

    def _write(self, record: ImageRecord) -> None:
        write_json(self.folder / f"{record.id}.json", record)
        self._records.forget(f"{record.id}.json")


def _is_address(where: str) -> bool:
    from napari_phenoai.io.images.stores import is_address

    return is_address(where)


def _full(uri: str | Path) -> str:
    from napari_phenoai.io.images.stores import is_address, local_path

    text = str(uri)
    if is_address(text):
        return text
    path = local_path(text)
    with suppress(OSError):
        path = path.resolve()
    return str(path)


def _name(where: str) -> str:
    return where.rstrip("/\\").replace("\\", "/").rpartition("/")[2] or where


def _back(record: ImageRecord) -> str:
    if record.uri != record.original:
        return f"Put that folder back from a backup, or add {record.original} again."
    return "Put the file back, or add it again from its new place."
