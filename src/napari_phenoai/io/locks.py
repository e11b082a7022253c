"""One writer at a time, across processes: a lock file that says who has it."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from typing import TYPE_CHECKING

from napari_phenoai.errors import LockedError
from napari_phenoai.io.files import disk_errors
from napari_phenoai.io.processes import ProcessMark

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["FileLock"]

_BUSY = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}
_LOCK_BYTE = 4096
"""Windows locks bytes, not files: this one lies behind all text."""


class FileLock:
    """A lock that the operating system lets go when its process dies.

    The file stays where it is; it holds a line of JSON that names the process.
    One object is used by one thread at a time.

    Parameters
    ----------
    path : Path
        The lock file; its folder is made when needed.
    what : str
        What is locked, for messages.
    """

    def __init__(self, path: Path, what: str) -> None:
        self.path = path
        self._what = what
        self._handle: int | None = None
        self._mark: ProcessMark | None = None

    @property
    def held(self) -> bool:
        """Whether this object has the lock."""
        return self._handle is not None

    def acquire(self, wait_seconds: float = 0) -> str:
        """Take the lock unless held already; return the note left by a dead holder.

        Raises
        ------
        LockedError
            If somebody else still has it after `wait_seconds`; names who.
        DiskError
            If the lock file cannot be made.
        """
        if self._handle is not None:
            return ""
        with disk_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            with disk_errors(self.path, "locked"):
                self._wait(handle, time.monotonic() + wait_seconds)
            note = _text(handle).partition("\n")[2]
        except BaseException:
            os.close(handle)
            raise
        self._handle = handle
        self.note("")
        return note

    def note(self, text: str) -> None:
        """Write what the holder is doing, for whoever comes after a crash."""
        if self._handle is None:
            return
        if self._mark is None or self._mark.pid != os.getpid():
            self._mark = ProcessMark.of()
        with disk_errors(self.path):
            data = f"{self._mark.model_dump_json()}\n{text}".encode()
            os.lseek(self._handle, 0, os.SEEK_SET)
            os.write(self._handle, data)
            os.ftruncate(self._handle, len(data))

    def release(self) -> None:
        """Let the lock go; nothing happens when it is not held."""
        if self._handle is None:
            return
        handle, self._handle = self._handle, None
        with contextlib.suppress(OSError):
            os.ftruncate(handle, 0)
        _unlock(handle)
        os.close(handle)

    @contextlib.contextmanager
    def holding(self, wait_seconds: float) -> Iterator[None]:
        """Hold the lock for the time of a ``with`` block."""
        self.acquire(wait_seconds)
        try:
            yield
        finally:
            self.release()

    def _wait(self, handle: int, until: float) -> None:
        while not _try_lock(handle):
            if time.monotonic() >= until:
                raise self._locked(_text(handle))
            time.sleep(0.01)

    def _locked(self, text: str) -> LockedError:
        mark = ProcessMark.parse(text.partition("\n")[0])
        who = "another process"
        if mark is not None:
            who = "another window of this program" if mark == ProcessMark.of() else str(mark)
        hint = "Close the project there, or work on another image meanwhile."
        return LockedError(f"{self._what} is being written by {who} ({self.path}).", hint=hint)


def _text(handle: int) -> str:
    os.lseek(handle, 0, os.SEEK_SET)
    return os.read(handle, _LOCK_BYTE).decode(errors="replace")


if os.name == "nt":
    import msvcrt

    def _try_lock(handle: int) -> bool:
        os.lseek(handle, _LOCK_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError as error:
            if error.errno in _BUSY:
                return False
            raise
        return True

    def _unlock(handle: int) -> None:
        os.lseek(handle, _LOCK_BYTE, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined]

else:
    import fcntl

    def _try_lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _BUSY:
                return False
            raise
        return True

    def _unlock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)
