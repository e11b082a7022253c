"""Samples as trainings see them: class indices instead of label values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_phenoai.core.ports import Sample
    from napari_phenoai.core.records import Role

__all__ = ["Target", "class_pixels", "targets"]


@dataclass(frozen=True, slots=True)
class Target:
    """One tile ready to learn from.

    ``indices`` is int16 ``(y, x)``, the class index of each pixel or -1 where
    unknown; ``checked`` says for each class whether the tile was checked for it.
    """

    pixels: NDArray[np.generic]
    indices: NDArray[np.int16]
    checked: NDArray[np.bool_]


def targets(
    samples: Sequence[Sample], class_ids: Sequence[int], role: Role, channels: int
) -> list[Target]:
    """Return the samples of `role` that have a known pixel, as class indices.

    Labels that are none of `class_ids` count as unknown; a class that is in a
    tile's labels counts as checked.

    Raises
    ------
    ModelError
        If a sample has another number of channels than `channels`, or if no
        ``train`` sample has a known pixel.
    """
    table = np.full(256, -1, np.int16)
    table[np.asarray(class_ids)] = np.arange(len(class_ids))
    found = []
    for sample in (sample for sample in samples if sample.role == role):
        _check_channels(sample, channels)
        indices = table[sample.labels]
        present = np.unique(indices[indices >= 0])
        if present.size:
            checked = np.isin(np.asarray(class_ids), sample.checked)
            checked[present] = True
            found.append(Target(sample.pixels, indices, checked))
    if role == "train" and not found:
        hint = "Accept or correct a few tiles that are not held out, then train again."
        raise ModelError("There is no reviewed tile to learn from.", hint=hint)
    return found


def class_pixels(tiles: Sequence[Target], classes: int) -> NDArray[np.int64]:
    """Return the number of known pixels of each class in each tile, shape ``(tiles, classes)``."""
    known = [tile.indices[tile.indices >= 0] for tile in tiles]
    return np.array([np.bincount(indices, minlength=classes) for indices in known])


def _check_channels(sample: Sample, channels: int) -> None:
    if sample.pixels.shape[0] != channels:
        hint = "Images of one project need the same channels; leave the others out."
        what = f"Tile {sample.tile.key} has {sample.pixels.shape[0]} channels, not {channels}."
        raise ModelError(what, hint=hint)
