"""What modules that are not ours learn from: pictures and masks as their profile wants them."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.errors import InputError
from napari_phenoai.remote.picture_files import picture_upload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_phenoai.core.records import Snapshot
    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.io.project import Project
    from napari_phenoai.remote.profiles import Means

__all__ = ["Taught", "foreign_mask", "outlines_text", "taught", "yolo_files", "zipped"]

_DATE = (1980, 1, 1, 0, 0, 0)
_CHECKED = 5
"""One tile of so many is what a module watches while it learns."""
_TOLERANCE_PX = 0.75
_SMALLEST_PX = 3


@dataclass(frozen=True)
class Taught:
    """One tile that a module learns from.

    Parameters
    ----------
    name : str
        Of its files, without an ending.
    picture : bytes
        A PNG with three channels.
    labels : ndarray of uint8, shape (y, x)
        Class ids; none is unlabelled.
    """

    name: str
    picture: bytes
    labels: NDArray[np.uint8]


def taught(project: Project, snapshot: Snapshot) -> Iterator[Taught]:
    """Yield the tiles of a snapshot that may teach, wholly labelled ones only.

    Held-out tiles stay here. Tiles with unlabelled pixels are left out: the masks of other
    modules have no value for them, so they would teach something wrong.

    Raises
    ------
    InputError
        If there is none.
    ProjectError, ImageError
        If a review, mask or image is missing or damaged.
    """
    found = False
    for item in snapshot.items:
        if item.role != "train":
            continue
        review = project.reviews.get(item.review)
        labels = snapshot.scheme.resolved(project.reviews.mask(review))
        if not labels.all():
            continue
        found = True
        pixels = project.source(review.tile.image).read(review.tile)
        dtype = project.image(review.tile.image).dtype
        three = pixels[[0, 0, 0]] if len(pixels) < 3 else pixels[:3]
        yield Taught(review.id, picture_upload(three, dtype).opened().read(), labels)
    if not found:
        hint = "Label a few tiles wholly: other modules cannot be told that pixels are unknown."
        raise InputError("There is no wholly labelled tile to learn from.", hint=hint)


def foreign_mask(labels: NDArray[np.uint8], scheme: ClassScheme, means: Means) -> NDArray[np.uint8]:
    """Return the labels of a tile with the values of a foreign mask.

    Parameters
    ----------
    labels : ndarray of uint8, shape (y, x)
        Class ids.
    scheme : ClassScheme
        The classes.
    means : str
        ``binary``, 0 and 255; ``order``, 0 for background and then 1, 2, ...; ``ids``.
    """
    if means == "ids":
        return labels
    table = np.zeros(256, np.uint8)
    for number, item in enumerate(scheme.foreground, 1):
        table[item.id] = 255 if means == "binary" else number
    return table[labels]


def zipped(
    tiles: Iterator[Taught], scheme: ClassScheme, means: Means, *, images: str, masks: str
) -> bytes:
    """Return a ZIP with a folder of pictures and one of masks, to the byte the same each time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for tile in tiles:
            mask = _png(foreign_mask(tile.labels, scheme, means))
            for folder, data in ((images, tile.picture), (masks, mask)):
                archive.writestr(zipfile.ZipInfo(f"{folder}/{tile.name}.png", _DATE), data)
    return buffer.getvalue()


def yolo_files(
    tiles: Iterator[Taught], scheme: ClassScheme, where: str
) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of the files that YOLO modules learn from; ``data.yaml`` last.

    Parameters
    ----------
    tiles : iterator of Taught
        What is learned.
    scheme : ClassScheme
        Its classes; background is none of YOLO's.
    where : str
        The folder of the files as the machine of the module sees it.
    """
    parts = {"train": 0, "val": 0}
    for number, tile in enumerate(tiles):
        part = "val" if number % _CHECKED == _CHECKED - 1 else "train"
        parts[part] += 1
        text = outlines_text(foreign_mask(tile.labels, scheme, "order"))
        yield f"images/{part}/{tile.name}.png", tile.picture
        yield f"labels/{part}/{tile.name}.txt", text.encode()
    folders = {part: f"{where}/images/{part if parts[part] else 'train'}" for part in parts}
    about = {**folders, "names": {n: item.name for n, item in enumerate(scheme.foreground)}}
    # JSON is YAML, too.
    yield "data.yaml", json.dumps(about, indent=1).encode()


def outlines_text(values: NDArray[np.uint8]) -> str:
    """Return the outlines of the areas in a mask as YOLO writes them, holes left out.

    Parameters
    ----------
    values : ndarray of uint8, shape (y, x)
        0 for background, then 1, 2, ... for YOLO's classes 0, 1, ...

    Examples
    --------
    >>> mask = np.zeros((8, 8), np.uint8)
    >>> mask[2:6, 2:6] = 1
    >>> outlines_text(mask).split()[0]
    '0'
    """
    from skimage.measure import approximate_polygon, find_contours, label, regionprops

    rows, columns = values.shape
    lines = []
    for region in regionprops(label(values, background=0, connectivity=1)):
        if region.area < _SMALLEST_PX:
            continue
        top, left = region.bbox[:2]
        corners = max(find_contours(np.pad(region.image_filled, 1), 0.5), key=len)
        corners = approximate_polygon(corners, _TOLERANCE_PX)[:-1]
        if len(corners) < 3:
            continue
        # Contours go through the middles of pixels, of which the first is padding.
        y = ((corners[:, 0] + top - 0.5) / rows).clip(0, 1)
        x = ((corners[:, 1] + left - 0.5) / columns).clip(0, 1)
        number = int(values[tuple(region.coords[0])]) - 1
        pairs = (f"{a:.5f} {b:.5f}" for a, b in zip(x, y, strict=True))
        lines.append(" ".join([str(number), *pairs]))
    return "".join(f"{line}\n" for line in lines)


def _png(values: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, format="png")
    return buffer.getvalue()
