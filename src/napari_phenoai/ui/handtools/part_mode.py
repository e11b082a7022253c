"""Parting in the hand: all objects of the tile are parted anew, a slider says where."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari_phenoai.core.basins import NECK
from napari_phenoai.core.editing import PartAll, Parting
from napari_phenoai.ui.handtools.kinds import Kind, Number
from napari_phenoai.ui.handtools.picture import Sketch, sketched
from napari_phenoai.ui.handtools.pixel_mode import PixelMode
from napari_phenoai.ui.handtools.status import dropping_words, stepping_keys
from napari_phenoai.ui.handtools.work import Change
from napari_phenoai.ui.keys import key_of, key_or

if TYPE_CHECKING:
    from napari_phenoai.core.editing import Canvas, Tool
    from napari_phenoai.core.object_table import ObjectTable
    from napari_phenoai.ui.handtools.helpers import Helpers
    from napari_phenoai.ui.handtools.kinds import Wish
    from napari_phenoai.ui.handtools.mode import Point

__all__ = ["PartMode"]

_CLASSES = "Part: only in projects of single objects. {drop} puts it down"


def _nothing(_: Wish, __: Canvas) -> Tool | None:
    return None


_KIND = Kind(
    "part",
    "Part",
    "click",
    "move the slider until the outlines are right",
    _nothing,
    (
        Number(
            "neck",
            "Necks",
            0,
            1,
            NECK,
            0.05,
            unit="",
            tip="0 joins all that touches, 1 cuts at every dent",
        ),
    ),
    everywhere="Take what is shown",
    action="accept",
)


class PartMode(PixelMode):
    """Shows at once how all objects of the tile would be parted; Enter or a click takes it.

    Parameters
    ----------
    helpers : Helpers
        Preview, workshop and the classes of the objects.
    """

    def __init__(self, helpers: Helpers) -> None:
        super().__init__(_KIND, helpers)
        self._parting = Parting()
        self._held = False
        self._waits = False

    def says(self) -> str:
        """Return what there is to take, and how it is changed."""
        if self._helpers.objects is None:
            return _CLASSES.format(drop=key_or("drop", "Another tool"))
        take = f"{key_of('accept')} or a click" if key_of("accept") else "A click"
        takes = f"{take} takes it" if self._waits else "nothing to part"
        necks = f"{stepping_keys()} necks {self._told()}".lstrip()
        return "  ·  ".join(filter(None, (self._note, f"Part: {takes}", necks, dropping_words())))

    def taken_up(self) -> None:
        """Show at once what would come of it."""
        self._held = True
        self._show()

    def put_down(self) -> None:
        """Drop the preview."""
        self._held = self._waits = False
        super().put_down()

    def replaced(self) -> None:
        """Show what would come of it in the tile that came."""
        super().replaced()
        self._waits = False
        if self._held and self._helpers.workshop.surface is not None:
            self._show()

    def moved(self, at: Point) -> None:
        """Stay: it is the whole tile that is parted."""

    def pressed(self, at: Point, *, shift: bool) -> None:
        """Take it."""
        del at, shift
        self.everywhere()

    def dragged(self, at: Point) -> None:
        """Stay."""

    def released(self, at: Point) -> None:
        """Stay."""

    def enter(self) -> bool:
        """Take it; false where nothing would change."""
        if self._waits:
            self.everywhere()
            return True
        return False

    def drop(self) -> bool:
        """Drop the preview, and the tool with it."""
        self._waits = False
        self._helpers.drop()
        return False

    def everywhere(self) -> None:
        """Take what is shown: one change."""
        self._waits = False
        table = self._helpers.objects
        if table is not None:
            self._helpers.workshop.do(self._parted(table))

    # --- inside

    def _set(self, name: str, value: float) -> None:
        super()._set(name, value)
        if self._held:
            self._show()

    def _parted(self, table: ObjectTable) -> Change:
        tool = PartAll(table, self.values["neck"], self._parting)
        return Change(lambda _: tool, done=self._done)

    def _show(self) -> None:
        table = self._helpers.objects
        if table is None:
            return
        self._waits = True
        see = partial(_seen, self._parted(table))
        self._helpers.look(see, frozenset(), self._on_shown)

    def _on_shown(self, sketch: Sketch | None) -> None:
        self._waits = sketch is not None and sketch.pixels > 0
        self._helpers.say()


def _seen(change: Change, canvas: Canvas) -> Sketch | None:
    return sketched(canvas, change.outcome(canvas), ())
