"""Steps that overlap: each runs in a thread of its own, with short queues between."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import dataclass
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

__all__ = ["staged"]

T = TypeVar("T")
U = TypeVar("U")
V = TypeVar("V")

_POLL_SECONDS = 0.05


def staged(
    items: Iterable[T],
    first: Callable[[T], U],
    second: Callable[[U], V],
    *,
    ahead: int = 1,
) -> Generator[V, None, None]:
    """Yield ``second(first(item))`` of each item, in order, both steps running ahead.

    While the caller uses one result, `second` computes the next and `first` the one
    after it. So three things go on at a time, and at most ``2 * ahead + 3`` items are
    held. Closing the generator waits for the steps under way.

    Parameters
    ----------
    items : iterable
        Taken in the thread of `first`, no earlier than needed.
    first, second : callable
        Each is called in one thread only.
    ahead : int
        How many results may wait after each step.

    Raises
    ------
    Exception
        What `items` or a step raised, after all results before it.

    Examples
    --------
    >>> list(staged(range(3), str, len))
    [1, 1, 1]
    """
    stop = threading.Event()
    early = _Stage(items, first, stop, ahead)
    late = _Stage(early.results(), second, stop, ahead)
    stages = (early, late)
    try:
        for stage in stages:
            stage.thread.start()
        with closing(late.results()) as results:
            yield from results
    finally:
        stop.set()
        for stage in stages:
            if stage.thread.ident is not None:
                stage.thread.join()


@dataclass(frozen=True, slots=True)
class _Failure:
    error: BaseException


_END = object()


class _Stage(Generic[T, U]):
    """One step, the thread that it runs in and the queue of its results."""

    def __init__(
        self, items: Iterable[T], step: Callable[[T], U], stop: threading.Event, ahead: int
    ) -> None:
        self._items = items
        self._step = step
        self._stop = stop
        self._queue: Queue[object] = Queue(ahead)
        name = getattr(step, "__name__", type(step).__name__)
        self.thread = threading.Thread(target=self._run, name=f"phenoai {name}", daemon=True)

    def results(self) -> Generator[U, None, None]:
        """Yield what the step returned; raise what it raised; end when all has to stop."""
        while not self._stop.is_set():
            try:
                found = self._queue.get(timeout=_POLL_SECONDS)
            except Empty:
                continue
            if found is _END:
                return
            if isinstance(found, _Failure):
                raise found.error
            yield found  # type: ignore[misc]

    def _run(self) -> None:
        try:
            for item in self._iterated():
                self._put(self._step(item))
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            self._put(_Failure(error))
        else:
            self._put(_END)

    def _iterated(self) -> Iterator[T]:
        for item in self._items:
            if self._stop.is_set():
                return
            yield item

    def _put(self, thing: object) -> None:
        while not self._stop.is_set():
            try:
                self._queue.put(thing, timeout=_POLL_SECONDS)
            except Full:
                continue
            return
