"""Looks of tiles: which kinds of pixels they hold, found without any label or model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KINDS", "Looks"]

KINDS = 32
"""Number of kinds that the pixels are sorted into."""

_EDGE_PX = 64
_BLUR_PX = 3.0
_DRAWN = 1024


class Looks:
    """Gathers tiles and tells how much of each kind of pixel they hold.

    Each tile is shrunk to at most 64 x 64 blocks. A block is described by the mean of
    each channel, how far that is from its surroundings, and how much the pixels in it
    differ. The seeding of k-means++ (Arthur & Vassilvitskii 2007) draws `KINDS` blocks
    that are unlike each other; each other block is of the kind of the nearest one. That is
    told tile by tile: no other thread gets on while scipy looks for the nearest.

    Examples
    --------
    >>> looks = Looks()
    >>> for value in (0, 200):
    ...     looks.add(np.full((3, 128, 128), value, np.uint8))
    >>> looks.shares(np.random.default_rng(0)).shape
    (2, 32)
    """

    def __init__(self) -> None:
        self._blocks: list[NDArray[np.float32]] = []

    def __len__(self) -> int:
        return len(self._blocks)

    def add(self, pixels: NDArray[np.generic]) -> None:
        """Add a tile.

        Parameters
        ----------
        pixels : ndarray, shape (c, y, x)
            Values of any type; all tiles have the same number of channels.
        """
        self._blocks.append(_described(pixels))

    def shares(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Sort the blocks of all tiles into kinds.

        Parameters
        ----------
        rng : numpy.random.Generator
            Draws the blocks that are looked at, at most 1024 of a tile, and the first
            centres.

        Returns
        -------
        ndarray of float64, shape (n, KINDS)
            Share of each kind in each tile, in the order of `add`; rows sum to 1.
        """
        from scipy.cluster.vq import vq
        from sklearn.cluster import kmeans_plusplus

        if not self._blocks:
            return np.empty((0, KINDS))
        drawn = [_some(blocks, rng) for blocks in self._blocks]
        every = np.concatenate(drawn)
        scale = every.std(axis=0) + 1e-6
        learned = every[rng.permutation(len(every))[: _DRAWN * KINDS]] / scale
        count, state = min(KINDS, len(learned)), int(rng.integers(2**31))
        centres, _ = kmeans_plusplus(learned, count, random_state=state)
        kinds = (vq(blocks / scale, centres)[0] for blocks in drawn)
        counts = np.stack([np.bincount(of_tile, minlength=KINDS) for of_tile in kinds])
        return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def _described(pixels: NDArray[np.generic]) -> NDArray[np.float32]:
    from scipy.ndimage import gaussian_filter

    edge = max(1, -(-max(pixels.shape[1:]) // _EDGE_PX))
    rows, columns = (max(1, length // edge) for length in pixels.shape[1:])
    part = np.asarray(pixels[:, : rows * edge, : columns * edge], np.float32)
    blocks = part.reshape(len(part), rows, part.shape[1] // rows, columns, -1)
    mean, spread = blocks.mean(axis=(2, 4)), blocks.std(axis=(2, 4))
    around = gaussian_filter(mean, (0, _BLUR_PX, _BLUR_PX))
    features: NDArray[Any] = np.concatenate([mean, mean - around, spread])
    return np.nan_to_num(features.reshape(len(features), -1).T.astype(np.float32))


def _some(blocks: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    if len(blocks) <= _DRAWN:
        return blocks
    return blocks[rng.choice(len(blocks), _DRAWN, replace=False)]
