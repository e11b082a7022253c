"""The colours of napari's theme, for what is drawn by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_phenoai.ui.plot_frame import Style

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["PAPER", "style_of"]

PAPER = Style()
"""Black on white, for files."""

_ACCENTS = {"dark": "#56b4e9", "light": "#0072b2"}


def style_of(viewer: napari.viewer.Viewer) -> Style:
    """Return the style of plots that goes with the theme of `viewer`."""
    from napari.utils.theme import get_theme

    theme = get_theme(viewer.theme)
    return Style(
        background=theme.background.as_hex("long"),
        text=theme.text.as_hex("long"),
        muted=theme.highlight.as_hex("long"),
        grid=theme.foreground.as_hex("long"),
        accent=_ACCENTS[theme.type],
    )
