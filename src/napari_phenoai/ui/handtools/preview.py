"""The preview: what a tool would do, drawn over the tile before it is done."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_phenoai.ui.handtools.picture import LINE
from napari_phenoai.ui.theme import class_colours

if TYPE_CHECKING:
    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.ui.handtools.picture import Sketch
    from napari_phenoai.ui.layers import TileLayers

__all__ = ["PREVIEW_LAYER", "Preview", "PreviewLayer"]

PREVIEW_LAYER = "PhenoAI preview"
"""Name of the layer that shows what a tool would do."""

_WHITE = (1.0, 1.0, 1.0, 1.0)
_OPACITY = 0.85


class Preview:
    """What one drawer has on the shared layer of previews.

    Parameters
    ----------
    layer : PreviewLayer
        Shared: who draws last is seen, and takes away what the others drew.
    """

    def __init__(self, layer: PreviewLayer) -> None:
        self._layer = layer

    @property
    def shown(self) -> bool:
        """Whether this drawer's sketch is seen."""
        return self._layer.drawer is self and self._layer.shown

    def show(self, sketch: Sketch, scheme: ClassScheme) -> None:
        """Draw a sketch in the colours of `scheme`, lines white."""
        self._layer.drawer = self
        self._layer.show(sketch, scheme)

    def hide(self) -> None:
        """Draw nothing any more; what another one drew stays."""
        if self._layer.drawer is self:
            self._layer.hide()

    def close(self) -> None:
        """Take the layer away; the next sketch brings it back."""
        self._layer.close()


class PreviewLayer:
    """The layer of all previews: made when it is first needed, and then given other data.

    Parameters
    ----------
    layers : TileLayers
        Over whose tile it lies.

    Attributes
    ----------
    drawer : Preview or None
        Whose sketch it shows.
    """

    def __init__(self, layers: TileLayers) -> None:
        self._layers = layers
        self._layer: Labels | None = None
        self.drawer: Preview | None = None

    @property
    def shown(self) -> bool:
        """Whether anything is drawn."""
        return self._layer is not None and bool(self._layer.visible)

    def show(self, sketch: Sketch, scheme: ClassScheme) -> None:
        """Draw a sketch in the colours of `scheme`, lines white."""
        tile = sketch.tile
        layer, scale = self._there(sketch), self._layers.stack.scale
        blocked = getattr(layer, "_block_refresh", nullcontext)
        with blocked():
            layer.data = sketch.values
            _set(layer, "scale", (scale, scale))
            _set(layer, "translate", (tile.y * scale, tile.x * scale))
            colours: dict[int | None, Any] = dict(class_colours(scheme))
            colours |= {key: (*rgba[:3], 1.0) for key, rgba in colours.items() if key}
            colours |= {None: (0, 0, 0, 0), 0: (0, 0, 0, 0), LINE: _WHITE}
            if layer.metadata.get("colours") != colours:
                layer.metadata["colours"] = colours
                layer.colormap = DirectLabelColormap(color_dict=colours)
        if layer.visible:
            layer.refresh()
        else:
            layer.visible = True

    def hide(self) -> None:
        """Draw nothing any more."""
        self.drawer = None
        if self._layer is not None:
            _set(self._layer, "visible", False)

    def close(self) -> None:
        """Take the layer away."""
        layer, self._layer, self.drawer = self._layer, None, None
        if layer is not None and layer in self._layers.viewer.layers:
            self._layers.viewer.layers.remove(layer)

    def _there(self, sketch: Sketch) -> Labels:
        viewer = self._layers.viewer
        if self._layer is None or self._layer not in viewer.layers:
            active = viewer.layers.selection.active
            self._layer = Labels(sketch.values, name=PREVIEW_LAYER, visible=False, opacity=_OPACITY)
            viewer.add_layer(self._layer)
            if active is not None:
                viewer.layers.selection.active = active
        return self._layer


def _set(layer: Labels, name: str, value: Any) -> None:
    """Set a property of `layer` where it differs: setting it draws the layer anew."""
    if not np.array_equal(getattr(layer, name), value):
        setattr(layer, name, value)
