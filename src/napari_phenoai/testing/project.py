"""A small project of synthetic scenes, for tests and for trying things out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_phenoai.core.progress import finish
from napari_phenoai.testing.samples import encoded
from napari_phenoai.testing.scenes import Scene, rosettes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_phenoai.io.project import Project

__all__ = ["tiny_project", "write_scenes"]


def write_scenes(
    folder: Path, count: int = 2, *, size: tuple[int, int] = (160, 192), seed: int = 0
) -> list[tuple[Path, Path, Scene]]:
    """Write rosettes as ``images/scene_0.png`` and ``masks/scene_0.png`` (0, 1, ...) and so on.

    Parameters
    ----------
    folder : Path
        Where the two folders are made.
    count : int
        Number of scenes, with seeds `seed`, `seed` + 1, ...
    size : tuple of int
        Rows and columns of each, in pixels.
    seed : int
        Seed of the first.

    Returns
    -------
    list of (Path, Path, Scene)
        Image file, mask file and the scene itself.
    """
    return list(_written(folder, count, size, seed))


def _written(
    folder: Path, count: int, size: tuple[int, int], seed: int
) -> Iterator[tuple[Path, Path, Scene]]:
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        scene = rosettes(seed + number, size, spacing_px=80)
        image = folder / "images" / f"scene_{number}.png"
        mask = folder / "masks" / f"scene_{number}.png"
        image.write_bytes(encoded(scene.image, "PNG"))
        mask.write_bytes(encoded(scene.classes - 1, "PNG"))
        yield image, mask, scene


def tiny_project(
    path: Path,
    n_images: int = 2,
    *,
    size: tuple[int, int] = (160, 192),
    tile_px: int = 64,
    seed: int = 0,
    instances: bool = False,
) -> Project:
    """Create a project of rosettes at `path` and return it open.

    The pictures lie in a folder beside it, named like the project with
    ``-scenes`` behind; their order is that of the project's images.

    Parameters
    ----------
    path : Path
        Folder of the new project, ending in ``.phenoai``.
    n_images : int
        Number of scenes.
    size, tile_px : tuple of int, int
        Extent of a scene and edge of a queue tile, in pixels.
    seed : int
        Seed of the first scene.
    instances : bool
        Whether its labels are objects.
    """
    from napari_phenoai.io.project import Project

    project = Project.create(path, ["soil", "plant"], tile_px=tile_px, instances=instances)
    scenes = write_scenes(path.with_name(path.stem + "-scenes"), n_images, size=size, seed=seed)
    for image, _, _ in scenes:
        finish(project.add_image(str(image)))
    return project
