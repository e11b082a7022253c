"""The work clock: how long a person really worked."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["IDLE_SECONDS", "WorkClock"]

IDLE_SECONDS = 20.0
"""A pause longer than this does not count as work."""


@dataclass(slots=True)
class WorkClock:
    """Counts the seconds of work on one tile; pauses of over 20 s are left out.

    It knows no clock itself: whoever hears of a person's doing tells the time.

    Examples
    --------
    >>> clock = WorkClock()
    >>> for at_seconds in (100.0, 105.0, 200.0, 203.0):
    ...     clock.touch(at_seconds)
    >>> clock.seconds
    8.0
    """

    idle_seconds: float = IDLE_SECONDS
    seconds: float = 0.0
    last: float | None = None

    def touch(self, at_seconds: float) -> None:
        """Hear that the person did something at this time of a steady clock."""
        if self.last is not None:
            pause = at_seconds - self.last
            self.seconds += pause if 0 <= pause <= self.idle_seconds else 0.0
        self.last = at_seconds
