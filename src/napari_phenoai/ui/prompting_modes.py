"""What mouse and keys do while prompts are in the hand: points, a box, everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from napari_phenoai.ui.handtools.mode import Mode
from napari_phenoai.ui.prompting_words import prompt_words

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_phenoai.ui.handtools.mode import Point
    from napari_phenoai.ui.prompting import Prompting
    from napari_phenoai.ui.prompting_hand import PromptHand

__all__ = ["BoxMode", "EverythingMode", "PointMode", "PromptMode"]


class PromptMode(Mode):
    """What the three have in common: Enter takes, Tab goes on, Esc drops.

    Parameters
    ----------
    hand : PromptHand
        What they share.
    """

    tool: ClassVar[str] = ""

    def __init__(self, hand: PromptHand) -> None:
        self._hand = hand

    @property
    def prompting(self) -> Prompting:
        """Prompts and answers."""
        return self._hand.prompting

    def says(self) -> str:
        """Return what the next click or key does."""
        return prompt_words(self.prompting, self.tool, self._hand.class_name)

    def options(self) -> QWidget | None:
        """Return the box with the state, the network and the keys."""
        return self._hand.box(self.tool)

    def taken_up(self) -> None:
        """Load the network and prepare the tile."""
        self.prompting.begin()

    def put_down(self) -> None:
        """Drop what is under way."""
        self._hand.rubber = None
        self.prompting.drop()

    def replaced(self) -> None:
        """Leave it to `Prompting`, which knows whether the place is another."""
        self._hand.rubber = None
        self._hand.draw()

    def enter(self) -> bool:
        """Take the mask that is shown; while one is on its way, wait for it."""
        return self._hand.taker.take() or self.prompting.under_way

    def back(self) -> bool:
        """Take back the last prompt, or drop what was outlined without one."""
        return self.prompting.undo()

    def undo(self) -> bool:
        """Take back the last prompt; without one, the last mask that was taken."""
        return self.prompting.asked is not None and self.prompting.undo()

    def drop(self) -> bool:
        """Drop prompts and answers."""
        self._hand.rubber = None
        return self.prompting.drop()

    def next(self) -> bool:
        """Show the next candidate."""
        return self.prompting.step(1)


class PointMode(PromptMode):
    """Click what belongs to a thing; with Shift, what does not."""

    name = "point"
    tool = "point"

    def pressed(self, at: Point, *, shift: bool) -> None:
        """Ask at once."""
        self.prompting.click(*at, positive=not shift)


class BoxMode(PromptMode):
    """Drag a box round a thing; a click then says what belongs to it, as with points."""

    name = "box"
    tool = "box"

    def __init__(self, hand: PromptHand) -> None:
        super().__init__(hand)
        self._shift = False

    def pressed(self, at: Point, *, shift: bool) -> None:
        """Begin the box."""
        self._shift = shift
        self._hand.rubber = (at, at)

    def dragged(self, at: Point) -> None:
        """Show the box."""
        if self._hand.rubber is not None:
            self._hand.rubber = (self._hand.rubber[0], at)
            self._hand.draw()

    def released(self, at: Point) -> None:
        """Ask."""
        rubber, self._hand.rubber = self._hand.rubber, None
        if rubber is None:
            return
        start = rubber[0]
        if max(abs(at[0] - start[0]), abs(at[1] - start[1])) < 2:
            self.prompting.click(*start, positive=not self._shift)
        else:
            self.prompting.drag(self._hand.within(start), self._hand.within(at))


class EverythingMode(PromptMode):
    """Outline everything in the tile: at once, and again at each click."""

    name = "everything"
    tool = "everything"

    def taken_up(self) -> None:
        """Begin."""
        self.prompting.outline_everything()

    def pressed(self, at: Point, *, shift: bool) -> None:
        """Begin again, unless it is under way."""
        del at, shift
        if not self.prompting.under_way:
            self.prompting.outline_everything()
