"""From an uploaded image to its classes, and from classes to what a client asked for."""

from __future__ import annotations

import base64
import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.ids import slug, unique
from napari_phenoai.core.progress import finish
from napari_phenoai.errors import ImageError, InputError, ModelError
from napari_phenoai.io.images import open_image
from napari_phenoai.loop.predict import predict_image

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.ports import Predictor
    from napari_phenoai.core.records import ModelCard

__all__ = ["JSON", "PNG", "ZIP", "classes_of", "coded"]

PNG, JSON, ZIP = "image/png", "application/json", "application/zip"
_MOST_PX = 2**31
"""More than any picture that comes in one request."""


def classes_of(path: Path, predictor: Predictor) -> NDArray[np.uint8]:
    """Predict an image file of any size as ``phenoai predict`` does.

    Parameters
    ----------
    path : Path
        PNG, JPEG or TIFF.
    predictor : Predictor
        The model.

    Returns
    -------
    ndarray of uint8, shape (y, x)
        Ids of classes.

    Raises
    ------
    ImageError
        If the file is no image, or has several planes.
    ModelError
        If it has other channels or another type of values than the model has learned on.
    """
    if not path.is_file():
        raise ImageError("No image has come.", hint="Send a PNG, JPEG or TIFF as the image.")
    source = open_image(path)
    planes, _, rows, columns = source.shape
    card = predictor.card
    if planes != 1 or rows * columns > _MOST_PX:
        what = f"The image has {planes} planes of {rows} x {columns} px."
        raise ImageError(what, hint="Send one plane at a time, in smaller tiles.")
    if str(source.dtype) != card.dtype:
        hint = f"Send it as a TIFF with values of the type {card.dtype}."
        what = f"The model has learned on {card.dtype}, the image has {source.dtype}."
        raise ModelError(what, hint=hint)
    found = _Plane(rows, columns)
    finish(predict_image(source, predictor, found))
    return found.classes


def coded(classes: NDArray[np.uint8], card: ModelCard, accept: str) -> bytes | dict[str, object]:
    """Return classes in the form that was asked for.

    A label PNG; a ZIP with a mask of 0 and 255 for each class, called like the class; or
    JSON with the PNG in base64 and the names of the classes.

    Raises
    ------
    InputError
        If there is no such form.
    """
    if accept == PNG:
        return _png(classes)
    if accept == ZIP:
        return _zip(classes, card)
    if accept in {JSON, "*/*"}:
        return {
            "labels_png": base64.b64encode(_png(classes)).decode(),
            "classes": dict(zip(map(str, card.class_ids), card.class_names, strict=True)),
            "shape": list(classes.shape),
            "model": card.id,
        }
    hint = f"Ask for {PNG}, {JSON} or {ZIP}."
    raise InputError(f"The answer cannot be {accept[:80]!r}.", hint=hint)


class _Plane:
    """Keeps what is predicted in memory."""

    def __init__(self, rows: int, columns: int) -> None:
        self.classes = np.zeros((rows, columns), np.uint8)

    def write(
        self,
        tile: Tile,
        classes: NDArray[np.uint8],
        uncertainty: NDArray[np.float32] | NDArray[np.uint8] | None,  # noqa: ARG002
    ) -> None:
        self.classes[tile.slices] = classes

    def missing(self, tiles: Iterable[Tile]) -> list[Tile]:
        return list(tiles)


def _png(values: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def _zip(classes: NDArray[np.uint8], card: ModelCard) -> bytes:
    buffer = io.BytesIO()
    names: list[str] = []
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, name in zip(card.class_ids, card.class_names, strict=True):
            names.append(unique(slug(name), names))
            archive.writestr(f"{names[-1]}.png", _png((classes == number) * np.uint8(255)))
    return buffer.getvalue()
