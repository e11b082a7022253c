"""Scoring: how unsure a model is, pixel by pixel and tile by tile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.ports import TileStats
from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["class_map", "entropy_map", "margin_map", "stats_of_classes", "tile_stats"]


def entropy_map(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how spread the probabilities of each pixel are.

    Parameters
    ----------
    probabilities : ndarray of float32, shape (k, y, x)
        In [0, 1], sum 1 over ``k``; ``k >= 2``.

    Returns
    -------
    ndarray of float32, shape (y, x)
        Shannon entropy divided by ``log(k)``: 0 is certain, 1 is no idea.

    Raises
    ------
    InputError
        If there are fewer than two classes.
    """
    _check(probabilities)
    floor = np.finfo(np.float32).tiny
    logs = np.log(np.maximum(probabilities, floor))
    entropy = -np.einsum("kyx,kyx->yx", probabilities, logs) / np.log(len(probabilities))
    return np.asarray(np.clip(entropy, 0, 1), np.float32)


def margin_map(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how close the two best classes of each pixel are.

    Parameters
    ----------
    probabilities : ndarray of float32, shape (k, y, x)
        In [0, 1], sum 1 over ``k``; ``k >= 2``.

    Returns
    -------
    ndarray of float32, shape (y, x)
        ``1 - (p1 - p2)``: 0 is certain, 1 is a tie.

    Raises
    ------
    InputError
        If there are fewer than two classes.

    References
    ----------
    Scheffer, Decomain & Wrobel (2001), IDA, LNCS 2189, "margin sampling".
    """
    _check(probabilities)
    best = np.partition(probabilities, len(probabilities) - 2, axis=0)[-2:]
    margin: NDArray[np.float32] = np.clip(1 - (best[1] - best[0]), 0, 1).astype(np.float32)
    return margin


def class_map(probabilities: NDArray[np.float32], class_ids: Sequence[int]) -> NDArray[np.uint8]:
    """Return the most probable class id of each pixel, shape (y, x)."""
    table = np.asarray(class_ids, np.uint8)
    classes: NDArray[np.uint8] = table[probabilities.argmax(axis=0)]
    return classes


def tile_stats(probabilities: NDArray[np.float32], class_ids: Sequence[int]) -> TileStats:
    """Condense what a model says of one tile.

    Parameters
    ----------
    probabilities : ndarray of float32, shape (k, y, x)
        Of the tile without context.
    class_ids : sequence of int
        Class of each of the ``k`` planes.

    Raises
    ------
    InputError
        If there are fewer than two classes, or not one id per plane.
    """
    _check(probabilities)
    if len(class_ids) != len(probabilities):
        text = f"{len(probabilities)} planes of probabilities came with {len(class_ids)} classes."
        raise InputError(text, hint="Give one class id per plane.")
    return TileStats(
        entropy=float(entropy_map(probabilities).mean()),
        margin=float(margin_map(probabilities).mean()),
        shares=_shares(class_map(probabilities, class_ids), class_ids),
    )


def stats_of_classes(
    classes: NDArray[np.uint8], uncertainty: NDArray[np.float32], class_ids: Sequence[int]
) -> TileStats:
    """Condense a stored prediction, of which only classes and entropy are kept.

    ``margin`` of the result is no number, since probabilities are not stored.

    Parameters
    ----------
    classes : ndarray of uint8, shape (y, x)
        Predicted class ids.
    uncertainty : ndarray of float32, shape (y, x)
        Entropy in [0, 1].
    class_ids : sequence of int
        Classes that the model knows.
    """
    return TileStats(float(uncertainty.mean()), float("nan"), _shares(classes, class_ids))


def _shares(classes: NDArray[np.uint8], class_ids: Sequence[int]) -> dict[int, float]:
    counts = np.bincount(classes.ravel(), minlength=256)
    return {int(number): float(counts[number] / classes.size) for number in class_ids}


def _check(probabilities: NDArray[np.float32]) -> None:
    if probabilities.ndim != 3 or len(probabilities) < 2:
        text = f"Probabilities of shape {probabilities.shape} cannot be scored."
        raise InputError(text, hint="Give an array (k, y, x) of two or more classes.")
