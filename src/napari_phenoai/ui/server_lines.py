"""How the small forms of the Servers dock are laid out: lines, and two buttons below them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QLayout, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qtpy.QtWidgets import QPushButton

__all__ = ["lay_out"]


def lay_out(
    form: QWidget, lines: Iterable[QWidget | QLayout], keep: QPushButton, later: QPushButton
) -> None:
    """Put `lines` below each other in `form`, and below them both buttons in one line.

    Parameters
    ----------
    form : QWidget
        Without a layout yet.
    lines : iterable of QWidget or QLayout
        From top to bottom.
    keep, later : QPushButton
        What does it, as wide as there is room, and what puts it off.
    """
    box = QVBoxLayout(form)
    box.setContentsMargins(0, 4, 0, 4)
    box.setSpacing(4)
    for line in lines:
        if isinstance(line, QLayout):
            box.addLayout(line)
        else:
            box.addWidget(line)
    buttons = QHBoxLayout()
    buttons.addWidget(keep, 1)
    buttons.addWidget(later)
    box.addLayout(buttons)
