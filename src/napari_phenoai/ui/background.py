"""Lanes of background threads whose answers arrive on the main thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from psygnal import Signal

from napari_phenoai.core.niceness import step_thread_back
from napari_phenoai.ui.links import hear_from_thread
from napari_phenoai.ui.waking import Waker

__all__ = ["Background", "LaneRest"]

_WAITED_FOR = ("prompts",)
"""Lanes with a person at their end: they step back for nobody, and rest for nobody."""

_LONGEST_REST_SECONDS = 0.25


@dataclass(frozen=True)
class _Answer:
    callback: Callable[[Any], object]
    value: object


def _nothing(_: object) -> None:
    return


def _no_work() -> None:
    return


def _new_lane(lane: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(
        max_workers=1,
        thread_name_prefix=f"phenoai-{lane}",
        initializer=None if lane in _WAITED_FOR else step_thread_back,
    )


class LaneRest:
    """Lets lanes wait with what they have not begun, for a quarter of a second at most.

    Two threads of Python share one interpreter: what runs while the next tile is shown
    makes the person wait for it.
    """

    def __init__(self) -> None:
        self._over = threading.Event()
        self._over.set()

    @property
    def over(self) -> bool:
        """Whether lanes go on."""
        return self._over.is_set()

    def begin(self) -> None:
        """Let lanes wait from now on."""
        self._over.clear()

    def end(self) -> None:
        """Let them go on."""
        self._over.set()

    def wait(self) -> None:
        """Return when they may go on; for the threads of lanes."""
        self._over.wait(_LONGEST_REST_SECONDS)


class Background:
    """Runs functions in named lanes, each one thread, each strictly in order.

    Answers are queued for the main thread by psygnal; somebody there must empty
    that queue (`psygnal.qt.start_emitting_from_queue` in a window,
    `psygnal.emit_queued` in a script). A window is woken for each answer.

    Attributes
    ----------
    rest : LaneRest
        Holds lanes back while the window has something to show.
    """

    _answered = Signal(object)

    def __init__(self) -> None:
        self._lanes: dict[str, ThreadPoolExecutor] = {}
        self._open = 0
        self.rest = LaneRest()
        self._waker = Waker()
        hear_from_thread(self._answered, self._deliver)

    @property
    def busy(self) -> bool:
        """Whether a function still runs or waits, or its answer was not delivered."""
        return self._open > 0

    def do(
        self,
        lane: str,
        function: Callable[[], Any],
        *,
        then: Callable[[Any], object] = _nothing,
        otherwise: Callable[[Exception], object] = _nothing,
    ) -> None:
        """Run `function` in the thread of `lane`, after all that was given to it before.

        Parameters
        ----------
        lane : str
            Name of the lane; it is opened at its first use.
        function : callable
            Runs in the thread; must not touch widgets.
        then : callable
            Gets the result, on the main thread.
        otherwise : callable
            Gets the error, on the main thread.
        """
        if lane not in self._lanes:
            self._lanes[lane] = _new_lane(lane)
        self._open += 1

        def attempt() -> None:
            if lane not in _WAITED_FOR:
                self.rest.wait()
            try:
                answer = _Answer(then, function())
            except Exception as error:  # noqa: BLE001 - handed to the caller whole
                answer = _Answer(otherwise, error)
            self._answered.emit(answer)
            self._waker.wake()

        self._lanes[lane].submit(attempt)

    def drain(self, then: Callable[[], object]) -> None:
        """Call `then`, on the main thread, when all lanes have done what they were given."""
        left = set(self._lanes)

        def passed(lane: str, _: object) -> None:
            left.discard(lane)
            if not left:
                then()

        if not left:
            then()
        for lane in list(left):
            self.do(lane, _no_work, then=partial(passed, lane))

    def shutdown(self) -> None:
        """Let every lane finish what it was given, then stop the threads."""
        for lane in self._lanes.values():
            lane.shutdown(wait=True)
        self._lanes.clear()

    def _deliver(self, answer: _Answer) -> None:
        self._open -= 1
        answer.callback(answer.value)
