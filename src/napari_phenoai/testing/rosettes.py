"""Rosettes: plants of curved leaves with petiole and midrib, on soil."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.testing.textures import blobs, fractal, mixed, patches, rgb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["RosetteCanvas", "paint_rosettes"]

_GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))
_GREENS = np.array(
    [[0.31, 0.45, 0.20], [0.38, 0.52, 0.25], [0.26, 0.39, 0.21], [0.47, 0.55, 0.29],
     [0.54, 0.54, 0.31], [0.38, 0.36, 0.26]], np.float32,
)  # fmt: skip
_STONES = np.array(
    [[0.42, 0.38, 0.33], [0.55, 0.52, 0.47], [0.31, 0.25, 0.2], [0.37, 0.36, 0.27]], np.float32
)
_PERLITE = np.array([[0.82, 0.8, 0.76], [0.7, 0.68, 0.62]], np.float32)
_DEBRIS = np.array([[0.36, 0.4, 0.2], [0.45, 0.42, 0.24], [0.3, 0.36, 0.16]], np.float32)


@dataclass(frozen=True)
class RosetteCanvas:
    """Colour (float32, ``(y, x, 3)``), leaf and plant ids (uint32), spots (uint8, 0 or 1)."""

    colour: NDArray[np.float32]
    leaves: NDArray[np.uint32]
    plants: NDArray[np.uint32]
    spots: NDArray[np.uint8]


@dataclass(frozen=True)
class _Leaf:
    """Where a leaf starts, how it grows (radians, pixels) and what it looks like."""

    y: float
    x: float
    angle: float
    length: float
    bend: float
    width: float
    petiole: float
    lift: float
    colour: NDArray[np.float32]


def paint_rosettes(
    rng: np.random.Generator, size: tuple[int, int], *, lesions: bool, spacing_px: int
) -> RosetteCanvas:
    """Paint soil, then plant by plant, the oldest and longest leaves first."""
    canvas = RosetteCanvas(
        _soil(rng, size, spacing_px),
        np.zeros(size, np.uint32),
        np.zeros(size, np.uint32),
        np.zeros(size, np.uint8),
    )
    mottle = fractal(rng, size, coarse_px=12, power=1.2)
    light = rng.uniform(0, 2 * np.pi)
    leaf_id = 0
    for plant_id, (y, x, radius) in enumerate(_places(rng, size, spacing_px), start=1):
        for leaf in _leaves(rng, y, x, radius):
            leaf_id += 1
            sick = lesions and rng.random() < 0.5
            ids = leaf_id, plant_id
            _paint_leaf(
                canvas, leaf, ids=ids, light=light, mottle=mottle, sick=rng if sick else None
            )
    return canvas


def _soil(rng: np.random.Generator, size: tuple[int, int], spacing_px: int) -> NDArray[np.float32]:
    coarse, fine = (fractal(rng, size, coarse_px=px, power=1.3) for px in (60, 6))
    dry = patches(fractal(rng, size, coarse_px=160, power=2.5), -0.5, 2)[..., None]
    wet_tint, dry_tint = rgb(0.21, 0.16, 0.12), rgb(0.39, 0.32, 0.25)
    crumbs = 1 + 0.14 * coarse + 0.24 * fine
    soil = np.clip((wet_tint + (dry_tint - wet_tint) * dry) * crumbs[..., None], 0.02, 1)
    soil = soil.astype(np.float32)
    area = size[0] * size[1] / 768**2
    blobs(rng, soil, int(130 * area), (1.5, 14), _STONES)
    blobs(rng, soil, int(rng.integers(40, 160) * area), (1, 5), _PERLITE)
    moss = patches(fractal(rng, size, coarse_px=spacing_px / 2, power=2.2), 0.6, 0.5)
    tuft = 0.6 + 0.4 * patches(fractal(rng, size, coarse_px=5, power=0.8), -1, 2)
    green = rgb(0.42, 0.53, 0.24) * rng.uniform(0.85, 1.15, 3).astype(np.float32)
    soil = mixed(soil, green * tuft[..., None] ** 1.5, moss * (0.45 + 0.5 * tuft))
    blobs(rng, soil, int(70 * area), (1.5, 7), _DEBRIS)
    return soil


def _places(
    rng: np.random.Generator, size: tuple[int, int], spacing_px: int
) -> Iterator[tuple[float, float, float]]:
    rows, columns = (max(1, round(length / spacing_px)) for length in size)
    vigour = rng.uniform(0.75, 1.1)
    for row in range(rows):
        for column in range(columns):
            if rows * columns > 3 and rng.random() < 0.1:
                continue
            jitter = rng.uniform(-0.13, 0.13, 2)
            y = (row + 0.5 + jitter[0]) * size[0] / rows
            x = (column + 0.5 + jitter[1]) * size[1] / columns
            yield y, x, spacing_px * vigour * rng.uniform(0.32, 0.66)


def _leaves(rng: np.random.Generator, y: float, x: float, radius: float) -> Iterator[_Leaf]:
    count = int(np.clip(radius / 8 + rng.integers(-1, 3), 5, 17))
    base = _GREENS[rng.choice(len(_GREENS), p=[0.26, 0.22, 0.18, 0.14, 0.11, 0.09])]
    start, slender = rng.uniform(0, 2 * np.pi), rng.uniform(0.19, 0.27)
    for rank in range(count):
        youth = rank / count
        length = radius * (1.04 - 0.86 * youth**1.25) * rng.uniform(0.85, 1.12)
        if rank < 2:
            length *= 0.72
        tint = base * (1 + 0.22 * youth) * rng.uniform(0.88, 1.1) * rng.uniform(0.95, 1.05, 3)
        yield _Leaf(
            y=y + rng.normal(0, 1.5),
            x=x + rng.normal(0, 1.5),
            angle=start + rank * _GOLDEN_ANGLE + rng.normal(0, 0.18),
            length=max(6.0, length),
            bend=rng.normal(0, 0.5) / max(length, 6.0),
            width=max(2.0, length * slender * rng.uniform(0.85, 1.15) * (1.15 - 0.1 * youth)),
            petiole=rng.uniform(0.28, 0.42) * (1 - 0.75 * youth),
            lift=2 + 5 * youth,
            colour=tint.astype(np.float32),
        )


def _paint_leaf(
    canvas: RosetteCanvas,
    leaf: _Leaf,
    *,
    ids: tuple[int, int],
    light: float,
    mottle: NDArray[np.float32],
    sick: np.random.Generator | None,
) -> None:
    box = _box(leaf, canvas.leaves.shape)
    if box is None:
        return
    along, across = _leaf_axes(leaf, box)
    half = _half_width(leaf, along, across)
    depth = half - np.abs(across)
    shift = (np.sin(light) * leaf.lift, np.cos(light) * leaf.lift)
    shadow = _shifted(np.clip(depth / 5 + 0.6, 0, 1), shift)
    canvas.colour[box] *= (1 - 0.5 * shadow)[..., None]
    colour = _leaf_colour(leaf, along, across, half, light) * (1 + 0.05 * mottle[box])[..., None]
    inside = depth > 0
    if sick is not None:
        colour, spots = _spots(sick, leaf, along, across, colour)
        canvas.spots[box][inside] = spots[inside]
    else:
        canvas.spots[box][inside] = 0
    canvas.colour[box] = mixed(canvas.colour[box], colour, np.clip(depth + 0.5, 0, 1))
    canvas.leaves[box][inside], canvas.plants[box][inside] = ids


def _box(leaf: _Leaf, shape: tuple[int, ...]) -> tuple[slice, slice] | None:
    share = np.linspace(0, 1, 9) * leaf.length
    turn = leaf.angle + leaf.bend * share / 2
    rows, columns = leaf.y + share * np.sin(turn), leaf.x + share * np.cos(turn)
    reach = leaf.width + leaf.lift + 8
    sides = []
    for centres, length in ((rows, shape[0]), (columns, shape[1])):
        low = max(0, int(centres.min() - reach))
        high = min(length, int(centres.max() + reach) + 1)
        sides.append(slice(low, high))
    rows_, columns_ = sides
    return (
        (rows_, columns_) if rows_.start < rows_.stop and columns_.start < columns_.stop else None
    )


def _leaf_axes(
    leaf: _Leaf, box: tuple[slice, slice]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return each pixel's way along the midrib, a circular arc, and its offset from it."""
    y, x = (axis.astype(np.float32) for axis in np.ogrid[box])
    ahead = (x - leaf.x) * np.cos(leaf.angle) + (y - leaf.y) * np.sin(leaf.angle)
    aside = (y - leaf.y) * np.cos(leaf.angle) - (x - leaf.x) * np.sin(leaf.angle)
    bend = leaf.bend if abs(leaf.bend) > 1e-5 else 1e-5
    radius = 1 / bend
    turned = np.arctan2(ahead, (radius - aside) * np.sign(bend))
    across = radius - np.sign(bend) * np.hypot(ahead, radius - aside)
    return (turned * abs(radius)).astype(np.float32), across.astype(np.float32)


def _half_width(
    leaf: _Leaf, along: NDArray[np.float32], across: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return half the width of the leaf at `along`: a stalk, then a blade; negative outside."""
    share = along / leaf.length
    blade = np.clip((share - leaf.petiole) / (1 - leaf.petiole), 0, 1)
    outline = np.clip(1 - (2 * blade**0.85 - 1) ** 2, 0, 1) ** 0.6
    wave = 1 + 0.05 * np.sin(along * 0.35 + np.sign(across)) * (leaf.length > 40)
    stalk = max(1.1, leaf.width * 0.13)
    half = np.where(share < leaf.petiole + 0.1, np.maximum(outline * leaf.width, stalk), 0)
    half = np.maximum(half, outline * leaf.width * wave)
    result: NDArray[np.float32] = np.where((share > 0) & (share < 1), half, -5).astype(np.float32)
    return result


def _leaf_colour(
    leaf: _Leaf,
    along: NDArray[np.float32],
    across: NDArray[np.float32],
    half: NDArray[np.float32],
    light: float,
) -> NDArray[np.float32]:
    """Return the lit surface: a low dome with midrib and side veins, paler towards the stalk."""
    side = np.clip(across / np.maximum(half, 1), -1, 1)
    share = np.clip(along / leaf.length, 0, 1)
    facing = np.float32(np.sin(light - leaf.angle))
    shade = 1 - 0.24 * side * facing - 0.16 * side**2 + 0.1 * np.sin(share * np.pi)
    shade = shade - 0.12 * np.float32(np.cos(light - leaf.angle)) * (share - 0.5)
    vein_px = max(5.0, leaf.length * 0.09)
    veins = np.cos(2 * np.pi * (along - 0.9 * np.abs(across)) / vein_px) ** 8
    shade = shade + 0.07 * veins * (np.abs(side) < 0.9) * (leaf.length > 30)
    rib = np.exp(-((across / max(0.9, leaf.width * 0.045)) ** 2)) * (1 - 0.6 * share)
    pale = leaf.colour * rgb(1.25, 1.12, 1.3) + np.float32(0.05)
    stalk = np.clip((leaf.petiole + 0.06 - share) / 0.12, 0, 1)
    surface = shade[..., None].astype(np.float32) * leaf.colour
    surface = mixed(surface, pale, (0.55 * rib).astype(np.float32))
    return mixed(surface, pale * rgb(1.05, 0.95, 0.95), (0.6 * stalk).astype(np.float32))


def _spots(
    rng: np.random.Generator,
    leaf: _Leaf,
    along: NDArray[np.float32],
    across: NDArray[np.float32],
    colour: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return `colour` with brown, yellow-rimmed lesions, and where these are."""
    spots = np.zeros(along.shape, np.uint8)
    brown = rgb(0.36, 0.23, 0.12) * rng.uniform(0.75, 1.3)
    for _ in range(int(rng.integers(1, 5))):
        at = rng.uniform(leaf.petiole + 0.1, 0.97) * leaf.length, rng.normal(0, 0.45) * leaf.width
        radius = max(2.0, leaf.width * rng.uniform(0.1, 0.42))
        angle = np.arctan2(across - at[1], along - at[0])
        ragged = radius * (1 + 0.2 * np.sin(3 * angle + at[0]) + 0.1 * np.sin(5 * angle))
        depth = ragged - np.hypot(along - at[0], across - at[1])
        halo = np.clip(1 + depth / (0.6 * radius), 0, 1) * 0.55
        colour = mixed(colour, colour * rgb(1.35, 1.15, 0.8), halo.astype(np.float32))
        tone = brown * (0.85 + 0.3 * np.clip(depth / radius, 0, 1))[..., None]
        colour = mixed(colour, tone.astype(np.float32), np.clip(depth + 0.5, 0, 1) * 0.85)
        spots |= depth > 0
    return colour.astype(np.float32), spots


def _shifted(values: NDArray[np.float32], shift: tuple[float, float]) -> NDArray[np.float32]:
    """Return `values` moved by whole pixels, zeros coming in."""
    result = np.zeros_like(values)
    dy, dx = (round(step) for step in shift)
    rows, columns = values.shape
    source = values[max(0, -dy) : rows - max(0, dy), max(0, -dx) : columns - max(0, dx)]
    result[max(0, dy) : rows + min(0, dy), max(0, dx) : columns + min(0, dx)] = source
    return result
