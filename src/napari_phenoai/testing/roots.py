"""Roots: branching, tapering root systems on germination paper."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.testing.textures import blobs, fractal, mixed, patches, rgb

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RootCanvas", "paint_roots"]

_STEP_PX = 5.0
_DOWN = np.pi / 2
_SEEDS = np.array([[0.45, 0.31, 0.18], [0.56, 0.42, 0.25]], np.float32)
_SPECKS = np.array([[0.5, 0.42, 0.33], [0.35, 0.3, 0.26]], np.float32)


@dataclass(frozen=True)
class RootCanvas:
    """Colour (float32, ``(y, x, 3)``), id of each root system, length of all centre lines."""

    colour: NDArray[np.float32]
    systems: NDArray[np.uint32]
    length_px: float


@dataclass(frozen=True)
class _Root:
    """One root: where it starts, its heading (radians), length and thickness (pixels)."""

    y: float
    x: float
    heading: float
    length: float
    radius: float
    order: int


@dataclass
class _Drawing:
    """Signed depth below the surface of the nearest root, its owner, and the length so far."""

    depth: NDArray[np.float32]
    share: NDArray[np.float32]
    owner: NDArray[np.uint32]
    length_px: float = 0.0
    tips: list[tuple[float, float]] = field(default_factory=list)


def paint_roots(rng: np.random.Generator, size: tuple[int, int], *, plants: int) -> RootCanvas:
    """Paint the paper, then `plants` root systems that hang from the upper edge."""
    paper = _paper(rng, size)
    drawing = _Drawing(
        np.full(size, -9, np.float32), np.zeros(size, np.float32), np.zeros(size, np.uint32)
    )
    for number in range(plants):
        x = (number + 0.5 + rng.uniform(-0.25, 0.25)) * size[1] / plants
        length = size[0] * rng.uniform(0.55, 1.0)
        radius = rng.uniform(2.4, 3.6)
        heading = _DOWN + rng.normal(0, 0.15)
        main = _Root(rng.uniform(2, 0.08 * size[0]), x, heading, length, radius, 0)
        _grow(rng, drawing, main, number + 1)
    colour = _laid_on(rng, paper, drawing)
    return RootCanvas(colour, drawing.owner, drawing.length_px)


def _paper(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float32]:
    tints = np.array([[0.74, 0.72, 0.66], [0.6, 0.64, 0.69], [0.68, 0.63, 0.55]], np.float32)
    tint = tints[rng.integers(len(tints))] * rng.uniform(0.9, 1.08)
    fibre = fractal(rng, size, coarse_px=5, power=1.0)
    crease = np.abs(fractal(rng, size, coarse_px=220, power=2.6))
    crumple = fractal(rng, size, coarse_px=90, power=2.2)
    tone = 1 + 0.035 * fibre + 0.05 * crumple - 0.09 * patches(np.float32(0.05) - crease, 0, 0.05)
    paper = (tint * tone[..., None]).astype(np.float32)
    stain = patches(fractal(rng, size, coarse_px=130, power=2.6), 0.7, 1.6)
    brown = paper * rgb(0.87, 0.79, 0.66) * (1 + 0.05 * fibre)[..., None]
    paper = mixed(paper, brown.astype(np.float32), 0.95 * stain)
    blobs(rng, paper, int(60 * size[0] * size[1] / 768**2), (0.8, 4), _SPECKS)
    return paper


def _grow(rng: np.random.Generator, drawing: _Drawing, root: _Root, owner: int) -> None:
    """Walk along `root` step by step, drawing it and sending out laterals."""
    y, x, heading = root.y, root.x, root.heading
    steps = max(2, int(root.length / _STEP_PX))
    turn, laterals = 0.0, []
    gap = rng.uniform(1, 5)
    for step in range(steps):
        share = step / steps
        turn = 0.6 * turn + rng.normal(0, 0.08 + 0.05 * root.order)
        pull = (0.12, 0.05, 0.04)[root.order] * np.sin(_DOWN - heading)
        heading += turn * 0.6 + pull
        after = y + _STEP_PX * np.sin(heading), x + _STEP_PX * np.cos(heading)
        ends = root.radius * (1 - 0.65 * share), root.radius * (1 - 0.65 * (share + 1 / steps))
        _segment(drawing, (y, x), after, ends, owner)
        y, x = after
        gap -= 1
        if gap <= 0 and root.order < 2 and 0.06 < share < 0.85:
            gap = rng.uniform(1.5, 6) * (1 + root.order)
            laterals.append(_lateral(rng, root, (y, x), heading, share))
    for lateral in laterals:
        _grow(rng, drawing, lateral, owner)


def _lateral(
    rng: np.random.Generator, root: _Root, at: tuple[float, float], heading: float, share: float
) -> _Root:
    side = rng.choice([-1, 1]) * rng.uniform(0.7, 1.4)
    length = root.length * (1 - share) * rng.uniform(0.12, 0.5)
    radius = max(0.85, root.radius * rng.uniform(0.36, 0.6))
    return _Root(*at, heading + side, length, radius, root.order + 1)


def _segment(
    drawing: _Drawing,
    start: tuple[float, float],
    stop: tuple[float, float],
    radii: tuple[float, float],
    owner: int,
) -> None:
    """Add a tapering capsule to the drawing; only its length inside the picture counts."""
    rows, columns = drawing.depth.shape
    reach = max(radii) + 3
    low_y, high_y = sorted((start[0], stop[0]))
    low_x, high_x = sorted((start[1], stop[1]))
    box = (
        slice(max(0, int(low_y - reach)), min(rows, int(high_y + reach) + 2)),
        slice(max(0, int(low_x - reach)), min(columns, int(high_x + reach) + 2)),
    )
    if box[0].start >= box[0].stop or box[1].start >= box[1].stop:
        return
    y, x = (axis.astype(np.float32) for axis in np.ogrid[box])
    step_y, step_x = stop[0] - start[0], stop[1] - start[1]
    square = step_y**2 + step_x**2
    way = np.clip(((y - start[0]) * step_y + (x - start[1]) * step_x) / square, 0, 1)
    away = np.hypot(y - start[0] - way * step_y, x - start[1] - way * step_x)
    radius = radii[0] + way * (radii[1] - radii[0])
    depth = radius - away
    nearer = depth > drawing.depth[box]
    drawing.depth[box][nearer] = depth[nearer]
    drawing.share[box][nearer] = (depth / radius)[nearer]
    drawing.owner[box][nearer & (depth > 0)] = owner
    middle = (start[0] + stop[0]) / 2, (start[1] + stop[1]) / 2
    if 0 <= middle[0] < rows and 0 <= middle[1] < columns:
        drawing.length_px += float(np.sqrt(square))


def _laid_on(
    rng: np.random.Generator, paper: NDArray[np.float32], drawing: _Drawing
) -> NDArray[np.float32]:
    """Lay the roots on the paper: cast shadow, hairs, a round and slightly glassy body."""
    from scipy import ndimage

    near = np.clip(drawing.depth / 4 + 0.8, 0, 1)
    shadow = ndimage.shift(near, rng.uniform(1, 3, 2), order=1, output=np.float32)
    hairs = fractal(rng, near.shape, coarse_px=4, power=0.6)
    canvas = paper * (1 - 0.2 * shadow - 0.06 * near * patches(hairs, 0.2, 0.6))[..., None]
    base = rgb(0.66, 0.55, 0.4) * rng.uniform(0.78, 1.3)
    age = fractal(rng, near.shape, coarse_px=140, power=2.4)
    round_ = 0.72 + 0.36 * np.sqrt(np.clip(drawing.share, 0, 1))
    tone = round_ * (1 + 0.1 * age + 0.05 * hairs)
    glassy = 0.82 - 0.1 * patches(age, 0.8, 1)
    body = (base * tone[..., None]).astype(np.float32)
    return mixed(canvas, body, np.clip(drawing.depth + 0.5, 0, 1) * glassy)
