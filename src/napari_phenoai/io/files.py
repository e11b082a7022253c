"""Files that are either whole or not there: durable writes, checked reads."""

from __future__ import annotations

import errno
import json
import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from napari_phenoai.errors import DiskError, NewerFormatError, PhenoError, ProjectError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

__all__ = [
    "PARTIAL",
    "disk_error",
    "disk_errors",
    "fsync_dir",
    "make_folder",
    "parse_record",
    "read_record",
    "record_bytes",
    "replacing",
    "write_atomic",
    "write_json",
]

R = TypeVar("R", bound=BaseModel)

PARTIAL = ".partial"
"""Ending of a file that is being written; left over only after a crash."""

_FULL = "Free some space on that disk and try again; everything saved before is safe."
_FORBIDDEN = "Change the permissions of the folder, or copy the project to a folder of your own."
_LOCAL = "Copy the project to a disk of this machine."
_HINTS = {
    errno.ENOSPC: ("the disk is full", _FULL),
    errno.EDQUOT: ("your quota on the disk is used up", _FULL),
    errno.EFBIG: ("the file would be larger than allowed", _FULL),
    errno.EROFS: ("the disk is read-only", "Copy the project to a disk that can be written."),
    errno.EACCES: ("permission was denied", _FORBIDDEN),
    errno.EPERM: ("permission was denied", _FORBIDDEN),
    errno.EIO: ("the disk reports an error", "Copy the project to another disk soon."),
    errno.ENOLCK: ("the disk has no locks", _LOCAL),
    errno.EOPNOTSUPP: ("the disk cannot do that", _LOCAL),
    errno.ENOENT: (
        "the folder is not there",
        "Plug the disk in again, or put the folder back, and try again.",
    ),
}
_AT_ONCE = 8
"""Files flushed at the same time: the disk then writes them in one go."""

_OTHER_HINT = "Check the disk and the path, and try again."


@contextmanager
def disk_errors(path: Path, action: str = "written") -> Iterator[None]:
    """Turn what the operating system says about `path` into a `DiskError`.

    Parameters
    ----------
    path : Path
        The file or folder that the message names.
    action : str
        What could not be done with it, as a participle.

    Raises
    ------
    DiskError
        In place of any `OSError` raised inside; other errors pass through.
    """
    try:
        yield
    except PhenoError:
        raise
    except OSError as error:
        raise disk_error(error, path, action) from error


def disk_error(error: OSError, path: Path, action: str) -> DiskError:
    """Return what `error` says about `path` as a `DiskError` with a remedy."""
    reason, hint = _HINTS.get(error.errno or 0, (error.strerror or str(error), _OTHER_HINT))
    return DiskError(f"{path} cannot be {action}: {reason}.", hint=hint)


def fsync_dir(folder: Path) -> None:
    """Make the names in `folder` survive a power cut, where the system can do that."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path, *, flush: bool = True) -> Path:
    """Make `folder` and its parents unless they exist, and return it.

    With `flush`, they are on the disk when this returns.

    Raises
    ------
    DiskError
        If the disk does not allow it, or a file is in the way.
    """
    with disk_errors(folder, "made"):
        missing = []
        while not folder.is_dir() and folder not in missing:
            missing.append(folder)
            folder = folder.parent
        for part in reversed(missing):
            part.mkdir(exist_ok=True)
            if flush:
                fsync_dir(part.parent)
    return missing[0] if missing else folder


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a crash leaves the old file or the new one.

    When this returns, file and name are on the disk; missing folders are made.

    Raises
    ------
    DiskError
        If the disk is full, read-only or gone; the old file is untouched.
    """
    with replacing([(path, data)]) as put:
        put()


@contextmanager
def replacing(
    contents: Sequence[tuple[Path, bytes | None]], *, flush: bool = True
) -> Iterator[Callable[[], None]]:
    """Write new files beside old ones, and give a function that puts all into place.

    What is not in place when the ``with`` block ends is removed. So what can fail,
    such as a full disk, fails before the first old file is touched.

    Parameters
    ----------
    contents : sequence of (Path, bytes or None)
        Each file and its new content; None removes it. Missing folders are made.
    flush : bool
        Whether to wait until content and names are on the disk. Without that, a power
        cut may leave an empty file.

    Raises
    ------
    DiskError
        If the disk is full, read-only or gone.
    """
    beside = [(path, _beside(path), data) for path, data in contents if data is not None]
    named = {path.parent for path, _ in contents}
    named |= {folder.parent for folder in list(named) for folder in _missing(folder)}

    def put() -> None:
        for path, new, _ in beside:
            with disk_errors(path):
                new.replace(path)
        for path in (path for path, data in contents if data is None):
            with disk_errors(path, "removed"):
                path.unlink(missing_ok=True)
        if flush:
            _flush(named, fsync_dir)

    try:
        for path, new, data in beside:
            make_folder(path.parent, flush=False)
            with disk_errors(path), new.open("xb") as file:
                file.write(data)
        if flush:
            _flush([new for _, new, _ in beside], _fsync_file)
        yield put
    finally:
        for _, new, _ in beside:
            with suppress(OSError):
                new.unlink(missing_ok=True)


def _missing(folder: Path) -> Iterator[Path]:
    """Yield `folder` and those above it that are not there."""
    while not folder.exists() and folder != folder.parent:
        yield folder
        folder = folder.parent


def _flush(paths: Collection[Path], sync: Callable[[Path], None]) -> None:
    """Bring several files or folders to the disk: at once, which takes little longer than one."""

    def one(path: Path) -> None:
        with disk_errors(path):
            sync(path)

    if len(paths) < 2:
        for path in paths:
            one(path)
        return
    with ThreadPoolExecutor(min(len(paths), _AT_ONCE)) as pool:
        list(pool.map(one, paths))


def _fsync_file(path: Path) -> None:
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}{PARTIAL}")


def record_bytes(record: BaseModel) -> bytes:
    """Return `record` as the bytes of its JSON file: indented, UTF-8, one final newline."""
    return (record.model_dump_json(indent=2) + "\n").encode()


def write_json(path: Path, record: BaseModel) -> None:
    """Write `record` to the JSON file `path` as `write_atomic` does."""
    write_atomic(path, record_bytes(record))


def read_record(path: Path, kind: type[R], what: str) -> R:
    """Read the record in the JSON file `path`.

    Parameters
    ----------
    path : Path
        The file.
    kind : type of Record
        What it should hold.
    what : str
        What the file is, for messages, as in ``"project file"``.

    Raises
    ------
    ProjectError
        If the file is missing or damaged.
    NewerFormatError
        If its ``format`` is larger than this version of the package knows.
    DiskError
        If it cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        hint = "Put it back from a backup, or from the place that the project was copied from."
        raise ProjectError(f"The {what} {path} is missing.", hint=hint) from error
    except OSError as error:
        raise disk_error(error, path, "read") from error
    return parse_record(data, path, kind, what)


def parse_record(data: bytes, path: Path, kind: type[R], what: str) -> R:
    """Return the record that `data`, the content of `path`, holds.

    Raises
    ------
    ProjectError, NewerFormatError
        As `read_record` does.
    """
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        _check_format(data, path, kind, what)
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        reason = f"{where}: {first['msg']}" if where else first["msg"]
        hint = "Put it back from a backup; phenoai doctor lists everything that is damaged."
        raise ProjectError(f"The {what} {path} is damaged ({reason}).", hint=hint) from error


def _check_format(data: bytes, path: Path, kind: type[BaseModel], what: str) -> None:
    known = max(get_args(kind.model_fields["format"].annotation), default=1)
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return
    found = content.get("format") if isinstance(content, dict) else None
    if isinstance(found, int) and found > known:
        hint = "Update napari-phenoai: pip install --upgrade napari-phenoai."
        text = f"The {what} {path} has format {found}; this version knows up to {known}."
        raise NewerFormatError(text, hint=hint)
