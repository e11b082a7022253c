"""The demonstration: three rounds of the loop on sample data, and a report."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_phenoai.core.ids import slug
from napari_phenoai.core.progress import scaled
from napari_phenoai.errors import InputError
from napari_phenoai.io.files import write_atomic
from napari_phenoai.io.project import Project
from napari_phenoai.loop.demo_folder import DemoFolder
from napari_phenoai.loop.material import Item, Material, prepare
from napari_phenoai.loop.models import load_predictor
from napari_phenoai.loop.outcome import SHOWN, Plan, SimulationResult
from napari_phenoai.loop.pictures import pictures_of
from napari_phenoai.loop.predict import predict_project
from napari_phenoai.loop.queueing import refresh_queue
from napari_phenoai.loop.report import write_report
from napari_phenoai.loop.simulation import Simulation, run
from napari_phenoai.testing.samples import samples_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_phenoai.core.progress import Work

__all__ = ["DemoResult", "run_demo"]

_WAITING = 20
_FIRST_STEPS, _MORE_STEPS = 80, 100
_STEPS_PER_MINUTE = 110
_TEST_PX = 6_000_000
_READY_PX = 12_000_000


@dataclass(frozen=True)
class DemoResult:
    """What the demonstration leaves behind.

    Parameters
    ----------
    result : SimulationResult
        Dice and minutes of each round.
    project : Path
        The project, with a served model, predictions and a filled queue.
    report : Path
        The HTML file.
    """

    result: SimulationResult
    project: Path
    report: Path


def run_demo(
    destination: Path,
    *,
    data: Path | None = None,
    classes: Sequence[str] | None = None,
    rounds: int = 3,
    seed: int = 0,
    model: str = "unet",
    device: str = "auto",
) -> Work[DemoResult]:
    """Make a project, run the loop with a simulated annotator, write ``report.html``.

    The project is kept and ready to be opened: its images (the first 12 megapixels
    of many) are predicted with the last model, and the queue holds what a person
    would look at next. Networks train for a fixed number of steps, about a minute
    a round on two cores, so that the same seed gives the same numbers; on a slow
    machine a limit of a few minutes ends a training before that. Run again with the
    same arguments, the finished demonstration is returned at once; what an
    interrupted one left is replaced.

    Parameters
    ----------
    destination : Path
        A new or empty folder, or one of an earlier demonstration.
    data : Path, optional
        A folder with ``images/`` and ``masks/`` of one's own; by default the
        rosettes of the sample data.
    classes : sequence of str, optional
        Names of the classes of `data`, the background first.
    rounds : int
        Number of rounds.
    seed : int
        For split, queue and training.
    model : {"unet", "forest"}
        Family of the models.
    device : str
        ``auto``, ``cpu`` or ``cuda``.

    Raises
    ------
    InputError
        If `destination` has something else in it, or `data` lacks the two folders.
    """
    source = samples_folder() if data is None else _checked(Path(data).absolute())
    folder = Path(destination)
    wanted = {"data": source.name if data is None else str(source), "rounds": rounds}
    place = DemoFolder(folder, {**wanted, "seed": seed, "model": model})
    if place.open():
        return _finished(folder)
    work = prepare(
        source / "images", source / "masks", folder / "material", classes=classes, seed=seed
    )
    material = _smaller((yield from scaled(work, 0, 0.02)))
    name = f"{slug(material.name)}.phenoai"
    plan = _plan(material, rounds=rounds, seed=seed, model=model, device=device)
    done = yield from scaled(run(material, plan, folder / name), 0.02, 0.94)
    path = done.project.path
    yield from scaled(_made_ready(path, device), 0.94, 0.99)
    report = folder / "report.html"
    write_report(report, done.result, pictures_of(done), title=_title(done))
    content = json.dumps(done.result.model_dump(mode="json"), indent=1) + "\n"
    write_atomic(folder / "result.json", content.encode())
    place.finish()
    return DemoResult(done.result, path, report)


def _plan(material: Material, *, rounds: int, seed: int, model: str, device: str) -> Plan:
    """Return the plan: tiles to fit the images, and trainings of a minute or so each."""
    smallest = min(min(item.shape) for item in material.train)
    steps = [_FIRST_STEPS + _MORE_STEPS * number for number in range(rounds)]
    minutes = [count / _STEPS_PER_MINUTE for count in steps]
    return Plan(
        tile=256 if smallest >= 512 else 128,
        rounds=rounds,
        tiles_per_round=6,
        model=model,
        seed=seed,
        steps_per_round=steps,
        minutes_per_round=minutes,
        hurry=False,
        device=device,
        keep=SHOWN,
    )


def _smaller(material: Material) -> Material:
    """Return the material with fewer test images, so that testing takes seconds."""
    area = 0
    test: list[Item] = []
    for item in material.test:
        area += item.shape[0] * item.shape[1]
        if area <= _TEST_PX or not test:
            test.append(item)
    return replace(material, test=tuple(test))


def _made_ready(path: Path, device: str) -> Work[None]:
    """Predict the first images with the model that serves, and fill the queue."""
    with Project.open(path) as project:
        predictor = load_predictor(project, device=device)
        area = 0
        first: list[str] = []
        for record in project.images():
            area += record.plane[0] * record.plane[1]
            if area <= _READY_PX or not first:
                first.append(record.id)
        work = predict_project(project, images=first, predictor=predictor)
        yield from scaled(work, 0, 0.8)
        queue = refresh_queue(project, count=_WAITING, predictor=predictor)
        yield from scaled(queue, 0.8, 1)


def _title(done: Simulation) -> str:
    first, last = done.rounds[0], done.rounds[-1]
    if first.dice is None or last.dice is None:
        return f"{done.material.name}: {last.tiles} tiles"
    name = done.material.name.capitalize()
    return f"{name}: Dice {first.dice:.2f} to {last.dice:.2f} in {last.tiles} tiles"


def _finished(folder: Path) -> DemoResult:
    content = (folder / "result.json").read_text("utf-8")
    project = next(folder.glob("*.phenoai"))
    return DemoResult(
        SimulationResult.model_validate_json(content), project, folder / "report.html"
    )


def _checked(folder: Path) -> Path:
    for name in ("images", "masks"):
        if not (folder / name).is_dir():
            hint = "Put the images into images/ and masks of the same names into masks/."
            raise InputError(f"There is no folder {folder / name}.", hint=hint)
    return folder
