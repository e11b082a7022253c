"""Which crops a network sees: random, augmented draws from the tiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_phenoai.ml.augment import photometric, random_matrix, shaded, warped
from napari_phenoai.ml.targets import class_pixels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_phenoai.ml.normalise import Statistics
    from napari_phenoai.ml.recipe import Recipe
    from napari_phenoai.ml.targets import Target

__all__ = ["Batch", "CropSampler"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Crops on the device: pixels ``(n, c, y, x)``, target ``(n, y, x)``, checked ``(n, k)``."""

    pixels: torch.Tensor
    target: torch.Tensor
    checked: torch.Tensor

    def split(self, parts: int) -> list[Batch]:
        """Return the batch in at most `parts` pieces of nearly equal size."""
        columns = (self.pixels, self.target, self.checked)
        pieces = zip(*(column.tensor_split(parts) for column in columns), strict=True)
        return [Batch(*piece) for piece in pieces if len(piece[0])]


class CropSampler:
    """Draws batches of augmented crops, the same ones for the same seed.

    A share ``recipe.class_crops`` of the crops is centred near a pixel of a class
    drawn at random from those that occur, so that a rare class is seen as often
    as a common one; the others near any known pixel of any tile.
    """

    def __init__(
        self,
        tiles: Sequence[Target],
        statistics: Statistics,
        recipe: Recipe,
        device: torch.device,
        seed: int,
    ) -> None:
        self._tiles = tiles
        self._statistics = statistics
        self._recipe = recipe
        self._device = device
        self._rng = np.random.default_rng(seed)
        classes = len(tiles[0].checked)
        self.pixels = class_pixels(tiles, classes)
        self._present = np.flatnonzero(self.pixels.sum(axis=0))

    def census(self, batches: int = 16) -> NDArray[np.int64]:
        """Return how many pixels of each class some batches show."""
        targets = torch.stack([self.draw().target for _ in range(batches)])
        known = targets[targets >= 0].cpu().numpy()
        return np.bincount(known, minlength=self.pixels.shape[1])

    def draw(self) -> Batch:
        """Return the next batch, on the device."""
        count = self._recipe.batch
        crops = [self._crop() for _ in range(count)]
        pixels = torch.stack([crop[0] for crop in crops]).to(self._device)
        pixels = shaded(pixels, self._rng, self._recipe, self._statistics.black)
        pixels = photometric(pixels, self._rng, self._recipe)
        return Batch(
            pixels.contiguous(memory_format=torch.channels_last),
            torch.stack([crop[1] for crop in crops]).to(self._device),
            torch.from_numpy(np.stack([crop[2] for crop in crops])).to(self._device),
        )

    def _crop(self) -> tuple[torch.Tensor, torch.Tensor, NDArray[np.bool_]]:
        tile, centre = self._place()
        size = self._recipe.crop_px
        matrix = random_matrix(self._rng, self._recipe)
        reach = np.ceil(np.abs(matrix).sum(axis=1) * size / 2 + 2).astype(int)
        extent = np.array(tile.indices.shape)
        centre = _inside(centre, extent, size)
        low = np.clip(np.floor(centre).astype(int) - reach, 0, extent)
        high = np.clip(np.ceil(centre).astype(int) + reach, 0, extent)
        window = slice(low[0], high[0]), slice(low[1], high[1])
        pixels = torch.from_numpy(self._statistics.normalised(tile.pixels[:, *window]))
        labels = torch.from_numpy((tile.indices[window] + 1).astype(np.float32))
        values, classes = warped(pixels, labels, matrix, centre - low, size)
        return values, classes.round().long() - 1, tile.checked

    def _place(self) -> tuple[Target, NDArray[np.float64]]:
        """Choose a tile and the centre of a crop in it."""
        rng, recipe = self._rng, self._recipe
        if rng.random() < recipe.class_crops:
            index = int(rng.choice(self._present))
            weights = np.sqrt(self.pixels[:, index])
        else:
            index = -1
            weights = np.sqrt(self.pixels.sum(axis=1))
        tile = self._tiles[int(rng.choice(len(weights), p=weights / weights.sum()))]
        wanted = tile.indices == index if index >= 0 else tile.indices >= 0
        places = np.flatnonzero(wanted)
        place = places[rng.integers(len(places))]
        centre = np.array(divmod(int(place), wanted.shape[1])) + 0.5
        return tile, centre + rng.uniform(-0.35, 0.35, 2).round(2) * recipe.crop_px


def _inside(
    centre: NDArray[np.float64], extent: NDArray[np.intp], size: int
) -> NDArray[np.float64]:
    """Move `centre` so that the crop hangs over the border as little as it can.

    The result lies on a pixel corner: flips and quarter turns then copy pixels.
    """
    low, high = np.minimum(size / 2, extent / 2), np.maximum(extent - size / 2, extent / 2)
    centre = np.clip(centre, low, high)
    return np.round(centre) if size % 2 == 0 else np.floor(centre) + 0.5
