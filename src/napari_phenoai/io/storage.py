"""A folder in some storage, local or remote, which nobody gets out of."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_phenoai.errors import (
    EndpointError,
    InputError,
    MissingExtraError,
    PhenoError,
    SignInError,
)
from napari_phenoai.io.files import disk_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Storage"]

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,119}")
_MOST_PARTS = 8
_PARTIAL = ".part"
_PIECE = 1024 * 1024
_WEBDAV = ("webdav+http://", "webdav+https://")
_DENIED = {401, 403}
_BUCKETS = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"}
"""They have no folders: to make one there would make a bucket."""
_LOGIN = "Check its user and password, or keys, and what they allow."
_HINT = "Check the address of the storage, its login and the network."


class Storage:
    """A folder in a storage that fsspec knows, such as ``s3://`` or a path, or on WebDAV.

    Names are relative to it, with ``/`` between their parts, and cannot lead out of it.

    Parameters
    ----------
    url : str
        Address or path of the folder; ``webdav+https://host/folder`` for WebDAV.
    options : mapping, optional
        Of the storage, such as keys, or ``user`` and ``password`` for WebDAV; they are in
        no message and no repr.
    below : str
        Name of a folder inside that is meant instead.
    """

    def __init__(
        self, url: str, options: Mapping[str, object] | None = None, *, below: str = ""
    ) -> None:
        self._url = url.rstrip("/")
        self._options = dict(options or {})
        self._below = _checked(below) if below else ""
        self._opened: tuple[Any, str] | None = None

    def inside(self, wanted: str) -> Storage:
        """Return the folder `wanted` in this one.

        Parameters
        ----------
        wanted : str
            Its name, or its whole address, which begins with that of this storage.

        Raises
        ------
        InputError
            If it lies elsewhere.
        """
        name = wanted.removeprefix(f"{self._url}/")
        below = f"{self._below}/{_checked(name.rstrip('/'))}".strip("/")
        return Storage(self._url, self._options, below=below)

    def put(self, name: str, data: bytes) -> None:
        """Write a file: first beside its place, then moved there, then looked at.

        Raises
        ------
        EndpointError
            If the storage cannot be written.
        InputError
            If the name leads elsewhere.
        """
        fs, path = self._place(name)
        with _explained(f"{self}: {name} cannot be written"):
            if not _BUCKETS.intersection(_protocols(fs)):
                fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            fs.pipe_file(f"{path}{_PARTIAL}", data)
            _move(fs, f"{path}{_PARTIAL}", path)
            fs.invalidate_cache()
        if self.size(name) != len(data):
            what = f"{self}: {name} did not arrive whole."
            raise EndpointError(what, hint="Run the same again: only what is missing is sent.")

    def get(self, name: str, most_bytes: int) -> bytes:
        """Return the content of a file.

        Raises
        ------
        EndpointError
            If there is none, it cannot be read or has more than `most_bytes`.
        InputError
            If the name leads elsewhere.
        """
        fs, path = self._place(name)
        with _explained(f"{self}: {name} cannot be read"), fs.open(path, "rb") as file:
            data: bytes = file.read(most_bytes + 1)
        if len(data) > most_bytes:
            what = f"{self}: {name} has more than {most_bytes} bytes."
            raise EndpointError(what, hint="Send it again: that file was changed or is damaged.")
        return data

    def fetch(self, name: str, target: Path, size: int) -> None:
        """Load a file into `target`; what an earlier attempt has loaded is not loaded again.

        Parameters
        ----------
        name : str
            The file.
        target : Path
            Gets it, when it is whole; until then it lies beside that.
        size : int
            How many bytes it has.

        Raises
        ------
        EndpointError
            If it cannot be read, or has another size.
        DiskError
            If the disk is full.
        """
        fs, path = self._place(name)
        half = target.with_name(f"{target.name}{_PARTIAL}")
        with disk_errors(target), half.open("ab") as out:
            if out.tell() > size:
                out.truncate(0)
            with _explained(f"{self}: {name} cannot be read"), fs.open(path, "rb") as file:
                file.seek(out.tell())
                while piece := file.read(min(_PIECE, size + 1 - out.tell())):
                    out.write(piece)
            out.flush()
            loaded = out.tell()
        if loaded != size:
            half.unlink()
            what = f"{self}: {name} has not the {size} bytes that it should have."
            raise EndpointError(what, hint="Try again; if it stays so, train again.")
        half.replace(target)

    def size(self, name: str) -> int | None:
        """Return how many bytes a file has; None where there is none.

        Raises
        ------
        EndpointError
            If the storage cannot be asked.
        InputError
            If the name leads elsewhere.
        """
        fs, path = self._place(name)
        with _explained(f"{self}: {name} cannot be looked for"):
            try:
                info = fs.info(path)
            except FileNotFoundError:
                return None
        return int(info["size"]) if info.get("type") == "file" else None

    def remove(self, name: str) -> None:
        """Remove a file; where there is none nothing happens.

        Raises
        ------
        EndpointError
            If the storage does not let it go.
        InputError
            If the name leads elsewhere.
        """
        fs, path = self._place(name)
        with _explained(f"{self}: {name} cannot be removed"):
            try:
                fs.rm_file(path)
            except FileNotFoundError:
                return
            fs.invalidate_cache()

    def sizes(self) -> dict[str, int]:
        """Return the bytes of all files in this folder, by their names.

        Raises
        ------
        EndpointError
            If the storage cannot be asked.
        """
        fs, path = self._place("x")
        root = path.removesuffix("/x")
        with _explained(f"{self} cannot be listed"):
            try:
                found = fs.find(root, detail=True)
            except FileNotFoundError:
                return {}
        start = len(root.strip("/")) + 1
        names = {str(path).strip("/")[start:]: info for path, info in found.items()}
        return {name: int(info["size"]) for name, info in names.items()}

    def __repr__(self) -> str:
        return f"The storage {self._below or 'folder'}"

    def _place(self, name: str) -> tuple[Any, str]:
        """Return the file system and the path of a file in it."""
        fs, root = self._open()
        name = f"{self._below}/{_checked(name)}".strip("/")
        path = f"{root}/{name}"
        if "file" in _protocols(fs):
            inside = Path(path).resolve().is_relative_to(Path(root).resolve())
            if not inside:
                raise _outside(name)
        return fs, path

    def _open(self) -> tuple[Any, str]:
        if self._opened is None:
            from fsspec.core import url_to_fs

            with _explained("The storage cannot be opened"):
                if self._url.startswith(_WEBDAV):
                    fs, root = _webdav(self._url, self._options), ""
                else:
                    fs, root = url_to_fs(self._url, **self._options)
            self._opened = fs, str(root).rstrip("/")
        return self._opened


def _webdav(url: str, options: Mapping[str, object]) -> Any:
    """Return the file system of a folder on a WebDAV server."""
    try:
        from webdav4.fsspec import WebdavFileSystem
    except ImportError as error:
        hint = 'pip install "napari-phenoai[storage]"'
        raise MissingExtraError("WebDAV needs the package webdav4.", hint=hint) from error
    rest = {name: value for name, value in options.items() if name not in {"user", "password"}}
    login = (str(options["user"]), str(options.get("password", ""))) if "user" in options else None
    return WebdavFileSystem(url.removeprefix("webdav+"), auth=login, **rest)


def _move(fs: Any, old: str, new: str) -> None:
    """Rename a file, over one that is there."""
    if "webdav" in _protocols(fs):
        fs.client.move(old, new, overwrite=True)
        return
    if fs.exists(new):
        fs.rm_file(new)
    fs.mv(old, new)


def _protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)


def _checked(name: str) -> str:
    parts = name.split("/")
    fine = all(_PART.fullmatch(part) and ".." not in part for part in parts)
    if not fine or len(parts) > _MOST_PARTS:
        raise _outside(name)
    return name


def _outside(name: str) -> InputError:
    what = f"{name[:120]!r} is no place in the storage."
    return InputError(what, hint="Give a name of letters, digits, - and _, with / between folders.")


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn whatever a storage raises into an `EndpointError` without its address or keys."""
    try:
        yield
    except PhenoError:
        raise
    except FileNotFoundError as error:
        raise EndpointError(f"{what}: it is not there.", hint=_HINT) from error
    except PermissionError as error:
        raise SignInError(f"{what}: permission was denied.", hint=_LOGIN) from error
    except Exception as error:
        if getattr(error, "status_code", None) in _DENIED:
            raise SignInError(f"{what}: permission was denied.", hint=_LOGIN) from error
        # Each kind of storage has errors of its own, which may name keys and hosts.
        raise EndpointError(f"{what} ({type(error).__name__}).", hint=_HINT) from error
