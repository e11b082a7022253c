"""Ctrl-C and SIGTERM: heard also where Python drops the exception that they raise."""

from __future__ import annotations

import signal
from threading import Event

__all__ = ["obey_signals", "stop_if_asked"]

_asked = Event()
"""Signals belong to a process, so this does too."""


def obey_signals() -> None:
    """Let SIGINT and SIGTERM raise `KeyboardInterrupt`, and be remembered."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)


def stop_if_asked() -> None:
    """Raise the interrupt again that was lost, as in a finaliser or a callback of C code.

    Raises
    ------
    KeyboardInterrupt
        If one of the signals has come.
    """
    if _asked.is_set():
        raise KeyboardInterrupt


def _stop(*_: object) -> None:
    _asked.set()
    raise KeyboardInterrupt
