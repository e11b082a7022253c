"""The sample field: a project to try everything on, made from the shipped pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_phenoai.core.ids import unique
from napari_phenoai.core.progress import Progress
from napari_phenoai.io.project import Project, is_project
from napari_phenoai.testing.samples import samples_folder

if TYPE_CHECKING:
    from napari_phenoai.core.progress import Work

__all__ = ["sample_field", "sample_folder"]

_NAME = "sample field"
_TILE_PX = 128


def sample_folder() -> Path:
    """Return where sample projects are kept: among the data of this user's programs."""
    from platformdirs import user_data_path

    return user_data_path("napari-phenoai", appauthor=False)


def sample_field(base: Path | None = None) -> Work[Path]:
    """Make the sample project, or find the one that was made before.

    Parameters
    ----------
    base : Path, optional
        Folder that gets it; by default `sample_folder`.

    Returns
    -------
    Path
        The project folder.
    """
    base = base or sample_folder()
    path = base / f"{_NAME}.phenoai"
    if is_project(path):
        return path
    if path.exists():
        taken = [item.stem for item in base.iterdir()]
        path = base / f"{unique(_NAME, taken)}.phenoai"
    images = sorted((samples_folder("rosettes") / "images").iterdir())
    with Project.create(path, ["soil", "plant"], tile_px=_TILE_PX, name="Sample field") as project:
        for number, image in enumerate(images):
            yield Progress(number, len(images), f"adding {image.name}")
            yield from project.add_image(str(image), copy=False)
    return path
