"""Colours, signs and words that all docks share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_phenoai.core.scheme import ClassScheme

__all__ = [
    "ACCENT",
    "STATE_COLOURS",
    "STATE_SIGNS",
    "STATE_WORDS",
    "class_colours",
    "dice_text",
    "readable_on",
]

ACCENT = "#56b4e9"
"""Frame of the tile and the button of the next step; safe for colour-blind eyes."""

STATE_SIGNS: Mapping[str, str] = {
    "waiting": "○",
    "accepted": "✓",
    "corrected": "✎",
    "rejected": "✕",
    "skipped": "»",
    "flagged": "⚑",
}
"""One sign for each state of a tile, so that colour never speaks alone."""

STATE_WORDS: Mapping[str, str] = {
    "waiting": "to do",
    "accepted": "accepted",
    "corrected": "corrected",
    "rejected": "rejected",
    "skipped": "skipped",
    "flagged": "flagged",
}

STATE_COLOURS: Mapping[str, str] = {
    "accepted": "#009e73",
    "corrected": "#56b4e9",
    "rejected": "#d55e00",
    "skipped": "#8c929c",
    "flagged": "#e69f00",
}
"""Bar under the picture of a decided tile; its state is told in words too."""


def class_colours(
    scheme: ClassScheme, *, background_alpha: float = 0.25
) -> dict[int | None, tuple[float, float, float, float]]:
    """Return red, green, blue and opacity in [0, 1] by label value.

    Parameters
    ----------
    scheme : ClassScheme
        The classes; those merged into another take its colour.
    background_alpha : float
        Opacity of the first class; 0 draws it transparent.

    Returns
    -------
    dict
        0, and None for all values that the scheme lacks, are transparent.
    """
    colours: dict[int | None, tuple[float, float, float, float]] = {
        None: (0.0, 0.0, 0.0, 0.0),
        0: (0.0, 0.0, 0.0, 0.0),
    }
    for item in scheme.classes:
        final = int(scheme.resolved(np.array(item.id, np.uint8)))
        colour = next(other.colour for other in scheme.classes if other.id == final)
        red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
        alpha = background_alpha if final == scheme.background else 1.0
        colours[item.id] = (red, green, blue, alpha)
    return colours


def readable_on(colour: str) -> str:
    """Return black or white, whichever is easier to read on `colour` (``#rrggbb``).

    Examples
    --------
    >>> readable_on("#f0e442"), readable_on("#0072b2")
    ('#000000', '#ffffff')
    """
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#000000" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "#ffffff"


def dice_text(dice: float | None, low: float | None, high: float | None, tiles: int) -> str:
    """Say how good a model is, with what is not known shown as unknown.

    Examples
    --------
    >>> dice_text(0.857, 0.8312, 0.8871, 24)
    'held-out Dice 0.86 (0.83 to 0.89), 24 tiles'
    >>> dice_text(None, None, None, 0)
    'held-out Dice unknown'
    """
    if dice is None:
        return "held-out Dice unknown"
    interval = "" if low is None or high is None else f" ({low:.2f} to {high:.2f})"
    return f"held-out Dice {dice:.2f}{interval}, {tiles} tile{'s' if tiles != 1 else ''}"
