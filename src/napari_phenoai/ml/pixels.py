"""Which labelled pixels a forest learns from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.ml.features import pixel_features

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_phenoai.core.progress import Work
    from napari_phenoai.ml.targets import Target

from napari_phenoai.core.progress import Progress

__all__ = ["Table", "gather", "quotas"]


@dataclass(frozen=True, slots=True)
class Table:
    """Pixels as rows.

    ``features`` is float32 ``(n, f)``, ``classes`` the class index of each row,
    ``tile`` the index of its tile.
    """

    features: NDArray[np.float32]
    classes: NDArray[np.int16]
    tile: NDArray[np.int32]

    def where(self, keep: NDArray[np.bool_]) -> Table:
        """Return the rows that `keep` marks."""
        return Table(self.features[keep], self.classes[keep], self.tile[keep])


def quotas(counts: NDArray[np.int64], cap: int, balance: float) -> NDArray[np.float64]:
    """Return the share of the pixels of each class to take.

    Parameters
    ----------
    counts : ndarray of int64, shape (k,)
        Labelled pixels of each class.
    cap : int
        How many pixels to take in all, at most.
    balance : float
        0 takes classes as often as they are labelled, 1 equally often; a class
        with fewer pixels than that gives all it has.

    Examples
    --------
    >>> quotas(np.array([900, 100]), 100, 1.0).round(3).tolist()
    [0.056, 0.5]
    """
    wish = counts.astype(float) ** (1 - balance) * (counts > 0)
    wish = cap * wish / max(wish.sum(), 1e-9)
    shares: NDArray[np.float64] = np.minimum(1.0, wish / np.maximum(counts, 1))
    return shares


def gather(
    tiles: Sequence[Target], shares: NDArray[np.float64], rng: np.random.Generator
) -> Work[Table]:
    """Compute the features of a random selection of the labelled pixels of `tiles`.

    Parameters
    ----------
    tiles : sequence of Target
        At least one.
    shares : ndarray of float64, shape (k,)
        Chance of a pixel of each class to be taken.
    rng : Generator
        Draws the pixels.
    """
    features, classes, numbers = [], [], []
    for number, tile in enumerate(tiles):
        yield Progress(number, len(tiles), "features", {"stage": "features"})
        chance = np.append(shares, 0.0)[tile.indices]
        taken = rng.random(tile.indices.shape) < chance
        if taken.any():
            features.append(pixel_features(tile.pixels)[:, taken].T)
            classes.append(tile.indices[taken])
            numbers.append(np.full(len(classes[-1]), number, np.int32))
    return Table(np.concatenate(features), np.concatenate(classes), np.concatenate(numbers))
