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
    instances: Annotated[
        bool, typer.Option("--instances", help="Label single objects, each with an id and a class.")
    ] = False,
    json: Json = False,
) -> None:
    """Make a new project."""
    from napari_phenoai.io.project import Project

    with reporting(as_json=json) as out:
        names = [part for part in classes.split(",") if part.strip()]
        with Project.create(folder, names, tile_px=tile, name=name, instances=instances) as project:
            spec = project.spec
            out.result(
                {
                    "project": str(project.path),
                    "classes": list(spec.scheme.names),
                    "kind": spec.kind,
                },
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


def objects(
    folder: Folder,
    neck: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Part where narrower than this share of the smaller part."),
    ] = None,
    smallest: Annotated[
        int | None, typer.Option(min=1, help="Leave out objects with fewer pixels.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="By default the one that serves.")] = None,
    json: Json = False,
) -> None:
    """Part what a model predicted into objects, and keep how they are parted."""
    from napari_phenoai.errors import InputError
    from napari_phenoai.io.project import Project
    from napari_phenoai.loop.parting import part_images

    with reporting(as_json=json) as out, Project.open(folder) as project:
        if not project.spec.has_objects:
            hint = "Make a project for objects: phenoai create --instances."
            raise InputError(f"The labels of {folder} are classes and no objects.", hint=hint)
        wishes = {"neck": neck, "smallest_px": smallest}
        spec = project.update(**{name: wish for name, wish in wishes.items() if wish is not None})
        chosen = model or project.rounds.served()
        counts: dict[str, int] = {}
        if chosen is not None:
            out.run(part_images(project, chosen, project.images()), "Parting objects")
            stores = {one.id: project.predictions(one.id, chosen) for one in project.images()}
            counts = {
                name: len(store.objects.table.objects)
                for name, store in stores.items()
                if store.objects.fits(spec)
            }
        facts = {"neck": spec.neck, "smallest_px": spec.smallest_px, "model": chosen}
        out.result(
            {**facts, "objects": counts},
            *(f"{name}: {count} objects" for name, count in counts.items()),
            f"Objects are parted at necks below {spec.neck:g}, from {spec.smallest_px} px on.",
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
        "kind": spec.kind,
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


COMMANDS = (create, add, info, objects)
