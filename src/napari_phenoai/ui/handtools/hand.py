"""The hand: gives mouse and keys on the tile to the tool that was chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_phenoai.ui.handtools.status import plain_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.layers import Labels

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.ui.handtools.mode import Mode, Point
    from napari_phenoai.ui.layers import TileLayers
    from napari_phenoai.ui.session import Session
    from napari_phenoai.ui.tools import Tools

__all__ = ["Hand"]


class Hand:
    """Calls the `Mode` of the chosen tool, and says in the status bar what it does.

    Parameters
    ----------
    layers : TileLayers
        Has the layer whose mouse is listened to.
    session : Session
        Knows which tile or window the layer shows.
    tools : Tools
        Says which tool is chosen.

    Attributes
    ----------
    modes : dict of str to Mode
        By the name of the tool.
    words : str
        What the next click does, for the status bar.

    Signals
    -------
    changed
        Another mode is in the hand, or one has something else to say.
    """

    changed = Signal()

    def __init__(self, layers: TileLayers, session: Session, tools: Tools) -> None:
        self.modes: dict[str, Mode] = {}
        self._layers = layers
        self._session = session
        self._tools = tools
        self.words = ""
        self._mode: Mode | None = None
        self._layer: Labels | None = None
        self._shown: tuple[Any, ...] = ()
        self._links = [
            (layers.tile_shown, self._on_tile),
            (session.project_changed, self._on_tile),
            (tools.changed, self._on_tools),
        ]
        for signal, slot in self._links:
            signal.connect(slot)
        self._on_tile()

    def add(self, mode: Mode) -> None:
        """Let a tool of this name be chosen."""
        self.modes[mode.name] = mode
        self._tools.add(mode.name)

    @property
    def mode(self) -> Mode | None:
        """The mode in the hand; None while the tool is one of napari's."""
        return self._mode

    @property
    def tile(self) -> Tile | None:
        """Where the layer lies that is painted; None while there is none."""
        if self._layers.tile is None:
            return None
        painting = self._session.painting
        if painting is not None and self._session.paints_anywhere:
            return painting.window.tile if painting.window is not None else None
        return self._session.desk.tile if self._session.desk is not None else None

    def say(self) -> None:
        """Tell anew what the next click does."""
        words = self._mode.says() if self._mode is not None else plain_words(self._tools.tool)
        self.words = words if self.tile is not None else ""
        self.changed.emit()

    def settle(self) -> None:
        """Finish what was asked for, because the tile will be left."""
        if self._mode is not None:
            self._mode.settle()

    def close(self) -> None:
        """Listen no more."""
        for signal, slot in self._links:
            signal.disconnect(slot, missing_ok=True)
        if self._mode is not None:
            self._mode.put_down()
            self._mode = None
        for mode in self.modes.values():
            mode.close()
        self._listen(None)

    def abandon(self) -> None:
        """Listen no more, because the whole window is going."""
        for signal, slot in self._links:
            signal.disconnect(slot, missing_ok=True)
        self._mode = None

    # --- answers

    def _on_tools(self) -> None:
        mode = self.modes.get(self._tools.tool)
        held = self._tools.tool == "pan" and self._tools.resumes
        if mode is not self._mode and not held:
            former, self._mode = self._mode, mode
            if former is not None:
                former.put_down()
            if mode is not None:
                mode.taken_up()
        self.say()

    def _on_tile(self) -> None:
        layer, tile = self._layers.stack.tile, self.tile
        if layer is not self._layer:
            self._listen(layer)
        shown = (id(self._session.project), tile, None if layer is None else id(layer.data))
        if shown != self._shown:
            self._shown = shown
            for mode in self.modes.values():
                mode.replaced()
        self.say()

    def _listen(self, layer: Labels | None) -> None:
        if self._layer is not None:
            for callbacks, call in self._calls(self._layer):
                if call in callbacks:
                    callbacks.remove(call)
        self._layer = layer
        if layer is not None:
            for callbacks, call in self._calls(layer):
                callbacks.append(call)

    def _calls(self, layer: Labels) -> tuple[tuple[list[Any], Any], ...]:
        return (
            (layer.mouse_drag_callbacks, self._on_drag),
            (layer.mouse_move_callbacks, self._on_move),
            (layer.mouse_double_click_callbacks, self._on_double),
        )

    def _at(self, layer: Any, event: Any) -> Point | None:
        tile = self.tile
        if tile is None or self._tools.tool not in self.modes:
            return None
        row, column = np.round(layer.world_to_data(event.position))[-2:]
        return int(row) + tile.y, int(column) + tile.x

    def _on_move(self, layer: Any, event: Any) -> None:
        at = self._at(layer, event)
        if self._mode is not None and at is not None:
            self._mode.moved(at)

    def _on_double(self, layer: Any, event: Any) -> None:
        at = self._at(layer, event)
        if self._mode is not None and at is not None and event.button == 1:
            self._mode.double(at)

    def _on_drag(self, layer: Any, event: Any) -> Iterator[None]:
        mode, at = self._mode, self._at(layer, event)
        if mode is None or at is None or event.button != 1:
            return
        mode.pressed(at, shift="Shift" in event.modifiers)
        yield
        while event.type == "mouse_move":
            at = self._at(layer, event) or at
            if mode is self._mode:
                mode.dragged(at)
            yield
        if mode is self._mode:
            mode.released(self._at(layer, event) or at)
