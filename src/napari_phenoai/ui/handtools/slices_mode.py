"""From slice to slice in the hand: a click in two planes of a stack fills those between."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari_phenoai.loop.slices import filled_between
from napari_phenoai.ui.handtools.mode import Mode
from napari_phenoai.ui.handtools.status import dropping_words
from napari_phenoai.ui.keys import key_of, key_or

if TYPE_CHECKING:
    from napari_phenoai.core.edits import Edit
    from napari_phenoai.ui.class_marks import ClassMarks
    from napari_phenoai.ui.handtools.hand import Hand
    from napari_phenoai.ui.handtools.mode import Point
    from napari_phenoai.ui.painting import Painting
    from napari_phenoai.ui.session import Session

__all__ = ["SlicesMode"]

_LANE = "writes"
"""The lane in which strokes are written: what was painted before is on the disk then."""

_ELSEWHERE = (
    "Slices: only in stacks, while one paints anywhere. {paint} begins that, {drop} puts it down"
)
_FIRST = "Slices: click an object in the first of several planes"
_SECOND = "Slices: plane {plane} is held; go to another plane{keys} and click the object there"


class SlicesMode(Mode):
    """Fills the planes between two in which the same object was clicked.

    Parameters
    ----------
    hand : Hand
        Shows what it says.
    session : Session
        Has the stack that is painted.
    marks : ClassMarks
        Knows what is locked.

    Attributes
    ----------
    held : tuple or None
        Image, plane, row and column of the first click.
    """

    name = "slices"

    def __init__(self, hand: Hand, session: Session, marks: ClassMarks) -> None:
        self.held: tuple[str, int, int, int] | None = None
        self._hand = hand
        self._session = session
        self._marks = marks
        self._note = ""

    def says(self) -> str:
        """Return what the next click does, and what came of the last one."""
        if self._painting is None:
            paint, drop = key_or("paint", "Paint anywhere"), key_or("drop", "another tool")
            return _ELSEWHERE.format(paint=paint, drop=drop)
        words = _FIRST if self.held is None else _second(self.held[1] + 1)
        return f"{self._note}  ·  {words}" if self._note else words

    def put_down(self) -> None:
        """Forget the first click."""
        self.held, self._note = None, ""

    def replaced(self) -> None:
        """Keep the first click while planes of its image are shown."""
        painting = self._painting
        if self.held is not None and (painting is None or painting.image != self.held[0]):
            self.put_down()

    def pressed(self, at: Point, *, shift: bool) -> None:
        """Hold the object, or fill what lies between it and the one that was held."""
        del shift
        painting = self._painting
        if painting is None or painting.image is None:
            return
        here = painting.image, painting.z, *at
        if self.held is None or self.held[1] == painting.z:
            self.held, self._note = here, ""
        else:
            self._fill(painting, self.held, here)
            self.held = None
        self._hand.say()

    def drop(self) -> bool:
        """Forget the first click; false without one."""
        under_way, self.held = self.held is not None, None
        self._hand.say()
        return under_way

    def back(self) -> bool:
        """Take back the first click."""
        return self.drop()

    # --- inside

    @property
    def _painting(self) -> Painting | None:
        """What is painted, where it is a stack."""
        painting = self._session.painting
        if painting is None or painting.image is None or not self._session.paints_anywhere:
            return None
        return painting if painting.project.image(painting.image).shape[0] > 2 else None

    def _fill(
        self, painting: Painting, first: tuple[str, int, int, int], last: tuple[str, int, int, int]
    ) -> None:
        painting.flush()
        work = partial(
            filled_between,
            painting.project,
            first[0],
            first[1:],
            last[1:],
            locked=self._marks.values,
            author=painting.writer.author,
        )
        self._session.background.do(
            _LANE, work, then=partial(self._on_filled, painting), otherwise=self._session.complain
        )

    def _on_filled(self, painting: Painting, edit: Edit | None) -> None:
        if painting is not self._session.painting:
            return
        self._note = "Nothing to change between"
        if edit is not None:
            painting.writer.add(edit)
            for plane in edit.planes:
                painting.check(plane.tile)
            count = len(edit.planes)
            self._note = "1 plane filled" if count == 1 else f"{count} planes filled"
        self._hand.say()


def _second(plane: int) -> str:
    keys = ", ".join(filter(None, (key_of("plane_before"), key_of("plane_after"))))
    words = _SECOND.format(plane=plane, keys=f" ({keys})" if keys else "")
    return "; ".join(filter(None, (words, dropping_words())))
