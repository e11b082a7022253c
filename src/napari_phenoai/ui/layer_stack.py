"""The napari layers that a session shows, from the image up to the tile."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from napari.layers._multiscale_data import MultiScaleData
from napari.utils.colormaps import DirectLabelColormap

from napari_phenoai.ui.objects_colours import object_colours
from napari_phenoai.ui.strokes import forget_strokes, keep_strokes
from napari_phenoai.ui.theme import ACCENT, class_colours

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import napari
    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.ui.desk import Desk
    from napari_phenoai.ui.overlays import Overlays
    from napari_phenoai.ui.picture import Picture, PictureChannel
    from napari_phenoai.ui.window_pixels import WindowPixels

__all__ = ["OVERLAYS", "TILE_LAYER", "WINDOW_LAYER", "LayerStack"]

TILE_LAYER = "PhenoAI tile"
"""Name of the layer to paint in while it shows a tile of the queue."""

WINDOW_LAYER = "PhenoAI window"
"""Its name while it shows a window for painting anywhere."""

OVERLAYS = ("labels", "prediction", "uncertainty")
"""Names of the overlays, bottom first; the layers are called ``PhenoAI <name>``."""


class LayerStack:
    """Layers that are made once and then given other data: much faster than new ones.

    Parameters
    ----------
    viewer : napari.Viewer
        Where they are added.

    Attributes
    ----------
    tile : napari.layers.Labels or None
        The layer to paint in; its data are the array of the desk or window itself.
    images : list of napari.layers.Image
        One for a colour image, else one per channel.
    picture : Picture or None
        What they show.
    overlays : dict of str to layer
        By the names of `OVERLAYS`.
    wanted : dict of str to bool
        Which overlays the person wants to see.
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        self.viewer = viewer
        self.tile: Labels | None = None
        self.images: list[Image] = []
        self.picture: Picture | None = None
        self.overlays: dict[str, Image | Labels] = {}
        self._waiting: dict[str, tuple[MultiScaleData, float]] = {}
        self.wanted = {"labels": True, "prediction": False, "uncertainty": False}

    @property
    def scale(self) -> float:
        """World units per pixel of the picture."""
        return self.picture.scale if self.picture is not None else 1.0

    def show_picture(self, picture: Picture) -> None:
        """Show the channels of `picture` in place of the former image."""
        self.images = [layer for layer in self.images if layer in self.viewer.layers]
        fits = len(self.images) == len(picture.channels)
        if not fits or any(layer.rgb != picture.colour for layer in self.images):
            self._remove(self.images)
            self.images = [self._new_image(picture, item) for item in picture.channels]
            for at, layer in enumerate(self.images):
                self.viewer.layers.move(self.viewer.layers.index(layer), at)
        for layer, channel in zip(self.images, picture.channels, strict=True):
            with _at_once(layer):
                layer.data = MultiScaleData(channel.pyramid.levels)
                _set(layer, "scale", (picture.scale, picture.scale))
            _set(layer, "name", channel.name)
            _set(layer, "contrast_limits_range", channel.limits)
            _set(layer, "contrast_limits", channel.limits)
        self.picture = picture

    def show_overlays(self, overlays: Overlays) -> None:
        """Show `overlays` in place of the former ones; hidden ones when they are shown."""
        for name, pyramid in overlays.named().items():
            layer = self.overlays.get(name)
            levels = MultiScaleData(pyramid.levels)
            if layer is None or layer not in self.viewer.layers:
                make = self._new_heat if name == "uncertainty" else self._new_labels
                layer = self.overlays[name] = make(f"PhenoAI {name}", levels)
                layer.events.visible.connect(self._give_to_visible)
            self._waiting[name] = (levels, self.scale)
        self._give_to_visible()

    def _give_to_visible(self, _: object = None) -> None:
        for name in list(self._waiting):
            layer = self.overlays[name]
            if layer.visible:
                levels, scale = self._waiting.pop(name)
                with _at_once(layer):
                    _set_data(layer, levels)
                    _set(layer, "scale", (scale, scale))

    def refresh_overlays(self) -> None:
        """Draw the overlays anew, after other pixels were laid in."""
        for layer in self.overlays.values():
            if layer.visible:
                layer.refresh(extent=False)

    def show_tile(self, desk: Desk) -> Labels:
        """Lay the tile of `desk` on top, to be painted; its undo history is empty."""
        brush_px = max(3, round(desk.tile.width / 20))
        return self._show_top(TILE_LAYER, desk.labels, desk.tile, brush_px)

    def show_window(self, window: WindowPixels) -> Labels:
        """Lay `window` on top, to be painted; its undo history is empty."""
        return self._show_top(WINDOW_LAYER, window.painted, window.tile, 15)

    def _show_top(self, name: str, labels: NDArray[Any], tile: Tile, brush_px: int) -> Labels:
        if self.tile is None or self.tile not in self.viewer.layers:
            self.tile = self._new_top(labels, brush_px)
        layer, scale = self.tile, self.scale
        with _at_once(layer):
            if layer.data is not labels:
                _set_data(layer, labels)
            layer.scale = (scale, scale)  # in any case: a hidden layer forgets its extent by it
            _set(layer, "translate", (tile.y * scale, tile.x * scale))
        forget_strokes(layer)
        _set(layer, "name", name)
        return layer

    def hide_tile(self) -> None:
        """Hide the layer to paint in, so that nobody can paint, while there is no tile."""
        if self.tile is not None:
            _set(self.tile, "visible", False)

    def style(
        self,
        scheme: ClassScheme,
        *,
        background_alpha: float,
        opacity: float,
        outline: bool,
        hidden: bool,
        objects: Mapping[int, int] | None = None,
    ) -> None:
        """Draw all label layers in the colours of `scheme`.

        Parameters
        ----------
        scheme : ClassScheme
            The classes.
        background_alpha : float
            Opacity of the background class in the layer to paint in.
        opacity : float
            Of all label layers, in [0, 1].
        outline : bool
            Whether the labels are drawn as outlines.
        hidden : bool
            Whether everything over the image is hidden.
        objects : mapping of int to int, optional
            The class of each object in the layer to paint in, where it shows objects.
        """
        for layer in (self.tile, self.overlays.get("labels"), self.overlays.get("prediction")):
            if isinstance(layer, Labels):
                alpha = background_alpha if layer is self.tile else 0.0
                _colour(layer, scheme, alpha, objects if layer is self.tile else None)
                outlined = outline or layer is self.overlays.get("prediction")
                _set(layer, "opacity", opacity)
                _set(layer, "contour", 2 if outlined else 0)
        for name, overlay in self.overlays.items():
            _set(overlay, "visible", self.wanted[name] and not hidden)
        if self.tile is not None:
            _set(self.tile, "visible", not hidden)

    def clear(self) -> None:
        """Take all layers away."""
        layers = [*self.images, *self.overlays.values()]
        self._waiting.clear()
        self._remove([*layers, self.tile] if self.tile is not None else layers)
        self.tile, self.images, self.picture, self.overlays = None, [], None, {}

    def _remove(self, layers: list[Any]) -> None:
        for layer in layers:
            if layer in self.viewer.layers:
                self.viewer.layers.remove(layer)

    def _new_image(self, picture: Picture, channel: PictureChannel) -> Image:
        layer = Image(
            MultiScaleData(channel.pyramid.levels),
            rgb=picture.colour,
            multiscale=True,
            name=channel.name,
            contrast_limits=channel.limits,
            colormap=channel.tint,
            blending="translucent" if picture.colour or len(picture.channels) == 1 else "additive",
            visible=channel.visible,
            interpolation2d="nearest",
        )
        self.viewer.add_layer(layer)
        return layer

    def _new_labels(self, name: str, levels: MultiScaleData) -> Labels:
        layer = Labels(levels, multiscale=True, name=name)
        layer.editable = False
        self.viewer.add_layer(layer)
        return layer

    def _new_heat(self, name: str, levels: MultiScaleData) -> Image:
        layer = Image(
            levels,
            multiscale=True,
            name=name,
            rgb=False,
            contrast_limits=(0, 254),
            colormap="magma",
            blending="additive",
            opacity=0.6,
        )
        self.viewer.add_layer(layer)
        return layer

    def _new_top(self, labels: NDArray[Any], brush_px: int) -> Labels:
        layer = Labels(labels, name=TILE_LAYER, visible=False)
        keep_strokes(layer)
        layer.brush_size = brush_px
        layer.bounding_box.visible = True
        layer.bounding_box.points = False
        layer.bounding_box.line_color = ACCENT
        layer.bounding_box.line_thickness = 2
        self.viewer.add_layer(layer)
        return layer


def _colour(
    layer: Labels,
    scheme: ClassScheme,
    background_alpha: float,
    objects: Mapping[int, int] | None,
) -> None:
    colours = class_colours(scheme, background_alpha=background_alpha)
    if objects is not None:
        colours = object_colours(scheme, objects, background_alpha=background_alpha)
    if layer.metadata.get("colours") != colours:
        layer.metadata["colours"] = colours
        layer.colormap = DirectLabelColormap(color_dict=colours)


@contextmanager
def _at_once(layer: Image | Labels) -> Iterator[None]:
    """Draw `layer` anew once, after all that is set within; not while it is hidden.

    napari draws it for each property by default.
    """
    blocked = getattr(layer, "_block_refresh", nullcontext)
    with blocked():
        yield
    layer.refresh()


def _set_data(layer: Image | Labels, data: Any) -> None:
    """Give `layer` other pixels; labels of the same type keep their program for drawing.

    napari has it compiled anew whenever labels get other pixels, though it depends on
    their type only.
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
    finally:
        for call in calls:
            emitter.unblock(call)


def _set(layer: Image | Labels, name: str, value: Any) -> None:
    """Set a property of `layer` where it differs: setting it draws the layer anew."""
    if not np.array_equal(getattr(layer, name), value):
        setattr(layer, name, value)
