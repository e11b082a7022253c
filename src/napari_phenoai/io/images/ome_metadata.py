"""The OME-Zarr 0.5 attributes of a converted image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_phenoai.io.images.lazy import LazyImage
    from napari_phenoai.io.images.pyramid import PyramidPlan

__all__ = ["display_range", "ome_attributes"]

_COLOURS = {"red": "FF0000", "green": "00FF00", "blue": "0000FF"}
_OTHER_COLOURS = ("00FF00", "FF00FF", "00FFFF", "FFFF00", "FF0000", "0000FF")
_SAMPLE_PLANES = 8


def ome_attributes(
    image: LazyImage, name: str, plan: PyramidPlan, ranges: Sequence[tuple[float, float]]
) -> Mapping[str, Any]:
    """Return the value of the attribute ``ome``.

    Parameters
    ----------
    image : LazyImage
        What was converted: channel names and pixel size.
    name : str
        Name of the image.
    plan : PyramidPlan
        What was written.
    ranges : sequence of (float, float)
        Darkest and brightest value to show, per channel.
    """
    datasets = [
        {"path": str(level), "coordinateTransformations": _transforms(image, plan, level)}
        for level in range(len(plan.shapes))
    ]
    scales = {
        "name": name,
        "axes": [_axis(image, axis) for axis in plan.axes],
        "datasets": datasets,
        "type": "mean",
        "metadata": {"description": "each level holds the means of 2 x 2 px of the one before"},
    }
    channels = [_channel(image, index, limits) for index, limits in enumerate(ranges)]
    return {"version": "0.5", "multiscales": [scales], "omero": {"channels": channels}}


def display_range(smallest: Any) -> list[tuple[float, float]]:
    """Return the range of values to show for each channel of the smallest level.

    The whole range of the type for 8 bit; otherwise what lies between the
    per-mille at either end, over at most eight planes.
    """
    count = smallest.shape[0]
    if smallest.dtype == np.uint8:
        return [(0.0, 255.0)] * count
    if smallest.ndim == 4:
        step = max(1, -(-smallest.shape[1] // _SAMPLE_PLANES))
        smallest = smallest[:, ::step]
    return [_limits(np.asarray(smallest[c])) for c in range(count)]


def _limits(values: NDArray[Any]) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not known.size:
        return 0.0, 1.0
    low, high = np.percentile(known, (0.1, 99.9))
    return float(low), float(high) if high > low else float(low) + 1.0


def _axis(image: LazyImage, axis: str) -> dict[str, str]:
    if axis == "c":
        return {"name": "c", "type": "channel"}
    length = image.z_um if axis == "z" else image.pixel_um
    unit = {} if length is None else {"unit": "micrometer"}
    return {"name": axis, "type": "space", **unit}


def _transforms(image: LazyImage, plan: PyramidPlan, level: int) -> list[dict[str, Any]]:
    edge = image.pixel_um or 1.0
    first = [1.0] if plan.flat else [1.0, image.z_um or 1.0]
    scale = [*first, edge * 2**level, edge * 2**level]
    steps: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
    if level:
        shift = edge * (2**level - 1) / 2
        steps.append({"type": "translation", "translation": [*(0.0 for _ in first), shift, shift]})
    return steps


def _channel(image: LazyImage, index: int, limits: tuple[float, float]) -> dict[str, Any]:
    label = image.channels[index] if image.channels else f"channel {index + 1}"
    colour = _COLOURS.get(label)
    if colour is None:
        single = image.shape[1] == 1
        colour = "FFFFFF" if single else _OTHER_COLOURS[index % len(_OTHER_COLOURS)]
    low, high = limits
    bottom, top = _type_range(image.dtype, limits)
    window = {"min": bottom, "max": top, "start": low, "end": high}
    return {"label": label, "color": colour, "active": True, "window": window}


def _type_range(dtype: np.dtype[Any], limits: tuple[float, float]) -> tuple[float, float]:
    if dtype.kind in "ui":
        facts = np.iinfo(dtype)
        return float(facts.min), float(facts.max)
    return limits
