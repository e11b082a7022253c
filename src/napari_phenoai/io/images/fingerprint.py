"""Short texts that tell contents apart."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from napari_phenoai.io.images.planes import Planes

__all__ = ["file_fingerprint", "file_sha256", "stored_fingerprint"]

_WHOLE_BYTES = 16 << 20
_PIECE_BYTES = 64 << 10
_PIECES = 64
_WINDOW_PX = 256


def file_fingerprint(path: Path) -> str:
    """Return a text that tells the content of a file from that of others.

    Files up to 16 MiB are hashed whole. Of larger ones the size and 64 pieces of
    64 KiB, evenly spread from the first byte to the last, are hashed. Neither
    the name nor the time of the file counts, so a copy has the same fingerprint.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as stream:
        if size <= _WHOLE_BYTES:
            digest.update(stream.read())
        else:
            for piece in range(_PIECES):
                stream.seek((size - _PIECE_BYTES) * piece // (_PIECES - 1))
                digest.update(stream.read(_PIECE_BYTES))
    return f"file-{digest.hexdigest()[:32]}"


def stored_fingerprint(metadata: Any, planes: Planes) -> str:
    """Return a text for a zarr image from its metadata and from pixels of its last level.

    Up to five windows of 256 px are read: the corners and the centre of the
    first plane.
    """
    text = json.dumps(metadata, sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode())
    _, count, rows, columns = planes.shape
    corners = {(0, 0), (0, 2), (1, 1), (2, 0), (2, 2)}
    for row, column in sorted({_origin(corner, (rows, columns)) for corner in corners}):
        y = slice(row, min(row + _WINDOW_PX, rows))
        x = slice(column, min(column + _WINDOW_PX, columns))
        digest.update(planes.read(0, slice(0, count), y, x).tobytes())
    return f"zarr-{digest.hexdigest()[:32]}"


def _origin(corner: tuple[int, int], extent: tuple[int, int]) -> tuple[int, int]:
    row, column = (
        max(0, n - _WINDOW_PX) * part // 2 for n, part in zip(extent, corner, strict=True)
    )
    return row, column


def file_sha256(path: Path, piece_bytes: int = 4 << 20) -> Generator[int, None, str]:
    """Yield how many bytes of `path` are hashed so far; return the SHA-256 in hex."""
    digest = hashlib.sha256()
    done = 0
    with path.open("rb") as stream:
        while piece := stream.read(piece_bytes):
            digest.update(piece)
            done += len(piece)
            yield done
    return digest.hexdigest()
