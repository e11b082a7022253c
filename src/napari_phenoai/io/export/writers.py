"""Writers of masks: tiled TIFF, indexed PNG and OME-Zarr, block by block."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.progress import Progress
from napari_phenoai.errors import InputError
from napari_phenoai.io.export.feed import Feed
from napari_phenoai.io.export.planes import BLOCK_PX
from napari_phenoai.io.ome import mode_2x2, multiscales
from napari_phenoai.io.pyramid import Pyramid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.progress import Work
    from napari_phenoai.io.export.planes import Planes
    from napari_phenoai.io.export.values import Values

__all__ = ["resolution", "write_png", "write_tiff", "write_zarr"]

_PNG_LIMIT_PX = 2**30


def write_tiff(path: Path, planes: Planes, values: Values) -> Work[int]:
    """Write a tiled, deflated TIFF with the class colours as palette, one page per plane.

    Classes and ids of model and snapshot stand in its ImageDescription, the pixel
    size in its resolution tags. Returns the number of pixels without a class.
    """
    height, width = planes.record.plane

    def write(tiles: Iterator[NDArray[np.uint8]]) -> None:
        import tifffile

        big = planes.depth * height * width > 2**31
        with tifffile.TiffWriter(path, bigtiff=big) as file:
            file.write(
                tiles,
                shape=(planes.depth, height, width) if planes.depth > 1 else (height, width),
                dtype=np.uint8,
                photometric="palette",
                colormap=(values.palette().T.astype(np.uint16) * 257),
                tile=(BLOCK_PX, BLOCK_PX),
                compression="zlib",
                description=json.dumps(_about(planes, values)),
                software="napari-phenoai",
                metadata=None,
                **resolution(planes.record.pixel_um),
            )

    missing = 0
    with Feed(write) as feed:
        for block, labels in _counted(planes):
            missing += int(np.count_nonzero(labels == 0))
            full = np.full((BLOCK_PX, BLOCK_PX), values.unlabelled, np.uint8)
            full[: block.height, : block.width] = values.table()[labels]
            feed.put(full)
            yield Progress(block.area_px, None)
    return missing


def write_png(path: Path, planes: Planes, values: Values, z: int) -> Work[int]:
    """Write plane `z` as PNG with the class colours as palette; return pixels without a class.

    Raises
    ------
    InputError
        If the plane has more than 2^30 pixels.
    """
    from PIL import Image

    if (size := planes.record.plane[0] * planes.record.plane[1]) > _PNG_LIMIT_PX:
        what = f"{planes.record.name} has {size} pixels, too many for a PNG."
        raise InputError(what, hint="Export it as tiff or ome-zarr.")
    plane = np.zeros(planes.record.plane, np.uint8)
    for block, labels in _counted(planes, z):
        plane[block.slices] = labels
        yield Progress(block.area_px, None)
    image = Image.fromarray(values.table()[plane]).convert("P")
    image.putpalette(values.palette().tobytes())
    pixel_um = planes.record.pixel_um
    dpi = {} if pixel_um is None else {"dpi": (25400 / pixel_um, 25400 / pixel_um)}
    image.save(path, "PNG", **dpi)
    return int(np.count_nonzero(plane == 0))


def write_zarr(path: Path, planes: Planes, values: Values) -> Work[int]:
    """Write an OME-Zarr 0.5 label image with its colours; return pixels without a class."""
    missing = 0
    shape = (planes.depth, *planes.record.plane)
    pyramid = Pyramid(path, shape, fill=values.unlabelled, reduce=mode_2x2, truth=True)
    pyramid.create(_ome(pyramid, shape, planes, values))
    for block, labels in _counted(planes):
        missing += int(np.count_nonzero(labels == 0))
        if pyramid.write(block, values.table()[labels]):
            pyramid.refresh(block)
        yield Progress(block.area_px, None)
    return missing


def _counted(planes: Planes, z: int | None = None) -> Iterator[tuple[Tile, NDArray[np.uint8]]]:
    for block in planes.blocks():
        if z is None or block.z == z:
            yield block, planes.read(block)


def _ome(
    pyramid: Pyramid, shape: tuple[int, int, int], planes: Planes, values: Values
) -> dict[str, object]:
    """Return the OME attributes of an exported label image."""
    name, pixel_um = planes.record.name, planes.record.pixel_um
    colours = [
        {"label-value": value, "rgba": [*bytes.fromhex(item.colour[1:]), 255]}
        for value, item in values.classes()
    ]
    legend = [{"label-value": value, "class": item.name} for value, item in values.classes()]
    return {
        "version": "0.5",
        "multiscales": multiscales(name, shape, pyramid.count, pixel_um),
        "image-label": {"version": "0.5", "colors": colours, "properties": legend},
        "phenoai": _about(planes, values),
    }


def _about(planes: Planes, values: Values) -> dict[str, object]:
    return {
        **planes.provenance(),
        "image": planes.record.id,
        "unlabelled": values.unlabelled,
        "classes": values.legend(),
    }


def resolution(pixel_um: float | None) -> dict[str, Any]:
    """Return the tags of a TIFF that tell the size of a pixel; none where it is unknown."""
    if pixel_um is None:
        return {}
    return {"resolution": (1e4 / pixel_um, 1e4 / pixel_um), "resolutionunit": "CENTIMETER"}
