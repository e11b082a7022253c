"""Layers > Measure: area and cover of each label, as features of the layer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.errors import LabelError
from napari_phenoai.ui.errors import report
from napari_phenoai.ui.session import session_of

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer

__all__ = ["areas", "measure_layer"]


def areas(data: Any, pixel_area: float | None = None) -> dict[str, list[float]]:
    """Return one row per label value other than 0, as columns.

    Parameters
    ----------
    data : array of integers, or sequence of arrays for a multiscale layer
        Label values; of several levels the first is measured.
    pixel_area : float, optional
        Area of a pixel in square units of the layer.

    Returns
    -------
    dict
        ``index`` (the value), ``area_px``, ``cover`` (share of all pixels in
        [0, 1]) and, with `pixel_area`, ``area``.

    Examples
    --------
    >>> areas(np.array([[0, 2], [2, 2]]), pixel_area=0.5)
    {'index': [2], 'area_px': [3], 'cover': [0.75], 'area': [1.5]}
    """
    level = data if hasattr(data, "shape") else data[0]
    labels = np.asarray(level)
    values, counts = np.unique(labels[labels != 0], return_counts=True)
    table: dict[str, list[float]] = {
        "index": values.tolist(),
        "area_px": counts.tolist(),
        "cover": (counts / max(1, labels.size)).tolist(),
    }
    if pixel_area is not None:
        table["area"] = (counts * pixel_area).tolist()
    return table


def measure_layer(viewer: Viewer) -> None:
    """Measure the active labels layer; the result opens as napari's table of features."""
    layer = viewer.layers.selection.active
    if layer is None or getattr(layer, "_type_string", "") != "labels":
        hint = "Select a labels layer in the list of layers."
        report(LabelError("No labels layer is selected.", hint=hint))
        return
    scale = [float(edge) for edge in layer.scale[-2:]]
    pixel_area = None if scale == [1.0, 1.0] else scale[0] * scale[1]
    session_of(viewer).background.do(
        "tiles",
        partial(areas, layer.data, pixel_area),
        then=partial(_show, viewer, layer),
        otherwise=report,
    )


def _show(viewer: Viewer, layer: Labels, table: dict[str, list[float]]) -> None:
    layer.features = table
    viewer.window.add_plugin_dock_widget("napari", "Features table widget")
