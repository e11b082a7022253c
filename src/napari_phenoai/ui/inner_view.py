"""The inner parts of a napari window, which have no public names."""

from __future__ import annotations

from typing import Any

__all__ = ["canvas_part", "inner_view", "unwrapped"]


def unwrapped(viewer: Any) -> Any:
    """Return the viewer itself where a plugin was given a proxy that hides private names."""
    return getattr(viewer, "__wrapped__", viewer)


def inner_view(viewer: Any) -> Any:
    """Return the widget that holds canvas and list of layers; None without a window."""
    return getattr(getattr(unwrapped(viewer), "window", None), "_qt_viewer", None)


def canvas_part(viewer: Any, name: str) -> Any:
    """Return ``native`` or ``_scene_canvas`` of the canvas; None where there is none."""
    return getattr(getattr(inner_view(viewer), "canvas", None), name, None)
