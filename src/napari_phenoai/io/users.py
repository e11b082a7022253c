"""Who is inside: letting many threads in, and one alone when they have gone."""

from __future__ import annotations

import os
import threading
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Users"]


class Users:
    """Counts the threads that use something, so that it is not closed under their hands."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._inside: Counter[int] = Counter()
        self._alone: int | None = None

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Be a user for the time of a ``with`` block; waits while somebody is alone."""
        self._forget_if_forked()
        changed, me = self._changed, threading.get_ident()
        with changed:
            while self._alone not in (None, me) and not self._inside[me]:
                changed.wait()
            self._inside[me] += 1
        try:
            yield
        finally:
            with changed:
                self._inside[me] -= 1
                changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only one: new users wait, and this waits until those inside have left.

        A thread that is inside itself does not wait for itself.
        """
        self._forget_if_forked()
        changed, me = self._changed, threading.get_ident()
        with changed:
            while self._alone is not None:
                changed.wait()
            self._alone = me
            while any(count for thread, count in self._inside.items() if thread != me):
                changed.wait()
        try:
            yield
        finally:
            with changed:
                self._alone = None
                self._inside = +self._inside
                changed.notify_all()

    def _forget_if_forked(self) -> None:
        if self._pid != os.getpid():
            Users.__init__(self)
