"""Colours of objects: neighbours differ, and each shows its class where there are several."""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.object_table import FIRST_OBJECT
from napari_phenoai.ui.theme import class_colours

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_phenoai.core.scheme import ClassScheme

__all__ = ["object_colours", "present_ids"]

Colours = dict["int | None", "tuple[float, float, float, float]"]

_GOLDEN = 0.618034
_SHADES = (0.0, 0.45, -0.35, 0.22, -0.18)
"""How far the colour of a class is moved towards white, or with a minus towards black."""


def object_colours(
    scheme: ClassScheme, objects: Mapping[int, int], *, background_alpha: float
) -> Colours:
    """Return red, green, blue and opacity in [0, 1] by label value.

    Parameters
    ----------
    scheme : ClassScheme
        The classes. With one class of objects, the objects have all hues; with several,
        shades of the colour of their class.
    objects : mapping of int to int
        The class of each object.
    background_alpha : float
        Opacity of the background.

    Examples
    --------
    >>> from napari_phenoai.core.scheme import ClassScheme
    >>> scheme = ClassScheme.of(["soil", "plant"])
    >>> colours = object_colours(scheme, {300: 2, 301: 2}, background_alpha=0)
    >>> colours[300] != colours[301], colours[1][3]
    (True, 0)
    """
    colours: Colours = class_colours(scheme, background_alpha=background_alpha)
    single = len(scheme.foreground) == 1
    for number, its in objects.items():
        if number >= FIRST_OBJECT:
            base = colours.get(its, (0.5, 0.5, 0.5, 1.0))
            colours[number] = _hue(number) if single else _shade(base, number)
    return colours


def present_ids(labels: NDArray[np.unsignedinteger]) -> list[int]:
    """Return the values that occur, fast for ids that are not huge."""
    top = int(labels.max(initial=0))
    if top > 1 << 24:
        return [int(value) for value in np.unique(labels)]
    seen = np.zeros(top + 1, bool)
    seen[labels.ravel()] = True
    return [int(value) for value in np.flatnonzero(seen)]


def _hue(number: int) -> tuple[float, float, float, float]:
    light = 0.95 if number % 2 else 0.8
    red, green, blue = colorsys.hsv_to_rgb(number * _GOLDEN % 1, 0.75, light)
    return red, green, blue, 1.0


def _shade(
    colour: tuple[float, float, float, float], number: int
) -> tuple[float, float, float, float]:
    share = _SHADES[number % len(_SHADES)]
    goal = 1.0 if share > 0 else 0.0
    red, green, blue = (part + (goal - part) * abs(share) for part in colour[:3])
    return red, green, blue, 1.0
