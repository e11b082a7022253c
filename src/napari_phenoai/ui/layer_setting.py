"""Setting properties of napari's layers, so that they are drawn no more often than need be."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.layers import Image


__all__ = ["at_once", "set_colours", "set_data", "set_value"]


@contextmanager
def at_once(layer: Image | Labels) -> Iterator[None]:
    """Draw `layer` anew once, after all that is set within; not while it is hidden.

    napari draws it for each property by default.
    """
    blocked = getattr(layer, "_block_refresh", nullcontext)
    with blocked():
        yield
    layer.refresh()


def set_data(layer: Image | Labels, data: Any) -> None:
    """Give `layer` other pixels; labels of the same type keep their program for drawing.

    napari has it compiled anew whenever labels get other pixels, though it depends on
    their type only. Of several levels the coarsest is shown whole until the next drawing:
    napari goes to that level but keeps the corners of the level that was seen, which may
    lie beyond it, and an empty picture ends the program when it is drawn.
    """
    emitter = layer.events.data
    same = isinstance(layer, Labels) and layer.data.dtype == data.dtype
    known = [call for call in emitter.callbacks if same and isinstance(call, tuple)]
    owners = [call[0]() for call in known if call[1] == "_on_colormap_change"]
    calls = [owner._on_colormap_change for owner in owners if owner is not None]  # noqa: SLF001
    for call in calls:
        emitter.block(call)
    try:
        layer.data = data
        if layer.multiscale:
            last = np.array(layer.level_shapes[-1]) - 1
            layer.corner_pixels = np.stack([np.zeros_like(last), last])
    finally:
        for call in calls:
            emitter.unblock(call)


def set_value(layer: Image | Labels, name: str, value: Any) -> None:
    """Set a property of `layer` where it differs: setting it draws the layer anew."""
    if not np.array_equal(getattr(layer, name), value):
        setattr(layer, name, value)


def set_colours(
    layer: Labels, colours: dict[int | None, tuple[float, float, float, float]]
) -> None:
    """Draw `layer` in these colours by label, where it has others."""
    if layer.metadata.get("colours") != colours:
        layer.metadata["colours"] = colours
        layer.colormap = DirectLabelColormap(color_dict=colours)
