"""Actions: what keys and buttons of the Workbench do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info
from psygnal import Signal

from napari_phenoai.ui.keys import key_or
from napari_phenoai.ui.strokes import drop_stroke, polygon_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_phenoai.core.records import Verdict
    from napari_phenoai.ui.class_marks import ClassMarks
    from napari_phenoai.ui.handtools.hand import Hand
    from napari_phenoai.ui.layers import TileLayers
    from napari_phenoai.ui.session import Session
    from napari_phenoai.ui.tools import Tools

__all__ = ["Actions"]

_FIRST = "That is the first tile of the queue."
_NO_REST = "Paint only is for tiles of the queue: anywhere else, nothing is decided as a whole."


class Actions:
    """The actions of one viewer, by name.

    Parameters
    ----------
    session : Session
        Decides and trains.
    layers : TileLayers
        What is seen.
    tools : Tools
        What is painted with.
    marks : ClassMarks
        Which classes are locked or hidden.
    hand : Hand
        Has the tools that napari does not have.

    Signals
    -------
    help_wanted
        The page of keys is to be shown, or put away.
    class_wanted
        The name of a new class is to be asked for.
    """

    help_wanted = Signal()
    class_wanted = Signal()

    def __init__(
        self, session: Session, layers: TileLayers, tools: Tools, marks: ClassMarks, hand: Hand
    ) -> None:
        self._hand = hand
        self._session = session
        self._marks = marks
        self._layers = layers
        self._tools = tools

    def table(self) -> dict[str, Callable[[], object]]:
        """Return all actions by name."""
        tools, layers, marks = self._tools, self._layers, self._marks
        actions: dict[str, Callable[[], object]] = {
            "accept": self.accept,
            "accept_whole": partial(self.decide, "accepted", whole=True),
            "skip": partial(self.decide, "skipped"),
            "reject": partial(self.decide, "rejected"),
            "flag": partial(self.decide, "flagged"),
            "back": self.back,
            "tile_before": partial(self.look, -1),
            "tile_after": partial(self.look, 1),
            "smaller": partial(self.step, -1),
            "larger": partial(self.step, 1),
            "switch": self.switch,
            "drop": self.drop,
            "next": self.next,
            "undo": self.undo,
            "redo": tools.redo,
            "class_before": partial(tools.step_class, -1),
            "class_after": partial(tools.step_class, 1),
            "lock": lambda: marks.toggle_lock(tools.class_id),
            "eye": lambda: marks.toggle_eye(tools.class_id),
            "all_eyes": marks.show_all,
            "add_class": self.class_wanted.emit,
            "paint_only": self.toggle_paint_only,
            "fainter": partial(layers.fade, -1),
            "stronger": partial(layers.fade, 1),
            "paint": self.toggle_painting,
            "plane_before": partial(self.step_plane, -1),
            "plane_after": partial(self.step_plane, 1),
            "outline": lambda: layers.set_outline(not layers.outline),
            "hide": lambda: layers.set_hidden(not layers.hidden),
            "prediction": partial(self.toggle, "prediction"),
            "zoom": layers.zoom_to_tile,
            "train": self._session.train_next,
            "help": self.help_wanted.emit,
        }
        actions |= {name: partial(tools.choose, name) for name in ("brush", "eraser", "fill")}
        actions["polygon"] = partial(tools.choose, "polygon")
        actions |= {name: partial(tools.choose, name) for name in self._hand.modes}
        for number in range(1, 10):
            actions[f"class_{number}"] = partial(tools.choose_nth_class, number)
        return actions

    def step(self, direction: int) -> None:
        """Make the brush a step wider, or with -1 narrower; or give the tool more, or less."""
        mode = self._hand.mode
        if mode is None or not mode.step(direction):
            self._tools.grow(direction)

    def switch(self) -> None:
        """Turn the switch of the tool in the hand on or off, where it has one."""
        if self._hand.mode is not None:
            self._hand.mode.switch()

    def drop(self) -> None:
        """Drop what is under way; a tool that has nothing under way is put down."""
        mode, layer = self._hand.mode, self._layers.tile
        if mode is not None:
            if not mode.drop():
                self._tools.choose("brush")
        elif layer is not None:
            drop_stroke(layer)

    def next(self) -> None:
        """Show the next of several proposals, where the tool has them."""
        if self._hand.mode is not None:
            self._hand.mode.next()

    def undo(self) -> None:
        """Take back the last step of what is under way, or the last stroke."""
        mode = self._hand.mode
        if mode is None or not mode.undo():
            self._hand.settle()
            self._tools.undo()

    def toggle(self, overlay: str) -> None:
        """Show an overlay, or hide it."""
        self._layers.show(overlay, visible=not self._layers.shows(overlay))

    def set_paint_only(self, *, paint_only: bool) -> None:
        """Count pixels that are not painted as unknown; the prediction is outlined meanwhile."""
        self._hand.settle()
        self._session.set_paint_only(paint_only)
        self._layers.show("prediction", visible=paint_only)

    def toggle_paint_only(self) -> None:
        """Switch between tiles that are known as a whole and painted pixels only."""
        if self._session.painting is not None and self._session.paints_anywhere:
            self._session.painting.tell(_NO_REST)
        else:
            self.set_paint_only(paint_only=not self._session.paint_only)

    def toggle_painting(self) -> None:
        """Paint anywhere, or go back to the tiles of the queue."""
        if self._session.paints_anywhere:
            self._session.back_to_queue()
        else:
            self._session.paint_anywhere()

    def step_plane(self, step: int) -> None:
        """Paint the next plane of a stack, or with -1 the one before."""
        painting = self._session.painting
        if painting is not None and painting.image is not None:
            planes = painting.project.image(painting.image).shape[0]
            painting.begin(painting.image, min(max(painting.z + step, 0), planes - 1))

    def accept(self) -> None:
        """Accept the tile, or close what is being drawn."""
        mode = self._hand.mode
        if mode is not None and mode.enter():
            return
        if self._polygon_points():
            self._polygon().add_polygon_to_labels(self._layers.tile)
        else:
            self.decide("accepted")

    def back(self) -> None:
        """Go back to the last tile, or take back the last corner of what is drawn."""
        mode = self._hand.mode
        if mode is not None and mode.back():
            return
        self._hand.settle()
        if self._polygon_points():
            polygon = self._polygon()
            polygon.points = polygon.points[:-1]
        elif self._session.painting is not None and self._session.paints_anywhere:
            self._session.painting.tell(_no_tile())
        else:
            self._session.back()

    def look(self, direction: int) -> None:
        """Look at the next tile of the queue, or with -1 at the one before; decides nothing."""
        self._hand.settle()
        session = self._session
        if session.painting is not None and session.paints_anywhere:
            session.painting.tell(_no_tile())
            return
        keys = [item.tile for item in session.queue]
        here = session.current.tile if session.current is not None else ""
        at = (keys.index(here) if here in keys else -1) + direction
        if 0 <= at < len(keys):
            session.open_item(session.queue[at])
        else:
            show_info("That is the last tile of the queue." if at > 0 else _FIRST)

    def decide(self, verdict: Verdict, *, whole: bool = False) -> None:
        """Decide about the tile and go to the next one."""
        self._hand.settle()
        if self._session.painting is not None and self._session.paints_anywhere:
            self._session.painting.tell(_no_tile())
        else:
            self._session.decide(verdict, whole=whole)

    def _polygon(self) -> Any:
        """Return napari's polygon under way."""
        layer = self._layers.tile
        return None if layer is None else polygon_of(layer)

    def _polygon_points(self) -> list[Any]:
        drawing = self._tools.tool == "polygon" and self._layers.tile is not None
        return list(self._polygon().points) if drawing else []


def _no_tile() -> str:
    back = key_or("paint", "The button Queue")
    return (
        f"There is no tile to decide about while you paint anywhere. {back} goes back to the queue."
    )
