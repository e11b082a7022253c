"""Scenes: procedural pictures of plants whose exact truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.testing.roots import paint_roots
from napari_phenoai.testing.rosettes import paint_rosettes
from napari_phenoai.testing.textures import as_photo

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Scene", "roots", "rosettes"]


@dataclass(frozen=True)
class Scene:
    """A picture and what is really in it.

    Parameters
    ----------
    image : ndarray of uint8, shape (y, x, 3)
        The photograph, RGB.
    classes : ndarray of uint8, shape (y, x)
        Class of each pixel, 1 to K, in the order of `class_names`.
    instances : ndarray of uint32, shape (y, x)
        Id of the leaf (rosettes) or of the root system (roots); 0 elsewhere.
    plants : ndarray of uint32, shape (y, x)
        Id of the plant; 0 elsewhere.
    class_names : tuple of str
        The background first.
    measures : mapping
        Known quantities with their unit in the name, such as ``length_px``.
    """

    image: NDArray[np.uint8]
    classes: NDArray[np.uint8]
    instances: NDArray[np.uint32]
    plants: NDArray[np.uint32]
    class_names: tuple[str, ...]
    measures: Mapping[str, float] = field(default_factory=dict)


def rosettes(
    seed: int, size: tuple[int, int] = (768, 768), *, lesions: bool = False, spacing_px: int = 190
) -> Scene:
    """Return a tray of rosettes with overlapping leaves on soil, seen from above.

    The soil bears stones, perlite and moss that is nearly as green as a leaf,
    and some plants are pale or purple, so that no colour threshold does well.

    Parameters
    ----------
    seed : int
        The same seed and size give the same scene.
    size : tuple of int
        Rows and columns, in pixels.
    lesions : bool
        Whether leaves bear brown spots, a third class ``lesion``.
    spacing_px : int
        Distance between plants, which also sets their size.

    Returns
    -------
    Scene
        With classes ``soil, plant`` or ``soil, leaf, lesion``; measure ``leaves``.

    Examples
    --------
    >>> scene = rosettes(1, (64, 96))
    >>> scene.image.shape, scene.class_names
    ((64, 96, 3), ('soil', 'plant'))
    """
    rng = np.random.default_rng([seed, 1])
    canvas = paint_rosettes(rng, size, lesions=lesions, spacing_px=spacing_px)
    names = ("soil", "leaf", "lesion") if lesions else ("soil", "plant")
    classes = 1 + (canvas.leaves > 0).astype(np.uint8) + canvas.spots
    measures = {"leaves": float(np.unique(canvas.leaves[canvas.leaves > 0]).size)}
    image = as_photo(rng, canvas.colour)
    return Scene(image, classes, canvas.leaves, canvas.plants, names, measures)


def roots(seed: int, size: tuple[int, int] = (768, 768), *, plants: int | None = None) -> Scene:
    """Return branching, tapering root systems on germination paper.

    Parameters
    ----------
    seed : int
        The same seed and size give the same scene.
    size : tuple of int
        Rows and columns, in pixels.
    plants : int, optional
        Number of plants side by side; None takes one for each 200 columns.

    Returns
    -------
    Scene
        With classes ``paper, root`` and measure ``length_px``, the length of
        all centre lines inside the picture.
    """
    rng = np.random.default_rng([seed, 2])
    canvas = paint_roots(rng, size, plants=plants or max(1, round(size[1] / 200)))
    classes = 1 + (canvas.systems > 0).astype(np.uint8)
    measures = {"length_px": canvas.length_px}
    image = as_photo(rng, canvas.colour)
    return Scene(image, classes, canvas.systems, canvas.systems.copy(), ("paper", "root"), measures)
