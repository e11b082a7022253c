"""How far work in the background steps back for the window."""

from __future__ import annotations

import contextlib
import os
import sys
import threading

__all__ = ["chosen_niceness", "step_back", "step_thread_back"]

_VARIABLE = "PHENOAI_NICE"
_USUAL = 10
_MOST = 19
_FEW_CORES = 4


def chosen_niceness() -> int:
    """Return the niceness of work in the background: ``PHENOAI_NICE``, else 10."""
    try:
        return min(_MOST, max(0, int(os.environ.get(_VARIABLE, _USUAL))))
    except ValueError:
        return _USUAL


def step_back() -> None:
    """Let other programs go first; to be called before this one starts threads.

    On Linux with at most four processors it takes only what others leave (``SCHED_IDLE``):
    a nice program still keeps a window, which sleeps and wakes many times a frame, waiting
    for some milliseconds each time.
    """
    if sys.platform == "win32":
        return
    _set(0)
    if sys.platform == "linux" and chosen_niceness() and (os.cpu_count() or 1) <= _FEW_CORES:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def step_thread_back() -> None:
    """Let the other threads of this program go before this one, where the system can: Linux.

    What is started from this thread steps back as far.
    """
    if sys.platform == "linux":
        _set(threading.get_native_id())


def _set(who: int) -> None:
    with contextlib.suppress(OSError):
        if os.getpriority(os.PRIO_PROCESS, who) < chosen_niceness():
            os.setpriority(os.PRIO_PROCESS, who, chosen_niceness())
