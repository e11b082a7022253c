"""Waiting, leaving behind, one at a time, and only the newest answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable

import pytest

from napari_phenoai.remote.calls import Call, Lane, Latest, StoppedError
from napari_phenoai.remote.diagnosis import Experience


def test_a_call_brings_its_result_or_its_error() -> None:
    assert Call(lambda: 7).wait() == 7
    with pytest.raises(ZeroDivisionError):
        Call(lambda: 1 // 0).wait()


def test_a_call_that_is_left_behind_still_ends() -> None:
    going, stop, ended = threading.Event(), threading.Event(), threading.Event()
    call = Call(going.wait, ended.set)
    stop.set()
    with pytest.raises(StoppedError):
        call.wait(stop)
    assert not call.ended
    assert len(list(call.steps(0.05))) <= 1
    going.set()
    assert ended.wait(60)


def test_a_lane_is_free_again_only_when_the_work_has_ended() -> None:
    lane, going, stop = Lane(), threading.Event(), threading.Event()
    first = lane.call(going.wait)
    stop.set()
    with pytest.raises(StoppedError):
        lane.call(lambda: 1, stop)
    going.set()
    first.wait()
    with pytest.raises(ZeroDivisionError):
        lane.call(lambda: 1 // 0).wait()
    assert lane.call(lambda: 2).wait() == 2


def test_only_the_answer_to_the_newest_question_is_delivered() -> None:
    got: list[tuple[Hashable, object, object]] = []
    latest = Latest[int](lambda *answer: got.append(answer))
    going, begun = threading.Event(), threading.Event()
    stops: list[threading.Event] = []
    threads: list[threading.Thread] = []

    def slow(stop: threading.Event) -> int:
        stops.append(stop)
        threads.append(threading.current_thread())
        begun.set()
        assert going.wait(60)
        return 1

    def quick(_: threading.Event) -> int:
        return 2

    def broken(_: threading.Event) -> int:
        raise ValueError("no")

    latest.ask("tile 1", slow)
    assert begun.wait(60)
    latest.ask("tile 2", quick)
    assert stops[0].is_set()
    _until(lambda: bool(got))
    going.set()
    threads[0].join(60)
    assert [answer[0] for answer in got] == ["tile 2"]
    latest.ask("tile 3", broken)
    _until(lambda: bool(got[1:]))
    assert str(got[-1][2]) == "no"
    going.clear()
    begun.clear()
    latest.ask("tile 4", slow)
    assert begun.wait(60)
    latest.cancel()
    going.set()
    threads[1].join(60)
    assert [answer[0] for answer in got] == ["tile 2", "tile 3"]
    assert got[0][1:] == (2, None)


def test_stuck_is_silence_twice_or_far_longer_than_ever() -> None:
    seen = Experience()

    def stuck() -> bool:
        return seen.points_to_stuck

    assert not stuck()
    seen.missed(300)
    assert not stuck()
    seen.missed(300)
    assert stuck()
    seen.answered(20)
    assert not stuck()
    seen.missed(100)
    assert not stuck()
    seen.answered(1)
    seen.missed(300)
    assert stuck()


def _until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)
