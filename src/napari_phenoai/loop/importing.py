"""Importing masks that were made elsewhere, as reviewed tiles."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.ids import slug
from napari_phenoai.core.progress import Progress, scaled
from napari_phenoai.errors import InputError
from napari_phenoai.io.foreign import find_masks, read_foreign, value_table
from napari_phenoai.loop.foreign_objects import Read, ReadMask, is_there, object_reader
from napari_phenoai.loop.review import decide, split_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import ImageRecord, Review
    from napari_phenoai.core.splits import Split
    from napari_phenoai.io.foreign import ForeignMask, Values
    from napari_phenoai.io.project import Project

__all__ = ["import_masks"]

_ENDINGS = ("", "_mask", "_masks", "_label", "_labels", "_seg", "_objects")


def import_masks(
    project: Project, source: str | Path, *, author: str = "", values: Values = "auto"
) -> Work[list[Review]]:
    """Take over masks as corrected tiles, as if they had been painted here.

    Each mask is cut into pieces of at most the tile size. A piece all of whose pixels
    have a class counts as wholly known, others by their painted pixels; empty ones are
    left out. Masks for validation (RootPainter's ``val``) are held out; for the others
    the split of the project decides, and where an image is cut into blocks, pixels in
    the gaps between them are left out. In a project of objects, numbers in the masks are
    ids of objects (unless `values` says otherwise). What is there already is not imported again, so
    that a stopped import goes on when it is run anew.

    Parameters
    ----------
    project : Project
        Open.
    source : path
        A folder of masks, a ZIP or folder of napari-pixel-correction (images that the
        project lacks are added from it), or a RootPainter project. See `io.foreign`.
    author : str
        Who made them.
    values : str
        What numbers in the masks mean: ``auto``, ``ids``, ``indices`` or ``binary``.

    Returns
    -------
    list of Review
        Those that were new.

    Raises
    ------
    InputError
        If there is nothing, or a mask has no image in the project. Nothing was
        imported then.
    LabelError
        If a mask has another size than its image, or a value without a class.
    """
    place = Path(source).expanduser()
    unpack = project.path / "imported" / slug(place.stem)
    yield Progress(0, 1, f"looking at {place}")
    masks = find_masks(place, unpack)
    read = _reader(project, masks, values)
    yield from scaled(_add_missing(project, masks), 0, 0.3)
    images = _by_name(project, masks)
    for mask in masks:
        read(mask, images[mask])
    done = yield from scaled(_imported(project, images, read, author), 0.3, 1)
    shutil.rmtree(unpack / "mask", ignore_errors=True)
    shutil.rmtree(unpack / "masks", ignore_errors=True)
    return done


def _reader(project: Project, masks: Sequence[ForeignMask], values: Values) -> Read:
    """Return what reads a mask: as objects in a project of objects, else as classes."""
    if project.spec.has_objects and values == "auto" and not all(mask.painted for mask in masks):
        return object_reader(project, masks)
    table = value_table(masks, project.scheme, values)

    def classes(mask: ForeignMask, record: ImageRecord) -> ReadMask:
        return ReadMask(read_foreign(mask, table, project.scheme, record.plane))

    return classes


def _add_missing(project: Project, masks: Sequence[ForeignMask]) -> Work[None]:
    """Add the images that came along with the masks."""
    missing = [mask for mask in masks if mask.image and _record(project, mask.name) is None]
    for number, mask in enumerate(missing):
        if mask.image is not None:
            work = project.add_image(mask.image, copy=False)
            yield from scaled(work, number, number + 1, len(missing))


def _by_name(project: Project, masks: Sequence[ForeignMask]) -> dict[ForeignMask, ImageRecord]:
    found = {mask: _record(project, mask.name) for mask in masks}
    for mask, record in found.items():
        if record is None:
            hint = f"Add its image first, named {mask.name}, or take the mask out."
            raise InputError(f"The mask {mask.path} has no image in the project.", hint=hint)
        if record.shape[0] > 1:
            hint = "Import masks of flat images only."
            raise InputError(f"The image {record.name} has {record.shape[0]} planes.", hint=hint)
    return {mask: record for mask, record in found.items() if record is not None}


def _record(project: Project, name: str) -> ImageRecord | None:
    by_name = {Path(record.name).stem: record for record in project.images()}
    names = [name.removesuffix(end) for end in _ENDINGS if name.endswith(end)]
    return next((by_name[wanted] for wanted in names if wanted in by_name), None)


def _imported(
    project: Project,
    images: Mapping[ForeignMask, ImageRecord],
    read: Read,
    author: str,
) -> Work[list[Review]]:
    done: list[Review] = []
    for number, (mask, record) in enumerate(images.items()):
        found = read(mask, record).numbered(project, record.id)
        split = split_of(project)
        for tile in _pieces(split, record, project.spec.tile_px):
            part = found.labels[tile.slices]
            if not part.any() or is_there(project, tile, part):
                continue
            review = decide(
                project,
                tile,
                "corrected",
                labels=part,
                objects=found.objects,
                joins=False,
                known="all" if part.all() else "painted",
                author=author,
                note=f"imported from {mask.path.name}",
                role=mask.role or split.role_of(tile),
            )
            done.append(review)
        yield Progress(number + 1, len(images), f"imported {mask.path.name}")
    return done


def _pieces(split: Split, record: ImageRecord, tile_px: int) -> Iterator[Tile]:
    """Cut the plots of an image into even pieces that do not overlap."""
    for plot in split.plots:
        if plot.area.image != record.id:
            continue
        for y, height in _parts(plot.area.y, plot.area.height, tile_px):
            for x, width in _parts(plot.area.x, plot.area.width, tile_px):
                yield Tile(record.id, y, x, height, width)


def _parts(first: int, length: int, most: int) -> Iterator[tuple[int, int]]:
    count = -(-length // most)
    edges = [first + length * number // count for number in range(count + 1)]
    for start, stop in pairwise(edges):
        yield start, stop - start
