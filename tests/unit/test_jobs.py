"""Jobs: they end exactly once, whatever happens, and stop soon when asked."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from napari_phenoai.core.progress import Progress, Work, finish
from napari_phenoai.errors import JobError, PhenoError
from napari_phenoai.io.ledger import Ledger
from napari_phenoai.jobs import process
from napari_phenoai.jobs.job import Job, JobState
from napari_phenoai.jobs.process import process_work
from napari_phenoai.jobs.recording import ask_to_stop, recorded


def steps(count: int, seconds: float = 0.0) -> Work[str]:
    for number in range(count):
        time.sleep(seconds)
        yield Progress(number + 1, count, f"step {number + 1}")
    return "ready"


def raising(error: BaseException) -> Work[str]:
    yield Progress(0, 1)
    raise error


def run(job: Job[str]) -> list[Job[str]]:
    ends: list[Job[str]] = []
    job.ended.connect(ends.append)
    job.start()
    assert job.join(60)
    return ends


# ------------------------------------------------------------------------ threads


def test_a_job_reports_progress_and_result() -> None:
    job = Job("Counting", steps(3))
    heard: list[Progress] = []
    job.progressed.connect(heard.append)
    assert run(job) == [job]
    assert [progress.done for progress in heard] == [1, 2, 3]
    assert (job.state, job.result, job.error) == (JobState.DONE, "ready", None)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA out of memory"),
        SystemExit(3),
        KeyboardInterrupt(),
        PhenoError("x", hint="y"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_is_raised_ends_the_job_once(error: BaseException) -> None:
    job = Job("Failing", raising(error))
    assert run(job) == [job]
    assert job.state is JobState.FAILED
    assert job.error is error
    assert job.record().state == "failed"


def test_a_generator_that_leaks_stop_iteration_fails() -> None:
    job = Job("Leaking", raising(StopIteration("no")))
    assert run(job) == [job]
    assert isinstance(job.error, RuntimeError)


def test_a_failing_finally_after_a_cancel_is_told() -> None:
    def work() -> Work[str]:
        try:
            while True:
                yield Progress(0, None)
        finally:
            raise OSError("disk gone")

    job: Job[str] = Job("Cleaning", work())
    ends: list[Job[str]] = []
    job.ended.connect(ends.append)
    job.start()
    job.cancel()
    assert job.join(60)
    assert ends == [job]
    assert (job.state, str(job.error)) == (JobState.FAILED, "disk gone")


def test_cancel_closes_the_generator_in_its_own_thread() -> None:
    closed: list[str] = []

    def work() -> Work[str]:
        try:
            while True:
                time.sleep(0.01)
                yield Progress(0, None)
        finally:
            closed.append(threading.current_thread().name)

    job: Job[str] = Job("Endless", work())
    job.start()
    job.cancel()
    job.cancel()
    assert job.join(60)
    assert job.state is JobState.CANCELLED
    assert closed == ["job Endless"]


def test_cancelled_before_the_start_it_never_runs() -> None:
    ran: list[int] = []

    def work() -> Work[str]:
        ran.append(1)
        yield Progress(0, None)
        return ""

    job: Job[str] = Job("Late", work())
    ends: list[Job[str]] = []
    job.ended.connect(ends.append)
    job.cancel()
    assert (job.state, ran, ends) == (JobState.CANCELLED, [], [job])
    with pytest.raises(JobError, match="cancelled already"):
        job.start()


def test_a_failing_listener_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    job = Job("Heard", steps(2))
    job.progressed.connect(lambda _: 1 / 0)
    job.ended.connect(lambda _: 1 / 0)
    job.start()
    assert job.join(60)
    assert job.state is JobState.DONE
    assert "A listener of the job Heard failed" in caplog.text


# ---------------------------------------------------------------------- processes

SPEAK = "import json, sys, time, os\ndef say(**told): print(json.dumps(told), flush=True)\n"


def child(code: str, **options: object) -> Work[dict[str, object]]:
    return process_work([sys.executable, "-c", SPEAK + code], **options)  # type: ignore[arg-type]


def test_a_child_tells_progress_and_result() -> None:
    work = child(
        "print('not json')\n"
        "say(kind='progress', done=1, total=2, message='half', data={'loss': 0.5})\n"
        "say(kind='result', result={'model': 'm'})"
    )
    heard: list[Progress] = []
    assert finish(work, heard.append) == {"model": "m"}
    assert Progress(1.0, 2.0, "half", {"loss": 0.5}) in heard


def test_an_error_line_becomes_an_error_with_its_hint() -> None:
    with pytest.raises(JobError) as caught:
        finish(child("say(kind='error', what='No tiles.', hint='Review some.')"))
    assert (caught.value.what, caught.value.hint) == ("No tiles.", "Review some.")


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a child all the time to be gone that it needs on a busy machine."""
    monkeypatch.setattr(process, "_GRACE_SECONDS", 60)


@pytest.mark.usefixtures("patient")
def test_a_death_is_explained_with_the_last_words(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "training.log"
    with pytest.raises(JobError) as caught:
        finish(child("sys.stderr.write('loading\\nno such tensor\\n'); sys.exit(7)", log=log))
    assert "exit code 7. Its last words: no such tensor" in caught.value.what
    assert str(log) in caught.value.hint
    assert "loading" in log.read_text()


@pytest.mark.usefixtures("patient")
def test_a_killed_child_is_told_plainly_and_the_next_one_works() -> None:
    work = child("say(kind='progress', done=os.getpid(), total=None)\ntime.sleep(600)")
    pid = int(next(progress.done for progress in work if progress.done))
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(JobError, match=r"killed \(signal 9\), often because memory ran out"):
        finish(work)
    assert finish(child("say(kind='result', result={})")) == {}


@pytest.mark.parametrize("deaf", [False, True])
def test_cancel_ends_the_child_and_its_children_soon(deaf: bool) -> None:
    code = "import signal, subprocess\n"
    code += "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" if deaf else ""
    code += "other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    code += "say(kind='progress', done=os.getpid(), total=other.pid)\ntime.sleep(600)"
    job = Job("Training", child(code))
    pids: list[int] = []
    job.progressed.connect(lambda p: pids.extend([int(p.done), int(p.total)]) if p.done else None)
    job.start()
    deadline = time.monotonic() + 120
    while not pids:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    job.cancel()
    assert job.join(60)
    assert process._GRACE_SECONDS < 2, "how long a deaf child keeps a person waiting"
    assert job.state is JobState.CANCELLED
    _, alive = psutil.wait_procs([psutil.Process(p) for p in pids if psutil.pid_exists(p)], 60)
    assert not alive


@pytest.mark.skipif(not hasattr(os, "getsid"), reason="the system has no sessions")
def test_a_child_stays_in_the_session_so_that_its_niceness_counts_beside_the_window() -> None:
    code = "import os\n"
    code += "told = {'session': os.getsid(0), 'group': os.getpgrp(), 'pid': os.getpid()}\n"
    code += "say(kind='result', result=told)"
    told = finish(child(code))
    assert told["session"] == os.getsid(0)
    assert told["group"] == told["pid"] != os.getpgrp()


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no niceness of their own")
def test_the_thread_of_a_job_steps_back_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHENOAI_NICE", "10")
    before = os.getpriority(os.PRIO_PROCESS, 0)

    def work() -> Work[int]:
        yield Progress(0, 1)
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    job = Job("Telling", work())
    job.start()
    assert job.join(60)
    assert job.result == max(before, 10)
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(JobError, match="/no/such/program cannot be started"):
        finish(process_work(["/no/such/program"]))


# ------------------------------------------------------------------------ records


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def test_recorded_work_leaves_a_record(ledger: Ledger) -> None:
    assert finish(recorded(steps(3), ledger, "train", "Training")) == "ready"
    with pytest.raises(PhenoError):
        finish(recorded(raising(PhenoError("No.", hint="Yes.")), ledger, "train", "Training"))
    with pytest.raises(ValueError, match="odd"):
        finish(recorded(raising(ValueError("odd")), ledger, "train", "Training"))
    cancelled = recorded(steps(3), ledger, "predict", "Prediction")
    next(cancelled)
    assert ledger.jobs()[0].state == "running"
    cancelled.close()
    states = [(job.state, job.what) for job in reversed(ledger.jobs())]
    assert states == [
        ("done", ""),
        ("failed", "No."),
        ("failed", "ValueError: odd"),
        ("cancelled", ""),
    ]
    assert ledger.jobs()[-1].done == 3


def test_a_job_can_be_stopped_from_elsewhere(ledger: Ledger) -> None:
    work = recorded(steps(1000, 0.01), ledger, "train", "Training")
    next(work)
    (job,) = ledger.jobs()
    other = Ledger(ledger.path)
    ask_to_stop(other, job.id)
    with pytest.raises(JobError, match="stopped from elsewhere"):
        finish(work)
    assert ledger.jobs()[0].state == "cancelled"
    with pytest.raises(JobError, match="cancelled already"):
        ask_to_stop(other, job.id)
    with pytest.raises(JobError, match="no job 'zz'"):
        ask_to_stop(other, "zz")
