"""Large images that take almost no space: OME-Zarr of which most chunks do not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.testing.scenes import rosettes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["large_image"]

_CHUNK = 512
_GREY = 120


def large_image(
    path: Path,
    size: tuple[int, int],
    *,
    planes: int = 1,
    patches: Sequence[tuple[int, int, int]] = (),
) -> Path:
    """Write a grey colour image with some patches of rosettes, and return `path`.

    Parameters
    ----------
    path : Path
        The new OME-Zarr 0.5 group.
    size : tuple of int
        Rows and columns at full resolution.
    planes : int
        Number of planes; with more than one the image is a stack.
    patches : sequence of (int, int, int)
        First row, first column and edge length of each patch, in pixels; the first
        two even at each level, so best multiples of 512.
    """
    import zarr

    group = zarr.open_group(path, mode="w", zarr_format=3)
    stack = (planes,) if planes > 1 else ()
    arrays: list[Any] = []
    for level, (rows, columns) in enumerate(_extents(size)):
        arrays.append(
            group.create_array(
                str(level),
                shape=(3, *stack, rows, columns),
                chunks=(3, *(1 for _ in stack), _CHUNK, _CHUNK),
                dtype="uint8",
                fill_value=_GREY,
            )
        )
    group.attrs["ome"] = _description(len(arrays), stacked=bool(stack))
    for number, (y, x, edge) in enumerate(patches):
        pixels = np.moveaxis(rosettes(number, (edge, edge)).image, -1, 0)
        for z in range(planes):
            _paste(arrays, np.roll(pixels, 40 * z, axis=2), (z,) if stack else (), y, x)
    return path


def _extents(size: tuple[int, int]) -> list[tuple[int, int]]:
    extents = [size]
    while max(extents[-1]) > _CHUNK:
        rows, columns = extents[-1]
        extents.append((-(-rows // 2), -(-columns // 2)))
    return extents


def _paste(
    arrays: Sequence[Any], pixels: NDArray[np.uint8], plane: tuple[int, ...], y: int, x: int
) -> None:
    for array in arrays:
        rows, columns = pixels.shape[1:]
        array[(slice(None), *plane, slice(y, y + rows), slice(x, x + columns))] = pixels
        pixels, y, x = pixels[:, ::2, ::2], y // 2, x // 2


def _description(levels: int, *, stacked: bool) -> dict[str, Any]:
    names = ["c", *(["z"] if stacked else []), "y", "x"]
    kinds = {"c": "channel"}
    data = [
        {
            "path": str(level),
            "coordinateTransformations": [
                {
                    "type": "scale",
                    "scale": [2.0**level if name in "yx" else 1.0 for name in names],
                }
            ],
        }
        for level in range(levels)
    ]
    colours = (("red", "FF0000"), ("green", "00FF00"), ("blue", "0000FF"))
    limits = {"start": 0, "end": 255, "min": 0, "max": 255}
    channels = [{"label": name, "color": colour, "window": limits} for name, colour in colours]
    axes = [{"name": name, "type": kinds.get(name, "space")} for name in names]
    image = {"name": "large", "axes": axes, "datasets": data}
    return {"version": "0.5", "multiscales": [image], "omero": {"channels": channels}}
