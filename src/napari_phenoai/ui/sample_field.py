"""The sample field: a project to try everything on, made from the shipped pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_phenoai.core.ids import unique
from napari_phenoai.core.progress import Progress, scaled
from napari_phenoai.io.project import Project, is_project
from napari_phenoai.jobs.job import Job, JobState
from napari_phenoai.testing.samples import SAMPLE_SETS, samples_folder

if TYPE_CHECKING:
    from pathlib import Path

    from napari_phenoai.core.progress import Work
    from napari_phenoai.ui.session import Session

__all__ = ["make_sample_field", "open_sample_field", "sample_folder"]

_NAME = "sample field"
_TILE_PX = 128


def sample_folder() -> Path:
    """Return where sample projects are kept: among the data of this user's programs."""
    from platformdirs import user_data_path

    return user_data_path("napari-phenoai", appauthor=False)


def make_sample_field(base: Path | None = None) -> Work[Path]:
    """Make the sample project, or find the one that was made before.

    Parameters
    ----------
    base : Path, optional
        Folder that gets it; by default `sample_folder`.

    Returns
    -------
    Path
        The project folder.

    Raises
    ------
    DiskError
        If the folder cannot be written.
    """
    base = base or sample_folder()
    path = base / f"{_NAME}.phenoai"
    if is_project(path):
        return path
    if path.exists():
        path = base / f"{unique(_NAME, [item.stem for item in base.iterdir()])}.phenoai"
    images = sorted((samples_folder() / "images").iterdir())
    pixel_um = SAMPLE_SETS[0].pixel_um
    with Project.create(path, ["soil", "plant"], tile_px=_TILE_PX, name="Sample field") as project:
        for number, image in enumerate(images):
            yield Progress(number, len(images), f"adding {image.name}")
            work = project.add_image(str(image), pixel_um=pixel_um)
            yield from scaled(work, number, number + 1, len(images))
    return path


def open_sample_field(session: Session, base: Path | None = None) -> Job[Path]:
    """Make the sample project in the background and open it in `session`."""
    job = Job("Preparing the sample field", make_sample_field(base), kind="sample")

    def opened(job: Job[Path]) -> None:
        if job.state is JobState.DONE and job.result is not None:
            session.open_project(job.result)

    job.ended.connect(opened, thread="main")
    session.run(job)
    return job
