"""A small disk that can be filled: tests of what happens when there is no room."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["fill", "free", "small_disk"]

_FILLER = "filler"
_BLOCK = b"\1" * (1 << 20)


@contextmanager
def small_disk(folder: Path, size_mb: int) -> Iterator[Path]:
    """Mount a disk in memory at `folder` for the time of a ``with`` block.

    Raises
    ------
    InputError
        If this machine or user does not allow it; says why.
    """
    mount, umount = shutil.which("mount"), shutil.which("umount")
    hint = "Run it as root on Linux."
    if mount is None or umount is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        raise InputError("Mounting a small disk needs the rights of root.", hint=hint)
    folder.mkdir(parents=True, exist_ok=True)
    command = [mount, "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        text = f"No disk can be mounted here: {done.stderr.strip()}."
        raise InputError(text, hint=hint)
    try:
        yield folder
    finally:
        subprocess.run([umount, "-l", str(folder)], check=True)  # noqa: S603


def fill(disk: Path, left: int = 0) -> None:
    """Fill `disk` up to about `left` bytes."""
    file = disk / _FILLER
    handle = os.open(file, os.O_WRONLY | os.O_CREAT)
    try:
        os.lseek(handle, 0, os.SEEK_END)
        while os.write(handle, _BLOCK):
            pass
    except OSError:
        os.truncate(file, max(0, file.stat().st_size - left))
    finally:
        os.close(handle)


def free(disk: Path) -> None:
    """Take away what `fill` wrote."""
    (disk / _FILLER).unlink(missing_ok=True)
