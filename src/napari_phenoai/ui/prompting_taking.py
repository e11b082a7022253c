"""Takes masks that answer prompts into the labels: one step of undo, and a record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.locking import locked_mask
from napari_phenoai.core.prompted import taken, taken_all
from napari_phenoai.ui.handtools.surface import surface_of
from napari_phenoai.ui.prompting_record import Taken
from napari_phenoai.ui.strokes import paint_over

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_phenoai.core.editing import Canvas, Outcome
    from napari_phenoai.core.prompts import MaskCandidate
    from napari_phenoai.ui.class_marks import ClassMarks
    from napari_phenoai.ui.layers import TileLayers
    from napari_phenoai.ui.prompting import Prompting
    from napari_phenoai.ui.session import Session
    from napari_phenoai.ui.tools import Tools

__all__ = ["Taker"]


class Taker:
    """Lays what is shown into the tile or window, in the class that is chosen.

    Parameters
    ----------
    layers : TileLayers
        Has the layer.
    session : Session
        Knows the tile on the desk.
    tools : Tools
        Knows the class.
    marks : ClassMarks
        Knows what is locked.
    prompting : Prompting
        Has the masks.
    """

    def __init__(
        self,
        layers: TileLayers,
        session: Session,
        tools: Tools,
        marks: ClassMarks,
        prompting: Prompting,
    ) -> None:
        self._layers = layers
        self._session = session
        self._tools = tools
        self._marks = marks
        self._prompting = prompting

    def take(self) -> bool:
        """Take what is shown; return whether there was anything."""
        surface, shown = surface_of(self._session, self._layers), self._prompting.shown
        layer = self._layers.tile
        if surface is None or layer is None or not shown:
            return False
        canvas = surface.canvas(surface.labels.copy(), self._marks.values, frozenset())
        value = canvas.first_new_id(1) if canvas.objects else self._tools.class_id
        found = self._prompting.found
        outcome = _outcome(shown, canvas, value, alone=found is None or found.chosen is not None)
        if canvas.locked and _meets(shown, canvas):
            self._marks.refused.emit()
        record = self._prompting.take(value)
        if record is None or outcome.tile is None or not outcome.pixels:
            return True
        y, x = outcome.tile.y - surface.tile.y, outcome.tile.x - surface.tile.x
        box = slice(y, y + outcome.tile.height), slice(x, x + outcome.tile.width)
        paint_over(layer, box, outcome.after, outcome.tool)
        desk = self._session.desk
        if desk is not None and not self._session.paints_anywhere:
            desk.takes.append(Taken(record, *box, outcome.before, outcome.after))
        return True


def _outcome(shown: Sequence[MaskCandidate], canvas: Canvas, value: int, *, alone: bool) -> Outcome:
    if alone:
        return taken(shown[0], canvas, value)
    return taken_all(shown, canvas, None if canvas.objects else value)


def _meets(shown: Sequence[MaskCandidate], canvas: Canvas) -> bool:
    """Tell whether a mask lies on pixels that are locked."""
    tile = canvas.tile
    for candidate in shown:
        rows, columns = np.nonzero(candidate.mask)
        rows, columns = rows + candidate.tile.y - tile.y, columns + candidate.tile.x - tile.x
        inside = (rows >= 0) & (columns >= 0) & (rows < tile.height) & (columns < tile.width)
        if locked_mask(canvas.labels[rows[inside], columns[inside]], canvas.locked).any():
            return True
    return False
