"""The napari layers that a session shows, from the image up to the tile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from napari.layers._multiscale_data import MultiScaleData
from psygnal import Signal

from napari_phenoai.ui.brush_mark import put_brush_down, without_box
from napari_phenoai.ui.canvas_context import delete_in_its_context
from napari_phenoai.ui.layer_setting import at_once, set_colours, set_data, set_value
from napari_phenoai.ui.objects_colours import label_colours
from napari_phenoai.ui.outlines import outline_quickly
from napari_phenoai.ui.strokes import forget_strokes, keep_strokes
from napari_phenoai.ui.theme import ACCENT

if TYPE_CHECKING:
    from collections.abc import Mapping

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

    behind = Signal()
    """There is work for `catch_up`."""

    def __init__(self, viewer: napari.Viewer) -> None:
        self.viewer = viewer
        without_box(viewer)
        delete_in_its_context(viewer)
        self.tile: Labels | None = None
        self.images: list[Image] = []
        self.picture: Picture | None = None
        self.overlays: dict[str, Image | Labels] = {}
        self._waiting: dict[str, tuple[MultiScaleData, float]] = {}
        self._contours: dict[str, int] = {}
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
            with at_once(layer):
                set_data(layer, MultiScaleData(channel.pyramid.levels))
                set_value(layer, "scale", (picture.scale, picture.scale))
            set_value(layer, "name", channel.name)
            set_value(layer, "contrast_limits_range", channel.limits)
            set_value(layer, "contrast_limits", channel.limits)
        self.picture = picture

    def make_overlay(self, overlays: Overlays) -> bool:
        """Make one of the layers for `overlays` that lack, hidden; return whether there was one."""
        for name, pyramid in overlays.named().items():
            if self.overlays.get(name) not in self.viewer.layers:
                make = self._new_heat if name == "uncertainty" else self._new_labels
                layer = self.overlays[name] = make(name, MultiScaleData(pyramid.levels))
                layer.events.visible.connect(self._tell_behind)
                return True
        return False

    def show_overlays(self, overlays: Overlays) -> None:
        """Show `overlays` in place of the former ones, when `catch_up` is called."""
        for name, pyramid in overlays.named().items():
            self._waiting[name] = (MultiScaleData(pyramid.levels), self.scale)
        self._tell_behind()

    def catch_up(self) -> bool:
        """Give one overlay that is seen its pixels or outlines; return whether one lacked them.

        They take some 20 ms each, so each has a turn of its own.
        """
        for name in self._lacking():
            layer = self.overlays[name]
            with at_once(layer):
                if name in self._waiting:
                    levels, scale = self._waiting.pop(name)
                    set_data(layer, levels)
                    set_value(layer, "scale", (scale, scale))
                if name in self._contours:
                    set_value(layer, "contour", self._contours.pop(name))
            return True
        return False

    def _lacking(self) -> list[str]:
        seen = [name for name, layer in self.overlays.items() if layer.visible]
        return [name for name in seen if name in self._waiting or name in self._contours]

    def _tell_behind(self, _: object = None) -> None:
        if self._lacking():
            self.behind.emit()

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
        with at_once(layer):
            if layer.data is not labels:
                set_data(layer, labels)
            layer.scale = (scale, scale)  # in any case: a hidden layer forgets its extent by it
            set_value(layer, "translate", (tile.y * scale, tile.x * scale))
        forget_strokes(layer)
        set_value(layer, "name", name)
        return layer

    def hide_tile(self) -> None:
        """Hide the layer to paint in, so that nobody can paint, while there is no tile."""
        if self.tile is not None:
            set_value(self.tile, "visible", False)

    def style(
        self,
        scheme: ClassScheme,
        *,
        background_alpha: float,
        opacity: float,
        outline: bool,
        hidden: bool,
        objects: Mapping[int, int] | None = None,
        coded: bool = False,
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
        coded : bool
            Whether the overlays show objects, by the codes of `code_colours`.
        """
        for name, overlay in self.overlays.items():
            if isinstance(overlay, Labels):
                set_colours(overlay, label_colours(scheme, 0.0, coded=coded))
                set_value(overlay, "opacity", opacity)
                self._outline(name, 2 if outline or name == "prediction" else 0)
            set_value(overlay, "visible", self.wanted[name] and not hidden)
        if self.tile is not None:
            set_colours(self.tile, label_colours(scheme, background_alpha, objects=objects))
            set_value(self.tile, "opacity", opacity)
            set_value(self.tile, "contour", 2 if outline else 0)
            set_value(self.tile, "visible", not hidden)
        self._tell_behind()

    def _outline(self, name: str, width: int) -> None:
        """Have an overlay outlined by `catch_up`, where it is not."""
        self._contours.pop(name, None)
        if self.overlays[name].contour != width:
            self._contours[name] = width

    def clear(self) -> None:
        """Take all layers away."""
        layers = [*self.images, *self.overlays.values()]
        self._waiting.clear()
        self._contours.clear()
        self._remove([*layers, self.tile] if self.tile is not None else layers)
        self.tile, self.images, self.picture, self.overlays = None, [], None, {}

    def _remove(self, layers: list[Any]) -> None:
        for layer in layers:
            if layer in self.viewer.layers:
                put_brush_down(layer)
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
        layer = Labels(levels, multiscale=True, name=f"PhenoAI {name}", visible=False)
        layer.editable = False
        outline_quickly(layer)
        self.viewer.add_layer(layer)
        return layer

    def _new_heat(self, name: str, levels: MultiScaleData) -> Image:
        layer = Image(
            levels,
            multiscale=True,
            name=f"PhenoAI {name}",
            visible=False,
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
        outline_quickly(layer)
        layer.brush_size = brush_px
        layer.bounding_box.visible = True
        layer.bounding_box.points = False
        layer.bounding_box.line_color = ACCENT
        layer.bounding_box.line_thickness = 2
        self.viewer.add_layer(layer)
        return layer
