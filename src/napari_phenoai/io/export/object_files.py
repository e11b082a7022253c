"""Writers of masks of objects: tiled TIFF, 16-bit PNG and OME-Zarr, block by block."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.progress import Progress
from napari_phenoai.errors import InputError
from napari_phenoai.io.export.feed import Feed
from napari_phenoai.io.export.planes import BLOCK_PX
from napari_phenoai.io.export.writers import resolution
from napari_phenoai.io.ome import mode_2x2, multiscales
from napari_phenoai.io.pyramid import Pyramid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_phenoai.core.progress import Work
    from napari_phenoai.io.export.object_planes import ObjectPlanes

__all__ = ["write_png", "write_tiff", "write_zarr"]

_PNG_LIMIT_PX = 2**29


def write_tiff(path: Path, objects: ObjectPlanes) -> Work[None]:
    """Write a tiled, deflated TIFF of ids, one page per plane."""
    record = objects.planes.record
    height, width = record.plane
    planes = record.shape[0]

    def write(tiles: Iterator[NDArray[Any]]) -> None:
        import tifffile

        with tifffile.TiffWriter(path, bigtiff=planes * height * width > 2**29) as file:
            file.write(
                tiles,
                shape=(planes, height, width) if planes > 1 else (height, width),
                dtype=objects.dtype,
                photometric="minisblack",
                tile=(BLOCK_PX, BLOCK_PX),
                compression="zlib",
                description=json.dumps(_about(objects)),
                software="napari-phenoai",
                metadata=None,
                **resolution(record.pixel_um),
            )

    with Feed(write) as feed:
        for block in objects.planes.blocks():
            full = np.zeros((BLOCK_PX, BLOCK_PX), objects.dtype)
            full[: block.height, : block.width] = objects.read(block)[0]
            feed.put(full)
            yield Progress(block.area_px, None)


def write_png(path: Path, objects: ObjectPlanes) -> Work[None]:
    """Write a flat image as PNG of 16 bits.

    Raises
    ------
    InputError
        If there are several planes, too many pixels, or ids above 65535.
    """
    from PIL import Image

    record = objects.planes.record
    fits = record.shape[0] == 1 and record.plane[0] * record.plane[1] <= _PNG_LIMIT_PX
    if not fits or objects.dtype is not np.uint16:
        what = f"The objects of {record.name} do not fit a PNG."
        raise InputError(what, hint="Export them as tiff or ome-zarr.")
    plane = np.zeros(record.plane, np.uint16)
    for block in objects.planes.blocks():
        plane[block.slices] = objects.read(block)[0]
        yield Progress(block.area_px, None)
    Image.fromarray(plane).save(path, "PNG")


def write_zarr(path: Path, objects: ObjectPlanes) -> Work[None]:
    """Write an OME-Zarr 0.5 label image of ids."""
    record = objects.planes.record
    shape = (record.shape[0], *record.plane)
    pyramid = Pyramid(path, shape, fill=0, reduce=mode_2x2, truth=True, dtype=objects.dtype)
    pyramid.create(
        {
            "version": "0.5",
            "multiscales": multiscales(record.name, shape, pyramid.count, record.pixel_um),
            "image-label": {"version": "0.5"},
            "phenoai": _about(objects),
        }
    )
    for block in objects.planes.blocks():
        if pyramid.write(block, objects.read(block)[0].astype(objects.dtype)):
            pyramid.refresh(block)
        yield Progress(block.area_px, None)


def _about(objects: ObjectPlanes) -> dict[str, object]:
    planes = objects.planes
    return {**planes.provenance(), "image": planes.record.id, "values": "objects, 0 is none"}
