"""Turns: longer work on the canvas, cut into steps so that the window goes on in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Turns"]


class Turns(QObject):
    """Calls a step once in each turn of the event loop until nothing is left to do.

    Events of the mouse and keys are handled in between, so each step must look anew at
    what is wanted; what is not wanted any more is never done.

    Parameters
    ----------
    step : callable
        Does the next part of what is to be done; returns whether anything is left.
    parent : QObject
        Owner of this object and its timer.
    """

    def __init__(self, step: Callable[[], bool], parent: QObject) -> None:
        super().__init__(parent)
        self._step = step
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._take)

    def begin(self) -> None:
        """Take steps from the next turn on, unless they are being taken."""
        if not self._timer.isActive():
            self._timer.start()

    def stop(self) -> None:
        """Take no more steps."""
        self._timer.stop()

    def _take(self) -> None:
        more = False
        try:
            more = self._step()
        finally:
            if not more:
                self._timer.stop()
