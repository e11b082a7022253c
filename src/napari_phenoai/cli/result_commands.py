"""``phenoai export`` and ``simulate``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_phenoai.cli.output import Json, reporting
from napari_phenoai.cli.project_commands import Folder

if TYPE_CHECKING:
    from napari_phenoai.loop.outcome import SimulatedRound, SimulationResult

__all__ = ["COMMANDS", "result_lines"]


class MaskFormat(StrEnum):
    """How masks are written."""

    TIFF = "tiff"
    PNG = "png"
    OME_ZARR = "ome-zarr"
    NONE = "none"


class MaskSource(StrEnum):
    """Whose masks are written."""

    BEST = "best"
    LABELS = "labels"
    PREDICTIONS = "predictions"


class MaskValues(StrEnum):
    """Which numbers stand for the classes."""

    INDEX = "index"
    IDS = "ids"


class Protocol(StrEnum):
    """How the simulated person works."""

    CORRECTIVE = "corrective"
    FULL = "full"


def export(
    folder: Folder,
    to: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("results"),
    masks: Annotated[MaskFormat, typer.Option(help="Format of the masks.")] = MaskFormat.TIFF,
    source: Annotated[
        MaskSource, typer.Option(help="best: people's labels, else the prediction.")
    ] = MaskSource.BEST,
    values: Annotated[
        MaskValues, typer.Option(help="index: background 0; ids: as in the project.")
    ] = MaskValues.INDEX,
    model: Annotated[str | None, typer.Option(help="By default the one that serves.")] = None,
    image: Annotated[list[str] | None, typer.Option(help="Id or name; repeat for more.")] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Also images that are not wholly segmented.")
    ] = False,
    table: Annotated[bool, typer.Option(help="Write traits.csv as well.")] = True,
    json: Json = False,
) -> None:
    """Write masks, and a table of area, cover and counts; of objects also each one's."""
    from napari_phenoai.io.export import export_masks, export_objects, export_traits
    from napari_phenoai.io.project import Project

    with reporting(as_json=json) as out, Project.open(folder) as project:
        written: list[Path] = []
        if masks is not MaskFormat.NONE:
            work = export_masks(
                project,
                to,
                model=model,
                format=masks.value,
                source=source.value,
                images=image,
                values=values.value,
                allow_partial=partial,
            )
            written += out.run(work, "Writing masks")
        if table:
            rows = export_traits(
                project,
                to / "traits.csv",
                model=model,
                source=source.value,
                images=image,
                allow_partial=partial,
            )
            written.append(out.run(rows, "Measuring"))
        if project.spec.has_objects:
            objects = export_objects(
                project,
                to,
                model=model,
                format=None if masks is MaskFormat.NONE else masks.value,
                source=source.value,
                images=image,
                allow_partial=partial,
            )
            written += out.run(objects, "Writing objects")
        out.result(
            {"files": [str(path) for path in written]}, f"Wrote {len(written)} files to {to}."
        )


def simulate(
    images: Annotated[Path, typer.Option(help="Folder of images.")],
    masks: Annotated[Path, typer.Option(help="Folder of masks with the same names.")],
    test_images: Annotated[Path | None, typer.Option(help="Images to test on.")] = None,
    test_masks: Annotated[Path | None, typer.Option(help="Masks to test on.")] = None,
    scale: Annotated[float, typer.Option(min=0.01, max=4, help="Resize all images.")] = 1.0,
    tile: Annotated[int, typer.Option(min=16, max=4096, help="Edge of a tile in px.")] = 256,
    rounds: Annotated[int, typer.Option(min=1, help="How often to train.")] = 5,
    tiles_per_round: Annotated[int, typer.Option(min=1, help="Tiles between trainings.")] = 6,
    strategy: Annotated[
        str, typer.Option(help="coverage, random, foreground-random, entropy or margin.")
    ] = "foreground-random",
    protocol: Annotated[
        Protocol, typer.Option(help="corrective: fix the proposal; full: paint all.")
    ] = Protocol.CORRECTIVE,
    model: Annotated[str, typer.Option(help="forest or unet.")] = "unet",
    seed: Annotated[int, typer.Option(help="Makes a run repeatable.")] = 0,
    classes: Annotated[
        str | None, typer.Option(help="Names with commas between, the background first.")
    ] = None,
    binarise: Annotated[
        bool, typer.Option("--binarise", help="All mask values above 0 are one class.")
    ] = False,
    instances: Annotated[
        bool, typer.Option("--instances", help="Mask values above 0 are objects.")
    ] = False,
    full_label: Annotated[
        bool, typer.Option("--full-label", help="Train once on everything, to compare.")
    ] = False,
    workdir: Annotated[Path | None, typer.Option(help="Keep the project here.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    json: Json = False,
) -> None:
    """Run the whole loop with a simulated annotator: Dice against minutes."""
    from napari_phenoai.loop.simulate import simulate as run

    with reporting(as_json=json) as out:
        work = run(
            images,
            masks,
            test_images=test_images,
            test_masks=test_masks,
            scale=scale,
            tile=tile,
            rounds=rounds,
            tiles_per_round=tiles_per_round,
            strategy=strategy,
            protocol=protocol.value,
            model=model,
            seed=seed,
            classes=classes.split(",") if classes else None,
            workdir=workdir,
            device=device,
            binarise=binarise,
            full_label=full_label,
            instances=instances,
        )
        out.resume = "A simulation starts from the beginning when run again."
        result = out.run(work, "Simulating")
        out.result(result.model_dump(mode="json"), *result_lines(result))


def result_lines(result: SimulationResult) -> list[str]:
    """Return what was found round by round, as lines for people."""
    lines = [" round  tiles  minutes    Dice     IoU  per class"]
    for item in result.rounds:
        classes = ", ".join(f"{name} {_number(dice)}" for name, dice in item.dice_per_class.items())
        lines.append(
            f"{item.round:6d} {item.tiles:6d} {item.minutes:8.1f} {_number(item.dice):>7s} "
            f"{_number(item.iou):>7s}  {classes}{_objects(item)}"
        )
    if result.full_label_dice is not None:
        lines.append(f"Trained on everything: Dice {result.full_label_dice:.3f}")
    return lines


def _objects(item: SimulatedRound) -> str:
    if item.objects is None:
        return ""
    used = ", ".join(f"{name} {count}" for name, count in (item.gestures or {}).items())
    return f"  objects F1 {_number(item.objects.f1)} ({used})"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


COMMANDS = (export, simulate)
