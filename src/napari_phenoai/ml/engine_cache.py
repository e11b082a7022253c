"""Converted networks, kept in the user's cache folder from one start to the next."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    _Model = Any

__all__ = ["cache_folder", "kept"]

_FORMAT = 1
_MOST = 8
_FILE = "network.xml"
_log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Return where converted networks are kept; it may be deleted at any time."""
    from platformdirs import user_cache_path

    return user_cache_path("napari-phenoai", appauthor=False) / "openvino"


def kept(key: str, read: Callable[[Path], _Model], make: Callable[[], _Model]) -> _Model:
    """Return the network of `key` from the cache, or make it and put it there.

    A cache that cannot be read or written is done without. The networks used last
    stay, up to eight.

    Parameters
    ----------
    key : str
        Changes whenever the network does.
    read : callable
        Reads a network from its file.
    make : callable
        Makes it anew.
    """
    folder = cache_folder() / hashlib.sha256(f"{_FORMAT} {key}".encode()).hexdigest()[:32]
    try:
        if (folder / _FILE).exists():
            os.utime(folder)
            return read(folder / _FILE)
    except (OSError, RuntimeError) as error:
        _log.warning("The converted network %s is made anew: %s", folder, error)
        shutil.rmtree(folder, ignore_errors=True)
    model = make()
    try:
        _keep(model, folder)
    except (OSError, RuntimeError) as error:
        _log.warning("The converted network %s cannot be kept: %s", folder, error)
    return model


def _keep(model: _Model, folder: Path) -> None:
    from openvino import save_model

    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="new-", dir=folder.parent) as staged:
        made = Path(staged) / folder.name
        made.mkdir()
        save_model(model, made / _FILE, compress_to_fp16=False)
        if not folder.exists():
            made.rename(folder)
    others = [path for path in folder.parent.iterdir() if not path.name.startswith("new-")]
    for path in sorted(others, key=lambda path: path.stat().st_mtime)[:-_MOST]:
        shutil.rmtree(path, ignore_errors=True)
