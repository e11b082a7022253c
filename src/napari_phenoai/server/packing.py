"""A model as one file to download."""

from __future__ import annotations

import os
import secrets
import zipfile
from typing import TYPE_CHECKING

from napari_phenoai.core.ids import sha256_file
from napari_phenoai.io.files import disk_errors, make_folder
from napari_phenoai.server.shelf import Shelf

if TYPE_CHECKING:
    from pathlib import Path

    from napari_phenoai.io.serving import ServerSettings

__all__ = ["PART_BYTES", "packed", "part_of", "size_and_hash"]

PART_BYTES = 8 * 1024 * 1024
"""What one request of a download in parts gets, so that a bad network breaks little."""


def part_of(path: Path, number: int) -> bytes:
    """Return the part `number`, from 0, of a file; empty behind its end."""
    with path.open("rb") as file:
        file.seek(number * PART_BYTES)
        return file.read(PART_BYTES)


def size_and_hash(path: Path) -> dict[str, object]:
    """Return how a download in parts can be checked, as JSON values."""
    told = {"zip_bytes": path.stat().st_size, "zip_sha256": sha256_file(path)}
    return {**told, "part_bytes": PART_BYTES}


def packed(settings: ServerSettings, model: str) -> Path:
    """Return a ZIP of a model's files; made once, and kept.

    Its card holds the hash of the weights.

    Raises
    ------
    ModelError
        If there is no such model.
    DiskError
        If the disk is full.
    """
    found = Shelf(settings).model(model)
    target = make_folder(settings.home / "downloads") / f"{found.card.id}.zip"
    if target.is_file():
        return target
    half = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}")
    with disk_errors(target):
        try:
            with zipfile.ZipFile(half, "w") as archive:
                for path in sorted(found.folder.iterdir()):
                    if path.is_file():
                        archive.write(path, path.name)
            half.replace(target)
        finally:
            half.unlink(missing_ok=True)
    return target
