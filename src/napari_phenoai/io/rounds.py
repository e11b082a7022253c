"""The audit trail: one file per training, promotion or way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_phenoai.core.records import RoundRecord
from napari_phenoai.errors import InputError
from napari_phenoai.io.files import write_json
from napari_phenoai.io.folders import RecordFolder, json_files, stem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_phenoai.io.findings import Finding
    from napari_phenoai.io.folders import FileIndex

__all__ = ["RoundLog"]


class RoundLog:
    """Round records in the folder ``rounds`` of a project, as ``<id>.json``.

    Parameters
    ----------
    folder : Path
        The folder; made at the first record.
    index : callable, optional
        Returns an index that makes opening fast, or None.
    """

    def __init__(self, folder: Path, index: Callable[[], FileIndex | None] | None = None) -> None:
        self.folder = folder
        self._records = RecordFolder(
            folder,
            RoundRecord,
            "round",
            files=json_files(folder),
            name_of=stem,
            fixed=True,
            index=index,
        )

    def add(self, record: RoundRecord) -> RoundRecord:
        """Keep `record`; when this returns, it is on the disk.

        Raises
        ------
        InputError
            If its id is in use.
        DiskError
            If the disk is full or read-only.
        """
        path = self.folder / f"{record.id}.json"
        if path.exists():
            hint = "Give the new record an id of its own."
            raise InputError(f"There is a round {record.id} already ({path}).", hint=hint)
        write_json(path, record)
        return record

    def all(self) -> list[RoundRecord]:
        """Return all records in the order of the ids, which is that of their making."""
        return list(self._records.records().values())

    def served(self) -> str | None:
        """Return the id of the model that serves now; None when none does.

        It is named by the newest record that changed it. A training that was
        not let through changes nothing, even if it ended after a promotion.
        """
        for record in reversed(self.all()):
            if record.kind in ("promoted", "rolled back") or record.served != record.before:
                return record.served
        return None

    @property
    def problems(self) -> list[Finding]:
        """What is left out, and why."""
        return self._records.findings()
