"""The Dask cluster that this person used last: kept among the settings, never in a project.

Whoever talks to a scheduler runs what it sends. So a project, which may come from anybody,
does not get to name one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from napari_phenoai.core.records import Record
from napari_phenoai.io.endpoints import EndpointBook
from napari_phenoai.io.files import read_record, write_json

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["OwnCluster"]

_FILE = "cluster.json"


class _Last(Record):
    """``cluster.json`` among the user's settings."""

    format: Literal[1] = 1
    address: str = ""


class OwnCluster:
    """Remembers the address of a cluster from one project to the next.

    Parameters
    ----------
    path : Path, optional
        The file; by default one beside the list of servers.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or EndpointBook().path.with_name(_FILE)

    def read(self) -> str:
        """Return the address; empty where none was used yet.

        Raises
        ------
        ProjectError, DiskError
            If the file is damaged, of a newer version, or cannot be read.
        """
        if not self.path.exists():
            return ""
        return read_record(self.path, _Last, "address of a cluster").address

    def keep(self, address: str) -> None:
        """Remember `address`.

        Raises
        ------
        DiskError
            If it cannot be written.
        """
        write_json(self.path, _Last(address=address))
