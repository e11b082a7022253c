"""Errands: questions to servers in threads of their own, whose answers come to the window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from psygnal import Signal

from napari_phenoai.remote.calls import Call
from napari_phenoai.ui.links import hear_from_thread

__all__ = ["Errands"]


@dataclass(frozen=True)
class _Answer:
    key: str
    number: int
    callback: Callable[[Any], object]
    value: object


def _nothing(_: object) -> None:
    return


class Errands:
    """Runs functions that may hang in a network; nobody ever waits for them.

    The lanes of `Background` are waited for when a window closes; these threads are
    not: what they bring later is dropped. All methods belong to the main thread.
    """

    _answered = Signal(object)

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._under_way: set[str] = set()
        self._closed = False
        hear_from_thread(self._answered, self._deliver)

    @property
    def under_way(self) -> frozenset[str]:
        """Keys of the errands whose answers are waited for."""
        return frozenset(self._under_way)

    def run(
        self,
        key: str,
        function: Callable[[], Any],
        then: Callable[[Any], object] = _nothing,
        otherwise: Callable[[Exception], object] = _nothing,
    ) -> None:
        """Start `function` in a thread; the answer to an older one of the same `key` is dropped.

        Parameters
        ----------
        key : str
            What it is about.
        function : callable
            Must not touch widgets.
        then, otherwise : callable
            Get the result or the error, on the main thread.
        """
        number = self._numbers[key] = self._numbers.get(key, 0) + 1
        self._under_way.add(key)

        def attempt() -> None:
            try:
                answer = _Answer(key, number, then, function())
            except Exception as error:  # noqa: BLE001 - handed to the caller whole
                answer = _Answer(key, number, otherwise, error)
            self._answered.emit(answer)

        Call(attempt)

    def drop(self, key: str) -> None:
        """Want the answer of `key` no more."""
        self._numbers[key] = self._numbers.get(key, 0) + 1
        self._under_way.discard(key)

    def close(self) -> None:
        """Want no answer any more."""
        self._closed = True
        self._under_way.clear()

    def _deliver(self, answer: _Answer) -> None:
        if self._closed or self._numbers.get(answer.key) != answer.number:
            return
        self._under_way.discard(answer.key)
        answer.callback(answer.value)
