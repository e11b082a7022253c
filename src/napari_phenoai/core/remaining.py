"""How long still: an estimate from how far the work came, and its words."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Pace", "in_words", "remaining_seconds"]

_LEAST_SHARE = 0.02
_LEAST_SECONDS = 2.0


def remaining_seconds(elapsed: float, fraction: float | None) -> float | None:
    """Return the seconds that work still takes if it goes on at its mean pace.

    Parameters
    ----------
    elapsed : float
        Seconds since it began.
    fraction : float or None
        Share done, in [0, 1]; None where the total is not known.

    Returns
    -------
    float or None
        None while less than 2 s or 2 % are done: too early to tell.

    Examples
    --------
    >>> remaining_seconds(30, 0.25)
    90.0
    >>> remaining_seconds(1, 0.5) is None
    True
    """
    if fraction is None or fraction < _LEAST_SHARE or elapsed < _LEAST_SECONDS:
        return None
    return elapsed * (1 - min(fraction, 1.0)) / fraction


def in_words(seconds: float | None) -> str:
    """Return a duration for people, no finer than it is known.

    Examples
    --------
    >>> [in_words(value) for value in (3, 42, 200, 5400, None)]
    ['a few seconds left', '45 s left', '3 min left', '1 h 30 min left', '']
    """
    if seconds is None:
        return ""
    if seconds < 10:
        return "a few seconds left"
    if seconds < 55:
        return f"{5 * math.ceil(seconds / 5)} s left"
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        return f"{minutes} min left"
    return f"{minutes // 60} h {minutes % 60:02} min left"


class Pace:
    """Tells how long work still takes when some of it was done before.

    What was there already is skipped: it counts neither as done nor as to do.

    Parameters
    ----------
    total : float
        Units of work in all, skipped ones included.
    clock : callable
        Returns seconds.

    Examples
    --------
    >>> times = iter([0.0, 30.0])
    >>> pace = Pace(100, clock=lambda: next(times))
    >>> pace.skip(60)
    >>> pace.start()
    >>> pace.did(10)
    >>> pace.left
    90.0
    """

    def __init__(self, total: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._done = 0.0
        self._clock = clock
        self._start: float | None = None

    def start(self) -> None:
        """Begin to measure, unless that was done before."""
        if self._start is None:
            self._start = self._clock()

    def skip(self, amount: float) -> None:
        """Leave out what need not be done."""
        self._total -= amount

    def did(self, amount: float) -> None:
        """Count what was done."""
        self._done += amount

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return 0.0 if self._start is None else self._clock() - self._start

    @property
    def left(self) -> float | None:
        """Seconds that are left; None while it is too early to tell."""
        share = self._done / self._total if self._total > 0 else None
        return remaining_seconds(self.elapsed, share)
