"""Lets widgets listen to signals for as long as they live, and no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakMethod

from qtpy.compat import isalive

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import MethodType

    from psygnal import SignalInstance
    from qtpy.QtWidgets import QWidget

__all__ = ["listen", "while_alive"]


def listen(widget: QWidget, signal: SignalInstance, slot: MethodType | Any) -> None:
    """Call `slot`, a method, at each `signal` until `widget` is destroyed.

    A signal outlives the widgets that hear it; without this, one that napari has
    destroyed would still be called.
    """
    weak = WeakMethod(slot)
    signal.connect(slot)

    def stop() -> None:
        alive = weak()
        if alive is not None:
            signal.disconnect(alive, missing_ok=True)

    widget.destroyed.connect(stop)


def while_alive(widget: QWidget, slot: Callable[[Any], object]) -> Callable[[Any], None]:
    """Return `slot` as a function that does nothing once `widget` is destroyed.

    For answers of threads, which may come after the window has closed.
    """

    def call(value: Any) -> None:
        if isalive(widget):  # type: ignore[no-untyped-call]
            slot(value)

    return call
