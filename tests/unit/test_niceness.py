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


def policy(nice: str, cores: int) -> tuple[int, int]:
    code = f"import os; os.cpu_count = lambda: {cores}\n"
    code += "from napari_phenoai.core.niceness import step_back; step_back()\n"
    code += "print(os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0))"
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PHENOAI_NICE": nice},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    return int(told[0]), int(told[1])


@linux
def test_a_program_takes_what_is_left_where_there_is_little() -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert policy("7", 2) == (os.SCHED_IDLE, max(own, 7))
    assert policy("7", 16) == (os.SCHED_OTHER, max(own, 7))
    assert policy("0", 2) == (os.SCHED_OTHER, own)


@linux
def test_a_thread_steps_back_alone() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    found: list[int] = []

    def run() -> None:
        step_thread_back()
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [max(before, chosen_niceness())]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
