"""Snapshots: frozen lists of reviews, named by their hash."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from napari_phenoai.core.ids import sha256_bytes
from napari_phenoai.core.records import Snapshot
from napari_phenoai.errors import ProjectError
from napari_phenoai.io.files import disk_errors, parse_record, record_bytes, write_atomic

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SnapshotStore"]

_FILE = re.compile(r"([0-9a-f]{64})\.json")


class SnapshotStore:
    """Snapshots in a folder, as ``<sha256>.json``.

    Parameters
    ----------
    folder : Path
        The folder; made at the first snapshot.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, snapshot: Snapshot) -> str:
        """Keep `snapshot` and return its id, the SHA-256 of its file.

        An equal snapshot has the same id and is kept once.

        Raises
        ------
        DiskError
            If the disk is full or read-only.
        """
        data = record_bytes(snapshot)
        name = sha256_bytes(data)
        path = self._path(name)
        with disk_errors(path):
            same = path.exists() and path.read_bytes() == data
        if not same:
            write_atomic(path, data)
        return name

    def get(self, snapshot_id: str) -> Snapshot:
        """Return a snapshot, verified by its hash.

        Raises
        ------
        ProjectError
            If there is none with this id, or its file is damaged.
        """
        path = self._path(snapshot_id)
        hint = "Copy it again from the place that it comes from; a new training makes a new one."
        with disk_errors(path, "read"):
            data = path.read_bytes() if path.exists() else None
        if data is None:
            raise ProjectError(f"The snapshot {path} is missing.", hint=hint)
        if sha256_bytes(data) != snapshot_id:
            raise ProjectError(f"The snapshot {path} is damaged or was changed.", hint=hint)
        return parse_record(data, path, Snapshot, "snapshot")

    def ids(self) -> list[str]:
        """Return the ids of all snapshots, sorted."""
        with disk_errors(self.folder, "read"):
            if not self.folder.is_dir():
                return []
            matches = (_FILE.fullmatch(path.name) for path in self.folder.iterdir())
            return sorted(match[1] for match in matches if match)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"
