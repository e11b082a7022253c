"""The line of the Workbench that says which object is painted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QLabel

from napari_phenoai.ui.keys import key_of

if TYPE_CHECKING:
    from napari_phenoai.ui.objects import ObjectHand

__all__ = ["object_line", "show_object"]


def object_line() -> QLabel:
    """Return the line, hidden until objects are painted."""
    line = QLabel()
    line.setWordWrap(True)
    line.setVisible(False)
    line.setToolTip(
        f"{key_of('new_object')} begins a new object; {key_of('pick_object')} takes up the one\n"
        "under the mouse, and the class that is chosen next becomes its class."
    )
    return line


def show_object(line: QLabel, hand: ObjectHand) -> None:
    """Let the line say which object is painted."""
    words = hand.words()
    line.setText(words)
    line.setVisible(bool(words))
