"""The circle that napari draws where a brush would paint."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from napari.layers import Labels

from napari_phenoai.ui.inner_view import unwrapped

if TYPE_CHECKING:
    import napari

__all__ = ["put_brush_down", "without_box"]


def without_box(viewer: napari.Viewer) -> None:
    """Let `viewer` draw the circle of the brush without a box behind it.

    napari lays a box of 8 pixels under every mark on its canvas. This one would stay where
    the brush was when all layers have gone.
    """
    with suppress(AttributeError, KeyError):  # a private name: nothing is lost where it changes
        unwrapped(viewer).canvas.overlays._brush_circle.box = False  # noqa: SLF001


def put_brush_down(layer: Any) -> None:
    """Take the brush from `layer` before it is removed: napari would go on drawing its circle."""
    if isinstance(layer, Labels):
        layer.mode = "pan_zoom"
