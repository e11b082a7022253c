"""Work in the background steps back as far as it is told to, and no further."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from napari_phenoai.core.niceness import chosen_niceness, step_thread_back

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has idle programs")


@pytest.mark.parametrize(("told", "taken"), [("", 10), ("0", 0), ("5", 5), ("99", 19), ("x", 10)])
def test_it_is_what_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, told: str, taken: int
) -> None:
    monkeypatch.setenv("PHENOAI_NICE", told)
    assert chosen_niceness() == taken


def told(code: str, cores: int = 2, **variables: str) -> list[int]:
    """Run `code` in a program on a machine with so many processors; return what it prints."""
    lines = f"import os; os.cpu_count = lambda: {cores}\n"
    lines += "from napari_phenoai.core.niceness import step_back, take_a_share\n"
    done = subprocess.run(
        [sys.executable, "-c", lines + code],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return [int(word) for word in done.stdout.split()]


STATE = "print(os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0))"


@linux
def test_beside_a_window_a_program_takes_what_is_left_where_there_is_little() -> None:
    own, code = os.getpriority(os.PRIO_PROCESS, 0), f"step_back(); {STATE}"
    assert told(code, PHENOAI_NICE="7", PHENOAI_BESIDE_WINDOW="1") == [os.SCHED_IDLE, max(own, 7)]
    found = told(code, 16, PHENOAI_NICE="7", PHENOAI_BESIDE_WINDOW="1")
    assert found == [os.SCHED_OTHER, max(own, 7)]
    assert told(code, PHENOAI_NICE="0", PHENOAI_BESIDE_WINDOW="1") == [os.SCHED_OTHER, own]
    assert told(code, PHENOAI_NICE="7") == [os.SCHED_OTHER, max(own, 7)]


@linux
def test_a_program_that_gets_nothing_takes_a_share_again_with_all_its_threads() -> None:
    code = "import threading, time\nfrom napari_phenoai.core import niceness\n"
    code += "niceness._LOOK_SECONDS = 0.05\nstep_back()\n"
    code += "end = threading.Event()\n"
    code += "other = threading.Thread(target=end.wait); other.start()\n"
    code += "until = time.monotonic() + 60\n"
    code += "while os.sched_getscheduler(0) == os.SCHED_IDLE and time.monotonic() < until:\n"
    code += "    time.sleep(0.01)\n"
    code += "time.sleep(0.1)\n"
    code += "print(os.sched_getscheduler(0), os.sched_getscheduler(other.native_id))\nend.set()"
    assert told(code, PHENOAI_BESIDE_WINDOW="1", PHENOAI_NICE="7") == [os.SCHED_OTHER] * 2


@linux
def test_a_thread_steps_back_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHENOAI_NICE", "10")
    before = os.getpriority(os.PRIO_PROCESS, 0)
    found: list[int] = []

    def run() -> None:
        step_thread_back()
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [max(before, 10)]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
