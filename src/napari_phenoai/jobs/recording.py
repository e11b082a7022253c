"""Keeping a record of running work, so that other windows and terminals see it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, TypeVar

from napari_phenoai.core.ids import new_id
from napari_phenoai.core.progress import Progress
from napari_phenoai.core.records import JobRecord, now
from napari_phenoai.errors import JobError, PhenoError

if TYPE_CHECKING:
    from napari_phenoai.core.progress import Work
    from napari_phenoai.io.ledger import Ledger

__all__ = ["ask_to_stop", "recorded", "watched"]

T = TypeVar("T")

_EVERY_SECONDS = 0.5
_STOP = "stop-job:"


def recorded(work: Work[T], ledger: Ledger, kind: str, title: str) -> Work[T]:
    """Run `work` and keep its record in `ledger`, refreshed twice a second.

    Parameters
    ----------
    work : Work
        What to run.
    ledger : Ledger
        Of the project concerned.
    kind, title : str
        What sort of work it is, and what people call it.

    Raises
    ------
    JobError
        If `ask_to_stop` was called for it; the work has been closed by then.
    """
    job = JobRecord(id=new_id(), kind=kind, title=title, pid=os.getpid())
    ledger.save_job(job)
    seen = [Progress(0, None)]
    ending: dict[str, object] = {"state": "cancelled"}
    try:
        result = yield from _followed(work, ledger, job, seen)
    except Exception as error:
        stopped = bool(ledger.get_setting(_STOP + job.id))
        ending = _failure(error, "cancelled" if stopped else "failed")
        raise
    else:
        ending = {"state": "done"}
        return result
    finally:
        work.close()
        ledger.save_job(_at(job, seen[-1]).but(**ending, ended=now()))


def _followed(work: Work[T], ledger: Ledger, job: JobRecord, seen: list[Progress]) -> Work[T]:
    saved = time.monotonic()
    try:
        while True:
            seen[:] = [next(work)]
            if time.monotonic() - saved > _EVERY_SECONDS:
                saved = time.monotonic()
                ledger.save_job(_at(job, seen[-1]))
                _check_wanted(ledger, job)
            yield seen[-1]
    except StopIteration as end:
        result: T = end.value
        return result


def _check_wanted(ledger: Ledger, job: JobRecord) -> None:
    if ledger.get_setting(_STOP + job.id):
        text = f"{job.title} was stopped from elsewhere."
        raise JobError(text, hint="Start it again to go on.")


def ask_to_stop(ledger: Ledger, job_id: str) -> JobRecord:
    """Ask a job that runs in any process to stop; it hears within a second.

    Raises
    ------
    JobError
        If there is no such job or it does not run.
    """
    found = [job for job in ledger.jobs() if job.id == job_id or job.id.startswith(job_id)]
    if len(found) != 1:
        hint = "phenoai jobs lists them all."
        raise JobError(f"There is no job {job_id!r}, or more than one.", hint=hint)
    if found[0].state != "running":
        text = f"The job {found[0].title!r} is {found[0].state} already."
        raise JobError(text, hint="Only a running job can be stopped.")
    ledger.set_setting(_STOP + found[0].id, "1")
    return found[0]


def watched(ledger: Ledger) -> Work[None]:
    """Follow the running jobs of a project until none is left."""
    while running := [job for job in ledger.jobs() if job.state == "running"]:
        shares = [job.done / job.total for job in running if job.total]
        message = ", ".join(f"{job.title} {job.message}".strip() for job in running)
        yield Progress(sum(shares), len(running), message)
        time.sleep(_EVERY_SECONDS)


def _at(job: JobRecord, progress: Progress) -> JobRecord:
    return job.but(done=progress.done, total=progress.total, message=progress.message)


def _failure(error: Exception, state: str) -> dict[str, object]:
    if isinstance(error, PhenoError):
        return {"state": state, "what": error.what, "hint": error.hint}
    return {"state": state, "what": f"{type(error).__name__}: {error}"}
