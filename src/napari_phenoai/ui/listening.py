"""Lets widgets listen to signals for as long as they live, and no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakMethod

if TYPE_CHECKING:
    from types import MethodType

    from psygnal import SignalInstance
    from qtpy.QtWidgets import QWidget

__all__ = ["listen"]


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
