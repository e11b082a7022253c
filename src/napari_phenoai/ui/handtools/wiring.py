"""Wiring: makes all modes of the Workbench's own tools for one viewer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari_phenoai.ui.handtools.catalogue import KINDS
from napari_phenoai.ui.handtools.helpers import Helpers
from napari_phenoai.ui.handtools.pixel_mode import PixelMode
from napari_phenoai.ui.handtools.preview import Preview
from napari_phenoai.ui.handtools.surface import surface_of
from napari_phenoai.ui.handtools.wire_mode import WireMode
from napari_phenoai.ui.handtools.work import Workshop

if TYPE_CHECKING:
    from napari_phenoai.ui.class_marks import ClassMarks
    from napari_phenoai.ui.handtools.hand import Hand
    from napari_phenoai.ui.handtools.mode import Mode
    from napari_phenoai.ui.layers import TileLayers
    from napari_phenoai.ui.session import Session
    from napari_phenoai.ui.tools import Tools

__all__ = ["pixel_modes"]


def pixel_modes(
    hand: Hand, layers: TileLayers, session: Session, tools: Tools, marks: ClassMarks
) -> list[Mode]:
    """Return the modes of all pixel tools; they share one preview and one workshop."""
    workshop = Workshop(session, layers, marks, partial(surface_of, session, layers))
    helpers = Helpers(session, tools, workshop, Preview(layers), hand.say)
    return [*(PixelMode(kind, helpers) for kind in KINDS), WireMode(helpers)]
