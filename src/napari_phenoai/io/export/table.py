"""Export traits: a CSV of area, cover and object count per class and image."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

from napari_phenoai.core.object_sizes import ObjectSizes
from napari_phenoai.core.progress import Progress
from napari_phenoai.core.traits import TraitCounter
from napari_phenoai.errors import InputError
from napari_phenoai.io.export.object_planes import objects_in
from napari_phenoai.io.export.planes import Planes, Source, chosen_images, chosen_model
from napari_phenoai.io.files import PARTIAL, disk_errors, make_folder, write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.traits import ClassTraits
    from napari_phenoai.io.project import Project

__all__ = ["COLUMNS", "export_traits"]

COLUMNS = (
    "image", "name", "group", "z", "class_id", "class", "area_px", "area_um2", "area_mm2", "cover",
    "objects", "unlabelled_px", "pixel_um", "source", "model", "snapshot", "scheme_version",
    "project",
)  # fmt: skip
"""Columns of the table; the unit stands in the name, empty where it is unknown."""


def export_traits(
    project: Project,
    destination_csv: Path,
    *,
    model: str | None = None,
    source: Source = "best",
    images: Sequence[str] | None = None,
    min_object_px: int = 1,
    allow_partial: bool = False,
) -> Work[Path]:
    """Write one row per image, plane and class to `destination_csv`.

    Objects are those of a project of objects, else connected regions of the class.

    Images are read block by block, so memory stays bounded. What was counted
    before a cancel is kept in a hidden file beside and used when run again.

    Parameters
    ----------
    project : Project
        Open project.
    destination_csv : Path
        The table; replaced when it exists.
    model, source, images, allow_partial
        As in `export_masks`.
    min_object_px : int
        Objects with fewer pixels are not counted.

    Returns
    -------
    Path
        `destination_csv`.

    Raises
    ------
    InputError
        If an option is unknown, the path is a folder, or an image is not fully predicted.
    DiskError
        If the table cannot be written; an older one is untouched.
    """
    path = Path(destination_csv)
    if path.is_dir():
        raise InputError(f"{path} is a folder.", hint="Name a file, such as traits.csv.")
    card = chosen_model(project, model, source)
    planes = [Planes(project, item, source, card) for item in chosen_images(project, images)]
    make_folder(path.parent)
    kept = _Kept(path.with_name(f".{path.name}{PARTIAL}"))
    rows: list[dict[str, object]] = []
    for number, item in enumerate(planes):
        yield Progress(number, len(planes), f"counting {item.record.name}")
        inputs = item.inputs(min_object_px=min_object_px, allow_partial=allow_partial)
        found = kept.rows(inputs)
        if found is None:
            found = yield from _counted(
                item, (number, len(planes)), min_object_px, allow_partial=allow_partial
            )
            kept.add(inputs, found)
        rows.extend(found)
    write_atomic(path, _csv(rows))
    kept.remove()
    yield Progress(len(planes), len(planes), f"wrote {path.name}")
    return path


def _counted(
    planes: Planes, span: tuple[int, int], smallest: int, *, allow_partial: bool
) -> Work[list[dict[str, object]]]:
    """Count all planes of one image and return its rows."""
    rows: list[dict[str, object]] = []
    blocks = list(planes.blocks())
    missing = 0
    objects, sizes = objects_in(planes), ObjectSizes()
    counter = TraitCounter(planes.scheme, planes.record.plane[1], min_object_px=smallest)
    for index, block in enumerate(blocks):
        counter.add(block.y, block.x, planes.read(block))
        if objects is not None:
            sizes.add(block.y, block.x, objects.read(block)[0])
        yield Progress(span[0] + index / len(blocks), span[1], f"counting {planes.record.name}")
        if (block.y1, block.x1) == planes.record.plane:
            traits = counter.traits(planes.record.pixel_um)
            if objects is not None:
                traits = objects.counted(traits, sizes, smallest)
                sizes = ObjectSizes()
            rows.extend(_rows(planes, block.z, traits, counter.unlabelled_px))
            missing += counter.unlabelled_px
            counter = TraitCounter(planes.scheme, planes.record.plane[1], min_object_px=smallest)
    if not allow_partial:
        planes.check_complete(missing)
    return rows


def _rows(
    planes: Planes, z: int, traits: Sequence[ClassTraits], unlabelled_px: int
) -> Iterator[dict[str, object]]:
    record = planes.record
    for item in traits:
        yield {
            "image": record.id,
            "name": record.name,
            "group": record.group or "",
            "z": z,
            "class_id": item.class_id,
            "class": item.name,
            "area_px": item.area_px,
            "area_um2": _number(item.area_um2),
            "area_mm2": _number(item.area_mm2),
            "cover": _number(item.cover),
            "objects": "" if item.objects is None else item.objects,
            "unlabelled_px": unlabelled_px,
            "pixel_um": _number(record.pixel_um),
            "scheme_version": planes.scheme.version,
            **planes.provenance(),
        }


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.8g}"


def _csv(rows: Sequence[dict[str, object]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


class _Kept:
    """Rows already counted, one JSON object per image and line, until the table is written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows = dict(_read_lines(path))

    def rows(self, inputs: str) -> list[dict[str, object]] | None:
        return self._rows.get(inputs)

    def add(self, inputs: str, rows: list[dict[str, object]]) -> None:
        line = json.dumps({"inputs": inputs, "rows": rows})
        with disk_errors(self._path), self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def remove(self) -> None:
        with disk_errors(self._path, "removed"):
            self._path.unlink(missing_ok=True)


def _read_lines(path: Path) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """Yield the whole lines of an earlier run; a torn last line is left out."""
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        yield entry["inputs"], entry["rows"]
