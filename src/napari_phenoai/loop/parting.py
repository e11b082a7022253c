"""Parting predicted classes into objects, over images of any size."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.geometry import cover
from napari_phenoai.core.instances import Objects, survey
from napari_phenoai.core.object_table import FIRST_OBJECT
from napari_phenoai.core.progress import Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.instances import Survey
    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import ImageRecord
    from napari_phenoai.io.predictions import PredictionStore
    from napari_phenoai.io.project import Project

__all__ = ["part_image", "part_images"]

BLOCK_PX = 1024
"""Edge of the blocks; the objects do not depend on it."""


def part_images(project: Project, model_id: str, images: list[ImageRecord]) -> Work[int]:
    """Part what a model predicted of whole images; those that are up to date are left alone.

    Does nothing in a project of classes. Images that are not predicted whole are left out.

    Returns
    -------
    int
        Number of objects that were made now.
    """
    count = 0
    if not project.spec.has_objects:
        return count
    for record in images:
        store = project.predictions(record.id, model_id)
        if _is_whole(store, record) and not store.objects.fits(project.spec):
            count += yield from part_image(project, model_id, record)
    return count


def part_image(project: Project, model_id: str, record: ImageRecord) -> Work[int]:
    """Part the predicted classes of one image into objects, and keep them beside.

    Every position of the slider gives the objects that it would give for the image in
    one piece; ids are unique in all planes. Closing the generator leaves no half of them.

    Parameters
    ----------
    project : Project
        Says where objects are parted, and how small one may be.
    model_id : str
        Whose prediction is parted.
    record : ImageRecord
        The image.

    Returns
    -------
    int
        How many objects there are.

    Raises
    ------
    DiskError
        If the disk is full or read-only.
    """
    spec, store = project.spec, project.predictions(record.id, model_id)
    store.objects.discard()
    scheme = spec.scheme
    front = [item.id for item in scheme.foreground]

    def classes(tile: Tile) -> NDArray[np.uint8]:
        return scheme.resolved(store.classes(tile))

    look = partial(survey, classes, plane=record.plane, classes=front)
    planes = record.shape[0]
    tiles = [list(cover(record.id, record.plane, BLOCK_PX, z=z)) for z in range(planes)]
    total, done = 2 * sum(map(len, tiles)), 0
    found: dict[int, int] = {}
    for blocks in tiles:
        surveys: list[Survey] = []
        for tile in blocks:
            surveys.append(look(tile).lean())
            done += 1
            yield Progress(done, total, f"{record.name}: looking for objects")
        first = FIRST_OBJECT + len(found)
        objects = Objects(surveys, neck=spec.neck, smallest_px=spec.smallest_px, first_id=first)
        for tile in blocks:
            ids = objects.ids(look(tile))
            here = classes(tile)
            stuff = np.where(np.isin(here, front), scheme.background, here)
            store.objects.write(tile, np.where(ids > 0, ids, stuff).astype(np.uint32))
            done += 1
            yield Progress(done, total, f"{record.name}: numbering objects")
        found.update(objects.table.classes)
    store.objects.finish(found, spec)
    return len(found)


def _is_whole(store: PredictionStore, record: ImageRecord) -> bool:
    tiles = (
        tile for z in range(record.shape[0]) for tile in cover(record.id, record.plane, 512, z=z)
    )
    return all(store.has(tile) for tile in tiles)
