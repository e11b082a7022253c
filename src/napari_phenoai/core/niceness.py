"""How far work in the background steps back for the window."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from pathlib import Path

__all__ = ["BESIDE_WINDOW", "chosen_niceness", "step_back", "step_thread_back", "take_a_share"]

BESIDE_WINDOW = "PHENOAI_BESIDE_WINDOW"
"""Environment variable of programs that a window starts, and somebody works in."""

_VARIABLE = "PHENOAI_NICE"
_USUAL = 10
_MOST = 19
_FEW_CORES = 4
_LOOK_SECONDS = 10.0
_LEAST = 0.2
"""Of one processor."""


def chosen_niceness() -> int:
    """Return the niceness of work in the background: ``PHENOAI_NICE``, else 10."""
    try:
        return min(_MOST, max(0, int(os.environ.get(_VARIABLE, _USUAL))))
    except ValueError:
        return _USUAL


def step_back() -> None:
    """Let other programs go first; to be called before this one starts threads.

    Where `BESIDE_WINDOW` is set, on Linux with at most four processors, it takes only what
    others leave (``SCHED_IDLE``): a nice program still keeps a window, which sleeps and
    wakes many times a frame, waiting for some milliseconds each time. It does so as long as
    that is not next to nothing.
    """
    if sys.platform == "win32":
        return
    _set(0)
    wanted = os.environ.get(BESIDE_WINDOW) and chosen_niceness()
    if sys.platform == "linux" and wanted and (os.cpu_count() or 1) <= _FEW_CORES:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
            threading.Thread(target=_until_starved, name="share", daemon=True).start()


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


def _until_starved() -> None:
    used = -1.0
    while used < 0 or time.process_time() - used > _LEAST * _LOOK_SECONDS:
        used = time.process_time()
        time.sleep(_LOOK_SECONDS)
    take_a_share()


def take_a_share() -> None:
    """Let all threads of this program take a nice program's share again; on Linux."""
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            os.sched_setscheduler(int(thread.name), os.SCHED_OTHER, os.sched_param(0))
