"""The catalogue: all pixel tools of the Workbench, as people meet them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.basins import NECK
from napari_phenoai.core.editing import (
    CopyPrediction,
    Cut,
    Delete,
    FillHoles,
    Grow,
    Merge,
    PatchBrush,
    Patches,
    Pieces,
    RemoveSpecks,
    Replace,
    Shrink,
    Smooth,
    Split,
    Threshold,
    Tool,
    Wand,
)
from napari_phenoai.core.editing.colours import otsu_level, pixels_of
from napari_phenoai.ui.handtools.kinds import Kind, Number, Switch, Wish

if TYPE_CHECKING:
    from napari_phenoai.core.editing import Canvas

__all__ = ["KINDS", "PIECES"]

_PIXELS = frozenset({"pixels"})
_PREDICTION = frozenset({"prediction"})
_BLOCKS = frozenset({"blocks"})


@cache
def _patches(size_px: int) -> Patches:
    """Return the superpixels of one size: each block is computed once."""
    return Patches(size_px)


def _cut(wish: Wish, _: Canvas) -> Tool:
    return Cut(wish.points, wish.options["width"])


def _merge(wish: Wish, _: Canvas) -> Tool:
    return Merge(wish.points, wish.options["width"])


def _split(wish: Wish, _: Canvas) -> Tool | None:
    return Split(wish.at, wish.options["neck"]) if wish.at else None


def _delete(wish: Wish, _: Canvas) -> Tool | None:
    return Delete(wish.at, 0 if wish.unknown else None) if wish.at else None


def _wand(wish: Wish, _: Canvas) -> Tool:
    (y, x), options = wish.points[-1], wish.options
    return Wand(y, x, wish.value, options["tolerance"], bool(options["contiguous"]))


def _superpixel(wish: Wish, _: Canvas) -> Tool:
    size_px = wish.whole("size")
    return PatchBrush(wish.points, wish.value, _patches(size_px))


def _threshold(wish: Wish, canvas: Canvas) -> Tool | None:
    if canvas.selection is None or not canvas.selection.any():
        return None
    grey = pixels_of(canvas)[:, canvas.selection].mean(axis=0, dtype=np.float64)
    shift = wish.options["level"] / 100 * float(np.ptp(grey))
    level = otsu_level(grey) + shift
    return Threshold(wish.value, level, bright=not wish.options["dark"])


def _holes(wish: Wish, _: Canvas) -> Tool:
    return FillHoles(wish.at, most_px=wish.whole("most"), unlabelled=wish.unknown)


def _specks(wish: Wish, _: Canvas) -> Tool:
    return RemoveSpecks(wish.whole("below"), inner=True)


def _grow(wish: Wish, _: Canvas) -> Tool:
    return Grow(wish.whole("px"), wish.at, unlabelled=wish.unknown)


def _shrink(wish: Wish, _: Canvas) -> Tool:
    return Shrink(wish.whole("px"), wish.at, into=0 if wish.unknown else None)


def _smooth(wish: Wish, _: Canvas) -> Tool:
    return Smooth(wish.whole("px"), wish.at)


def _replace(wish: Wish, canvas: Canvas) -> Tool | None:
    place = canvas.place(*wish.points[-1]) if wish.points else None
    if place is None:
        return None
    return Replace(int(canvas.labels[place]), wish.value, wish.at)


def _pieces(wish: Wish, canvas: Canvas) -> Tool | None:
    return Pieces(wish.at) if canvas.objects else None


def _copy(wish: Wish, _: Canvas) -> Tool:
    return CopyPrediction(wish.at)


_ALL = "In the whole tile"

KINDS: Sequence[Kind] = (
    Kind(
        "cut",
        "Cut",
        "drag",
        "drag across a neck to part what touches",
        _cut,
        (Number("width", "Width", 1, 15, 1, tip="How wide the cut is"),),
    ),
    Kind(
        "merge",
        "Merge",
        "drag",
        "drag from one object to another to join them",
        _merge,
        (Number("width", "Width", 1, 60, 5, 2, tip="How wide the bridge is"),),
    ),
    Kind(
        "split",
        "Split",
        "click",
        "click an object to part it at its necks",
        _split,
        (
            Number(
                "neck",
                "Necks",
                0,
                1,
                NECK,
                0.05,
                unit="",
                tip="0 cuts nowhere, 1 at every dent",
            ),
        ),
    ),
    Kind("delete", "Delete", "click", "click an object to take it away", _delete),
    Kind(
        "wand",
        "Wand",
        "click",
        "click a colour to paint it {class}",
        _wand,
        (
            Number(
                "tolerance",
                "Tolerance",
                0,
                128,
                16,
                2,
                unit="",
                tip="By how many grey levels each channel may differ",
            ),
            Switch("contiguous", "Connected only", start=True, tip="Or all that has the colour"),
        ),
        needs=_PIXELS,
    ),
    Kind(
        "superpixel",
        "Patches",
        "drag",
        "drag over patches to paint them {class}",
        _superpixel,
        (Number("size", "Patch", 4, 40, 10, 2, tip="Edge of a patch"),),
        needs=_BLOCKS,
    ),
    Kind(
        "threshold",
        "Threshold",
        "box",
        "drag a box to paint what is bright in it {class}",
        _threshold,
        (
            Number(
                "level",
                "Level",
                -50,
                50,
                0,
                5,
                unit=" %",
                tip="0 is the level that parts bright from dark best (Otsu)",
            ),
            Switch("dark", "Dark, not bright", tip="Paint what is darker than the level"),
        ),
        needs=_PIXELS,
    ),
    Kind(
        "holes",
        "Holes",
        "click",
        "click a hole to fill it",
        _holes,
        (Number("most", "Up to", 10, 20000, 5000, 500, tip="Larger holes are left alone"),),
        everywhere=_ALL,
    ),
    Kind(
        "specks",
        "Specks",
        "click",
        "click to remove all small islands",
        _specks,
        (Number("below", "Below", 2, 2000, 50, 10, tip="Smaller islands are removed"),),
        everywhere=_ALL,
    ),
    Kind(
        "grow",
        "Grow",
        "click",
        "click an object to let it grow",
        _grow,
        (Number("px", "By", 1, 20, 1, tip="How far the outline moves"),),
        everywhere=_ALL,
    ),
    Kind(
        "shrink",
        "Shrink",
        "click",
        "click an object to take away its rim",
        _shrink,
        (Number("px", "By", 1, 20, 1, tip="How far the outline moves"),),
        everywhere=_ALL,
    ),
    Kind(
        "smooth",
        "Smooth",
        "click",
        "click an object to smooth its outline",
        _smooth,
        (Number("px", "Within", 1, 15, 2, tip="How far pixels have a say"),),
        everywhere=_ALL,
    ),
    Kind(
        "replace",
        "Replace",
        "click",
        "click a region to make it {class}; with Shift all of its class",
        _replace,
        shifts=True,
    ),
    Kind(
        "copy",
        "Copy",
        "click",
        "click a region to take over its prediction",
        _copy,
        everywhere=_ALL,
        needs=_PREDICTION,
    ),
)
"""All pixel tools, in the order of their worth."""

PIECES = Kind(
    "pieces",
    "Pieces",
    "click",
    "click an object: pieces of it that do not touch become objects of their own",
    _pieces,
    everywhere=_ALL,
)
"""The tool that only projects of single objects have."""
