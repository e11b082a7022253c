"""Downloads of checkpoints: resumed where they stopped, checked, and then whole."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import time
import urllib.error
import urllib.request
from contextlib import closing
from typing import TYPE_CHECKING, Any

from napari_phenoai.core.progress import Progress
from napari_phenoai.errors import (
    DiskError,
    ModelError,
    PhenoError,
    RefusedError,
    ServerFailedError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_phenoai.core.progress import Work
    from napari_phenoai.ml.sam.catalogue import Checkpoint

__all__ = ["download"]

_BYTES = 1 << 20
_EVERY_SECONDS = 0.1
_WAIT_SECONDS = 20.0
_AGAIN = "Start the download again: it goes on where it stopped."


def download(entry: Checkpoint, folder: Path | None = None) -> Work[Path]:
    """Download a checkpoint, unless it is there.

    Until it is whole and its SHA-256 is right, it has another name. What has arrived stays
    when the work is closed or fails, and the next download goes on from there.

    Parameters
    ----------
    entry : Checkpoint
        What to download.
    folder : Path, optional
        Where to; the cache folder of the user, unless told otherwise.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UnreachableError
        If there is no network, or the connection broke.
    RefusedError, ServerFailedError
        If the server has no such file, or fails.
    ModelError
        If what has arrived is another file; it is removed.
    DiskError
        If there is too little space, or the folder cannot be written.
    """
    path = entry.path(folder)
    if entry.is_here(folder):
        return path
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
        yield from _fetched(entry, part)
        yield from _checked(entry, part)
        part.replace(path)
    except PhenoError:
        raise
    except OSError as error:
        if isinstance(error, FileNotFoundError) and entry.is_here(folder):
            return path  # another process was faster
        hint = "Free some space, or choose a folder that you may write to."
        raise DiskError(f"{part} cannot be written: {error}.", hint=hint) from error
    return path


def _fetched(entry: Checkpoint, part: Path) -> Work[None]:
    """Bring the part to its full size.

    Each process writes the bytes of a place to that place, so two that do the same at
    once do no harm.
    """
    start = part.stat().st_size
    if start > entry.size_bytes:
        start = 0
    missing = entry.size_bytes - start
    if not missing:
        return
    _check_room(part, missing)
    yield _progress(entry, start)
    with closing(_opened(entry, start)) as reply, part.open("r+b") as file:
        at = start if reply.status == 206 else 0
        file.seek(at)
        shown = time.monotonic()
        for data in _pieces(entry, reply):
            file.write(data)
            at += len(data)
            if at > entry.size_bytes:
                break
            if time.monotonic() - shown >= _EVERY_SECONDS:
                shown = time.monotonic()
                yield _progress(entry, at)
        if at >= entry.size_bytes:
            file.truncate(at)
        file.flush()
        os.fsync(file.fileno())
    if at < entry.size_bytes:
        raise UnreachableError(f"The download of {entry.name} broke off.", hint=_AGAIN)


def _check_room(part: Path, missing: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if free < missing:
        what = f"{missing / 1e6:.0f} MB are needed in {part.parent}, and {free / 1e6:.0f} are free."
        raise DiskError(what, hint="Free some space, then start the download again.")


def _opened(entry: Checkpoint, start: int) -> http.client.HTTPResponse:
    headers = {"User-Agent": "napari-phenoai", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    request = urllib.request.Request(entry.url, headers=headers)  # noqa: S310
    try:
        reply: Any = urllib.request.urlopen(request, timeout=_WAIT_SECONDS)  # noqa: S310
    except urllib.error.HTTPError as error:
        with error:
            raise _said_no(entry, error.code) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        hint = (
            "Check the network and the proxy, or download the file on another computer "
            "and give its path."
        )
        raise UnreachableError(f"{entry.url} cannot be reached: {reason}.", hint=hint) from error
    if reply.status == 206 and not _begins_at(reply, start):
        reply.close()
        what = f"{entry.url} sends another part than was asked for."
        raise ServerFailedError(what, hint="Remove the part file, then try again.")
    found: http.client.HTTPResponse = reply
    return found


def _begins_at(reply: http.client.HTTPResponse, start: int) -> bool:
    stated = str(reply.headers.get("Content-Range") or "")
    return stated.removeprefix("bytes ").partition("-")[0].strip() == str(start)


def _said_no(entry: Checkpoint, code: int) -> RefusedError | ServerFailedError:
    what = f"{entry.url} answers with error {code}."
    if code >= 500:
        return ServerFailedError(what, hint="Try again later; what has arrived is kept.")
    return RefusedError(what, hint="Download the file elsewhere and give its path.")


def _pieces(entry: Checkpoint, reply: http.client.HTTPResponse) -> Iterator[bytes]:
    """Yield what arrives, in the pieces that it arrives in."""
    while True:
        try:
            data = reply.read1(_BYTES)
        except (OSError, http.client.HTTPException) as error:
            what = f"The download of {entry.name} broke off: {error}."
            raise UnreachableError(what, hint=_AGAIN) from error
        if not data:
            return
        yield data


def _checked(entry: Checkpoint, part: Path) -> Work[None]:
    """Raise unless the file is the one of the catalogue."""
    size = part.stat().st_size
    sha = hashlib.sha256()
    with part.open("rb") as file:
        while data := file.read(16 * _BYTES):
            sha.update(data)
            yield Progress(entry.size_bytes, entry.size_bytes, f"checking {entry.name}")
    if size == entry.size_bytes and sha.hexdigest() == entry.sha256:
        return
    part.unlink(missing_ok=True)
    what = f"What arrived from {entry.url} is not the checkpoint of the catalogue."
    hint = "Download it again; if it happens again, something on the way changes the file."
    raise ModelError(what, hint=hint)


def _progress(entry: Checkpoint, done: int) -> Progress:
    total = entry.size_bytes
    message = f"downloading {entry.name}: {done / 1e6:.0f} of {total / 1e6:.0f} MB"
    return Progress(done, total, message, {"bytes": done})
