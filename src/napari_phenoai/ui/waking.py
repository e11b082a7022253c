"""Wakes the main thread, so that what threads have answered is heard at once."""

from __future__ import annotations

from contextlib import suppress

from psygnal import emit_queued
from qtpy.QtCore import QCoreApplication, QObject, Qt
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]

__all__ = ["Waker"]


class Waker(QObject):
    """Lets the main thread empty the queue of psygnal now, instead of at its next beat.

    That comes every 10 ms, which a person who waits for an outline would wait in vain.
    It belongs to the application, as the last to hold it may be another thread.
    """

    _wanted = QtSignal()

    def __init__(self) -> None:
        super().__init__(QCoreApplication.instance())
        self._wanted.connect(_empty, Qt.ConnectionType.QueuedConnection)

    def wake(self) -> None:
        """Ask for that, in any thread; nothing happens where there is no window."""
        with suppress(RuntimeError):  # the application has ended
            self._wanted.emit()


def _empty() -> None:
    emit_queued()
