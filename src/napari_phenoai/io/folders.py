"""Folders of record files: each file read once, new ones noticed, bad ones set aside."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from pydantic import ValidationError

from napari_phenoai.core.records import Record
from napari_phenoai.errors import PhenoError
from napari_phenoai.io.files import disk_errors, read_record
from napari_phenoai.io.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

__all__ = ["FileIndex", "FileMark", "FolderNames", "RecordFolder", "hidden", "json_files", "stem"]

FileMark = tuple[int, int]
"""How a file looks from outside: size in bytes and time of change in nanoseconds."""

_CLOCK_NS = 2_000_000_000
"""Two changes of a folder within this time may carry the same time stamp (FAT: 2 s)."""


R = TypeVar("R", bound=Record)


class FileIndex(Protocol):
    """Keeps the content of record files so that a project opens fast."""

    def indexed(self, kind: str) -> Mapping[str, tuple[FileMark, str]]:
        """Return the files known: how each looked, and its JSON."""
        ...

    def index(self, kind: str, rows: Iterable[tuple[str, FileMark, str, str]]) -> None:
        """Remember files: name, how it looks, id and JSON of each."""
        ...

    def unindex(self, kind: str, files: Iterable[str]) -> None:
        """Forget files."""
        ...


class FolderNames:
    """The `wanted` names in one folder, listed again only when the folder has changed."""

    def __init__(self, folder: Path, wanted: Callable[[str], bool]) -> None:
        self._folder = folder
        self._wanted = wanted
        self._changed_ns = -1
        self._names: frozenset[str] = frozenset()

    def read(self) -> frozenset[str]:
        """Return the names; the same object as before while nothing has changed."""
        try:
            changed_ns = self._folder.stat().st_mtime_ns
            if changed_ns == self._changed_ns:
                return self._names
            listed_ns = time.time_ns()
            names = frozenset(filter(self._wanted, os.listdir(self._folder)))  # noqa: PTH208
        except (FileNotFoundError, NotADirectoryError):
            changed_ns, names, listed_ns = -1, frozenset(), 0
        self._changed_ns = changed_ns if changed_ns < listed_ns - _CLOCK_NS else -1
        if names != self._names:
            self._names = names
        return self._names


def hidden(name: str) -> bool:
    """Tell whether a file is none of ours: unfinished, or kept by the system or a sync tool."""
    return name.startswith((".", "~")) or name.lower() in {"thumbs.db", "desktop.ini"}


def json_files(folder: Path) -> Callable[[], frozenset[str]]:
    """Return a function that lists the JSON files in `folder` for a `RecordFolder`."""
    names = FolderNames(folder, lambda name: name.endswith(".json") and not hidden(name))
    return names.read


def stem(name: str) -> str:
    """Return the id in a relative file name: ``a/b.json`` holds ``b``."""
    return name.rpartition("/")[2].removesuffix(".json")


@dataclass(frozen=True, slots=True)
class _Entry(Generic[R]):
    mark: FileMark
    record: R | None
    finding: Finding | None = None


class RecordFolder(Generic[R]):
    """All records of one kind in a folder, read lazily and kept.

    Parameters
    ----------
    folder : Path
        Where the files are; it need not exist.
    kind : type of Record
        What each file holds; it has an ``id``.
    what : str
        What a file is, for messages; also the name of the kind in the index.
    files : callable
        Returns the files that belong here, relative to `folder`, as a frozenset
        that is the same object while nothing has changed.
    name_of : callable
        Returns the id that a file must hold, from its relative name.
    fixed : bool
        Whether a file never changes once it is there, so that a known one need
        not be looked at again.
    index : callable, optional
        Returns the index to start from, or None while there is none.
    """

    def __init__(
        self,
        folder: Path,
        kind: type[R],
        what: str,
        *,
        files: Callable[[], frozenset[str]],
        name_of: Callable[[str], str],
        fixed: bool,
        index: Callable[[], FileIndex | None] | None = None,
    ) -> None:
        self.folder = folder
        self._kind, self._what, self._fixed = kind, what, fixed
        self._files, self._name_of, self._index = files, name_of, index
        self._lock = threading.RLock()
        self._prefix = f"{folder}{os.sep}"
        self._entries: dict[str, _Entry[R]] = {}
        self._bad: dict[str, _Entry[R]] = {}
        self._seen: frozenset[str] | None = None
        self._records: dict[str, R] = {}
        self._findings: list[Finding] = []

    def records(self) -> Mapping[str, R]:
        """Return the records by id, in the order of the ids.

        The same object is returned while nothing has changed.

        Raises
        ------
        DiskError
            If the folder cannot be listed.
        """
        with self._lock, disk_errors(self.folder, "read"):
            self._refresh()
            return self._records

    def forget(self, name: str) -> None:
        """Read the file `name` again the next time, as it was just written."""
        with self._lock:
            self._entries.pop(name, None)

    def findings(self) -> list[Finding]:
        """Return what is wrong with files here that are not used for that reason."""
        with self._lock:
            self.records()
            return list(self._findings)

    def _refresh(self) -> None:
        first = self._seen is None
        names = self._files()
        if names is self._seen and self._fixed and not self._findings:
            return
        known = self._known() if first else {}
        entries = {name: self._entry(name, known) for name in self._suspects(names)}
        found = {name: entry for name, entry in entries.items() if entry is not None}
        changed = {name: new for name, new in found.items() if new is not self._entries.get(name)}
        gone = (self._entries.keys() | known.keys()) - names
        gone |= (entries.keys() - found.keys()) & self._entries.keys()
        if changed or gone:
            self._save(changed, gone, known)
            self._take(changed, gone)
        self._seen = names

    def _suspects(self, names: frozenset[str]) -> list[str]:
        if not self._fixed:
            return sorted(names)
        bad = {name for name in self._bad if name in names}
        return sorted((names - self._entries.keys()) | bad)

    def _entry(self, name: str, known: Mapping[str, tuple[FileMark, str]]) -> _Entry[R] | None:
        old = self._entries.get(name)
        if old is not None and old.record is not None and self._fixed:
            return old
        try:
            stat = os.stat(f"{self._prefix}{name}")  # noqa: PTH116 - twice as fast for 10,000
        except (FileNotFoundError, NotADirectoryError):
            return None
        mark = (stat.st_size, stat.st_mtime_ns)
        if old is not None and old.mark == mark:
            return old
        if name in known and known[name][0] == mark:
            with suppress(ValidationError):
                return _Entry(mark, self._kind.model_validate_json(known[name][1]))
        return self._read(name, self.folder / name, mark)

    def _read(self, name: str, path: Path, mark: FileMark) -> _Entry[R]:
        try:
            record = read_record(path, self._kind, self._what)
        except PhenoError as error:
            return _Entry(mark, None, Finding.of(error, path))
        found, expected = _id(record), self._name_of(name)
        if found == expected:
            return _Entry(mark, record)
        text = f"The {self._what} {path} says that its id is {found!r}; it is not used."
        hint = "Remove it if it is a copy, or give it back the name that it had."
        return _Entry(mark, None, Finding("warning", text, hint, path))

    def _take(self, changed: Mapping[str, _Entry[R]], gone: set[str]) -> None:
        plain = not gone and all(
            entry.record is not None
            and name not in self._entries
            and _id(entry.record) not in self._records
            for name, entry in changed.items()
        )
        self._entries = {**self._entries, **changed}
        for name in gone & self._entries.keys():
            del self._entries[name]
        if plain:
            self._add(changed)
        else:
            self._gather()

    def _add(self, changed: Mapping[str, _Entry[R]]) -> None:
        added = {_id(entry.record): entry.record for entry in changed.values() if entry.record}
        if len(added) < len(changed):
            self._gather()
            return
        last = next(reversed(self._records), "")
        self._records = {**self._records, **dict(sorted(added.items()))}
        if min(added) < last:
            self._records = dict(sorted(self._records.items()))

    def _gather(self) -> None:
        records: dict[str, R] = {}
        self._bad = {name: entry for name, entry in self._entries.items() if entry.finding}
        self._findings = [entry.finding for entry in self._bad.values() if entry.finding]
        for name, entry in sorted(self._entries.items()):
            if entry.record is None:
                continue
            twin = records.setdefault(_id(entry.record), entry.record)
            if twin is not entry.record and twin != entry.record:
                text = f"The {self._what} {self.folder / name} differs from another of its id."
                hint = "Keep the one that is right and move the other out of the project."
                self._findings.append(Finding("error", text, hint, self.folder / name))
        self._records = dict(sorted(records.items()))

    def _known(self) -> Mapping[str, tuple[FileMark, str]]:
        index = None if self._index is None else self._index()
        if index is None:
            return {}
        with suppress(PhenoError):
            return index.indexed(self._what)
        return {}

    def _save(
        self,
        changed: Mapping[str, _Entry[R]],
        gone: set[str],
        known: Mapping[str, tuple[FileMark, str]],
    ) -> None:
        index = None if self._index is None else self._index()
        if index is None:
            return
        rows = [
            (name, entry.mark, _id(entry.record), entry.record.model_dump_json())
            for name, entry in changed.items()
            if entry.record is not None and known.get(name, (None,))[0] != entry.mark
        ]
        gone = gone | {name for name, entry in changed.items() if entry.record is None}
        with suppress(PhenoError):
            if rows:
                index.index(self._what, rows)
            if gone:
                index.unindex(self._what, gone)


def _id(record: Record) -> str:
    return str(record.id)  # type: ignore[attr-defined]
