"""What the status bar says of the tools that napari has, and of the keys of all tools."""

from __future__ import annotations

from collections.abc import Mapping

from napari_phenoai.ui.keys import brief, key_of

__all__ = ["closing_words", "dropping_words", "plain_words", "stepping_keys"]

_WORDS: Mapping[str, str] = {
    "brush": "Brush: drag to paint the chosen class",
    "eraser": "Eraser: drag to take away what was painted",
    "fill": "Fill: click a patch to give it the chosen class",
    "pan": "Drag to move the image",
}


def plain_words(tool: str) -> str:
    """Return what the next click does with one of napari's own tools; empty for others.

    Examples
    --------
    >>> plain_words("pan")
    'Drag to move the image'
    """
    if tool == "polygon":
        key = key_of("accept") or "a double click"
        dropped = dropping_words()
        return f"Polygon: click the corners, {key} closes it" + (
            f", {dropped} it" if dropped else ""
        )
    return _WORDS.get(tool, "")


def dropping_words() -> str:
    """Return which key drops what is under way; empty without one.

    Examples
    --------
    >>> dropping_words()
    'Esc drops'
    """
    key = brief(key_of("drop"))
    return f"{key} drops" if key else ""


def closing_words() -> str:
    """Return how a line of several clicks is closed: by a key, where it has one, or the mouse.

    Examples
    --------
    >>> closing_words()
    'Enter or a double click closes it'
    """
    key = key_of("accept")
    return f"{key} or a double click closes it" if key else "a double click closes it"


def stepping_keys() -> str:
    """Return the keys that move the main option of a tool; empty without any.

    Examples
    --------
    >>> stepping_keys()
    '[ ]'
    """
    return " ".join(key for key in (key_of("smaller"), key_of("larger")) if key)
