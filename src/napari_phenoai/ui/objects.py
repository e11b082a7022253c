"""The object in the hand: which one is painted, a new one, one under the mouse, and its class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_phenoai.core.object_table import FIRST_OBJECT
from napari_phenoai.ui.objects_now import held_now

if TYPE_CHECKING:
    from napari_phenoai.ui.layers import TileLayers
    from napari_phenoai.ui.objects_held import HeldObjects
    from napari_phenoai.ui.session import Session
    from napari_phenoai.ui.tools import Tools

__all__ = ["ObjectHand"]


class ObjectHand:
    """Knows which object the tools paint, in a project of objects.

    A class that is chosen paints a new object of it, until another class is chosen or
    `begin_new` is called. `pick` takes up the object under the mouse: then painting makes
    it larger, and choosing a class changes its class.

    Parameters
    ----------
    layers : TileLayers
        What is painted.
    session : Session
        Has the tile or window.
    tools : Tools
        Which class is chosen.

    Attributes
    ----------
    current : int
        Id of the object that is painted; 0 while there is none.
    picked : bool
        Whether it was taken up, and not made by painting.

    Signals
    -------
    changed
        Another object is painted, or it has another class.
    """

    changed = Signal()

    def __init__(self, layers: TileLayers, session: Session, tools: Tools) -> None:
        self.current = 0
        self.picked = False
        self._layers = layers
        self._session = session
        self._tools = tools
        self._held: HeldObjects | None = None
        self._known: frozenset[int] = frozenset()
        tools.value_of = self.value_of
        self._links = [
            (layers.tile_shown, self._on_tile),
            (session.edited, self._on_edited),
            (session.painting_changed, self._on_tile),
            (session.desk_changed, self._on_tile),
        ]
        for signal, slot in self._links:
            signal.connect(slot)

    @property
    def active(self) -> bool:
        """Whether objects are painted."""
        return self._held is not None

    def value_of(self, class_id: int) -> int:
        """Return the value that paints a class: an object of it, or the background itself."""
        held, project = held_now(self._session), self._session.project
        if held is None or project is None:
            return class_id
        self._hold(held)
        held.painted = class_id
        if class_id == project.scheme.background or not class_id:
            return class_id
        its = held.classes.get(self.current)
        if its == class_id:
            return self.current
        if its is not None and self.picked:
            self._give(held, class_id)
            return self.current
        self.current, self.picked = held.take(class_id), False
        self._show()
        return self.current

    def begin_new(self) -> None:
        """Paint a new object of the chosen class from now on."""
        if self.active:
            self.current, self.picked = 0, False
            self._tools.choose(
                "brush" if self._tools.tool in ("eraser", "pan") else self._tools.tool
            )

    def pick(self) -> None:
        """Take up the object under the mouse; nothing where there is none."""
        held, layer = self._held, self._layers.tile
        if held is None or layer is None:
            return
        data = np.asarray(layer.data)
        place = layer.world_to_data(self._layers.viewer.cursor.position)
        row, column = (int(np.rint(one)) for one in place[-2:])
        if not (0 <= row < data.shape[0] and 0 <= column < data.shape[1]):
            return
        number = int(data[row, column])
        if number >= FIRST_OBJECT and number in held.classes:
            self.current, self.picked = number, True
            self._tools.choose_class(held.classes[number])
            self.changed.emit()

    def words(self) -> str:
        """Return which object is painted, for people; empty in a project of classes."""
        held, project = self._held, self._session.project
        if held is None or project is None:
            return ""
        names = {item.id: item.name for item in project.scheme.classes}
        its = names.get(held.classes.get(self.current, 0))
        if self._tools.class_id == project.scheme.background:
            return f"No object: {names[project.scheme.background]}"
        if its is None:
            return f"A new object: {names.get(self._tools.class_id, '')}"
        return f"Object {self.current}: {its}" + (" (picked)" if self.picked else "")

    def close(self) -> None:
        """Listen no more."""
        for signal, slot in self._links:
            signal.disconnect(slot, missing_ok=True)
        self._tools.value_of = int

    # --- inside

    def _on_tile(self) -> None:
        held = held_now(self._session)
        if held is not self._held:
            self._hold(held)
            if held is not None:
                self._tools.choose(self._tools.tool)
        self.changed.emit()

    def _hold(self, held: HeldObjects | None) -> None:
        if held is not self._held:
            self._held, self.current, self.picked = held, 0, False
            self._known = frozenset(held.classes) if held is not None else frozenset()

    def _on_edited(self) -> None:
        """Draw the objects that a tool has made."""
        if self._held is not None and frozenset(self._held.classes) != self._known:
            self._show()

    def _give(self, held: HeldObjects, class_id: int) -> None:
        """Give the picked object another class: in the tile, or by an edit of the image."""
        painting = self._session.painting
        before = held.classes[self.current]
        held.set_class(self.current, class_id)
        if painting is not None and self._session.paints_anywhere and painting.window is not None:
            edit = painting.window.named(self.current, before, class_id, painting.writer.author)
            if edit is not None:
                painting.writer.add(edit)
        else:
            self._session.mark_edited()
        self._show()

    def _show(self) -> None:
        if self._held is not None:
            self._known = frozenset(self._held.classes)
        self._layers.restyle()
        self.changed.emit()
