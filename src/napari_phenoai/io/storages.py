"""The user's storages: where data for trainings on servers go; never in a project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from napari_phenoai.core.records import Record
from napari_phenoai.io.endpoints import EndpointBook
from napari_phenoai.io.files import read_record, write_json
from napari_phenoai.io.locks import FileLock

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SavedStorage", "StorageBook", "StorageList"]

_FILE = "storages.json"
_WAIT_SECONDS = 5.0


class SavedStorage(Record):
    """The storage that one server takes data from.

    Parameters
    ----------
    server : str
        Name in the list of servers.
    url : str
        Address of the folder, or path.
    options : dict
        What else it needs, without secrets.
    secrets : tuple of str
        Names of options whose values are in the keyring, as JSON, under `login`.
    """

    server: str = Field(min_length=1, max_length=64)
    url: str = Field(min_length=1, max_length=2000)
    options: dict[str, object] = Field(default_factory=dict)
    secrets: tuple[str, ...] = ()

    @property
    def login(self) -> str:
        """Name of its secrets in the keyring."""
        return f"storage {self.server}"


class StorageList(Record):
    """``storages.json`` among the user's settings: no secrets in it."""

    format: Literal[1] = 1
    storages: tuple[SavedStorage, ...] = ()

    def of(self, server: str) -> SavedStorage | None:
        """Return the storage of a server; None where it has none."""
        return next((item for item in self.storages if item.server == server), None)

    def having(self, storage: SavedStorage) -> StorageList:
        """Return the list with `storage`, in place of an older one of its server."""
        return self.but(storages=(*self.without(storage.server).storages, storage))

    def without(self, server: str) -> StorageList:
        """Return the list without the storage of `server`."""
        return self.but(storages=tuple(one for one in self.storages if one.server != server))


class StorageBook:
    """Reads and changes the list; several programs may do so at once.

    Parameters
    ----------
    path : Path, optional
        The file; by default one beside the list of servers.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or EndpointBook().path.with_name(_FILE)

    def read(self) -> StorageList:
        """Return the list as it is on the disk; empty where there is no file.

        Raises
        ------
        ProjectError, DiskError
            If the file is damaged or cannot be read.
        """
        if not self.path.exists():
            return StorageList()
        return read_record(self.path, StorageList, "list of storages")

    def change(self, change: Callable[[StorageList], StorageList]) -> StorageList:
        """Replace the list by what `change` makes of it, and return that.

        Raises
        ------
        LockedError, ProjectError, DiskError
            If it cannot be read or written; it is then as it was.
        """
        lock = FileLock(self.path.with_name(f".{_FILE}.lock"), "The list of storages")
        with lock.holding(_WAIT_SECONDS):
            new = change(self.read())
            write_json(self.path, new)
        return new
