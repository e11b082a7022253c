"""Writes a labels layer with its class values as they are: TIFF, PNG or OME-Zarr."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from napari_phenoai.errors import LabelError
from napari_phenoai.io.files import disk_errors
from napari_phenoai.io.ome import multiscales

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["write_labels"]

_CHUNK_PX = 512
_UM = {"um": 1.0, "micrometer": 1.0, "micron": 1.0, "mm": 1e3, "millimeter": 1e3, "nm": 1e-3}
_PNG_LARGEST = 65535


def write_labels(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write one labels layer; a file of that name is replaced only when all is written.

    Parameters
    ----------
    path : str
        Ends in ``.tif``, ``.tiff``, ``.png`` or ``.zarr``.
    data : array, or sequence of arrays for a multiscale layer
        Label values 0 and up, axes ``(y, x)`` or ``(z, y, x)``; of several levels
        the first is written.
    attributes : mapping
        State of the layer; ``scale``, ``units`` and ``colormap`` are used.

    Returns
    -------
    list of str
        The path that was written.

    Raises
    ------
    LabelError
        If the values or the axes do not fit the format.
    DiskError
        If the disk is full or cannot be written.
    """
    target = Path(path)
    labels = _values(data, target)
    write = _WRITERS[target.suffix.lower()]
    beside = target.with_name(f".{target.stem}-{uuid4().hex}{target.suffix}")
    try:
        with disk_errors(target):
            write(beside, labels, attributes)
            _replace(beside, target)
    finally:
        _remove(beside)
    return [str(target)]


def _values(data: Any, path: Path) -> NDArray[np.unsignedinteger[Any]]:
    level = data if hasattr(data, "shape") else data[0]
    labels = np.asarray(level)
    if labels.ndim not in (2, 3):
        text = f"A labels layer of {labels.ndim} axes does not fit into {path.name}."
        raise LabelError(text, hint="Save a layer with the axes y, x or z, y, x.")
    if labels.size and labels.min() < 0:
        text = f"The layer has negative values, which {path.name} cannot hold."
        raise LabelError(text, hint="Set them to 0 first.")
    largest = int(labels.max()) if labels.size else 0
    return labels.astype(np.min_scalar_type(largest), copy=False)


def _write_tiff(
    path: Path, labels: NDArray[np.unsignedinteger[Any]], attributes: Mapping[str, Any]
) -> None:
    import tifffile

    pixel_um = _pixel_um(attributes)
    options: dict[str, Any] = {}
    if pixel_um is not None:
        options = {"resolution": (1e4 / pixel_um, 1e4 / pixel_um), "resolutionunit": "CENTIMETER"}
    axes = {"axes": "YX" if labels.ndim == 2 else "ZYX"}
    tifffile.imwrite(path, labels, compression="zlib", metadata=axes, **options)


def _write_png(
    path: Path, labels: NDArray[np.unsignedinteger[Any]], attributes: Mapping[str, Any]
) -> None:
    from PIL import Image

    largest = int(labels.max()) if labels.size else 0
    if labels.ndim != 2 or largest > _PNG_LARGEST:
        text = f"A PNG holds one plane with values up to {_PNG_LARGEST}, not this layer."
        raise LabelError(text, hint="Save it as .tif or .zarr.")
    if largest > np.iinfo(np.uint8).max:
        Image.fromarray(labels.astype(np.uint16)).save(path)
        return
    picture = Image.fromarray(labels.astype(np.uint8)).convert("P")
    picture.putpalette(_palette(attributes).tobytes())
    picture.save(path, optimize=True)


def _write_zarr(
    path: Path, labels: NDArray[np.unsignedinteger[Any]], attributes: Mapping[str, Any]
) -> None:
    import zarr

    levels = [labels]
    while max(levels[-1].shape[-2:]) > _CHUNK_PX:
        levels.append(levels[-1][..., ::2, ::2])
    group = zarr.open_group(path, mode="w", zarr_format=3)
    for number, level in enumerate(levels):
        chunks = (*(1,) * (level.ndim - 2), *(min(_CHUNK_PX, size) for size in level.shape[-2:]))
        array = group.create_array(str(number), shape=level.shape, chunks=chunks, dtype=level.dtype)
        array[...] = level
    shape = labels.shape if labels.ndim == 3 else (1, *labels.shape)
    scales = multiscales(path.stem, shape, len(levels), _pixel_um(attributes))
    ome: dict[str, Any] = {
        "version": "0.5",
        "multiscales": scales,
        "image-label": {"version": "0.5"},
    }
    group.attrs["ome"] = ome


_Write = Callable[[Path, "NDArray[np.unsignedinteger[Any]]", Mapping[str, Any]], None]
_WRITERS: Mapping[str, _Write] = {
    ".tif": _write_tiff,
    ".tiff": _write_tiff,
    ".png": _write_png,
    ".zarr": _write_zarr,
}


def _pixel_um(attributes: Mapping[str, Any]) -> float | None:
    """Return the edge of a pixel where the layer says it in a unit of length."""
    scale, units = attributes.get("scale"), attributes.get("units")
    if scale is None or units is None or len(scale) < 2:
        return None
    factor = _UM.get(str(units[-1]))
    return None if factor is None else float(scale[-1]) * factor


def _palette(attributes: Mapping[str, Any]) -> NDArray[np.uint8]:
    values = np.arange(256, dtype=np.uint8)
    colours = getattr(attributes.get("colormap"), "map", None)
    if colours is None:
        return np.repeat(values[:, None], 3, axis=1)
    mapped: NDArray[np.uint8] = (np.asarray(colours(values))[:, :3] * 255).round().astype(np.uint8)
    return mapped


def _replace(beside: Path, target: Path) -> None:
    if target.is_dir():
        old = target.with_name(f".{target.stem}-{uuid4().hex}-old{target.suffix}")
        os.replace(target, old)  # noqa: PTH105 - must work for folders too
        os.replace(beside, target)  # noqa: PTH105
        shutil.rmtree(old)
    else:
        os.replace(beside, target)  # noqa: PTH105


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
