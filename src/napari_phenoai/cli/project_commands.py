"""``phenoai create``, ``add`` and ``info``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_phenoai.cli.output import Json, reporting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import ImageRecord
    from napari_phenoai.io.project import Project

__all__ = ["COMMANDS", "Folder"]

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The project folder.")]


def create(
    folder: Folder,
    classes: Annotated[
        str, typer.Option(help="Names with commas between, the background first: soil,plant.")
    ],
    tile: Annotated[int, typer.Option(min=16, max=4096, help="Edge of a tile in pixels.")] = 256,
    name: Annotated[str | None, typer.Option(help="Name for people.")] = None,
    json: Json = False,
) -> None:
    """Make a new project."""
    from napari_phenoai.io.project import Project

    with reporting(as_json=json) as out:
        names = [part for part in classes.split(",") if part.strip()]
        with Project.create(folder, names, tile_px=tile, name=name) as project:
            spec = project.spec
            out.result(
                {"project": str(project.path), "classes": list(spec.scheme.names)},
                f"Made {project.path} with the classes {', '.join(spec.scheme.names)}.",
                f"Next: phenoai add {folder} IMAGES",
            )


def add(
    folder: Folder,
    images: Annotated[list[str], typer.Argument(help="Files, folders or addresses.")],
    copy: Annotated[bool, typer.Option("--copy", help="Convert into the project.")] = False,
    group: Annotated[
        str | None, typer.Option(help="Plot, plant or date; never split between roles.")
    ] = None,
    pixel_um: Annotated[
        float | None, typer.Option(help="Edge of a pixel in micrometres.", min=1e-9)
    ] = None,
    json: Json = False,
) -> None:
    """Add images to a project; big plain files become OME-Zarr pyramids."""
    from napari_phenoai.io.images import image_uris
    from napari_phenoai.io.project import Project

    with reporting(as_json=json) as out, Project.open(folder) as project:
        before = {record.id for record in project.images()}
        uris = [uri for item in images for uri in image_uris(item)]

        def adder(uri: str) -> Work[ImageRecord]:
            return project.add_image(uri, copy=copy, group=group, pixel_um=pixel_um)

        records = out.run(_each(uris, adder), "Adding images")
        new = [record for record in records if record.id not in before]
        out.result(
            {"added": [record.model_dump(mode="json") for record in new], "given": len(uris)},
            f"Added {len(new)} of {len(uris)} images; the project has {len(project.images())}.",
        )


def info(
    place: Annotated[str, typer.Argument(metavar="URI_OR_DIR", help="An image or a project.")],
    json: Json = False,
) -> None:
    """Say what an image or a project is."""
    with reporting(as_json=json) as out:
        if (Path(place) / "project.json").is_file():
            from napari_phenoai.io.project import Project

            with Project.open(place) as project:
                data = _project_facts(project)
        else:
            data = _image_facts(place)
        out.result(data, *(f"{name}: {value}" for name, value in data.items()))


def _each(
    uris: Iterable[str], adder: Callable[[str], Work[ImageRecord]]
) -> Work[list[ImageRecord]]:
    from napari_phenoai.core.progress import scaled

    todo = list(uris)
    done: list[ImageRecord] = []
    for number, uri in enumerate(todo):
        record = yield from scaled(adder(uri), number, number + 1, len(todo))
        done.append(record)
    return done


def _project_facts(project: Project) -> dict[str, object]:
    spec = project.spec
    images = project.images()
    reviews = project.reviews.current().values()
    verdicts = [review.verdict for review in reviews]
    return {
        "project": str(project.path),
        "name": spec.name,
        "classes": {str(item.id): item.name for item in spec.scheme.active},
        "tile_px": spec.tile_px,
        "images": len(images),
        "megapixels": round(sum(r.plane[0] * r.plane[1] * r.shape[0] for r in images) / 1e6, 1),
        "reviewed": {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))},
        "heldout": sum(review.role == "heldout" and review.teaches for review in reviews),
        "minutes": round(sum(review.seconds for review in project.reviews.all()) / 60, 1),
        "models": len(project.models.cards()),
        "served": project.rounds.served(),
        "problems": [f"{finding.what} {finding.hint}" for finding in project.problems],
    }


def _image_facts(place: str) -> dict[str, object]:
    from napari_phenoai.io.images import describe_image

    facts = describe_image(place)
    return {
        "image": facts.uri,
        "kind": facts.kind,
        "axes": facts.axes,
        "shape_zcyx": list(facts.shape),
        "dtype": facts.dtype,
        "levels": [list(level) for level in facts.levels],
        "chunk": list(facts.chunk),
        "pixel_um": facts.pixel_um,
        "channels": list(facts.channels),
        "memory_mb": round(facts.memory_bytes / 1e6, 1),
        "converted_when_added": facts.converts,
    }


COMMANDS = (create, add, info)
