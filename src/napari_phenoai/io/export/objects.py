"""Export objects: a mask of their ids for each image, and a table with a row for each."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from napari_phenoai.core.object_sizes import ObjectSizes
from napari_phenoai.core.progress import Progress
from napari_phenoai.errors import InputError
from napari_phenoai.io.export.object_files import write_png, write_tiff, write_zarr
from napari_phenoai.io.export.object_planes import ObjectPlanes
from napari_phenoai.io.export.planes import Planes, Source, chosen_images, chosen_model
from napari_phenoai.io.export.staging import destination_folder, staged
from napari_phenoai.io.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_phenoai.core.progress import Work
    from napari_phenoai.io.project import Project

__all__ = ["OBJECT_COLUMNS", "export_objects"]

OBJECT_COLUMNS = (
    "image", "name", "group", "z", "object", "class_id", "class", "area_px", "area_um2",
    "y", "x", "y0", "x0", "y1", "x1", "pixel_um", "by", "source", "model", "snapshot", "project",
)  # fmt: skip
"""Columns of the table; ``y`` and ``x`` are the middle, the others a half-open box, in pixels."""

_WRITERS = {"tiff": write_tiff, "png": write_png, "ome-zarr": write_zarr}
_ENDINGS = {"tiff": "_objects.tif", "png": "_objects.png", "ome-zarr": "_objects.ome.zarr"}


@dataclass
class _Found:
    """What is counted while the masks are written."""

    paths: list[Path] = field(default_factory=list)
    rows: list[dict[str, object]] = field(default_factory=list)


def export_objects(
    project: Project,
    destination: Path,
    *,
    model: str | None = None,
    format: str | None = "tiff",  # noqa: A002 - the word that people use
    source: Source = "best",
    images: Sequence[str] | None = None,
    allow_partial: bool = False,
) -> Work[list[Path]]:
    """Write the objects of each image to the folder `destination`.

    ``<image>_objects`` has the id of the object at each pixel, 0 where there is none, in
    16 bits where that is enough and else in 32. ``objects.csv`` has a row for each object.
    With people's labels and a prediction, ids of predicted objects follow those of people.

    Parameters
    ----------
    project : Project
        Open, of objects.
    destination : Path
        A folder; made if missing.
    model, source, images, allow_partial
        As in `export_masks`.
    format : {"tiff", "png", "ome-zarr"}, optional
        None writes the table only. PNG is for flat images with ids up to 65535.

    Returns
    -------
    list of Path
        The masks, and the table last.

    Raises
    ------
    InputError
        If the project has classes only, an option is unknown, or an image is not fully
        predicted or not parted into objects.
    DiskError
        If the destination cannot be written; files written before are whole.
    """
    if not project.spec.has_objects:
        hint = "Make a project for objects: phenoai create --instances."
        raise InputError(f"The labels of {project.path} are classes and no objects.", hint=hint)
    if format is not None and format not in _WRITERS:
        raise InputError(f"There is no format {format!r}.", hint=f"Use {', '.join(_WRITERS)}.")
    card = chosen_model(project, model, source)
    planes = [Planes(project, item, source, card) for item in chosen_images(project, images)]
    folder, found = destination_folder(Path(destination)), _Found()
    for number, item in enumerate(planes):
        span = (number, len(planes))
        yield from _image(ObjectPlanes(item), folder, format, found, span, partial=allow_partial)
    table = folder / "objects.csv"
    write_atomic(table, _csv(found.rows))
    yield Progress(len(planes), len(planes), f"wrote {table.name}")
    return [*found.paths, table]


def _image(
    objects: ObjectPlanes,
    folder: Path,
    kind: str | None,
    found: _Found,
    span: tuple[int, int],
    *,
    partial: bool,
) -> Work[None]:
    """Write and measure the objects of one image."""
    record = objects.planes.record
    blocks = sum(1 for _ in objects.planes.blocks()) * (2 if kind else 1)
    done, missing = 0, 0
    sizes: dict[int, ObjectSizes] = {}
    for block in objects.planes.blocks():
        ids, unknown = objects.read(block)
        missing += unknown
        sizes.setdefault(block.z, ObjectSizes()).add(block.y, block.x, ids)
        done += 1
        yield Progress(span[0] + done / blocks, span[1], f"measuring {record.name}")
    if not partial:
        objects.planes.check_complete(missing)
    found.rows += [row for z, one in sizes.items() for row in _rows(objects, z, one)]
    if kind is None:
        return
    path = folder / (record.id + _ENDINGS[kind])
    with staged(path) as beside:
        for _ in _WRITERS[kind](beside, objects):
            done += 1
            yield Progress(span[0] + done / blocks, span[1], f"exporting {path.name}")
    found.paths.append(path)


def _rows(objects: ObjectPlanes, z: int, sizes: ObjectSizes) -> Iterator[dict[str, object]]:
    planes, record = objects.planes, objects.planes.record
    names = {item.id: item.name for item in planes.scheme.active}
    pixel_um = record.pixel_um
    for number, size in sizes.of.items():
        its = objects.class_of(number)
        yield {
            "image": record.id,
            "name": record.name,
            "group": record.group or "",
            "z": z,
            "object": number,
            "class_id": its,
            "class": names.get(its, ""),
            "area_px": size.area_px,
            "area_um2": "" if pixel_um is None else f"{size.area_px * pixel_um**2:.8g}",
            "y": f"{size.y:.2f}",
            "x": f"{size.x:.2f}",
            **dict(zip(("y0", "x0", "y1", "x1"), size.box, strict=True)),
            "pixel_um": "" if pixel_um is None else f"{pixel_um:.8g}",
            "by": "model" if objects.is_predicted(number) else "people",
            **planes.provenance(),
        }


def _csv(rows: Sequence[dict[str, object]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, OBJECT_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
