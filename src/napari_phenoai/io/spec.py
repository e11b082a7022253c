"""``project.json``: read, checked, and replaced as a whole."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from napari_phenoai.core.ids import new_id
from napari_phenoai.core.records import ProjectFile
from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.errors import InputError, ProjectError
from napari_phenoai.io.files import disk_errors, read_record, write_json
from napari_phenoai.io.locks import FileLock

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PROJECT_FILE", "SpecFile", "is_project", "new_spec"]

PROJECT_FILE = "project.json"

_LOCK_SECONDS = 20.0


def is_project(path: str | Path) -> bool:
    """Tell whether `path` is the folder of a project."""
    return (Path(path) / PROJECT_FILE).is_file()


def new_spec(
    classes: Sequence[str], *, tile_px: int, name: str, instances: bool = False
) -> ProjectFile:
    """Return the project file of a new project.

    Raises
    ------
    InputError
        If the classes or the tile size cannot be used.
    """
    scheme = ClassScheme.of(classes)
    try:
        kind: Literal["semantic", "instance"] = "instance" if instances else "semantic"
        return ProjectFile(id=new_id(), name=name, scheme=scheme, tile_px=tile_px, kind=kind)
    except ValidationError as error:
        raise _unusable(error) from error


class SpecFile:
    """The project file in a folder; sees what other processes write.

    Parameters
    ----------
    folder : Path
        Folder of the project.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / PROJECT_FILE
        self._mutex = threading.RLock()
        self._lock = FileLock(folder / "project.lock", f"The project {folder}")
        self._spec: ProjectFile | None = None
        self._stamp: tuple[int, int, int] | None = None

    def check_free(self) -> None:
        """Check that a project can be made here.

        Raises
        ------
        ProjectError
            If the folder has something in it, or a file is in its place.
        """
        _check_empty(self.path.parent)

    def create(self, spec: ProjectFile) -> None:
        """Write the first project file."""
        write_json(self.path, spec)

    def read(self) -> ProjectFile:
        """Return what the file says now; it is read again only when it has changed.

        Raises
        ------
        ProjectError
            If there is none, or it is damaged.
        NewerFormatError
            If a newer version of the package wrote it.
        """
        with self._mutex:
            with disk_errors(self.path, "read"):
                stamp = _stamp(self.path)
            if stamp is None and self._spec is None:
                hint = "Give the folder of a project, or make one with phenoai create."
                text = f"{self.path.parent} is no project: it has no {PROJECT_FILE}."
                raise ProjectError(text, hint=hint)
            if self._spec is None or stamp not in (None, self._stamp):
                self._spec = read_record(self.path, ProjectFile, "project file")
                self._stamp = stamp
            return self._spec

    def scheme(self) -> ClassScheme:
        """Return the classes that are in force now."""
        return self.read().scheme

    def update(self, **changes: object) -> ProjectFile:
        """Replace the file by one with `changes`, and return it.

        Raises
        ------
        InputError
            If there is no such setting, its value cannot be used, or classes do not
            follow from those in force.
        DiskError
            If the disk is full or read-only; the old file is untouched.
        """
        with self._mutex, self._lock.holding(_LOCK_SECONDS):
            old = read_record(self.path, ProjectFile, "project file")
            try:
                new = old.but(**changes)
            except ValidationError as error:
                raise _unusable(error) from error
            _check_follows(old.scheme, new.scheme)
            if new.kind != old.kind:
                hint = "Make another project, and import the masks there: phenoai review."
                raise InputError(
                    f"The labels are those of a project of kind {old.kind}.", hint=hint
                )
            write_json(self.path, new)
            self._spec, self._stamp = new, _stamp(self.path)
            return new


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        stat = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _check_empty(folder: Path) -> None:
    taken = None
    with disk_errors(folder, "used"):
        if folder.exists() and not folder.is_dir():
            hint = "Choose another name."
            raise ProjectError(f"{folder} is a file, not a folder.", hint=hint)
        taken = folder.is_dir() and next(folder.iterdir(), None)
    if taken:
        hint = "Choose a new or an empty folder."
        if is_project(folder):
            hint = "Open it, or choose another folder: there is a project in it already."
        raise ProjectError(f"The folder {folder} is not empty ({taken.name}).", hint=hint)


def _check_follows(old: ClassScheme, new: ClassScheme) -> None:
    if new == old:
        return
    lost = {item.id for item in old.classes} - {item.id for item in new.classes}
    if lost or new.version <= old.version:
        text = f"The classes (version {new.version}) do not follow from version {old.version}"
        hint = "Make the change again: the classes were changed elsewhere meanwhile."
        raise InputError(f"{text}, which is in force.", hint=hint)


def _unusable(error: ValidationError) -> InputError:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    text = f"The project setting {name} cannot be {first['input']!r}: {first['msg']}."
    return InputError(text, hint="Give another value.")
