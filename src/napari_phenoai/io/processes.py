"""Who runs: naming a process so that a later one with its number is told apart."""

from __future__ import annotations

import os
import socket
from typing import Self

import psutil
from pydantic import Field, ValidationError

from napari_phenoai.core.records import Record

__all__ = ["ProcessMark"]

_CLOCK_SECONDS = 5.0
"""How far a correction of the clock may shift the start of a process."""


class ProcessMark(Record):
    """A process on a machine; ``started`` is when it began, in seconds since 1970."""

    pid: int = Field(gt=0)
    host: str
    started: float | None = None

    @classmethod
    def of(cls, pid: int | None = None) -> Self:
        """Return the mark of process `pid`, or of this process."""
        pid = os.getpid() if pid is None else pid
        return cls(pid=pid, host=socket.gethostname(), started=_started(pid))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the mark written in `text` as JSON, or None if there is none."""
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            return None

    @property
    def here(self) -> bool:
        """Whether the process ran on this machine."""
        return self.host == socket.gethostname()

    @property
    def alive(self) -> bool:
        """Whether it runs now; always False for another machine's, which cannot be asked."""
        if not self.here or not psutil.pid_exists(self.pid):
            return False
        started = _started(self.pid)
        if started is None or self.started is None:
            return started is not None
        return abs(started - self.started) < _CLOCK_SECONDS

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def _started(pid: int) -> float | None:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return float(process.create_time())
    except psutil.Error:
        return None
