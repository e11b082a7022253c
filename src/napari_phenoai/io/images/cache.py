"""A bounded cache of decoded pixels, shared by the images of a process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from numpy.typing import NDArray

__all__ = ["PixelCache"]


class PixelCache:
    """Keeps the arrays that were used last, up to so many bytes in all.

    Safe to use from several threads: an array that two of them want at once is
    made once. An array larger than the limit is handed out and not kept.

    Parameters
    ----------
    limit_bytes : int
        How many bytes of arrays to keep.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._kept: OrderedDict[Hashable, NDArray[Any]] = OrderedDict()
        self._bytes = 0
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Return the array kept under `key`, or the one that `make` returns.

        The array is shared and read-only.
        """
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            turn = self._making.setdefault(key, threading.Lock())
        with turn:
            with self._lock:
                if key in self._kept:
                    return self._kept[key]
            try:
                array = make()
                array.setflags(write=False)
                self._keep(key, array)
            finally:
                with self._lock:
                    self._making.pop(key, None)
            return array

    def _keep(self, key: Hashable, array: NDArray[Any]) -> None:
        if array.nbytes > self._limit:
            return
        with self._lock:
            self._kept[key] = array
            self._bytes += array.nbytes
            while self._bytes > self._limit:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= dropped.nbytes
