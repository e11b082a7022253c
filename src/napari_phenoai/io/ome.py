"""What OME-Zarr 0.5 says beside the pixels, and how its levels come from each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.records import ImageRecord
    from napari_phenoai.core.scheme import ClassScheme

__all__ = ["label_attributes", "mean_2x2", "mode_2x2", "multiscales"]


def mode_2x2(values: NDArray[Any]) -> NDArray[Any]:
    """Return the most frequent value of each 2 x 2 block; on a tie, the first.

    Parameters
    ----------
    values : ndarray of unsigned integers, shape (2 y, 2 x)
        Label values; no value appears that was not there.
    """
    a, b = values[::2, ::2], values[::2, 1::2]
    c, d = values[1::2, ::2], values[1::2, 1::2]
    other = np.where((b == c) | (b == d), b, np.where(c == d, c, a))
    return np.where((a == b) | (a == c) | (a == d), a, other)


def mean_2x2(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the mean of each 2 x 2 block without 255, which means unknown.

    Parameters
    ----------
    values : ndarray of uint8, shape (2 y, 2 x)
        0 to 254, or 255; a block of 255 only stays 255.
    """
    blocks = np.stack([values[i::2, j::2] for i in (0, 1) for j in (0, 1)]).astype(np.uint16)
    known = blocks != 255
    count = known.sum(axis=0, dtype=np.uint16)
    total = np.where(known, blocks, 0).sum(axis=0, dtype=np.uint16)
    mean = (total + count // 2) // np.maximum(count, 1)
    return np.where(count > 0, mean, 255).astype(np.uint8)


def multiscales(
    name: str, shape: tuple[int, int, int], count: int, pixel_um: float | None
) -> list[dict[str, Any]]:
    """Return the OME-Zarr 0.5 ``multiscales`` of a pyramid of `count` levels.

    Parameters
    ----------
    name : str
        Name of the image.
    shape : tuple of int
        Extent ``(z, y, x)``; a flat image has no ``z`` axis.
    count : int
        Number of levels.
    pixel_um : float or None
        Edge length of a pixel; without it, the unit is the pixel.
    """
    unit = {} if pixel_um is None else {"unit": "micrometer"}
    stack = shape[0] > 1
    axes: list[dict[str, str]] = [{"name": "z", "type": "space"}] if stack else []
    axes += [{"name": name, "type": "space", **unit} for name in "yx"]
    datasets = [
        {"path": str(number), "coordinateTransformations": _transforms(number, pixel_um, stack)}
        for number in range(count)
    ]
    return [{"name": name, "axes": axes, "datasets": datasets}]


def _transforms(number: int, pixel_um: float | None, stack: bool) -> list[dict[str, Any]]:
    edge = (pixel_um or 1.0) * 2**number
    shift = (pixel_um or 1.0) * (2**number - 1) / 2
    scale = {"type": "scale", "scale": [1.0] * stack + [edge, edge]}
    if number == 0:
        return [scale]
    return [scale, {"type": "translation", "translation": [0.0] * stack + [shift, shift]}]


def label_attributes(image: ImageRecord, scheme: ClassScheme, count: int) -> dict[str, Any]:
    """Return the OME attributes of the label image of `image`.

    They hold the geometry of its `count` levels, and names and colours of the
    classes, which other viewers show.
    """
    colours = [
        {"label-value": item.id, "rgba": [*bytes.fromhex(item.colour[1:]), 255]}
        for item in scheme.active
    ]
    properties = [{"label-value": item.id, "class": item.name} for item in scheme.active]
    planes, _, rows, columns = image.shape
    scales = multiscales(image.name, (planes, rows, columns), count, image.pixel_um)
    label = {"version": "0.5", "colors": colours, "properties": properties}
    return {"version": "0.5", "multiscales": scales, "image-label": label}
