"""The table of objects of a label image: a small CSV file beside its pixels."""

from __future__ import annotations

import csv
import io
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from napari_phenoai.core.object_table import FIRST_OBJECT, ObjectTable
from napari_phenoai.errors import ProjectError
from napari_phenoai.io.files import disk_errors, replacing, write_atomic
from napari_phenoai.io.label_checks import check_objects
from napari_phenoai.io.pyramid import Level

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_phenoai.core.records import ImageRecord
    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.io.chunks import Chunks

__all__ = ["OBJECTS", "ClassLevel", "ObjectFile", "object_changes"]

OBJECTS = "objects.csv"
"""Name of the table in the folder of its label image."""

_HEAD = ("id", "class")


class ObjectFile:
    """Which object has which class, kept in ``objects.csv``; sees what other processes write.

    Parameters
    ----------
    path : Path
        The file. Without it, there are no objects.
    scheme : callable
        Returns the classes that are in force.
    """

    def __init__(self, path: Path, scheme: Callable[[], ClassScheme]) -> None:
        self.path = path
        self._scheme = scheme
        self._mutex = threading.RLock()
        self._stamp: object = None
        self._table = ObjectTable.over((), {})

    def table(self) -> ObjectTable:
        """Return what the file says now, with each class standing for itself.

        Raises
        ------
        ProjectError
            If the file is damaged.
        DiskError
            If it cannot be read.
        """
        with self._mutex:
            ids, stamp = self._seen()
            if stamp != self._stamp:
                self._table, self._stamp = ObjectTable.over(ids, self._read()), stamp
            return self._table

    def write(self, objects: Mapping[int, int]) -> None:
        """Make `objects`, from id to class, all that there are."""
        with self._mutex:
            write_atomic(self.path, _coded(objects))
            self._stamp = None

    def change(self, changes: Mapping[int, tuple[int, int]]) -> None:
        """Give objects other classes, as an `Edit` names them."""
        with self._mutex, self.writing(changes) as put:
            put()

    @contextmanager
    def writing(self, changes: Mapping[int, tuple[int, int]]) -> Iterator[Callable[[], None]]:
        """Prepare what `change` does, and give a function that does it, hardly able to fail."""
        if not changes:
            yield _nothing
            return
        with self._mutex:
            new = self.table().but({number: after for number, (_, after) in changes.items()})
            with replacing([(self.path, _coded(new.objects))]) as put:

                def finish() -> None:
                    put()
                    self._table, self._stamp = new, self._seen()[1]

                yield finish

    def _seen(self) -> tuple[tuple[int, ...], object]:
        """Return the classes in force, and what changes whenever the table may have changed."""
        ids = tuple(item.id for item in self._scheme().classes)
        return ids, (_stamp(self.path), ids)

    def _read(self) -> dict[int, int]:
        with disk_errors(self.path, "read"):
            text = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        try:
            rows = list(csv.reader(io.StringIO(text)))[1:]
            objects = {int(number): int(its) for number, its, *_ in rows}
            _check_range(objects)
        except ValueError as error:
            hint = "Put that file back from a backup; the pixels beside it are not touched."
            text = f"The table of objects {self.path} is damaged ({error})."
            raise ProjectError(text, hint=hint) from error
        return objects


class ClassLevel(Level):
    """One level of a label image of objects, read as classes.

    Parameters
    ----------
    chunks : Chunks
        The array of ids behind it.
    table : callable
        Returns the classes of the objects.
    """

    def __init__(self, chunks: Chunks, table: Callable[[], ObjectTable]) -> None:
        import numpy as np

        super().__init__(chunks)
        self.dtype = np.dtype(np.uint8)
        self._table = table

    def _read(self, z: int, rows: slice, columns: slice) -> NDArray[np.uint8]:
        ids: NDArray[Any] = super()._read(z, rows, columns)
        return self._table().as_classes(ids, strict=False)


def object_changes(
    table: ObjectTable | None, wanted: Mapping[int, int], image: ImageRecord, scheme: ClassScheme
) -> tuple[dict[int, tuple[int, int]], Collection[int] | None]:
    """Return what `wanted` changes in a table, and which values have a class then.

    Where labels are classes, nothing is changed, and there is no list of values.

    Raises
    ------
    LabelError
        If an id or a class is impossible.
    """
    if table is None:
        return {}, None
    check_objects(wanted, image, scheme)
    had = table.classes
    changes = {
        number: (had.get(number, 0), its)
        for number, its in wanted.items()
        if had.get(number, 0) != its
    }
    return changes, table.but(wanted).classes.keys() if changes else had.keys()


def _nothing() -> None:
    return None


def _check_range(objects: Mapping[int, int]) -> None:
    for number, its in objects.items():
        if number < FIRST_OBJECT or not 1 <= its <= 254:
            text = f"{number},{its} is impossible"
            raise ValueError(text)


def _coded(objects: Mapping[int, int]) -> bytes:
    rows = (f"{number},{its}" for number, its in sorted(objects.items()))
    return ("\n".join([",".join(_HEAD), *rows]) + "\n").encode()


def _stamp(file: Path) -> tuple[int, int, int] | None:
    with disk_errors(file, "read"):
        if not file.exists():
            return None
        stat = file.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
