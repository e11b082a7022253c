"""Masks of tiles: checking them, and comparing what was proposed with what was decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.records import Overlap
from napari_phenoai.errors import LabelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.scheme import ClassScheme

__all__ = ["changed_px", "checked_mask", "overlaps"]


def checked_mask(
    scheme: ClassScheme,
    tile: Tile,
    labels: NDArray[np.uint8] | None,
    *,
    fill: bool,
    needed: bool,
) -> NDArray[np.uint8] | None:
    """Return `labels` with merged classes resolved, after checking that they fit.

    Parameters
    ----------
    scheme : ClassScheme
        The classes.
    tile : Tile
        What the mask is of.
    labels : ndarray of integers, shape (height, width), or None
        0 or ids of classes that the scheme has or had.
    fill : bool
        Whether pixels that are 0 become background.
    needed : bool
        Whether a missing mask, or one without a labelled pixel, is an error.

    Raises
    ------
    LabelError
        If the size differs from the tile's, a value is no class, or nothing is
        there where something is needed.
    """
    if labels is None:
        if needed:
            hint = "Give the mask that was accepted."
            raise LabelError(f"There is no mask for tile {tile.key}.", hint=hint)
        return None
    _check(scheme, tile, labels)
    mask = scheme.resolved(labels.astype(np.uint8))
    if fill:
        mask = np.where(mask == 0, np.uint8(scheme.background), mask)
    if needed and not mask.any():
        hint = "Paint some pixels, or skip the tile."
        raise LabelError(f"Nothing is painted in tile {tile.key}.", hint=hint)
    return mask


def overlaps(
    scheme: ClassScheme, decided: NDArray[np.uint8], proposed: NDArray[np.uint8]
) -> tuple[Overlap, ...]:
    """Count, per class in use, the pixels in the proposed and in the decided mask.

    Pixels that are 0 in `decided` are unknown and left out of both.
    """
    known = decided != 0
    found = []
    for number in scheme.ids:
        after, before = known & (decided == number), known & (proposed == number)
        overlap = Overlap(
            class_id=number,
            both=int((after & before).sum()),
            proposed=int(before.sum()),
            decided=int(after.sum()),
        )
        found.append(overlap)
    return tuple(found)


def changed_px(labels: NDArray[Any], decided: NDArray[Any], proposed: NDArray[Any] | None) -> int:
    """Count the pixels that a person made differ from the proposal.

    Parameters
    ----------
    labels : ndarray, shape (y, x)
        The mask as it was painted: classes, or ids of objects.
    decided : ndarray, shape (y, x)
        The same with unknown pixels filled, where that was wished.
    proposed : ndarray, shape (y, x), or None
        What the person started from. Where that is nothing, all painted pixels count.
    """
    if proposed is None or not proposed.any():
        return int(np.count_nonzero(labels))
    return int(np.count_nonzero((decided != 0) & (decided != proposed)))


def _check(scheme: ClassScheme, tile: Tile, labels: NDArray[np.uint8]) -> None:
    if labels.shape != tile.shape:
        size = " x ".join(str(length) for length in labels.shape)
        text = f"A mask of {size} px was given for tile {tile.key}."
        raise LabelError(text, hint=f"It must have {tile.height} x {tile.width} px.")
    foreign = sorted(set(np.unique(labels).tolist()) - {0} - {item.id for item in scheme.classes})
    if foreign:
        listed = ", ".join(f"{item.id} {item.name}" for item in scheme.active)
        text = f"The mask of tile {tile.key} has the value {foreign[0]}, which is no class."
        raise LabelError(text, hint=f"The classes are {listed}; 0 is unlabelled.")
