"""The user's list of servers: a file among the settings, never in a project."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from napari_phenoai.core.endpoints import EndpointList
from napari_phenoai.core.ids import sha256_bytes
from napari_phenoai.errors import LockedError, NewerFormatError, ProjectError
from napari_phenoai.io.files import read_record, write_json
from napari_phenoai.io.locks import FileLock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["EndpointBook", "endpoints_file"]

_FILE = "endpoints.json"
_WAIT_SECONDS = 5.0
_LOGIN_SECONDS = 60.0


def endpoints_file() -> Path:
    """Return where the list is kept: among the settings of this user's programs."""
    from platformdirs import user_config_path

    return user_config_path("napari-phenoai", appauthor=False) / _FILE


class EndpointBook:
    """Reads and changes the list; several programs may do so at once.

    Parameters
    ----------
    path : Path, optional
        The file; by default `endpoints_file`.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or endpoints_file()

    def read(self) -> EndpointList:
        """Return the list as it is on the disk; empty where there is no file.

        Raises
        ------
        ProjectError
            If the file is damaged.
        NewerFormatError
            If a newer version wrote it.
        DiskError
            If it cannot be read.
        """
        if not self.path.exists():
            return EndpointList()
        try:
            return read_record(self.path, EndpointList, "list of servers")
        except NewerFormatError:
            raise
        except ProjectError as error:
            hint = "Move the file away and add your servers anew; logins stay in the keyring."
            raise ProjectError(error.what, hint=hint) from error

    def change(self, change: Callable[[EndpointList], EndpointList]) -> EndpointList:
        """Replace the list by what `change` makes of it, and return that.

        Raises
        ------
        LockedError
            If another program holds the list for longer than a few seconds.
        ProjectError, DiskError
            If it cannot be read or written; it is then as it was.
        """
        lock = FileLock(self.path.with_name(f".{_FILE}.lock"), "The list of servers")
        with lock.holding(_WAIT_SECONDS):
            new = change(self.read())
            write_json(self.path, new)
        return new

    @contextmanager
    def holding(self, login: str) -> Iterator[None]:
        """Keep other programs from renewing the login `login` for the time of a ``with`` block.

        Raises
        ------
        LockedError
            If another program has been renewing it for a minute.
        """
        name = f".login-{sha256_bytes(login.encode())[:16]}.lock"
        lock = FileLock(self.path.with_name(name), f"The login {login}")
        try:
            lock.acquire(_LOGIN_SECONDS)
        except LockedError as error:
            what = f"Another program has been renewing the login {login} for a minute."
            raise LockedError(what, hint="End it if it hangs, and try again.") from error
        try:
            yield
        finally:
            lock.release()
