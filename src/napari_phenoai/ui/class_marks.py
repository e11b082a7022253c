"""Class marks: which classes are locked, and which are not drawn."""

from __future__ import annotations

import json
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from psygnal import Signal

from napari_phenoai.core.locking import locked_values, protected
from napari_phenoai.ui.objects_colours import codes_of
from napari_phenoai.ui.objects_now import locked_objects
from napari_phenoai.ui.strokes import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from psygnal import SignalInstance

    from napari_phenoai.io.project import Project
    from napari_phenoai.ui.desk import Desk
    from napari_phenoai.ui.layers import TileLayers
    from napari_phenoai.ui.session import Session

__all__ = ["ClassMarks"]

_SETTING = "class-marks"
_NONE: frozenset[int] = frozenset()


class ClassMarks:
    """A lock and an eye for each class of the open project; kept in the project.

    Pixels of a locked class are left out of every stroke before it is laid. What gets
    past that, such as a script that writes into the layer, is put back as soon as it is
    heard of. Undo and redo are no tools: they bring back what was there.

    Parameters
    ----------
    layers : TileLayers
        What is painted and drawn.
    session : Session
        Knows the classes and what is painted.

    Attributes
    ----------
    locked, hidden : frozenset of int
        Ids of classes.
    values : frozenset of int
        Label values that no tool may change: those of the locked classes.

    Signals
    -------
    changed
        Another class is locked or hidden.
    refused
        A tool met a pixel that is locked.
    """

    changed = Signal()
    refused = Signal()

    def __init__(self, layers: TileLayers, session: Session) -> None:
        self.locked = self.hidden = _NONE
        self._layers = layers
        self._session = session
        self._project: Project | None = None
        self.values = _NONE
        self._guarded: Labels | None = None
        self._lifted = False
        self._seen: tuple[Desk, NDArray[np.uint8]] | None = None
        self._links: list[tuple[SignalInstance, Callable[..., None]]] = [
            (session.project_changed, self._on_project),
            (session.desk_changed, self._remember),
            (session.painting_changed, self._remember),
            (session.edited, self._on_edited),
            (layers.tile_shown, self._on_tile),
            (layers.view_changed, self._draw),
        ]
        for signal, slot in self._links:
            signal.connect(slot)
        self._on_project()

    def toggle_lock(self, class_id: int) -> None:
        """Lock a class, or unlock it."""
        self._set(self.locked ^ {class_id}, self.hidden)

    def toggle_eye(self, class_id: int) -> None:
        """Hide a class in all label layers, or show it again."""
        self._set(self.locked, self.hidden ^ {class_id})

    def show(self, class_id: int) -> None:
        """Show a class, so that painting it is seen."""
        if class_id in self.hidden:
            self.toggle_eye(class_id)

    def show_all(self) -> None:
        """Show all classes."""
        self._set(self.locked, _NONE)

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """Let pixels be brought back as they were, locked or not, for undo and redo."""
        self._lifted = True
        try:
            yield
        finally:
            self._lifted = False

    def close(self) -> None:
        """Listen no more, and lock nothing."""
        for signal, slot in self._links:
            signal.disconnect(slot, missing_ok=True)
        self.values = _NONE
        self._tell_painting()

    # --- answers

    def _on_project(self) -> None:
        project = self._session.project
        if project is not self._project:
            self._project, self._seen = project, None
            self.locked, self.hidden = _read(project) if project is not None else (_NONE, _NONE)
        self._apply()

    def _set(self, locked: frozenset[int], hidden: frozenset[int]) -> None:
        project = self._project
        if project is None or (locked, hidden) == (self.locked, self.hidden):
            return
        self.locked, self.hidden = locked, hidden
        text = json.dumps({"locked": sorted(locked), "hidden": sorted(hidden)})
        keep = partial(project.ledger.set_setting, _SETTING, text)
        self._session.background.do("writes", keep, otherwise=self._session.complain)
        self._apply()

    def _apply(self) -> None:
        self._remember()
        self._draw()
        self.changed.emit()

    def _tell_painting(self) -> None:
        if self._session.painting is not None:
            self._session.painting.locked = self.values

    # --- the lock

    def _on_tile(self) -> None:
        layer = self._layers.stack.tile
        if layer is not None and layer is not self._guarded:
            self._guarded = layer
            guard(layer, self._locked_now, self.refused.emit)

    def _locked_now(self) -> frozenset[int]:
        return _NONE if self._lifted else self.values

    def _remember(self) -> None:
        scheme = self._project.scheme if self._project is not None else None
        self.values = locked_values(scheme, self.locked) if scheme is not None else _NONE
        self.values |= locked_objects(self._session, self.values)
        self._tell_painting()
        desk = self._session.desk
        wanted = desk is not None and bool(self.values)
        self._seen = (desk, desk.labels.copy()) if desk is not None and wanted else None

    def _on_edited(self) -> None:
        """Put back what somebody wrote into the mask on the desk without a tool."""
        desk = self._session.desk
        if self._seen is None or desk is not self._seen[0] or self._lifted:
            self._remember()
            return
        kept = protected(self._seen[1], desk.labels, self.values)
        wrong = not np.array_equal(kept, desk.labels)
        desk.labels[...] = kept
        self._remember()
        if wrong:
            self.refused.emit()
            if self._layers.stack.tile is not None:
                self._layers.stack.tile.refresh(extent=False)
            self._session.mark_edited()

    # --- the eye

    def _draw(self) -> None:
        """Make hidden classes transparent, on top of the colours that the layers have."""
        self._on_tile()
        if self._project is None:
            return
        hidden = locked_values(self._project.scheme, self.hidden)
        objects, codes = locked_objects(self._session, hidden), codes_of(hidden)
        stack = self._layers.stack
        for layer in (stack.tile, stack.overlays.get("labels"), stack.overlays.get("prediction")):
            if isinstance(layer, Labels):
                _veil(layer, hidden | objects if layer is stack.tile else codes)


def _veil(layer: Labels, hidden: frozenset[int]) -> None:
    colours: dict[int | None, Any] | None = layer.metadata.get("colours")
    drawn = layer.metadata.get("veiled", (colours, _NONE))
    if colours is None or drawn == (colours, hidden):
        return
    layer.metadata["veiled"] = (colours, hidden)
    shown = {key: (*rgba[:3], 0.0) if key in hidden else rgba for key, rgba in colours.items()}
    layer.colormap = DirectLabelColormap(color_dict=shown)


def _read(project: Project) -> tuple[frozenset[int], frozenset[int]]:
    """Return what was kept; nothing where that cannot be read."""
    try:
        kept = json.loads(project.ledger.get_setting(_SETTING) or "{}")
        return frozenset(map(int, kept["locked"])), frozenset(map(int, kept["hidden"]))
    except (ValueError, TypeError, KeyError):
        return _NONE, _NONE
