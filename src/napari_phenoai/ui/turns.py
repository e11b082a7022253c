"""Turns: longer work on the canvas, cut into steps so that the window goes on in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qtpy.QtWidgets import QWidget

__all__ = ["Rest", "Turns"]

_FRAME_MS = 20


class Rest(Protocol):
    """Something that waits while there are turns."""

    def begin(self) -> None:
        """Let it wait from now on; it may wait already."""

    def end(self) -> None:
        """Let it go on, if it waits."""


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
    canvas : QWidget, optional
        Where all this is seen. It keeps its picture until nothing is left to do: each
        drawing takes longer than a step, and would show what is half done. An empty one
        has no picture to keep: see `begin`.
    rests : sequence of Rest, optional
        What can wait as long as the canvas keeps its picture.
    """

    def __init__(
        self,
        step: Callable[[], bool],
        parent: QObject,
        canvas: QWidget | None = None,
        rests: Sequence[Rest] = (),
    ) -> None:
        super().__init__(parent)
        self._step = step
        self._rests = rests
        self._canvas = canvas
        if canvas is not None:
            canvas.destroyed.connect(self._lose_canvas)
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._take)

    def begin(self, *, drawing: bool = False) -> None:
        """Take steps from the next turn on, unless they are being taken.

        Parameters
        ----------
        drawing : bool
            Whether the canvas is drawn in between; steps leave time for it then.
        """
        if not self._timer.isActive():
            self._timer.start(_FRAME_MS if drawing else 0)
            self._let_draw(drawing=drawing)

    def stop(self) -> None:
        """Take no more steps."""
        if self._timer.isActive():
            self._timer.stop()
            self._let_draw(drawing=True)

    def _take(self) -> None:
        more = False
        try:
            more = self._step()
        finally:
            if not more:
                self.stop()

    def _lose_canvas(self) -> None:
        self._canvas = None

    def _let_draw(self, *, drawing: bool) -> None:
        for rest in self._rests:
            (rest.end if drawing else rest.begin)()
        if self._canvas is not None:
            self._canvas.setUpdatesEnabled(drawing)
