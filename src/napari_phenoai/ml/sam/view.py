"""Tiles of any kind as the RGB bytes that segment-anything looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["View"]

_PERCENTILES = (1.0, 99.0)


@dataclass(frozen=True, slots=True)
class View:
    """How a tile becomes RGB.

    Bytes stay as they are unless `limits` are given. Other types are stretched from
    `limits`, or from the 1st to the 99th percentile of the tile, over all channels used.
    One channel is grey; of two the first is red, the second green and their mean blue;
    of more, the first three are red, green and blue.

    Parameters
    ----------
    channels : tuple of int
        Up to three channels to look at, by index; empty takes the first ones.
    limits : tuple of (low, high)
        For each channel used, the values shown black and full; one pair is for all.

    Raises
    ------
    InputError
        If there are more than three channels, or other limits than one or as many as channels.
    """

    channels: tuple[int, ...] = ()
    limits: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if len(self.channels) > 3:
            what = f"{len(self.channels)} channels were chosen to look at."
            raise InputError(what, hint="segment-anything looks at one, two or three.")
        if any(not low < high for low, high in self.limits):
            raise InputError("A limit is not above the other.", hint="Give (low, high).")

    @property
    def key(self) -> str:
        """Text that names the view."""
        channels = ",".join(map(str, self.channels))
        return f"{channels};" + ",".join(f"{low!r}:{high!r}" for low, high in self.limits)

    def rgb(self, pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Return the RGB bytes of a tile.

        Parameters
        ----------
        pixels : ndarray, shape (c, y, x)
            Numbers of any type; what is no number is shown black.

        Returns
        -------
        ndarray of uint8, shape (y, x, 3)

        Raises
        ------
        InputError
            If a channel that was chosen is not there, or limits do not fit the channels.
        """
        chosen = self.channels or tuple(range(min(3, len(pixels))))
        missing = [channel for channel in chosen if not 0 <= channel < len(pixels)]
        if missing or pixels.ndim != 3 or not len(pixels):
            what = f"Channel {missing[0] if missing else 0} was asked of an array {pixels.shape}."
            raise InputError(what, hint="Give (c, y, x), and channels from 0 on that it has.")
        if len(self.limits) not in {0, 1, len(chosen)}:
            what = f"{len(self.limits)} pairs of limits were given for {len(chosen)} channels."
            raise InputError(what, hint="Give one pair for all, or one for each channel used.")
        return _colours(self._bytes(pixels[list(chosen)]))

    def _bytes(self, pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
        if pixels.dtype == np.uint8 and not self.limits:
            return pixels.astype(np.uint8, copy=False)
        values = pixels.astype(np.float64)
        finite = values[np.isfinite(values)]
        if self.limits:
            pairs = np.array(self.limits, np.float64)
        elif finite.size:
            pairs = np.array([np.percentile(finite, _PERCENTILES)])
        else:
            pairs = np.array([(0.0, 1.0)])
        low, high = pairs[:, 0, None, None], pairs[:, 1, None, None]
        scaled = (values - low) * (255 / np.maximum(high - low, 1e-12))
        known = np.nan_to_num(scaled, nan=0, posinf=255, neginf=0).clip(0, 255)
        return known.round().astype(np.uint8)


def _colours(channels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if len(channels) == 1:
        channels = np.repeat(channels, 3, axis=0)
    elif len(channels) == 2:
        mean = channels.mean(axis=0, dtype=np.float32).round().astype(np.uint8)
        channels = np.concatenate([channels, mean[np.newaxis]])
    return np.ascontiguousarray(np.moveaxis(channels, 0, -1))
