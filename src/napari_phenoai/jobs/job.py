"""A job: one run of long work in a thread of its own, which ends exactly once."""

from __future__ import annotations

import logging
import threading
from contextlib import closing
from enum import Enum
from typing import TYPE_CHECKING, Generic, TypeVar

from psygnal import EmitLoopError, Signal

from napari_phenoai.core.ids import new_id
from napari_phenoai.core.niceness import step_thread_back
from napari_phenoai.core.progress import Progress
from napari_phenoai.core.records import JobRecord, now
from napari_phenoai.errors import JobError, PhenoError

if TYPE_CHECKING:
    from datetime import datetime

    from psygnal import SignalInstance

    from napari_phenoai.core.progress import Work

__all__ = ["Job", "JobState"]

T = TypeVar("T")
_log = logging.getLogger(__name__)


class JobState(Enum):
    """How a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class Job(Generic[T]):
    """Runs `work` in a thread, which leaves the processor to the thread of the window.

    Whatever happens inside, `ended` is emitted exactly once, after the generator was
    closed in its own thread. Both signals are emitted in that thread; connect with
    ``thread="main"`` to hear them in another one. A listener that fails does not
    harm the job; its error is logged.

    Parameters
    ----------
    title : str
        What people call it, such as ``Training``.
    work : Work
        The generator to run; the job owns it.
    kind : str
        What sort of work it is, for records.

    Attributes
    ----------
    progressed : Signal
        Emits each `Progress`.
    ended : Signal
        Emits the job.

    Examples
    --------
    >>> def count() -> Work[str]:
    ...     yield Progress(1, 2)
    ...     return "ready"
    >>> job = Job("Counting", count())
    >>> job.start()
    >>> job.join(), job.state, job.result
    (True, <JobState.DONE: 'done'>, 'ready')
    """

    progressed = Signal(object)
    ended = Signal(object)

    def __init__(self, title: str, work: Work[T], *, kind: str = "work") -> None:
        self.id = new_id()
        self.title = title
        self.kind = kind
        self.state = JobState.WAITING
        self.result: T | None = None
        self.error: BaseException | None = None
        self.progress = Progress(0, None)
        self.started: datetime = now()
        self.stopped: datetime | None = None
        self._work = work
        self._cancel = threading.Event()
        self._over = threading.Event()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin.

        Raises
        ------
        JobError
            If it has been started or cancelled before.
        """
        with self._lock:
            if self.state is not JobState.WAITING:
                text = f"The job {self.title!r} is {self.state.value} already."
                raise JobError(text, hint="Make a new job.")
            self.state, self.started = JobState.RUNNING, now()
        threading.Thread(target=self._run_behind, name=f"job {self.title}", daemon=True).start()

    def cancel(self) -> None:
        """Ask it to stop at the next step; returns at once, also when it has ended."""
        self._cancel.set()
        with self._lock:
            waiting = self.state is JobState.WAITING
            if waiting:
                self.state = JobState.RUNNING
        if waiting:
            self._run()

    @property
    def cancelling(self) -> bool:
        """Whether it was asked to stop."""
        return self._cancel.is_set()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until it has ended and all listeners have heard of it.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Returns
        -------
        bool
            Whether it has ended.
        """
        return self._over.wait(timeout)

    def record(self, *, pid: int | None = None) -> JobRecord:
        """Return what is known of the job, for the ledger."""
        states = {JobState.WAITING: "running"}
        told = self.error if isinstance(self.error, PhenoError) else None
        what = told.what if told else _sentence(self.error)
        return JobRecord.model_validate(
            {
                "id": self.id,
                "kind": self.kind,
                "title": self.title,
                "state": states.get(self.state, self.state.value),
                "done": self.progress.done,
                "total": self.progress.total,
                "message": self.progress.message,
                "what": what,
                "hint": told.hint if told else "",
                "pid": pid,
                "started": self.started,
                "ended": self.stopped,
            }
        )

    def _run_behind(self) -> None:
        step_thread_back()
        self._run()

    def _run(self) -> None:
        try:
            with closing(self._work):
                state = self._drive()
        except BaseException as error:  # noqa: BLE001 - handed to the listeners whole
            self.error, state = error, JobState.FAILED
        self.stopped = now()
        self.state = state
        self._tell(self.ended, self)
        self._over.set()

    def _drive(self) -> JobState:
        while not self._cancel.is_set():
            try:
                self.progress = next(self._work)
            except StopIteration as end:
                self.result = end.value
                return JobState.DONE
            self._tell(self.progressed, self.progress)
        return JobState.CANCELLED

    def _tell(self, signal: SignalInstance, value: object) -> None:
        try:
            signal.emit(value)
        except EmitLoopError:
            _log.exception("A listener of the job %s failed.", self.title)


def _sentence(error: BaseException | None) -> str:
    if error is None:
        return ""
    return f"{type(error).__name__}: {error}".rstrip(": ")
