"""Fakes: the smallest things that fill the ports, for tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.records import ModelCard
from napari_phenoai.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile

__all__ = ["ArraySource", "BlurPredictor", "toy_card"]


@dataclass(frozen=True)
class ArraySource:
    """An image source that is an array ``(c, y, x)`` or ``(z, c, y, x)`` in memory."""

    array: NDArray[np.generic]
    uri: str = "memory"
    pixel_um: float | None = None
    channels: tuple[str, ...] = ()

    @property
    def stack(self) -> NDArray[np.generic]:
        """The array with all four axes."""
        return self.array if self.array.ndim == 4 else self.array[np.newaxis]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Extent ``(z, c, y, x)``."""
        z, c, y, x = self.stack.shape
        return z, c, y, x

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of the pixel values."""
        return self.array.dtype

    @property
    def fingerprint(self) -> str:
        """Always the same text, since the array is trusted not to change."""
        return "memory"

    @property
    def levels(self) -> Sequence[object]:
        """One level: the array."""
        return (self.stack,)

    def read(self, tile: Tile) -> NDArray[np.generic]:
        """Return a copy of the pixels of `tile`."""
        return self.stack[tile.z, :, tile.slices[0], tile.slices[1]].copy()


def toy_card(model: str = "toy", *, classes: int = 2, context_px: int = 8) -> ModelCard:
    """Return the card of a model for one channel of uint8."""
    return ModelCard(
        id=model,
        family="forest",
        channels=1,
        dtype="uint8",
        class_ids=tuple(range(1, classes + 1)),
        class_names=tuple(f"class {number}" for number in range(1, classes + 1)),
        scheme_version=1,
        context_px=context_px,
    )


@dataclass(frozen=True)
class BlurPredictor:
    """A predictor that needs context: the probability is a mean over a window.

    Class 2 is the more probable the brighter the mean of the first channel is
    over ``2 * card.context_px + 1`` pixels each way; values are read as 0 to 255.
    """

    card: ModelCard
    device: str = "cpu"

    def predict(self, pixels: NDArray[np.generic]) -> NDArray[np.float32]:
        """Return probabilities ``(n, 2, y, x)``.

        Raises
        ------
        ModelError
            If the number of channels is not the card's.
        """
        if pixels.shape[1] != self.card.channels:
            text = f"The model has {self.card.channels} channels, the image {pixels.shape[1]}."
            raise ModelError(text, hint="Choose a model for this kind of image.")
        reach = self.card.context_px
        plane = pixels[:, 0].astype(np.float64) / 255
        padded = np.pad(plane, ((0, 0), (reach + 1, reach), (reach + 1, reach)), mode="edge")
        total = padded.cumsum(axis=1).cumsum(axis=2)
        size = 2 * reach + 1
        box = total[:, size:, size:] - total[:, :-size, size:]
        box = box - total[:, size:, :-size] + total[:, :-size, :-size]
        bright = np.clip(box / size**2, 0, 1)
        return np.stack([1 - bright, bright], axis=1).astype(np.float32)
