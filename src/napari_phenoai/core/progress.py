"""Long work is a generator that yields `Progress` and returns its result."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

__all__ = ["Progress", "Work", "finish", "scaled"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a piece of work has come.

    Parameters
    ----------
    done : float
        Units finished so far.
    total : float or None
        Units in all; None while that is unknown.
    message : str
        What is being done, short, for people.
    data : mapping
        Numbers for machines and curves, for example ``{"epoch": 3, "loss": 0.2}``;
        only values that JSON can hold.
    """

    done: float
    total: float | None
    message: str = ""
    data: Mapping[str, object] = field(default_factory=dict)

    @property
    def fraction(self) -> float | None:
        """Share done in [0, 1], or None while the total is unknown."""
        if not self.total:
            return None
        return min(1.0, max(0.0, self.done / self.total))


Work = Generator[Progress, None, T]
"""A generator that yields `Progress` and returns a ``T``; to cancel it, close it."""


def finish(work: Work[T], on_progress: Callable[[Progress], object] | None = None) -> T:
    """Run `work` to its end here and now and return its result.

    Examples
    --------
    >>> def count() -> Work[str]:
    ...     yield Progress(1, 2)
    ...     return "ready"
    >>> finish(count())
    'ready'
    """
    try:
        while True:
            progress = next(work)
            if on_progress is not None:
                on_progress(progress)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        work.close()


def scaled(work: Work[T], start: float, stop: float, total: float = 1.0) -> Work[T]:
    """Run `work` as the part from `start` to `stop` of a larger work of `total` units."""
    try:
        while True:
            progress = next(work)
            share = progress.fraction or 0.0
            done = start + share * (stop - start)
            yield Progress(done, total, progress.message, progress.data)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        work.close()
