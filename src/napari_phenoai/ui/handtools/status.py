"""What the status bar says of the tools that napari has."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["plain_words"]

_WORDS: Mapping[str, str] = {
    "brush": "Brush: drag to paint the chosen class",
    "eraser": "Eraser: drag to take away what was painted",
    "fill": "Fill: click a patch to give it the chosen class",
    "polygon": "Polygon: click the corners, Enter closes it, Esc drops it",
    "pan": "Drag to move the image",
}


def plain_words(tool: str) -> str:
    """Return what the next click does with one of napari's own tools; empty for others.

    Examples
    --------
    >>> plain_words("pan")
    'Drag to move the image'
    """
    return _WORDS.get(tool, "")
