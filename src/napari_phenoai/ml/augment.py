"""Random changes of training crops, for any number of channels and any value range."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_phenoai.ml.recipe import Recipe

__all__ = ["blurred", "photometric", "random_matrix", "shaded", "warped"]


def random_matrix(rng: np.random.Generator, recipe: Recipe) -> np.ndarray:
    """Return a random 2 x 2 matrix from crop to image offsets, ``(y, x)`` in pixels.

    Always one of the eight flips and quarter turns; with a chance of
    ``recipe.affine`` also a small rotation, a scale and a slight stretch.
    """
    matrix = np.linalg.matrix_power(np.array([[0.0, -1.0], [1.0, 0.0]]), rng.integers(4))
    if rng.random() < 0.5:
        matrix = matrix @ np.diag([1.0, -1.0])
    if rng.random() >= recipe.affine:
        return np.asarray(matrix.round())
    angle = np.deg2rad(rng.uniform(-recipe.turn, recipe.turn))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    largest = np.log(recipe.zoom)
    scale = np.exp(rng.uniform(-largest, largest))
    stretch = np.exp(rng.uniform(-0.25, 0.25) * largest)
    return np.asarray(matrix @ turn @ np.diag([scale * stretch, scale / stretch]))


def warped(
    pixels: torch.Tensor, labels: torch.Tensor, matrix: np.ndarray, centre: np.ndarray, size: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cut a square crop round `centre`, turned and scaled by `matrix`.

    Parameters
    ----------
    pixels : Tensor of float32, shape (c, y, x)
        Continued by reflection beyond its border.
    labels : Tensor of float32, shape (y, x)
        Continued by 0; values stay whole (nearest neighbour).
    matrix : ndarray, shape (2, 2)
        From offsets in the crop to offsets in the image, in pixels.
    centre : ndarray, shape (2,)
        Row and column of the crop's centre in the image, in pixels.
    size : int
        Edge of the crop in pixels.
    """
    extent = np.array(labels.shape, float)
    theta = np.zeros((2, 3))
    # grid_sample speaks (x, y) in [-1, 1]; ours are (y, x) in pixels.
    theta[:, :2] = (matrix * size / extent[:, None])[::-1, ::-1]
    theta[:, 2] = ((2 * centre - extent) / extent)[::-1]
    batch = torch.from_numpy(theta.astype(np.float32))[None]
    grid = functional.affine_grid(batch, [1, 1, size, size], align_corners=False)
    values = functional.grid_sample(
        pixels[None], grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )
    classes = functional.grid_sample(
        labels[None, None], grid, mode="nearest", padding_mode="zeros", align_corners=False
    )
    return values[0], classes[0, 0]


def photometric(batch: torch.Tensor, rng: np.random.Generator, recipe: Recipe) -> torch.Tensor:
    """Return `batch` ``(n, c, y, x)`` of normalised pixels with light and colour changed.

    Per piece, each with its own chance: brightness, contrast, gamma, the balance
    and a slight mixing of channels, blur or noise.
    """
    batch = _gamma(batch, rng, recipe)
    batch = _levels(batch, rng, recipe)
    if batch.shape[1] > 1:
        batch = _mixed(batch, rng, recipe)
    return _degraded(batch, rng, recipe)


def shaded(
    batch: torch.Tensor, rng: np.random.Generator, recipe: Recipe, black: Sequence[float]
) -> torch.Tensor:
    """Return `batch` ``(n, c, y, x)`` with shadows cast on some pieces.

    With a chance of ``recipe.shadows`` a region of random shape, with an edge
    between sharp and very soft, loses a share of its light, up to
    ``recipe.shadow_depth``, nearly the same share in all channels.

    Parameters
    ----------
    batch : Tensor of float32, shape (n, c, y, x)
        Normalised pixels.
    rng, recipe
        Chance and numbers.
    black : sequence of float, length c
        The normalised value of no light, per channel.
    """
    count, channels, height, width = batch.shape
    on = rng.random(count) < recipe.shadows
    if not on.any():
        return batch
    places = np.flatnonzero(on)
    fields = [_field(rng, (height, width)) for _ in places]
    depth = rng.uniform(0.1, recipe.shadow_depth, (len(places), 1, 1, 1))
    tint = np.exp(0.1 * rng.standard_normal((len(places), channels, 1, 1)))
    light = 1 - _tensor((depth * tint).clip(0, 0.95), batch) * torch.stack(fields).to(batch.device)
    zero = _tensor(np.asarray(black)[None, :, None, None], batch)
    batch[places] = (batch[places] - zero) * light + zero
    return batch


def _field(rng: np.random.Generator, shape: tuple[int, int]) -> torch.Tensor:
    """Return where a shadow lies, ``(1, y, x)`` between 0 and 1: a blob of smooth noise."""
    cells = int(rng.integers(2, 7))
    noise = torch.from_numpy(rng.standard_normal((1, 1, cells, cells)).astype(np.float32))
    smooth = functional.interpolate(noise, shape, mode="bicubic", align_corners=True)[0]
    sharpness = float(np.exp(rng.uniform(0.5, 3.5)))
    return torch.sigmoid(sharpness * (smooth - float(rng.uniform(-0.5, 1.0))))


def _tensor(values: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(np.asarray(values, np.float32)).to(like.device)


def _switch(rng: np.random.Generator, count: int, chance: float) -> np.ndarray:
    return (rng.random((count, 1, 1, 1)) < chance).astype(np.float32)


def _levels(batch: torch.Tensor, rng: np.random.Generator, recipe: Recipe) -> torch.Tensor:
    count, channels = batch.shape[:2]
    on = _switch(rng, count, recipe.photometric)
    shift = recipe.brightness * rng.standard_normal((count, 1, 1, 1))
    shift = shift + recipe.colour * rng.standard_normal((count, channels, 1, 1))
    factor = np.exp(on * recipe.contrast * rng.standard_normal((count, 1, 1, 1)))
    centre = batch.mean(dim=(2, 3), keepdim=True)
    return (batch - centre) * _tensor(factor, batch) + centre + _tensor(on * shift, batch)


def _mixed(batch: torch.Tensor, rng: np.random.Generator, recipe: Recipe) -> torch.Tensor:
    count, channels = batch.shape[:2]
    on = _switch(rng, count, recipe.photometric)[:, :, 0]
    matrix = 0.5 * recipe.colour * on * rng.standard_normal((count, channels, channels))
    matrix = matrix - matrix.mean(axis=2, keepdims=True) + np.eye(channels)
    return torch.einsum("nab,nbyx->nayx", _tensor(matrix, batch), batch)


def _gamma(batch: torch.Tensor, rng: np.random.Generator, recipe: Recipe) -> torch.Tensor:
    count = batch.shape[0]
    on = _switch(rng, count, 0.5 * recipe.photometric)
    power = _tensor(np.exp(on * recipe.gamma * rng.standard_normal((count, 1, 1, 1))), batch)
    low, high = batch.amin(dim=(2, 3), keepdim=True), batch.amax(dim=(2, 3), keepdim=True)
    span = (high - low).clamp(min=1e-3)
    return ((batch - low) / span).clamp(min=1e-6).pow(power) * span + low


def _degraded(batch: torch.Tensor, rng: np.random.Generator, recipe: Recipe) -> torch.Tensor:
    kinds = rng.random(len(batch))
    for index, kind in enumerate(kinds):
        if kind < recipe.blur:
            batch[index] = blurred(batch[index], rng.uniform(0.4, 1.2))
        elif kind < recipe.blur + recipe.noise:
            noise = rng.standard_normal(batch[index].shape, np.float32)
            batch[index] += _tensor(rng.uniform(0.02, 0.15) * noise, batch)
    return batch


def blurred(pixels: torch.Tensor, sigma: float) -> torch.Tensor:
    """Return ``(c, y, x)`` `pixels` smoothed by a Gaussian of `sigma` pixels."""
    radius = max(1, round(3 * sigma))
    offsets = torch.arange(-radius, radius + 1, device=pixels.device, dtype=pixels.dtype)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = kernel / kernel.sum()
    result = functional.pad(pixels[:, None], (radius,) * 4, mode="replicate")
    result = functional.conv2d(result, kernel[None, None, :, None])
    return functional.conv2d(result, kernel[None, None, None])[:, 0]
