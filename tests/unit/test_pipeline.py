"""Steps that overlap: in order, bounded, stopped at once, errors where they are waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from napari_phenoai.loop.pipeline import staged


def threads() -> int:
    return sum(thread.name.startswith("phenoai") for thread in threading.enumerate())


def test_results_come_in_order() -> None:
    assert list(staged(range(50), lambda n: n + 1, lambda n: n * 2)) == [
        2 * (n + 1) for n in range(50)
    ]
    assert threads() == 0


def test_three_things_go_on_at_a_time() -> None:
    meeting = threading.Barrier(3, timeout=60)

    def meets(number: int) -> Callable[[int], int]:
        def step(value: int) -> int:
            if value == number:
                meeting.wait()
            return value

        return step

    # While the first is used, the second is in the later step and the third in the first one.
    used = [meets(0)(value) for value in staged(range(5), meets(2), meets(1))]
    assert used == [0, 1, 2, 3, 4]


def test_no_more_than_a_few_items_are_held() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    for count, _ in enumerate(staged(items(), str, str), start=1):
        time.sleep(0.005)
        assert len(taken) <= count + 5
        if count == 20:
            break
    assert len(taken) < 30


@pytest.mark.parametrize("where", ["items", "first", "second"])
def test_an_error_comes_after_the_results_before_it(where: str) -> None:
    def failing(step: str, value: int) -> int:
        if step == where and value == 3:
            raise OSError(step)
        return value

    items = (failing("items", n) for n in range(9))
    found: list[int] = []
    work = staged(items, lambda n: failing("first", n), lambda n: failing("second", n))
    with pytest.raises(OSError, match=where):
        found.extend(work)
    assert found == [0, 1, 2]
    assert threads() == 0


def test_closing_ends_all_threads() -> None:
    work = staged(iter(int, 1), lambda n: n, lambda n: n)
    assert next(work) == 0
    assert threads() == 2
    work.close()
    assert threads() == 0
    never_started = staged(range(3), str, str)
    never_started.close()


def test_even_an_exit_is_passed_on() -> None:
    def leave(_: int) -> int:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        list(staged(range(2), leave, str))
