"""Colours of objects: neighbours differ, and each shows its class where there are several."""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.object_table import FIRST_OBJECT
from napari_phenoai.ui.theme import class_colours

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from napari_phenoai.core.object_table import ObjectTable
    from napari_phenoai.core.scheme import ClassScheme

__all__ = ["code_colours", "coded", "codes_of", "label_colours", "object_colours", "present_ids"]

Colours = dict["int | None", "tuple[float, float, float, float]"]

_HUES = 15
"""How many colours objects have; a multiple of the number of shades."""

_CODES = 256
"""A code is a class, and for objects this many times one more than the number of its colour."""

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


def coded(values: NDArray[Any], table: ObjectTable) -> NDArray[np.uint16]:
    """Return for each pixel its class and, where it is an object, which colour it has.

    So whole images of objects are drawn with a short list of colours.

    Parameters
    ----------
    values : ndarray of unsigned integers, any shape
        Ids of objects; values below 256 are classes.
    table : ObjectTable
        The class of each; a value that it lacks is drawn as unlabelled.

    Returns
    -------
    ndarray of uint16
        The keys of `code_colours`.

    Examples
    --------
    >>> from napari_phenoai.core.object_table import ObjectTable
    >>> table = ObjectTable.over([1, 2], {300: 2, 301: 2})
    >>> coded(np.array([0, 1, 300, 301, 400], np.uint32), table).tolist()
    [0, 1, 258, 514, 0]
    """
    codes = table.as_classes(values, strict=False).astype(np.uint16)
    objects = (values >= FIRST_OBJECT) & (codes > 0)
    codes[objects] += (_CODES * (1 + values[objects] % _HUES)).astype(np.uint16)
    return codes


def code_colours(scheme: ClassScheme, *, background_alpha: float) -> Colours:
    """Return the colours of `coded` pixels: each object has that of `object_colours`."""
    colours: Colours = class_colours(scheme, background_alpha=background_alpha)
    single = len(scheme.foreground) == 1
    for item in scheme.classes:
        base = colours[item.id]
        for hue in range(_HUES):
            colours[item.id + _CODES * (1 + hue)] = _hue(hue) if single else _shade(base, hue)
    return colours


def codes_of(classes: Collection[int]) -> frozenset[int]:
    """Return all codes of some classes: themselves, and those of their objects."""
    return frozenset(its + _CODES * hue for its in classes for hue in range(_HUES + 1))


def label_colours(
    scheme: ClassScheme,
    background_alpha: float,
    *,
    objects: Mapping[int, int] | None = None,
    coded: bool = False,
) -> Colours:
    """Return the colours of a layer of labels.

    Parameters
    ----------
    scheme : ClassScheme
        The classes.
    background_alpha : float
        Opacity of the background.
    objects : mapping of int to int, optional
        The class of each object, where the layer has their ids.
    coded : bool
        Whether it has the codes of objects.
    """
    if objects is not None:
        return object_colours(scheme, objects, background_alpha=background_alpha)
    colours = code_colours if coded else class_colours
    return colours(scheme, background_alpha=background_alpha)


def present_ids(labels: NDArray[np.unsignedinteger]) -> list[int]:
    """Return the values that occur, fast for ids that are not huge."""
    top = int(labels.max(initial=0))
    if top > 1 << 24:
        return [int(value) for value in np.unique(labels)]
    seen = np.zeros(top + 1, bool)
    seen[labels.ravel()] = True
    return [int(value) for value in np.flatnonzero(seen)]


def _hue(number: int) -> tuple[float, float, float, float]:
    place = number % _HUES
    light = 0.95 if place % 2 else 0.8
    red, green, blue = colorsys.hsv_to_rgb(place * _GOLDEN % 1, 0.75, light)
    return red, green, blue, 1.0


def _shade(
    colour: tuple[float, float, float, float], number: int
) -> tuple[float, float, float, float]:
    share = _SHADES[number % len(_SHADES)]
    goal = 1.0 if share > 0 else 0.0
    red, green, blue = (part + (goal - part) * abs(share) for part in colour[:3])
    return red, green, blue, 1.0
