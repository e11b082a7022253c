"""The exam: how well a model does on images that no round ever saw."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.basins import NECK
from napari_phenoai.core.geometry import cover
from napari_phenoai.core.instances import objects_of
from napari_phenoai.core.metrics import confusion, scores
from napari_phenoai.core.object_metrics import Matches, match_objects, score_objects
from napari_phenoai.core.progress import Progress
from napari_phenoai.core.records import SMALLEST_PX
from napari_phenoai.core.scoring import class_map
from napari_phenoai.io.images import open_image
from napari_phenoai.loop.predict import CORE_PX, predict_pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_phenoai.core.ports import Predictor
    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import ObjectScore
    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.loop.material import Item

__all__ = ["Exam", "Marks"]


@dataclass(frozen=True)
class Marks:
    """Agreement with the truth, pooled over all pixels of all test images.

    ``dice`` and ``iou`` are means over the foreground classes that occur, None
    when none does; ``predicted`` are the class maps of the images asked for, of stacks
    that of the first plane. ``objects`` tells how objects agree, where there are any.
    """

    dice: float | None
    iou: float | None
    dice_per_class: dict[str, float | None]
    predicted: dict[int, NDArray[np.uint8]]
    objects: ObjectScore | None = None


@dataclass(frozen=True)
class Exam:
    """Test images with their truth.

    Parameters
    ----------
    items : sequence of Item
        Images that are never trained or validated on.
    scheme : ClassScheme
        The classes; the first is the background.
    keep : collection of int
        Positions of images whose predicted classes are kept for pictures.
    neck, smallest_px : float, int
        Where predicted objects are parted, and the smallest, for images with true objects.
    """

    items: Sequence[Item]
    scheme: ClassScheme
    keep: frozenset[int] = frozenset()
    neck: float = NECK
    smallest_px: int = SMALLEST_PX

    def take(self, predictor: Predictor) -> Work[Marks]:
        """Let a model predict all test images and mark it."""
        ids = self.scheme.ids
        pooled = np.zeros((len(ids), len(ids)), np.int64)
        kept: dict[int, NDArray[np.uint8]] = {}
        matches: list[Matches] = []
        for number, item in enumerate(self.items):
            for plane in range(len(item.truths)):
                predicted = _predicted(predictor, item, plane)
                pooled += confusion(item.read_truth(plane), predicted, ids)
                if item.objects:
                    matches.append(self._matched(item, plane, predicted))
                if number in self.keep and plane == 0:
                    kept[number] = predicted
            yield Progress(number + 1, len(self.items), f"testing {item.image.name}")
        marks = self._marks(pooled, kept)
        return replace(marks, objects=score_objects(matches)) if matches else marks

    def _matched(self, item: Item, plane: int, predicted: NDArray[np.uint8]) -> Matches:
        front = [one.id for one in self.scheme.foreground]
        found, _ = objects_of(predicted, front, neck=self.neck, smallest_px=self.smallest_px)
        known = item.read_truth(plane) > 0
        return match_objects(item.read_objects(plane), found, known=known)

    def _marks(self, pooled: NDArray[np.int64], kept: dict[int, NDArray[np.uint8]]) -> Marks:
        found = scores(pooled)
        dices, ious = found.dice[1:], found.iou[1:]
        names = self.scheme.names[1:]
        return Marks(
            dice=_mean(dices),
            iou=_mean(ious),
            dice_per_class={name: _mean(dices[i : i + 1]) for i, name in enumerate(names)},
            predicted=kept,
        )


def _predicted(predictor: Predictor, item: Item, plane: int) -> NDArray[np.uint8]:
    source = open_image(item.image)
    shape = source.shape[2:]
    classes = np.zeros(shape, np.uint8)
    tiles = list(cover(item.image.stem, shape, CORE_PX, z=plane))
    for tile, probabilities in predict_pieces(source, predictor, tiles):
        classes[tile.slices] = class_map(probabilities, predictor.card.class_ids)
    return classes


def _mean(values: NDArray[np.float64]) -> float | None:
    known = values[~np.isnan(values)]
    return round(float(known.mean()), 4) if known.size else None
