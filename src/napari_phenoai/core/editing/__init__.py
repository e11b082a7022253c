"""Pixel tools: requests that turn a window of labels into what it should be.

A tool is a frozen value that says what, where and how (`Wand`, `Cut`, `Grow`, ...), a
`Canvas` is a window of labels with what tools look at, and `use` gives the `Outcome`:
the new pixels as one `Edit`, and whether the window was large enough for it.
"""

from __future__ import annotations

from napari_phenoai.core.editing.canvas import Canvas
from napari_phenoai.core.editing.colours import Threshold, Wand
from napari_phenoai.core.editing.islands import FillHoles, RemoveSpecks
from napari_phenoai.core.editing.livewire import Enclose, Path, Wire
from napari_phenoai.core.editing.objects import Cut, Merge, Renumber, Split
from napari_phenoai.core.editing.outlines import Grow, Shrink, Smooth
from napari_phenoai.core.editing.parting import PartAll, Parting, Pieces
from napari_phenoai.core.editing.slices import Stamp, between, interpolated
from napari_phenoai.core.editing.strokes import Mark
from napari_phenoai.core.editing.superpixels import PatchBrush, Patches
from napari_phenoai.core.editing.tool import Draft, Outcome, Tool, settled, use
from napari_phenoai.core.editing.values import CopyPrediction, Delete, Paint, Replace

__all__ = [
    "Canvas",
    "CopyPrediction",
    "Cut",
    "Delete",
    "Draft",
    "Enclose",
    "FillHoles",
    "Grow",
    "Mark",
    "Merge",
    "Outcome",
    "Paint",
    "PartAll",
    "Parting",
    "PatchBrush",
    "Patches",
    "Path",
    "Pieces",
    "RemoveSpecks",
    "Renumber",
    "Replace",
    "Shrink",
    "Smooth",
    "Split",
    "Stamp",
    "Threshold",
    "Tool",
    "Wand",
    "Wire",
    "between",
    "interpolated",
    "settled",
    "use",
]
