"""Patience with servers: asking again, more and more slowly, and saying so."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from napari_phenoai.core.progress import Progress
from napari_phenoai.errors import EndpointError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_phenoai.core.progress import Work

__all__ = ["Pace", "Patience", "StoppedWaitingError"]

T = TypeVar("T")


class StoppedWaitingError(Exception):
    """A person wants the training to end."""


@dataclass(frozen=True)
class Pace:
    """How often a server is asked, in seconds.

    Parameters
    ----------
    first, most : float
        Between two questions: at first and after every change, and in the end.
    told : float
        Between two questions that make the module look for itself.
    tick : float
        Between two looks whether anybody wants it to stop.
    unreachable : float
        How long a server may be silent before it is called unreachable.
    news : float
        How long a training may tell nothing new before that is said.
    """

    first: float = 2.0
    most: float = 30.0
    told: float = 5.0
    tick: float = 0.2
    unreachable: float = 60.0
    news: float = 1800.0


class Patience:
    """Waits between questions, in small steps, and shows what it waits for.

    Parameters
    ----------
    pace : Pace
        How long.
    wanted : callable
        Whether it shall go on; it is asked at every step.
    missed : callable
        Hears an error, and since how many seconds the server is silent.
    answered : callable
        Hears that the server has answered after all.
    """

    def __init__(
        self,
        pace: Pace,
        wanted: Callable[[], bool],
        missed: Callable[[EndpointError, float], object],
        answered: Callable[[], object],
    ) -> None:
        self.pace = pace
        self.last = Progress(0, None)
        self._wanted, self._missed, self._answered = wanted, missed, answered
        self._silent_since: float | None = None
        self._wait = pace.first

    def insist(self, ask: Callable[[], T], *, unless: tuple[type[Exception], ...] = ()) -> Work[T]:
        """Ask until there is an answer.

        Raises
        ------
        EndpointError
            Only one of the kinds `unless`.
        StoppedWaitingError
            If nobody wants it any more.
        """
        while True:
            try:
                answer = ask()
            except unless:
                raise
            except EndpointError as error:
                yield from self.miss(error)
            else:
                self.hear()
                return answer

    def miss(self, error: EndpointError) -> Work[None]:
        """Wait after a failure, longer each time."""
        now = time.monotonic()
        self._silent_since = now if self._silent_since is None else self._silent_since
        self._missed(error, now - self._silent_since)
        yield from self.pause(self.slower())

    def hear(self) -> None:
        """Note that the server has answered."""
        if self._silent_since is not None:
            self._silent_since = None
            self.faster()
            self._answered()

    def slower(self) -> float:
        """Return how long to wait now, and wait longer next time."""
        wait = self._wait
        self._wait = min(self.pace.most, wait * 1.5)
        return wait

    def faster(self) -> None:
        """Ask often again, since something changes."""
        self._wait = self.pace.first

    def pause(self, seconds: float) -> Work[None]:
        """Wait, and show the last progress meanwhile, without its numbers.

        Raises
        ------
        StoppedWaitingError
            If nobody wants it any more.
        """
        until = time.monotonic() + seconds
        while True:
            self.check()
            yield Progress(self.last.done, self.last.total, self.last.message)
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(self.pace.tick, left))

    def check(self) -> None:
        """Raise `StoppedWaitingError` if nobody wants it any more."""
        if not self._wanted():
            raise StoppedWaitingError

    def say(self, progress: Progress) -> Progress:
        """Remember a progress, to be shown while nothing happens, and return it."""
        self.last = progress
        return progress
