"""Tools: what the mouse does in the tile, and with which class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.notifications import show_info
from psygnal import Signal

from napari_phenoai.ui.strokes import can_redo, can_undo, stop_picking

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Labels

    from napari_phenoai.ui.class_marks import ClassMarks
    from napari_phenoai.ui.layers import TileLayers
    from napari_phenoai.ui.session import Session

__all__ = ["TOOLS", "Tools"]

TOOLS = ("brush", "eraser", "fill", "polygon", "pan")
"""Names of the tools that napari has; `Tools.add` brings more."""

_MODES = {"brush": "paint", "fill": "fill", "polygon": "polygon", "pan": "pan_zoom"}
_OURS = "pick"
"""napari's mode while another tool is in the hand: a cross, and Space still moves the image."""

_SMALLEST, _LARGEST = 1, 500


class Tools:
    """Tool, class and brush size; they stay from tile to tile.

    Parameters
    ----------
    layers : TileLayers
        Whose tile is painted.
    session : Session
        Knows the classes.
    marks : ClassMarks
        Knows which of them are locked or hidden.

    Attributes
    ----------
    tool : str
        One of `TOOLS`, or a tool that was added.
    class_id : int
        The class that is painted.
    size_px : int
        Diameter of brush and eraser.
    value_of : callable
        Returns the value that paints a class: itself, or that of an object.
    """

    changed = Signal()

    def __init__(self, layers: TileLayers, session: Session, marks: ClassMarks) -> None:
        self.tool = "brush"
        self.class_id = 0
        self.size_px = 15
        self.value_of: Callable[[int], int] = int
        self._layers = layers
        self._session = session
        self._marks = marks
        self._layer: Labels | None = None
        self._applying = False
        self._more: set[str] = set()
        self._last = ""
        self._links = [
            (layers.tile_shown, self._on_tile),
            (session.project_changed, self._on_project),
        ]
        for signal, slot in self._links:
            signal.connect(slot)
        self._on_project()

    def add(self, tool: str) -> None:
        """Know one tool more, which does not paint by itself: a `Mode` has its mouse."""
        self._more.add(tool)

    @property
    def resumes(self) -> bool:
        """Whether the image is only moved, with Space, and an added tool comes back."""
        return self.tool == "pan" and bool(self._last)

    @property
    def value(self) -> int:
        """What is painted: the chosen class, or the object that stands for it in the layer."""
        return self.class_id if self._layer is None else int(self._layer.selected_label)

    def choose(self, tool: str) -> None:
        """Take up a tool."""
        self.tool = tool
        self._last = tool if tool in self._more else ""
        self._apply()

    def choose_class(self, class_id: int) -> None:
        """Paint this class from now on; the eraser is put down, a hidden class shown."""
        self.class_id = class_id
        self._marks.show(class_id)
        if self.tool in ("eraser", "pan"):
            self.tool, self._last = "brush", ""
        self._apply()

    def choose_nth_class(self, number: int) -> None:
        """Paint the class with this place in the list, 1 the first; nothing without one."""
        classes = self._session.project.scheme.active if self._session.project else ()
        if 1 <= number <= len(classes):
            self.choose_class(classes[number - 1].id)

    def step_class(self, step: int) -> None:
        """Paint the next class in the list, or with -1 the one before."""
        ids = self._session.project.scheme.ids if self._session.project else ()
        if self.class_id in ids:
            self.choose_class(ids[(ids.index(self.class_id) + step) % len(ids)])

    def set_size(self, size_px: int) -> None:
        """Make brush and eraser this wide."""
        self.size_px = min(max(size_px, _SMALLEST), _LARGEST)
        self._apply()

    def grow(self, step: int) -> None:
        """Make brush and eraser a step wider, or with -1 narrower; steps grow with the size."""
        self.set_size(self.size_px + step * max(1, self.size_px // 6))

    def undo(self) -> None:
        """Take back the last stroke: in the tile, or anywhere while one paints anywhere."""
        if self._session.painting is not None and self._session.paints_anywhere:
            self._session.painting.turn("undo")
        elif self._layer is not None and can_undo(self._layer):
            with self._marks.lifted():
                self._layer.undo()
        elif self._layer is not None:
            show_info("No stroke is left to undo in this tile.")

    def redo(self) -> None:
        """Do again what was taken back."""
        if self._session.painting is not None and self._session.paints_anywhere:
            self._session.painting.turn("redo")
        elif self._layer is not None and can_redo(self._layer):
            with self._marks.lifted():
                self._layer.redo()
        elif self._layer is not None:
            show_info("No stroke is left to do again in this tile.")

    def close(self) -> None:
        """Listen no more."""
        for signal, slot in self._links:
            signal.disconnect(slot, missing_ok=True)
        self._let_go()

    def _on_project(self) -> None:
        project = self._session.project
        if project is not None and self.class_id not in project.scheme.ids:
            foreground = project.scheme.foreground
            self.class_id = foreground[0].id if foreground else project.scheme.background
        self._apply()

    def _on_tile(self) -> None:
        layer = self._layers.tile
        if layer is not self._layer:
            self._let_go()
            self._layer = layer
            if layer is not None:
                for event in self._events(layer):
                    event.connect(self._on_layer)
        self._apply()

    def _let_go(self) -> None:
        if self._layer is not None:
            for event in self._events(self._layer):
                event.disconnect(self._on_layer)
        self._layer = None

    @staticmethod
    def _events(layer: Labels) -> tuple[Any, ...]:
        return layer.events.mode, layer.events.selected_label, layer.events.brush_size

    def _on_layer(self, _: Any) -> None:
        """Follow what was changed in napari's own controls."""
        layer = self._layer
        if self._applying or layer is None or self._session.project is None:
            return
        if not layer.visible:
            return  # napari takes the tool away from a hidden layer, and gives it back
        mode = str(layer.mode)
        if mode == _OURS and self._last:
            self.tool = self._last
        elif mode == "erase":
            self.tool = "eraser"
        elif not (self.tool == "eraser" and mode == "paint"):
            self.tool = next((name for name, value in _MODES.items() if value == mode), "pan")
            self._last = self._last if self.tool == "pan" else ""
        if layer.selected_label in self._session.project.scheme.ids and self.tool != "eraser":
            self.class_id = int(layer.selected_label)
        self.size_px = int(layer.brush_size)
        self._apply()

    @property
    def erases_to_unknown(self) -> bool:
        """Whether the eraser leaves pixels unlabelled, and not as background."""
        desk = None if self._session.paints_anywhere else self._session.desk
        return desk is None or desk.paint_only or not desk.has_prediction

    def _apply(self) -> None:
        layer, project = self._layer, self._session.project
        if layer is not None and project is not None:
            self._applying = True
            try:
                self._set(layer, project.scheme.background)
            finally:
                self._applying = False
        self.changed.emit()

    def _set(self, layer: Labels, background: int) -> None:
        erasing = self.tool == "eraser"
        mode = _OURS if self.tool in self._more else _MODES.get(self.tool, "paint")
        if erasing and self.erases_to_unknown:
            mode = "erase"
        wanted = background if erasing and mode == "paint" else self.value_of(self.class_id)
        fits = wanted <= np.iinfo(layer.data.dtype).max  # else other labels are on their way
        if layer.selected_label != wanted and fits:
            layer.selected_label = wanted
        if str(layer.mode) != mode:
            layer.mode = mode
        if mode == _OURS:
            stop_picking(layer)
        if layer.brush_size != self.size_px:
            layer.brush_size = self.size_px
