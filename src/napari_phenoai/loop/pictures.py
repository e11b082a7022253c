"""Before and after: what the first and the last model make of test images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.metrics import confusion, mean_dice
from napari_phenoai.io.images import open_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.loop.material import Item
    from napari_phenoai.loop.simulation import Simulation

__all__ = ["Picture", "overlaid", "pictures_of"]

_VIEW_PX = 384
_OPACITY = 0.6


@dataclass(frozen=True)
class Picture:
    """A part of a test image with the truth, and with what two models make of it.

    All are uint8 ``(y, x, 3)``; ``dice_first`` and ``dice_last`` are those of
    this part, None where there is no foreground.
    """

    name: str
    image: NDArray[np.uint8]
    first: NDArray[np.uint8]
    last: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    dice_first: float | None
    dice_last: float | None


def pictures_of(simulation: Simulation) -> list[Picture]:
    """Return a picture of each test image whose predictions were kept in every round."""
    items, scheme = simulation.exam.items, simulation.exam.scheme
    first, last = simulation.marks[0].predicted, simulation.marks[-1].predicted
    both = sorted(first.keys() & last.keys())
    return [_picture(items[number], scheme, first[number], last[number]) for number in both]


def overlaid(
    image: NDArray[np.uint8], classes: NDArray[np.uint8], scheme: ClassScheme
) -> NDArray[np.uint8]:
    """Return `image` (y, x, 3) with the foreground classes tinted in their colours.

    The image is shown in grey, so that only the classes have a colour, and the
    outlines are drawn in full.
    """
    grey = image.astype(np.float32).mean(axis=-1, keepdims=True)
    result = np.repeat(40 + 0.8 * grey, 3, axis=-1)
    for item in scheme.foreground:
        mask = classes == item.id
        colour = np.array(tuple(bytes.fromhex(item.colour[1:])), np.float32)
        result[mask] += (colour - result[mask]) * _OPACITY
        result[mask & ~_inside(mask)] = colour
    return np.asarray(np.clip(result, 0, 255), np.uint8)


def _picture(
    item: Item, scheme: ClassScheme, first: NDArray[np.uint8], last: NDArray[np.uint8]
) -> Picture:
    truth = item.read_truth()
    view = _view(truth, scheme)
    image = _as_rgb(item, view)
    part = view.slices

    def shown(classes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return overlaid(image, classes[part], scheme)

    def dice(classes: NDArray[np.uint8]) -> float | None:
        value = float(mean_dice(confusion(truth[part], classes[part], scheme.ids)))
        return None if np.isnan(value) else value

    return Picture(
        item.image.name, image, shown(first), shown(last), shown(truth), dice(first), dice(last)
    )


def _view(truth: NDArray[np.uint8], scheme: ClassScheme) -> Tile:
    """Return the part to show: the whole of a small image, else where the rarest class is."""
    rows, columns = (min(length, _VIEW_PX) for length in truth.shape)
    counts = {item.id: int((truth == item.id).sum()) for item in scheme.foreground}
    there = [number for number, count in counts.items() if count]
    y, x = truth.shape[0] // 2, truth.shape[1] // 2
    if there:
        rarest = min(there, key=lambda number: counts[number])
        y, x = (int(np.median(axis)) for axis in np.nonzero(truth == rarest))
    y = int(np.clip(y - rows // 2, 0, truth.shape[0] - rows))
    x = int(np.clip(x - columns // 2, 0, truth.shape[1] - columns))
    return Tile("", y, x, rows, columns)


def _as_rgb(item: Item, view: Tile) -> NDArray[np.uint8]:
    """Return the pixels of `view` as 8-bit RGB, stretched unless they are 8-bit already."""
    pixels = np.asarray(open_image(item.image).read(view))
    pixels = pixels[:3] if len(pixels) >= 3 else np.repeat(pixels[:1], 3, axis=0)
    values = np.moveaxis(pixels, 0, -1)
    if values.dtype == np.uint8:
        return np.asarray(values, np.uint8)
    low, high = np.nanpercentile(values, [1, 99])
    scaled = (values.astype(np.float32) - low) / max(float(high - low), 1e-9)
    return np.asarray(np.clip(np.nan_to_num(scaled), 0, 1) * 255, np.uint8)


def _inside(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels whose four neighbours belong to `mask` as well."""
    padded = np.pad(mask, 1, mode="edge")
    rows = padded[:-2, 1:-1] & padded[2:, 1:-1]
    columns = padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.asarray(rows & columns)
