"""The line of the Workbench that says which object is painted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QLabel

from napari_phenoai.ui.keyed import keyed
from napari_phenoai.ui.keys import key_or

if TYPE_CHECKING:
    from napari_phenoai.ui.objects import ObjectHand

__all__ = ["object_line", "show_object"]


def object_line() -> QLabel:
    """Return the line, hidden until objects are painted."""
    line = QLabel()
    line.setWordWrap(True)
    line.setVisible(False)
    keyed(line, lambda line: line.setToolTip(_tip()))
    return line


def show_object(line: QLabel, hand: ObjectHand) -> None:
    """Let the line say which object is painted."""
    words = hand.words()
    line.setText(words)
    line.setVisible(bool(words))


def _tip() -> str:
    new, pick = key_or("new_object", "A key"), key_or("pick_object", "a key")
    return (
        f"{new} begins a new object; {pick} takes up the one\n"
        "under the mouse, and the class that is chosen next becomes its class."
    )
