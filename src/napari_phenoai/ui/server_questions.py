"""Questions that work on servers has for the person; it goes on with the answer."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_phenoai.ui.links import hear_from_thread

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Questions"]


@dataclass
class _Asked:
    """One question, and who waits for its answer."""

    waiting: list[Callable[[bool], object]] = field(default_factory=list)


class Questions:
    """Keeps what is to be answered with yes or no; knows no widget.

    Several threads that ask the same get the same answer, and the person is asked once.

    Attributes
    ----------
    changed : Signal
        Another question is there, or one is gone; emitted on the main thread.
    """

    changed = Signal()
    _moved = Signal(object)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[str, _Asked] = {}
        self._closed = False
        hear_from_thread(self._moved, self._on_moved)

    @property
    def all(self) -> tuple[str, ...]:
        """What is to be answered, oldest first."""
        with self._lock:
            return tuple(self._asked)

    def put(self, question: str, then: Callable[[bool], object]) -> None:
        """Ask `question`; `then` is called with the answer, in the thread that gives it.

        May be called in any thread. Once nobody answers any more, the answer is no.
        """
        with self._lock:
            closed = self._closed
            if not closed:
                self._asked.setdefault(question, _Asked()).waiting.append(then)
        if closed:
            then(False)
        else:
            self._moved.emit(None)

    def ask(self, question: str) -> bool:
        """Ask `question` and wait for the answer; never called on the main thread."""
        answered, said = threading.Event(), [False]

        def hear(yes: bool) -> None:
            said[0] = yes
            answered.set()

        self.put(question, hear)
        answered.wait()
        return said[0]

    def answer(self, question: str, *, yes: bool) -> None:
        """Answer `question`, if it is still there."""
        with self._lock:
            asked = self._asked.pop(question, None)
        for then in asked.waiting if asked is not None else ():
            then(yes)
        self.changed.emit()

    def withdraw(self, question: str) -> None:
        """Take `question` back: nobody wants to know any more."""
        with self._lock:
            self._asked.pop(question, None)
        self.changed.emit()

    def close(self) -> None:
        """Answer no to all that is asked, now and from now on."""
        with self._lock:
            self._closed = True
        for question in self.all:
            self.answer(question, yes=False)

    def _on_moved(self, _: object) -> None:
        self.changed.emit()
