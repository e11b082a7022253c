"""Requests that block for minutes: waited for in small steps, and left behind if need be."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Generic, TypeVar

from napari_phenoai.errors import EndpointError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

__all__ = ["Call", "Lane", "Latest", "StoppedError"]

T = TypeVar("T")

_STEP_SECONDS = 0.1


class StoppedError(EndpointError):
    """The person stopped waiting; the server may go on with what it was asked."""

    def __init__(
        self,
        what: str = "Stopped.",
        *,
        hint: str = "The server may still finish what it was asked; its answer is dropped.",
    ) -> None:
        super().__init__(what, hint=hint)


class Call(Generic[T]):
    """One function at work in a thread of its own, which nobody has to wait for.

    A blocked request cannot be broken off. So whoever stops waiting leaves the thread
    behind, and what it brings later is dropped.

    Parameters
    ----------
    function : callable
        Does the work.
    done : callable, optional
        Is called in that thread when the work has ended, wanted or not.
    """

    def __init__(self, function: Callable[[], T], done: Callable[[], object] | None = None) -> None:
        self._function = function
        self._done = done
        self._ended = threading.Event()
        self._result: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="phenoai request")
        self._thread.start()

    def steps(self, seconds: float | None = None) -> Iterator[None]:
        """Yield about every 0.1 s until the work has ended, or `seconds` have passed."""
        until = None if seconds is None else time.monotonic() + seconds
        while not self._ended.wait(_STEP_SECONDS):
            if until is not None and time.monotonic() > until:
                return
            yield

    @property
    def ended(self) -> bool:
        """Whether the work has ended."""
        return self._ended.is_set()

    def result(self) -> T:
        """Wait for the end and return the result, or raise what went wrong."""
        self._ended.wait()
        if self._error is not None:
            raise self._error
        return self._result[0]

    def wait(self, stop: threading.Event | None = None) -> T:
        """Return the result, or leave it behind once `stop` is set.

        Raises
        ------
        StoppedError
            If `stop` was set first.
        """
        for _ in self.steps():
            if stop is not None and stop.is_set():
                raise StoppedError
        return self.result()

    def _run(self) -> None:
        try:
            self._result.append(self._function())
        except BaseException as error:  # noqa: BLE001 - handed whole to whoever asks
            self._error = error
        finally:
            if self._done is not None:
                self._done()
            self._ended.set()


class Lane:
    """Lets so many requests through to a server at the same time.

    A place is given back when the server has answered, not when somebody stops waiting:
    the server goes on with what it was asked.

    Parameters
    ----------
    width : int
        How many.
    """

    def __init__(self, width: int = 1) -> None:
        self._places = threading.Semaphore(width)

    def call(self, function: Callable[[], T], stop: threading.Event | None = None) -> Call[T]:
        """Start `function` as soon as there is a place.

        Raises
        ------
        StoppedError
            If `stop` was set before there was one.
        """
        while not self._places.acquire(timeout=_STEP_SECONDS):
            if stop is not None and stop.is_set():
                raise StoppedError
        with contextlib.ExitStack() as stack:
            stack.callback(self._places.release)
            call = Call(function, self._places.release)
            stack.pop_all()
        return call


class Latest(Generic[T]):
    """Asks one question after the other, and delivers only the answer to the newest.

    Parameters
    ----------
    deliver : callable
        Is called with the question, the result and the error, one of which is None, in
        the thread of the work.
    """

    def __init__(self, deliver: Callable[[Hashable, T | None, Exception | None], object]) -> None:
        self._deliver = deliver
        self._lock = threading.RLock()
        self._stop = threading.Event()

    def ask(self, question: Hashable, work: Callable[[threading.Event], T]) -> None:
        """Put `question` in place of any older one, and start `work` on it.

        `work` is given an event that is set as soon as nobody wants its answer.
        """
        stop = threading.Event()
        with self._lock:
            self._stop.set()
            self._stop = stop
        Call(lambda: self._answer(question, work, stop))

    def cancel(self) -> None:
        """Want no answer any more."""
        with self._lock:
            self._stop.set()

    def _answer(
        self, question: Hashable, work: Callable[[threading.Event], T], stop: threading.Event
    ) -> None:
        result: T | None = None
        problem: Exception | None = None
        try:
            result = work(stop)
        except Exception as error:  # noqa: BLE001 - delivered, not swallowed
            problem = error
        with self._lock:
            if not stop.is_set():
                self._deliver(question, result, problem)
