"""Links from a session to a widget that end with the widget."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakMethod

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import MethodType

    from psygnal import SignalInstance
    from qtpy.QtCore import QObject

__all__ = ["link"]


def link(
    owner: QObject, signal: SignalInstance, slot: Callable[..., Any], *, queued: bool = False
) -> None:
    """Call `slot` whenever `signal` is emitted, as long as the widget `owner` lives.

    Python objects of widgets outlive their window; a plain connection would call
    into a widget that is gone.

    Parameters
    ----------
    owner : QObject
        The widget that `slot` changes.
    signal : SignalInstance
        Of psygnal.
    slot : callable
        A method; held weakly.
    queued : bool
        Whether the signal may come from another thread.
    """
    if queued:
        signal.connect(slot, thread="main")
    else:
        signal.connect(slot)
    method: WeakMethod[Callable[..., Any]] = WeakMethod(_as_method(slot))

    def cut(_: object = None) -> None:
        alive = method()
        if alive is not None:
            with suppress(ValueError):
                signal.disconnect(alive)

    owner.destroyed.connect(cut)


def _as_method(slot: Callable[..., Any]) -> MethodType:
    if not hasattr(slot, "__self__"):
        text = f"{slot!r} is no method."
        raise TypeError(text)
    return slot  # type: ignore[return-value]
