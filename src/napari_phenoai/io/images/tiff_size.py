"""Pixel size and channel names as TIFF files tell them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_phenoai.io.images.tiff_colour import is_rgb
from napari_phenoai.io.images.units import RGB_NAMES, in_um, square

if TYPE_CHECKING:
    from collections.abc import Mapping

    import tifffile

__all__ = ["tiff_channels", "tiff_pixel_um"]

_COARSEST_UM = 10.0
_RESOLUTION_UNITS = {2: 25_400.0, 3: 10_000.0}


def tiff_pixel_um(
    file: tifffile.TiffFile, series: tifffile.TiffPageSeries
) -> tuple[float | None, float | None]:
    """Return the edge of a pixel and the distance of planes in micrometres.

    OME and ImageJ metadata are believed as they are. The bare resolution tags
    are believed only where they are finer than 10 micrometres a pixel (2540 dpi):
    coarser ones (72, 96, 300 or 600 dpi) say how large to print, not how large
    the plant was. A pixel whose sides differ by more than 1 % has no single edge.
    """
    if file.is_ome:
        return _ome_size(_ome_pixels(file))
    x_um, y_um = (_tag_um(series, name) for name in ("XResolution", "YResolution"))
    if file.is_imagej:
        return _imagej_size(file.imagej_metadata or {}, series)
    edge = square(y_um, x_um)
    return (edge if edge is not None and edge <= _COARSEST_UM else None), None


def tiff_channels(
    file: tifffile.TiffFile, series: tifffile.TiffPageSeries, count: int
) -> tuple[str, ...]:
    """Return the names of the `count` channels, empty where the file names none."""
    if count == 3 and is_rgb(series.keyframe):
        return RGB_NAMES
    if not file.is_ome:
        return ()
    found = _listed(_ome_pixels(file).get("Channel"))
    names = tuple(str(channel.get("Name", "")) for channel in found)
    return names if len(names) == count and all(names) else ()


def _ome_pixels(file: tifffile.TiffFile) -> Mapping[str, Any]:
    import tifffile

    tree = tifffile.xml2dict(file.ome_metadata or "<OME/>").get("OME")
    images = _listed(tree.get("Image")) if isinstance(tree, dict) else []
    pixels = images[0].get("Pixels") if images else None
    return pixels if isinstance(pixels, dict) else {}


def _listed(found: Any) -> list[Any]:
    every = found if isinstance(found, list) else [found]
    return [item for item in every if isinstance(item, dict)]


def _ome_size(pixels: Mapping[str, Any]) -> tuple[float | None, float | None]:
    y, x, z = (
        in_um(pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        for axis in "YXZ"
    )
    return square(y, x), z


def _imagej_size(
    metadata: Mapping[str, Any], series: tifffile.TiffPageSeries
) -> tuple[float | None, float | None]:
    unit = metadata.get("unit", "")
    x, y = (_per_pixel(series, name) for name in ("XResolution", "YResolution"))
    x_um = in_um(x, unit) if x is not None else None
    y_um = in_um(y, metadata.get("yunit", unit)) if y is not None else None
    return square(y_um, x_um), in_um(metadata.get("spacing"), metadata.get("zunit", unit))


def _tag_um(series: tifffile.TiffPageSeries, name: str) -> float | None:
    unit = series.keyframe.tags.get("ResolutionUnit")
    factor = _RESOLUTION_UNITS.get(int(unit.value)) if unit is not None else 25_400.0
    length = _per_pixel(series, name)
    return None if factor is None or length is None else length * factor


def _per_pixel(series: tifffile.TiffPageSeries, name: str) -> float | None:
    """Return how many units a pixel is long, from a tag that holds pixels per unit."""
    tag = series.keyframe.tags.get(name)
    if tag is None:
        return None
    try:
        above, below = tag.value
    except (TypeError, ValueError):
        return None
    return float(below) / float(above) if above and below else None
