"""Per-channel statistics of training tiles and their use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Statistics", "as_float", "statistics"]


@dataclass(frozen=True, slots=True)
class Statistics:
    """Mean and standard deviation of each channel, in the values of the image file."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def black(self) -> tuple[float, ...]:
        """The normalised value of 0, which is no light, per channel."""
        return tuple(-mean / std for mean, std in zip(self.mean, self.std, strict=True))

    def normalised(self, pixels: NDArray[np.generic]) -> NDArray[np.float32]:
        """Return ``(..., c, y, x)`` pixels with mean 0 and deviation 1 per channel."""
        shape = (-1, 1, 1)
        mean = np.asarray(self.mean, np.float32).reshape(shape)
        std = np.asarray(self.std, np.float32).reshape(shape)
        return (as_float(pixels) - mean) / std


def as_float(pixels: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return `pixels` as finite float32; values that are no number become 0."""
    values = pixels.astype(np.float32)
    if pixels.dtype.kind in "fc":
        values = np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    return values


def statistics(images: Sequence[NDArray[np.generic]]) -> Statistics:
    """Return the statistics over all `images` ``(c, y, x)``, pixels weighing the same.

    A channel that is constant gets a deviation of 1.
    """
    total = sum(image[0].size for image in images)
    floats = [as_float(image).astype(np.float64) for image in images]
    mean = sum(image.sum(axis=(1, 2)) for image in floats) / total
    square = sum(((image - mean[:, None, None]) ** 2).sum(axis=(1, 2)) for image in floats)
    std = np.sqrt(square / total)
    std = np.where(std > 1e-6 * np.maximum(1e-6, np.abs(mean)), std, 1.0)
    return Statistics(tuple(mean.tolist()), tuple(std.tolist()))
