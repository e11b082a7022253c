"""Feed a writer that pulls from an iterator, one item at a time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Generic, Self, TypeVar

__all__ = ["Feed"]

T = TypeVar("T")


class _CancelledError(Exception):
    """Raised inside the writer to make it stop."""


class Feed(Generic[T]):
    """Run ``write(items)`` in a thread and hand it the items that `put` is given.

    Used as a context manager: leaving it without an error waits until the
    writer has ended; leaving it with one makes the writer stop.

    Parameters
    ----------
    write : callable
        Takes an iterator over the items and uses it up.

    Examples
    --------
    >>> seen = []
    >>> with Feed(lambda items: seen.extend(items)) as feed:
    ...     feed.put(1)
    ...     feed.put(2)
    >>> seen
    [1, 2]
    """

    def __init__(self, write: Callable[[Iterator[T]], object]) -> None:
        self._write = write
        self._items: queue.Queue[tuple[T] | _CancelledError | None] = queue.Queue(maxsize=2)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="export", daemon=True)

    def put(self, item: T) -> None:
        """Hand over `item`; raises what the writer raised, if it has ended with an error."""
        self._send((item,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        cancelled = kind is not None
        try:
            self._send(_CancelledError() if cancelled else None)
        finally:
            self._thread.join()
        if not cancelled:
            self._raise()

    def _send(self, message: tuple[T] | _CancelledError | None) -> None:
        while self._thread.is_alive():
            try:
                self._items.put(message, timeout=0.1)
            except queue.Full:
                continue
            return
        if not isinstance(message, _CancelledError):
            self._raise()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._write(self._received())
        except _CancelledError:
            return
        except BaseException as error:  # noqa: BLE001 - handed to the thread that feeds
            self._error = error

    def _received(self) -> Iterator[T]:
        while (message := self._items.get()) is not None:
            if isinstance(message, _CancelledError):
                raise message
            yield message[0]
