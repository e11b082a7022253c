"""A mode: what mouse and keys do on the canvas while one tool is in the hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

__all__ = ["Mode", "Point"]

Point = tuple[int, int]
"""Row and column of a pixel of the plane."""


class Mode:
    """What one tool does with mouse and keys; `Hand` calls it while the tool is chosen.

    Every method does nothing here, so a tool has those that it needs. Places are pixels
    of the plane and may lie outside the tile. What returns a bool tells whether the key
    was used; if not, it does what it does without the tool.

    Attributes
    ----------
    name : str
        The name of the tool and of its action: the same in `KEYS`, and in
        `ToolButton.tool`.
    """

    name = ""

    def says(self) -> str:
        """Return what the next click does, for the status bar."""
        return ""

    def options(self) -> QWidget | None:
        """Return what is shown below the buttons while the tool is chosen; None for nothing."""
        return None

    def taken_up(self) -> None:
        """Hear that the tool was chosen."""

    def put_down(self) -> None:
        """Drop what is under way, as another tool was chosen."""

    def replaced(self) -> None:
        """Drop what is under way, as another tile, window or project is shown."""
        self.put_down()

    def close(self) -> None:
        """Take away what was drawn, as the Workbench is closed."""

    def moved(self, at: Point) -> None:
        """Hear that the mouse moved without a button."""

    def pressed(self, at: Point, *, shift: bool) -> None:
        """Hear that the left button went down."""

    def dragged(self, at: Point) -> None:
        """Hear that the mouse moved with the left button down."""

    def released(self, at: Point) -> None:
        """Hear that the left button went up."""

    def double(self, at: Point) -> None:
        """Hear that the left button was pressed twice."""

    def enter(self) -> bool:
        """Answer Enter."""
        return False

    def back(self) -> bool:
        """Answer Backspace."""
        return False

    def drop(self) -> bool:
        """Answer Esc: drop what is under way."""
        return False

    def next(self) -> bool:
        """Answer Tab: show the next proposal."""
        return False

    def undo(self) -> bool:
        """Take back a step of what is under way, if something is."""
        return False

    def step(self, direction: int) -> bool:
        """Answer ``]`` (1) or ``[`` (-1): more, or less."""
        del direction
        return False

    def switch(self) -> bool:
        """Answer the backslash: turn the switch of the tool on or off."""
        return False

    def settle(self) -> None:
        """Finish at once what was asked for: the tile is about to be decided or left."""
