"""Lets widgets show the keys in force for as long as they live, and no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar
from weakref import ref

from qtpy.compat import isalive

from napari_phenoai.ui.keys import IN_FORCE, with_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget

__all__ = ["keyed", "keyed_tip"]

W = TypeVar("W", bound="QWidget")


def keyed(widget: W, show: Callable[[W], object]) -> None:
    """Call ``show(widget)`` now, and whenever an action gets another key.

    Parameters
    ----------
    widget : QWidget
        Is not kept alive by this.
    show : callable
        Writes the keys; must not hold the widget itself.
    """

    def release(_: object) -> None:
        IN_FORCE.changed.disconnect(on_changed, missing_ok=True)

    # What Qt has destroyed, Python lets go soon; the signal ``destroyed`` comes too late for
    # a widget that Python has let go already.
    weak = ref(widget, release)

    def on_changed() -> None:
        it = weak()
        if it is not None and isalive(it):  # type: ignore[no-untyped-call]
            show(it)

    show(widget)
    IN_FORCE.changed.connect(on_changed)


def keyed_tip(widget: QWidget, text: str, action: str) -> None:
    """Let the tooltip say `text`, with the key of `action` behind it."""
    keyed(widget, lambda it: it.setToolTip(with_key(text, action)))
