"""Label values as few bytes: zstd with a checksum, as in the chunk files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ZSTD_LEVEL", "packed", "unpacked"]

ZSTD_LEVEL = 3
"""0.05 ms for a chunk of labels, 0.3 ms for one of noise."""


def packed(values: NDArray[Any]) -> bytes:
    """Return the values of an array, rows first, compressed by zstd with a checksum."""
    from numcodecs.zstd import Zstd

    return bytes(Zstd(level=ZSTD_LEVEL, checksum=True).encode(np.ascontiguousarray(values)))


def unpacked(data: bytes, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the array that `packed` made bytes of; it may be written to.

    Raises
    ------
    ValueError, RuntimeError
        If the bytes are damaged or do not fit `shape`.
    """
    from numcodecs.zstd import Zstd

    return np.frombuffer(Zstd().decode(data), dtype).reshape(shape).copy()
