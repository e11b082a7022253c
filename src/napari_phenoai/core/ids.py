"""Names that never clash: time-ordered ids and content hashes."""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
import time
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["new_id", "sha256_bytes", "sha256_file", "slug", "unique"]

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_lock = threading.Lock()
_newest = [0]


def new_id(at_seconds: float | None = None) -> str:
    """Return a new ULID in lower case: 48 bits of milliseconds, 80 random bits.

    Sorting ids sorts by the time they were made; those of one process are in order
    even within a millisecond. See https://github.com/ulid/spec.

    Examples
    --------
    >>> len(new_id())
    26
    >>> new_id(1.0) < new_id(2.0)
    True
    """
    milliseconds = int((time.time() if at_seconds is None else at_seconds) * 1000)
    value = (milliseconds << 80) | secrets.randbits(80)
    if at_seconds is None:
        with _lock:
            value = _newest[0] = max(value, _newest[0] + 1)
    return "".join(_ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5))


def sha256_bytes(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def slug(text: str) -> str:
    """Return `text` as a short, safe file name in ASCII.

    Examples
    --------
    >>> slug("Pommier (été) 12.tif")
    'pommier-ete-12-tif'
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9_]+", "-", plain.lower()).strip("-")[:80] or "image"


def unique(name: str, taken: Collection[str]) -> str:
    """Return `name`, or `name` with the first free number behind it."""
    if name not in taken:
        return name
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"
