"""Links from threads to objects of the main thread that may be gone by then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakMethod

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import MethodType

    from psygnal import SignalInstance

__all__ = ["hear_from_thread"]


def hear_from_thread(signal: SignalInstance, method: MethodType | Any) -> Callable[[Any], None]:
    """Call `method` on the main thread at each `signal`, as long as its object lives.

    A plain connection with ``thread="main"`` raises ReferenceError when the object
    goes between the signal and its delivery, as happens when a window is closed.

    Parameters
    ----------
    signal : SignalInstance
        Of psygnal, with one argument; emitted in any thread.
    method : method
        Held weakly.

    Returns
    -------
    callable
        What was connected; give it to ``signal.disconnect`` to end the link.
    """
    weak = WeakMethod(method)

    def call(value: Any) -> None:
        alive = weak()
        if alive is not None:
            alive(value)

    signal.connect(call, thread="main")
    return call
