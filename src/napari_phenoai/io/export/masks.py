"""Export masks: one file per image, with a manifest that allows to resume."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from napari_phenoai.core.progress import Progress
from napari_phenoai.errors import InputError
from napari_phenoai.io.export.planes import Planes, Source, chosen_images, chosen_model
from napari_phenoai.io.export.staging import checksum, destination_folder, staged
from napari_phenoai.io.export.values import Values, ValueStyle
from napari_phenoai.io.export.writers import write_png, write_tiff, write_zarr
from napari_phenoai.io.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_phenoai.core.progress import Work
    from napari_phenoai.io.project import Project

__all__ = ["FORMATS", "MANIFEST", "export_masks"]

FORMATS = {"tiff": ".tif", "png": ".png", "ome-zarr": ".ome.zarr"}
"""Formats and the endings of their files."""

MANIFEST = "export.json"


def export_masks(
    project: Project,
    destination: Path,
    *,
    model: str | None = None,
    format: str = "tiff",  # noqa: A002 - the word that people use
    source: Source = "best",
    images: Sequence[str] | None = None,
    values: ValueStyle = "index",
    allow_partial: bool = False,
) -> Work[list[Path]]:
    """Write the mask of each image to the folder `destination`.

    A file ``export.json`` beside them names the classes with their values and
    colours, the ids of project, model and snapshot, and the SHA-256 of each
    file. Run again, files that are whole and up to date are left as they are.

    Parameters
    ----------
    project : Project
        Open project.
    destination : Path
        A folder; made if missing.
    model : str, optional
        Model whose predictions are meant; None takes the one that serves.
    format : {"tiff", "png", "ome-zarr"}
        Tiled TIFF with palette, indexed PNG, or OME-Zarr 0.5 label images.
        Of an image with several planes there is one PNG for each.
    source : {"best", "labels", "predictions"}
        ``best`` takes people's labels where there are any, else the prediction.
    images : sequence of str, optional
        Ids or names; None takes all.
    values : {"index", "ids"}
        ``index``: background 0, further classes 1, 2, ..., unlabelled 255.
        ``ids``: the label values of the project, unlabelled 0.
    allow_partial : bool
        Whether images with pixels that have no class yet are exported.

    Returns
    -------
    list of Path
        One file, or for OME-Zarr one folder, per image (PNG: per plane).

    Raises
    ------
    InputError
        If an option is unknown, or an image is not fully predicted.
    DiskError
        If the destination cannot be written; files written before are whole.
    """
    if format not in FORMATS:
        raise InputError(f"There is no format {format!r}.", hint=f"Use {', '.join(FORMATS)}.")
    card = chosen_model(project, model, source)
    planes = [Planes(project, item, source, card) for item in chosen_images(project, images)]
    meant = Values(project.scheme, values)
    folder = destination_folder(Path(destination))
    manifest = _Manifest(folder / MANIFEST, planes[0], meant)
    total = float(sum(item.depth * item.record.plane[0] * item.record.plane[1] for item in planes))
    done, paths = 0.0, []
    for item in planes:
        inputs = item.inputs(format=format, values=values)
        for path, write in _files(item, meant, folder, format):
            yield Progress(done, total, f"exporting {path.name}")
            if not manifest.has(path, inputs):
                yield from _write(path, write, item, (done, total), allow_partial=allow_partial)
                manifest.add(path, inputs)
            paths.append(path)
        done += item.depth * item.record.plane[0] * item.record.plane[1]
    yield Progress(total, total, f"exported {len(paths)} masks")
    return paths


def _files(
    planes: Planes, values: Values, folder: Path, kind: str
) -> list[tuple[Path, Callable[[Path], Work[int]]]]:
    """Return each file of one image with the function that writes it."""
    path = folder / (planes.record.id + FORMATS[kind])
    if kind == "tiff":
        return [(path, lambda to: write_tiff(to, planes, values))]
    if kind == "ome-zarr":
        return [(path, lambda to: write_zarr(to, planes, values))]
    if planes.depth == 1:
        return [(path, lambda to: write_png(to, planes, values, 0))]

    def writer(z: int) -> Callable[[Path], Work[int]]:
        return lambda to: write_png(to, planes, values, z)

    digits = len(str(planes.depth - 1))
    return [
        (folder / f"{planes.record.id}_z{z:0{digits}}.png", writer(z)) for z in range(planes.depth)
    ]


def _write(
    path: Path,
    write: Callable[[Path], Work[int]],
    planes: Planes,
    span: tuple[float, float],
    *,
    allow_partial: bool,
) -> Work[None]:
    done, total = span
    with staged(path) as beside:
        work = write(beside)
        try:
            while True:
                done += next(work).done
                yield Progress(done, total, f"exporting {path.name}")
        except StopIteration as end:
            missing: int = end.value
        finally:
            work.close()
        if not allow_partial:
            planes.check_complete(missing)


class _Manifest:
    """``export.json``: what the files mean, and by which inputs each was made."""

    def __init__(self, path: Path, planes: Planes, values: Values) -> None:
        self._path = path
        self._about = {
            "format": 1,
            **planes.provenance(),
            "scheme_version": planes.scheme.version,
            "unlabelled": values.unlabelled,
            "classes": values.legend(),
        }
        self._files = _read_files(path)

    def has(self, path: Path, inputs: str) -> bool:
        entry = self._files.get(path.name)
        return (
            entry is not None
            and entry.get("inputs") == inputs
            and path.exists()
            and entry.get("sha256") == checksum(path)
        )

    def add(self, path: Path, inputs: str) -> None:
        self._files[path.name] = {"sha256": checksum(path), "inputs": inputs}
        content = {**self._about, "files": dict(sorted(self._files.items()))}
        write_atomic(self._path, (json.dumps(content, indent=1) + "\n").encode())


def _read_files(path: Path) -> dict[str, dict[str, str]]:
    """Return the entries of an earlier manifest; nothing when it is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): dict(entry) for name, entry in content["files"].items()}
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return {}
