"""Exports are made beside their place and moved there whole."""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from napari_phenoai.core.ids import sha256_bytes, sha256_file
from napari_phenoai.errors import InputError
from napari_phenoai.io.files import PARTIAL, disk_errors, fsync_dir, make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["checksum", "destination_folder", "staged"]


def destination_folder(folder: Path) -> Path:
    """Return `folder`, made if missing.

    Raises
    ------
    InputError
        If a file has that name.
    DiskError
        If it cannot be made.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file.", hint="Choose a folder for the export.")
    return make_folder(folder)


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write a file or a folder to; it takes its place at the end.

    When the work fails or is cancelled, what was written is removed and `path`
    is as it was before.

    Raises
    ------
    DiskError
        If the disk is full, read-only or gone.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}{PARTIAL}")
    with disk_errors(path):
        try:
            yield beside
            _flush(beside)
            _take_place(beside, path)
        finally:
            _remove(beside)


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and hashes of all files of a folder."""
    if path.is_file():
        return sha256_file(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    listing = [f"{file.relative_to(path).as_posix()} {sha256_file(file)}\n" for file in files]
    return sha256_bytes("".join(listing).encode())


def _take_place(beside: Path, path: Path) -> None:
    """Move `beside` to `path`; an old folder there goes only once the new one is whole."""
    if not path.is_dir():
        beside.replace(path)
    else:
        old = path.with_name(f".{path.name}.{secrets.token_hex(6)}{PARTIAL}")
        path.replace(old)
        beside.replace(path)
        _remove(old)
    fsync_dir(path.parent)


def _flush(path: Path) -> None:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    for file in files:
        with file.open("rb+") as handle:
            os.fsync(handle.fileno())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
