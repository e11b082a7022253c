"""Which trainings on servers this person has begun or taken over: kept among the settings.

A project may come from anybody, and what it says of trainings with it. So a training is
followed by itself only if it is on this list, which is never in a project.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from napari_phenoai.core.records import Record
from napari_phenoai.errors import PhenoError
from napari_phenoai.io.endpoints import EndpointBook
from napari_phenoai.io.files import read_record, write_json
from napari_phenoai.io.locks import FileLock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_phenoai.core.remote_training import RemoteTraining

__all__ = ["OwnTrainings"]

_FILE = "trainings.json"
_WAIT_SECONDS = 5.0
_MOST = 1000


class _List(Record):
    """``trainings.json`` among the user's settings: the server of each training, by its id."""

    format: Literal[1] = 1
    servers: dict[str, str] = Field(default_factory=dict)


class OwnTrainings:
    """Remembers trainings until they have ended; several programs may do so at once.

    Where the settings cannot be written nothing is remembered, and the person is asked.

    Parameters
    ----------
    path : Path, optional
        The file; by default one beside the list of servers.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or EndpointBook().path.with_name(_FILE)

    def has(self, training: RemoteTraining) -> bool:
        """Tell whether this person wanted `training`, on the server that it names."""
        with suppress(PhenoError):
            return self._read().servers.get(training.id) == training.server
        return False

    def add(self, training: RemoteTraining) -> None:
        """Remember that this person wants `training`."""
        self._change(lambda now: {**now, training.id: training.server})

    def forget(self, training: RemoteTraining) -> None:
        """Remember `training` no more: it has ended."""
        if self.has(training):
            self._change(lambda now: {one: now[one] for one in now if one != training.id})

    def _read(self) -> _List:
        if not self.path.exists():
            return _List()
        return read_record(self.path, _List, "list of trainings")

    def _change(self, change: Callable[[dict[str, str]], dict[str, str]]) -> None:
        lock = FileLock(self.path.with_name(f".{_FILE}.lock"), "The list of trainings")
        with suppress(PhenoError, OSError), lock.holding(_WAIT_SECONDS):
            kept = list(change(self._read().servers).items())[-_MOST:]
            write_json(self.path, _List(servers=dict(kept)))
