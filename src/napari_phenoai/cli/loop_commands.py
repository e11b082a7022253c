"""``phenoai queue``, ``review``, ``train`` and ``models``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_phenoai.cli.output import Json, author_name, reporting
from napari_phenoai.cli.pairs import pairs_of
from napari_phenoai.cli.project_commands import Folder

if TYPE_CHECKING:
    from napari_phenoai.core.records import Evaluation
    from napari_phenoai.io.project import Project

__all__ = ["COMMANDS", "Device", "Precision"]

Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")]
Precision = Annotated[str, typer.Option(help="auto, bf16, fp16 or fp32.")]
Author = Annotated[str | None, typer.Option(help="Your name; by default that of the account.")]


class MaskMeaning(StrEnum):
    """What numbers in imported masks mean."""

    AUTO = "auto"
    IDS = "ids"
    INDICES = "indices"
    BINARY = "binary"


class ModelAction(StrEnum):
    """What ``phenoai models`` does."""

    LIST = "list"
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    EXPORT = "export"
    IMPORT = "import"


def queue(
    folder: Folder,
    strategy: Annotated[
        str | None, typer.Option(help="coverage, random, foreground-random, entropy or margin.")
    ] = None,
    n: Annotated[int, typer.Option(min=1, max=10_000, help="How many tiles.")] = 20,
    seed: Annotated[int | None, typer.Option(help="Makes the choice repeatable.")] = None,
    recheck: Annotated[
        bool, typer.Option("--recheck", help="First those decided before a class existed.")
    ] = False,
    json: Json = False,
) -> None:
    """Score tiles and list which to look at next."""
    from napari_phenoai.io.project import Project
    from napari_phenoai.loop.queueing import refresh_queue

    with reporting(as_json=json) as out, Project.open(folder) as project:
        work = refresh_queue(project, strategy=strategy, count=n, seed=seed, recheck=recheck)
        items = [item for item in out.run(work, "Choosing tiles") if item.state == "waiting"]
        lines = [f"{item.role:8s} {item.tile:40s} {item.reason}" for item in items]
        out.result({"items": [item.model_dump(mode="json") for item in items]}, *lines)
        if not items:
            out.result({}, "Every tile has been decided. Add more images: phenoai add.")


def train(
    folder: Folder,
    family: Annotated[str, typer.Option(help="forest or unet.")] = "unet",
    encoder: Annotated[str, typer.Option(help="Encoder of the unet.")] = "resnet18",
    pretrained: Annotated[
        bool, typer.Option(help="Start from weights learned on photographs, where reachable.")
    ] = True,
    from_: Annotated[
        str | None, typer.Option("--from", help="Model to start from; else base weights.")
    ] = None,
    minutes: Annotated[float | None, typer.Option(min=0.01, help="Time limit.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Number of weight updates.")] = None,
    seed: Annotated[int, typer.Option(help="Makes a training repeatable.")] = 0,
    device: Device = "auto",
    precision: Precision = "auto",
    on: Annotated[
        str | None, typer.Option(help="Server to train on; phenoai endpoints list.")
    ] = None,
    module: Annotated[
        str | None, typer.Option(help="Model of that server, where there are several.")
    ] = None,
    value: Annotated[
        list[str] | None, typer.Option(help="name=value for a field of that model; repeat.")
    ] = None,
    call: Annotated[
        bool, typer.Option("--call", help="Send these values only, no data of the project.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the trainings on servers.")
    ] = False,
    others: Annotated[
        bool, typer.Option("--others", help="With --resume: also with those begun elsewhere.")
    ] = False,
    wait: Annotated[bool, typer.Option(help="Wait for the end of a training on a server.")] = True,
    author: Author = None,
    json: Json = False,
) -> None:
    """Train on all reviewed tiles; the new model serves if it is not worse."""
    from napari_phenoai.cli.remote_training import resume_all, train_on
    from napari_phenoai.core.ports import TrainSettings
    from napari_phenoai.core.records import RoundRecord
    from napari_phenoai.io.project import Project
    from napari_phenoai.jobs.process import process_work
    from napari_phenoai.jobs.recording import recorded
    from napari_phenoai.loop.child import command

    settings = TrainSettings(
        family=family,
        encoder=encoder,
        pretrained=pretrained,
        minutes=minutes,
        steps=steps,
        seed=seed,
        device=device,
        precision=precision,
    )
    with reporting(as_json=json) as out, Project.open(folder) as project:
        if resume:
            resume_all(out, project, others=others)
            return
        if on is not None:
            how: dict[str, Any] = {"wait": wait, "values": pairs_of(value or []), "call": call}
            train_on(out, project, on, settings, module, from_, author_name(author), **how)
            return
        if value or call:
            raise typer.BadParameter("--value and --call are for a server: add --on NAME.")
        out.resume = "Nothing was changed. Run the same command again to train."
        argv = command(project.path, settings, parent=from_, author=author_name(author))
        work = process_work(argv, log=project.path / "training.log")
        told = out.run(recorded(work, project.ledger, "train", "Training"), "Training")
        record = RoundRecord.model_validate(told)
        out.result(
            record.model_dump(mode="json"),
            f"Trained {record.model} on {record.tiles} tiles in {record.seconds:.0f} s.",
            f"Held-out Dice {_dice(record.evaluation)}.",
            *([record.gate.reason] if record.gate else []),
        )


def models(
    folder: Folder,
    action: Annotated[ModelAction, typer.Argument(help="What to do.")] = ModelAction.LIST,
    model: Annotated[
        str | None,
        typer.Argument(help="Id to promote or export; folder to import from."),
    ] = None,
    to: Annotated[Path, typer.Option(help="Folder that an exported model is put into.")] = Path(),
    author: Author = None,
    json: Json = False,
) -> None:
    """List models, promote one, roll back to the one before, export or import one."""
    from napari_phenoai.io.project import Project

    with reporting(as_json=json) as out, Project.open(folder) as project:
        if action is not ModelAction.LIST:
            out.result(*_done(project, action, model, to, author_name(author)))
        rows = _model_rows(project)
        lines = [
            f"{'*' if row['served'] else ' '} {row['id']:28s} {row['family']:6s} {row['created']} "
            f"{row['tiles']:4d} tiles  held-out Dice {_dice(evaluation)}"
            for row, evaluation in rows
        ]
        out.result({"models": [row for row, _ in rows], "served": project.rounds.served()}, *lines)
        if not lines:
            out.result({}, "No model yet. Review some tiles, then: phenoai train.")


def _done(
    project: Project, action: ModelAction, model: str | None, to: Path, author: str
) -> tuple[dict[str, object], str]:
    from napari_phenoai.loop import models as acts

    if action is ModelAction.ROLLBACK:
        record = acts.roll_back(project, author)
        return {}, f"{record.served} serves again."
    if model is None:
        raise typer.BadParameter(f"Name the model to {action.value}.")
    if action is ModelAction.PROMOTE:
        return {}, f"{acts.promote(project, model, author).served} serves now."
    if action is ModelAction.EXPORT:
        place = acts.export_model(project, model, to)
        return {"exported": str(place)}, f"Copied to {place}."
    record = acts.import_model(project, Path(model), author)
    return {"imported": record.model}, f"Imported {record.model}; promote it to let it serve."


def review(
    folder: Folder,
    masks: Annotated[
        Path,
        typer.Option(help="Folder of masks, napari-pixel-correction ZIP or RootPainter project."),
    ],
    values: Annotated[
        MaskMeaning,
        typer.Option(help="ids: class ids, 0 unknown; indices: 0 is the first class; binary: 0/1."),
    ] = MaskMeaning.AUTO,
    author: Author = None,
    json: Json = False,
) -> None:
    """Import masks that were made elsewhere as reviewed tiles."""
    from napari_phenoai.io.project import Project
    from napari_phenoai.loop.importing import import_masks

    with reporting(as_json=json) as out, Project.open(folder) as project:
        work = import_masks(project, masks, author=author_name(author), values=values.value)
        reviews = out.run(work, "Importing masks")
        held = sum(review.role == "heldout" for review in reviews)
        out.result(
            {"reviews": [review.id for review in reviews], "heldout": held},
            f"Imported {len(reviews)} tiles from {masks}, {held} of them held out to measure.",
        )


def _model_rows(project: Project) -> list[tuple[dict[str, object], Evaluation | None]]:
    from napari_phenoai.loop.models import evaluation_of

    rounds = project.rounds.all()
    served = project.rounds.served()
    rows = []
    for card in project.models.cards():
        measured = evaluation_of(rounds, card.id)
        row: dict[str, object] = {
            "id": card.id,
            "family": card.family,
            "created": f"{card.created:%Y-%m-%d %H:%M}",
            "tiles": card.tiles,
            "served": card.id == served,
            "dice": measured.dice if measured else None,
            "low": measured.low if measured else None,
            "high": measured.high if measured else None,
            "heldout": measured.tiles if measured else 0,
        }
        rows.append((row, measured))
    return rows


def _dice(evaluation: Evaluation | None) -> str:
    if evaluation is None or evaluation.dice is None:
        return "not measured yet"
    if evaluation.low is None or evaluation.high is None:
        return f"{evaluation.dice:.3f}, {evaluation.tiles} tiles"
    interval = f"({evaluation.low:.3f} to {evaluation.high:.3f})"
    return f"{evaluation.dice:.3f} {interval}, {evaluation.tiles} tiles"


COMMANDS = (queue, review, train, models)
