"""Strokes: the one place that knows how napari keeps what was painted into a layer.

Checked against napari 0.8 to 0.9. Brush, eraser, fill and the encircling stroke of the
right button end with the event ``paint``, whose value is a list of changes. A polygon,
and ``Labels.paint`` called by a script, emit it before the pixels are changed.
``undo``, ``redo`` and an aborted stroke only redraw (``set_data``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer

from napari_phenoai.core.locking import locked_mask

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from napari.layers import Labels
    from numpy.typing import NDArray

__all__ = [
    "Strokes",
    "can_redo",
    "can_undo",
    "drop_stroke",
    "forget_strokes",
    "guard",
    "keep_strokes",
    "paint_over",
    "painting_now",
    "polygon_of",
    "stop_picking",
]

Box = tuple[slice, slice]

_KEPT = 1000
_TOOLS = {"paint": "brush", "erase": "eraser", "fill": "fill", "polygon": "polygon"}


def polygon_of(layer: Labels) -> Any:
    """Return napari's polygon under way in `layer`: its corners are ``points``."""
    return layer._overlays["polygon"]  # noqa: SLF001 - napari has no public name for it


def painting_now(layer: Labels) -> bool:
    """Tell whether a stroke or a polygon has begun in `layer` and not ended."""
    return bool(layer._block_history or polygon_of(layer).points)  # noqa: SLF001 - see above


def drop_stroke(layer: Labels) -> bool:
    """Drop the polygon or the stroke under way in `layer`; return whether there was one."""
    brush = layer._overlays.get("brush_stroke")  # noqa: SLF001 - see above
    if brush is not None and getattr(brush, "active", False):
        brush.abort(layer)
        return True
    polygon = polygon_of(layer)
    under_way = bool(polygon.points)
    polygon.points = []
    return under_way


def stop_picking(layer: Labels) -> None:
    """Let a click in the mode ``pick`` do nothing by itself; another tool has the mouse."""
    pick = layer._drag_modes.get(layer._mode)  # noqa: SLF001 - see above
    if str(layer.mode) == "pick" and pick in layer.mouse_drag_callbacks:
        layer.mouse_drag_callbacks.remove(pick)


def paint_over(layer: Labels, box: Box, values: NDArray[Any], tool: str) -> None:
    """Give the pixels of a box other values, as one stroke that can be undone.

    Parameters
    ----------
    layer : napari.layers.Labels
        Plain, with a numpy array.
    box : tuple of slice
        Rows and columns.
    values : ndarray, shape (rows, columns)
        As the pixels are to be.
    tool : str
        What changes them.
    """
    y, x = np.nonzero(np.asarray(layer.data)[box] != values)
    layer.metadata["tool"] = tool
    try:
        with layer.block_history():
            layer.data_setitem((y + box[0].start, x + box[1].start), values[y, x])
    finally:
        del layer.metadata["tool"]


def can_undo(layer: Labels) -> bool:
    """Tell whether napari can take back a stroke in `layer`."""
    return bool(layer._undo_history)  # noqa: SLF001 - see above


def can_redo(layer: Labels) -> bool:
    """Tell whether napari can do a stroke in `layer` again."""
    return bool(layer._redo_history)  # noqa: SLF001 - see above


def keep_strokes(layer: Labels) -> None:
    """Let napari keep the last 1,000 strokes in `layer`, not 100; forgets those before."""
    layer._history_limit = _KEPT  # noqa: SLF001 - see above
    forget_strokes(layer)


def forget_strokes(layer: Labels) -> None:
    """Let napari forget what was painted in `layer`; not while a stroke is under way."""
    layer._reset_history()  # noqa: SLF001 - else undo would paint one tile into another


def guard(
    layer: Labels, locked: Callable[[], Collection[int]], refused: Callable[[], object]
) -> None:
    """Let no tool change pixels of `layer` that carry a locked value, for as long as it lives.

    They are left out before a stamp of the brush, a patch or a polygon is laid, so they are
    never drawn otherwise, and undo and redo know only what was really painted.

    Parameters
    ----------
    layer : napari.layers.Labels
        Plain, with a numpy array.
    locked : callable
        Returns the values that are locked at that moment.
    refused : callable
        Called whenever a tool would have changed such a pixel.
    """
    lay: Any = getattr(layer, "_apply_mask_to_data", None)  # all tools of napari end there
    set_items = layer.data_setitem

    def guarded(data: Any, mask: Any, new_label: int, place: Any) -> Any:
        values = locked()
        kept = locked_mask(data, values) & mask if values else None
        if kept is not None and kept.any():
            if (data[kept] != new_label).any():
                refused()
            mask = mask & ~kept
        return lay(data, mask, new_label, place)

    def guarded_items(indices: Any, value: Any, refresh: bool = True) -> None:
        kept = locked_mask(layer.data[indices], locked())
        if kept.any():
            refused()
            indices = tuple(np.asarray(axis)[~kept] for axis in indices)
            value = value if np.ndim(value) == 0 else np.asarray(value)[~kept]
        set_items(indices, value, refresh)

    layer.data_setitem = guarded_items
    if lay is not None:
        layer._apply_mask_to_data = guarded  # noqa: SLF001 - see above


class Strokes:
    """Tells when the pixels of a layer have changed, once per stroke.

    Parameters
    ----------
    layer : napari.layers.Labels
        Plain, with a numpy array.
    on_end : callable
        Called after a stroke with the box (row and column slices) that it may have
        changed and the tool: brush, eraser, fill or polygon; with None and ``edit``
        after anything else that may have changed pixels.
    """

    def __init__(self, layer: Labels, on_end: Callable[[Box | None, str], object]) -> None:
        self.layer = layer
        self._on_end = on_end
        self._late: list[tuple[Box | None, str]] = []
        layer.events.paint.connect(self._on_paint)
        layer.events.set_data.connect(self._on_redrawn)

    def close(self) -> None:
        """Listen no more."""
        self._late.clear()
        self.layer.events.paint.disconnect(self._on_paint)
        self.layer.events.set_data.disconnect(self._on_redrawn)

    def _on_paint(self, event: Any) -> None:
        box = _box_of(event.value, np.shape(self.layer.data))
        tool = self.layer.metadata.get("tool") or _TOOLS.get(str(self.layer.mode), "edit")
        stroke = box, tool
        if self.layer._staged_history:  # noqa: SLF001 - see above: its pixels are changed
            self._tell_late()
            self._on_end(*stroke)
        else:
            self._late.append(stroke)
            QTimer.singleShot(0, self._tell_late)

    def _tell_late(self) -> None:
        late, self._late = self._late, []
        for stroke in late:
            self._on_end(*stroke)

    def _on_redrawn(self, _: Any) -> None:
        if not painting_now(self.layer):
            self._on_end(None, "edit")


def _box_of(changes: list[Any], shape: tuple[int, ...]) -> Box | None:
    """Return the box round all changes; None when they are in a form unknown here."""
    boxes = [_change_box(change) for change in changes]
    known = [box for box in boxes if box is not None]
    if not known or len(known) < len(boxes):
        return None
    return tuple(
        slice(max(0, min(part.start for part in parts)), min(size, max(p.stop for p in parts)))
        for parts, size in zip(zip(*known, strict=True), shape, strict=True)
    )  # type: ignore[return-value]


def _change_box(change: Any) -> Box | None:
    key = getattr(change, "slice_key", None)
    if key is not None and len(key) == 2:
        return key[0], key[1]
    try:
        rows, columns = (np.asarray(part) for part in change[0])
        return (
            slice(int(rows.min()), int(rows.max()) + 1),
            slice(int(columns.min()), int(columns.max()) + 1),
        )
    except (TypeError, ValueError, IndexError):
        return None
