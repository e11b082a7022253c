"""Proposals for a new project, so that a person only names folder and classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["TILE_SIZES", "class_names", "project_folder", "tile_size"]

TILE_SIZES = (64, 128, 256, 512, 1024)
"""Edges of a tile, in pixels, to choose from."""


def tile_size(planes: Sequence[tuple[int, int]]) -> int:
    """Return the edge of a tile that suits images of these sizes, in pixels.

    256 px are read at a glance. Images that are smaller than four such tiles get
    smaller ones, so that there is something to choose from.

    Parameters
    ----------
    planes : sequence of (int, int)
        Rows and columns of each image.

    Examples
    --------
    >>> tile_size([(4000, 6000)]), tile_size([(350, 350)]), tile_size([])
    (256, 128, 256)
    """
    areas = sorted(rows * columns for rows, columns in planes)
    if not areas:
        return 256
    middle = areas[len(areas) // 2]
    fitting = [size for size in TILE_SIZES if size <= 256 and 4 * size * size <= middle]
    return fitting[-1] if fitting else TILE_SIZES[0]


def class_names(text: str) -> list[str]:
    """Return the class names in `text`, which has them between commas or line ends.

    Examples
    --------
    >>> class_names(" soil, plant ,, flower bud")
    ['soil', 'plant', 'flower bud']
    """
    parts = text.replace(";", ",").replace("\n", ",").split(",")
    return [" ".join(part.split()) for part in parts if part.strip()]


def project_folder(images: Path) -> Path:
    """Return a free folder beside a folder (or file) of images for their project.

    Examples
    --------
    >>> project_folder(Path("/data/plots 2026")).as_posix()
    '/data/plots 2026.phenoai'
    """
    name = images.stem if images.suffix else images.name
    folder = images.parent / f"{name}.phenoai"
    number = 2
    while folder.exists() and any(folder.iterdir()):
        folder = images.parent / f"{name}-{number}.phenoai"
        number += 1
    return folder
