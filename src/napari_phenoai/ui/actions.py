"""Actions: what keys and buttons of the Workbench do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_phenoai.core.records import Verdict
    from napari_phenoai.ui.layers import TileLayers
    from napari_phenoai.ui.session import Session
    from napari_phenoai.ui.tools import Tools

__all__ = ["Actions"]


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
    """

    help_wanted = Signal()

    def __init__(self, session: Session, layers: TileLayers, tools: Tools) -> None:
        self._session = session
        self._layers = layers
        self._tools = tools

    def table(self) -> dict[str, Callable[[], object]]:
        """Return all actions by name."""
        tools, layers = self._tools, self._layers
        actions: dict[str, Callable[[], object]] = {
            "accept": self.accept,
            "accept_whole": partial(self.decide, "accepted", whole=True),
            "skip": partial(self.decide, "skipped"),
            "reject": partial(self.decide, "rejected"),
            "flag": partial(self.decide, "flagged"),
            "back": self.back,
            "smaller": partial(tools.grow, -1),
            "larger": partial(tools.grow, 1),
            "undo": tools.undo,
            "redo": tools.redo,
            "class_before": partial(tools.step_class, -1),
            "class_after": partial(tools.step_class, 1),
            "outline": lambda: layers.set_outline(not layers.outline),
            "hide": lambda: layers.set_hidden(not layers.hidden),
            "prediction": partial(self.toggle, "prediction"),
            "zoom": layers.zoom_to_tile,
            "train": self._session.train_next,
            "help": self.help_wanted.emit,
        }
        actions |= {name: partial(tools.choose, name) for name in ("brush", "eraser", "fill")}
        actions["polygon"] = partial(tools.choose, "polygon")
        for number in range(1, 10):
            actions[f"class_{number}"] = partial(tools.choose_nth_class, number)
        return actions

    def toggle(self, overlay: str) -> None:
        """Show an overlay, or hide it."""
        self._layers.show(overlay, visible=not self._layers.shows(overlay))

    def accept(self) -> None:
        """Accept the tile, or close the polygon that is being drawn."""
        if self._polygon_points():
            self._polygon().add_polygon_to_labels(self._layers.tile)
        else:
            self.decide("accepted")

    def back(self) -> None:
        """Go back to the last tile, or take back the last corner of the polygon."""
        if self._polygon_points():
            polygon = self._polygon()
            polygon.points = polygon.points[:-1]
        else:
            self._session.back()

    def decide(self, verdict: Verdict, *, whole: bool = False) -> None:
        """Decide about the tile and go to the next one."""
        self._session.decide(verdict, whole=whole)

    def _polygon(self) -> Any:
        """Return napari's overlay of the polygon under way; it has no public name."""
        layer = self._layers.tile
        return None if layer is None else layer._overlays["polygon"]  # noqa: SLF001

    def _polygon_points(self) -> list[Any]:
        drawing = self._tools.tool == "polygon" and self._layers.tile is not None
        return list(self._polygon().points) if drawing else []
