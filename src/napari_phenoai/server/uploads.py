"""Files of bundles that clients send to the server itself, for want of a storage of both."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from napari_phenoai.errors import DiskError, InputError

if TYPE_CHECKING:
    from pathlib import Path

    from napari_phenoai.io.serving import ServerSettings

__all__ = ["keep", "kept"]

_FOLDER = re.compile(r"bundles/[A-Za-z0-9_-]{1,64}")
_FILE = re.compile(
    rf"{_FOLDER.pattern}/(reviews|pixels|labels|snapshots|sets)/[A-Za-z0-9_][A-Za-z0-9_.-]{{0,119}}"
)
_MOST_BYTES = 1024**3
_FREE_BYTES = 2 * 1024**3
"""So much of the disk stays free, whatever is sent."""


def keep(settings: ServerSettings, name: str, path: Path) -> int:
    """Keep the file `path` of a bundle as `name`, and return its bytes.

    Raises
    ------
    InputError
        If the server takes no files, or not this one.
    DiskError
        If its disk is nearly full.
    """
    _check(settings, name, _FILE)
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise InputError(f"The file {name} is too large.", hint="Review smaller tiles.")
    home = next(place for place in (settings.home, *settings.home.parents) if place.exists())
    if shutil.disk_usage(home).free - size < _FREE_BYTES:
        hint = "Its owner has to make room."
        raise DiskError("The disk of the server is nearly full.", hint=hint)
    settings.open_storage().put(name, path.read_bytes())
    return size


def kept(settings: ServerSettings, folder: str) -> dict[str, int]:
    """Return the bytes of all files that are kept of the bundles in `folder`, by name.

    Raises
    ------
    InputError
        If the server takes no files, or that is no such folder.
    """
    _check(settings, folder, _FOLDER)
    return settings.open_storage().inside(folder).sizes()


def _check(settings: ServerSettings, name: str, form: re.Pattern[str]) -> None:
    if not settings.uploads:
        hint = "Its owner can allow it: phenoai serve --train, or PHENOAI_UPLOADS=1."
        raise InputError("This server takes no files for trainings.", hint=hint)
    if not form.fullmatch(name) or ".." in name:
        raise InputError(f"{name[:120]!r} is no file of a bundle.", hint="Update the program.")
