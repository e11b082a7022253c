"""Adds many images to a project; one that cannot be read does not stop the others."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_phenoai.core.progress import Progress, scaled
from napari_phenoai.core.proposals import tile_size
from napari_phenoai.errors import PhenoError
from napari_phenoai.io.images import describe_image, image_uris
from napari_phenoai.io.project import Project
from napari_phenoai.ui.preferences import Preferences, preferences

if TYPE_CHECKING:
    from pathlib import Path

    from napari_phenoai.core.progress import Work

__all__ = ["Added", "add_images", "create_project", "propose_tile_px"]

_LOOKED_AT = 5
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Added:
    """What became of a wish to add images.

    Parameters
    ----------
    images : tuple of str
        Ids of the images, also of those that were there before.
    problems : tuple of PhenoError
        Why the others were left out.
    """

    images: tuple[str, ...]
    problems: tuple[PhenoError, ...]

    def summary(self) -> PhenoError | None:
        """Return one error that tells of all problems, or None."""
        if not self.problems:
            return None
        first = self.problems[0]
        if len(self.problems) == 1:
            return first
        what = f"{len(self.problems)} images were left out, {len(self.images)} added. {first.what}"
        return PhenoError(what, hint=f"{first.hint} The log names the others.")


def add_images(project: Project, places: Sequence[str]) -> Work[Added]:
    """Add files, folders, patterns and addresses to `project`, one image at a time.

    Closing the generator keeps the images that were added whole.
    """
    problems: list[PhenoError] = []
    uris: list[str] = []
    for place in places:
        try:
            uris += image_uris(place)
        except PhenoError as error:
            _log.warning("%s is left out: %s", place, error)
            problems.append(error)
    images = []
    for number, uri in enumerate(uris):
        yield Progress(number, len(uris), f"adding {number + 1} of {len(uris)}")
        try:
            work = project.add_image(uri)
            record = yield from scaled(work, number, number + 1, len(uris))
            images.append(record.id)
        except PhenoError as error:
            _log.warning("%s is left out: %s", uri, error)
            problems.append(error)
    return Added(tuple(images), tuple(problems))


def create_project(
    path: Path, classes: Sequence[str], tile_px: int, *, instances: bool = False
) -> tuple[Project, Preferences]:
    """Make a project with what the person prefers for new ones, and return it open.

    Parameters
    ----------
    path : Path
        Its folder, new or empty.
    classes : sequence of str
        Names, the background first.
    tile_px : int
        Edge of a tile, in pixels.
    instances : bool
        Whether its labels are single objects.

    Returns
    -------
    project : Project
        Open.
    preferences : Preferences
        What was preferred.

    Raises
    ------
    ProjectError
        If the folder has something in it.
    InputError
        If the classes cannot be used.
    DiskError
        If the disk is full or read-only.
    """
    wanted = preferences()
    project = Project.create(path, classes, tile_px=tile_px, instances=instances)
    project.update(train_after=wanted.train_after, heldout_share=wanted.heldout_share)
    return project, wanted


def propose_tile_px(places: Sequence[str]) -> int:
    """Return the edge of a tile that suits the first images in `places`, in pixels."""
    planes = []
    for uri in [uri for place in places for uri in image_uris(place)][:_LOOKED_AT]:
        shape = describe_image(uri).shape
        planes.append((shape[2], shape[3]))
    return tile_size(planes)
