"""Textures: seeded noise fields and the camera that looks at them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["as_photo", "blobs", "fractal", "mixed", "patches", "rgb"]


def rgb(red: float, green: float, blue: float) -> NDArray[np.float32]:
    """Return a colour with parts in [0, 1] (or factors of them) as float32."""
    return np.array([red, green, blue], np.float32)


def fractal(
    rng: np.random.Generator, shape: tuple[int, int], *, coarse_px: float, power: float = 1.5
) -> NDArray[np.float32]:
    """Return a random field with mean 0 and deviation 1 that looks alike at many scales.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    shape : tuple of int
        Rows and columns.
    coarse_px : float
        Size of the largest structures, in pixels.
    power : float
        How much weaker fine structures are than coarse ones; 0 is white noise.
    """
    from scipy import fft

    padded = tuple(fft.next_fast_len(length, real=True) for length in shape)
    white = rng.standard_normal(padded, dtype=np.float32)
    rows = fft.fftfreq(padded[0]).astype(np.float32)[:, None]
    columns = fft.rfftfreq(padded[1]).astype(np.float32)
    weight = (rows**2 + columns**2 + np.float32(1 / coarse_px) ** 2) ** np.float32(-power / 2)
    wave = fft.irfft2(fft.rfft2(white) * weight, s=padded)[: shape[0], : shape[1]]
    wave -= wave.mean()
    result: NDArray[np.float32] = (wave / (wave.std() + 1e-9)).astype(np.float32)
    return result


def patches(field: NDArray[np.float32], level: float, softness: float) -> NDArray[np.float32]:
    """Return 0 to 1: how far `field` lies above `level`, over a rise of `softness`."""
    result: NDArray[np.float32] = np.clip((field - level) / softness, 0, 1)
    return result


def mixed(
    under: NDArray[np.float32], colour: NDArray[np.float32], alpha: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return `colour` laid over `under` (both ``(y, x, 3)``) with opacity `alpha`."""
    opacity = alpha[..., None]
    result: NDArray[np.float32] = under + (colour - under) * opacity
    return result


def blobs(
    rng: np.random.Generator,
    canvas: NDArray[np.float32],
    count: int,
    radius_px: tuple[float, float],
    colours: NDArray[np.float32],
) -> None:
    """Paint `count` shaded pebbles of random place, size and colour onto `canvas`, in place."""
    shape = canvas.shape[:2]
    for _ in range(count):
        centre = rng.uniform(0, shape)
        radius = radius_px[0] + (radius_px[1] - radius_px[0]) * rng.random() ** 3
        box = _box(centre, radius * 1.6 + 2, shape)
        y, x = (axis.astype(np.float32) for axis in np.ogrid[box])
        turn, flat = rng.uniform(0, np.pi), rng.uniform(0.6, 1)
        along = (y - centre[0]) * np.sin(turn) + (x - centre[1]) * np.cos(turn)
        across = (y - centre[0]) * np.cos(turn) - (x - centre[1]) * np.sin(turn)
        angle = np.arctan2(across, along)
        edge = radius * (1 + 0.12 * np.sin(3 * angle + turn * 5) + 0.06 * np.sin(7 * angle))
        distance = np.hypot(along, across / flat)
        alpha = np.clip(edge - distance + 0.5, 0, 1).astype(np.float32)
        light = 1 - 0.25 * (y - centre[0] + x - centre[1]) / radius
        tint = colours[rng.integers(len(colours))] * rng.uniform(0.8, 1.15)
        canvas[box] = mixed(canvas[box], (light[..., None] * tint).astype(np.float32), alpha)


def _box(centre: NDArray[np.float64], reach: float, shape: tuple[int, ...]) -> tuple[slice, slice]:
    low = np.clip(np.floor(centre - reach), 0, np.subtract(shape, 1)).astype(int)
    high = np.clip(np.ceil(centre + reach) + 1, low + 1, shape).astype(int)
    return slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))


def as_photo(rng: np.random.Generator, colour: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Photograph `colour` (``(y, x, 3)`` in [0, 1]): uneven light, blur, noise, 8 bit."""
    from scipy import ndimage

    shape = colour.shape[:2]
    light = 1 + 0.1 * fractal(rng, shape, coarse_px=max(shape), power=4)
    tilt = rng.uniform(-0.18, 0.18, 2)
    y, x = np.ogrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    light = light * (1 + tilt[0] * y + tilt[1] * x) * (1 - 0.08 * (y**2 + x**2))
    white = rng.uniform(0.93, 1.07, 3)
    lit = colour * (light[..., None] * white * rng.uniform(0.9, 1.12)).astype(np.float32)
    sigma = rng.uniform(0.5, 0.9)
    lit = ndimage.gaussian_filter(lit, (sigma, sigma, 0), output=np.float32, truncate=3)
    lit = np.clip(lit, 0.004, 1)
    grain = rng.standard_normal(lit.shape, dtype=np.float32)
    lit += grain * (0.006 + 0.016 * np.sqrt(lit))
    result: NDArray[np.uint8] = np.clip(lit * 255 + 0.5, 0, 255).astype(np.uint8)
    return result
