"""Wiring: makes all modes of the Workbench's own tools for one viewer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari_phenoai.ui.handtools.catalogue import KINDS, PIECES
from napari_phenoai.ui.handtools.helpers import Helpers
from napari_phenoai.ui.handtools.part_mode import PartMode
from napari_phenoai.ui.handtools.pixel_mode import PixelMode
from napari_phenoai.ui.handtools.preview import Preview
from napari_phenoai.ui.handtools.slices_mode import SlicesMode
from napari_phenoai.ui.handtools.surface import surface_of
from napari_phenoai.ui.handtools.wire_mode import WireMode
from napari_phenoai.ui.handtools.work import Workshop

if TYPE_CHECKING:
    from napari_phenoai.ui.bench import Bench
    from napari_phenoai.ui.handtools.mode import Mode

__all__ = ["pixel_modes"]


def pixel_modes(bench: Bench) -> list[Mode]:
    """Return the modes of all pixel tools; they share one preview and one workshop."""
    session, layers = bench.session, bench.layers
    workshop = Workshop(session, layers, bench.marks, partial(surface_of, session, layers))
    helpers = Helpers(session, bench.tools, workshop, Preview(bench.preview), bench.hand.say)
    modes = [PixelMode(kind, helpers) for kind in (*KINDS, PIECES)]
    slices = SlicesMode(bench.hand, session, bench.marks)
    return [*modes, PartMode(helpers), WireMode(helpers), slices]
