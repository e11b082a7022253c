"""A simulation under way: a real project, reviewed by a simulated annotator."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_phenoai.core.progress import Progress, scaled
from napari_phenoai.core.timing import TimeModel
from napari_phenoai.io.project import Project
from napari_phenoai.loop.annotator import Annotator
from napari_phenoai.loop.exam import Exam, Marks
from napari_phenoai.loop.models import load_predictor
from napari_phenoai.loop.object_annotator import ObjectAnnotator
from napari_phenoai.loop.outcome import AUTHOR, Plan, SimulatedRound, SimulationResult
from napari_phenoai.loop.queueing import refresh_queue
from napari_phenoai.loop.retrain import retrain
from napari_phenoai.loop.review import decide, propose

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.ports import Predictor
    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import QueueItem
    from napari_phenoai.loop.annotator import Correction
    from napari_phenoai.loop.material import Item, Material
    from napari_phenoai.loop.object_annotator import CorrectedObjects

__all__ = ["Simulation", "run"]


def run(material: Material, plan: Plan, path: Path) -> Work[Simulation]:
    """Run all rounds of `plan` in a new project at `path`."""
    start = time.monotonic()
    with _project(path, material, plan) as project:
        simulation = Simulation(material, plan, project)
        yield from scaled(simulation.fill(), 0, 0.02)
        width = (0.78 if plan.full_label else 0.98) / plan.rounds
        for number in range(1, plan.rounds + 1):
            begin = 0.02 + width * (number - 1)
            done = yield from scaled(simulation.round(number), begin, begin + width)
            data = {"round": done.model_dump(mode="json")}
            yield Progress(begin + width, 1, _sentence(done), data)
        if plan.full_label:
            simulation.full_label_dice = yield from scaled(
                _fully_labelled(simulation, path.with_name("full.phenoai")), 0.8, 1
            )
        simulation.seconds = time.monotonic() - start
    return simulation


def _fully_labelled(simulation: Simulation, path: Path) -> Work[float | None]:
    """Train one model on every tile with its truth, and return its Dice on the test images."""
    material, plan = simulation.material, simulation.plan
    with _project(path, material, plan) as project:
        other = Simulation(material, plan, project)
        yield from scaled(other.fill(), 0, 0.05)
        yield from scaled(other.label_everything(), 0.05, 0.2)
        settings = plan.settings(plan.rounds)
        yield from scaled(retrain(project, settings, author=AUTHOR), 0.2, 0.9)
        served = load_predictor(project, device=plan.device)
        marks = yield from scaled(other.exam.take(served), 0.9, 1)
    return marks.dice


def _project(path: Path, material: Material, plan: Plan) -> Project:
    """Make the project; its id follows from the seed, so that the split does too."""
    project = Project.create(
        path,
        material.class_names,
        tile_px=plan.tile,
        name=material.name,
        instances=plan.instances,
    )
    project.update(id=f"simulation-{plan.seed}")
    return project


def _sentence(done: SimulatedRound) -> str:
    dice = "unknown" if done.dice is None else f"{done.dice:.3f}"
    return f"round {done.round}: {done.tiles} tiles, {done.minutes:.1f} min, Dice {dice}"


@dataclass
class Simulation:
    """A simulation under way, or done: the material, the project and the rounds so far.

    ``marks`` has the exam of each round; ``seconds`` is what all of it took.
    """

    material: Material
    plan: Plan
    project: Project
    full_label_dice: float | None = None
    seconds: float = 0.0
    rounds: list[SimulatedRound] = field(default_factory=list)
    marks: list[Marks] = field(default_factory=list)
    _truths: dict[str, Item] = field(default_factory=dict)
    _seconds: float = 0.0
    _painted: int = 0
    _tiles: int = 0
    _gestures: Counter[str] = field(default_factory=Counter)

    @property
    def exam(self) -> Exam:
        """The test images."""
        spec = self.project.spec
        return Exam(self.material.test, spec.scheme, self.plan.keep, spec.neck, spec.smallest_px)

    def fill(self) -> Work[None]:
        """Add the training images to the project."""
        for number, item in enumerate(self.material.train):
            group, pixel_um = item.group, self.material.pixel_um
            record = yield from self.project.add_image(item.image, group=group, pixel_um=pixel_um)
            self._truths[record.id] = item
            yield Progress(number + 1, len(self.material.train), f"added {record.name}")

    def round(self, number: int) -> Work[SimulatedRound]:
        """Queue, review, train, gate, test."""
        predictor = self._served()
        items = yield from scaled(self._queue(predictor, number), 0, 0.15)
        yield from scaled(self._review(items, predictor), 0.15, 0.25)
        start = time.monotonic()
        settings = self.plan.settings(number)
        record = yield from scaled(retrain(self.project, settings, author=AUTHOR), 0.25, 0.85)
        train_seconds = time.monotonic() - start
        served = load_predictor(self.project, device=self.plan.device)
        marks = yield from scaled(self.exam.take(served), 0.85, 1)
        self.marks.append(marks)
        measured = record.evaluation if record.served == record.model else record.evaluation_before
        done = SimulatedRound(
            round=number,
            tiles=self._tiles,
            minutes=round(self._seconds / 60, 2),
            annotated_px=self._painted,
            dice=marks.dice,
            iou=marks.iou,
            dice_per_class=marks.dice_per_class,
            served_model=served.card.id,
            train_seconds=round(train_seconds, 1),
            heldout_dice=measured.dice if measured else None,
            objects=marks.objects,
            gestures=dict(self._gestures) if self.plan.instances else None,
        )
        self.rounds.append(done)
        return done

    def label_everything(self) -> Work[None]:
        """Take over the truth of every tile of every training image."""
        items = yield from refresh_queue(
            self.project, strategy="random", count=1_000_000, seed=self.plan.seed
        )
        full = Annotator("full", self.project.scheme.background, tolerance_px=1)
        yield from self._review(items, None, full)

    @property
    def result(self) -> SimulationResult:
        """What was found."""
        plan = self.plan
        return SimulationResult(
            dataset=self.material.name,
            strategy=plan.strategy,
            seed=plan.seed,
            model=plan.model,
            rounds=tuple(self.rounds),
            full_label_dice=self.full_label_dice,
            protocol=plan.protocol,
            scale=plan.scale,
            tile=plan.tile,
            class_names=self.material.class_names,
            train_images=len(self.material.train),
            test_images=len(self.material.test),
            seconds=round(self.seconds, 1),
        )

    def _served(self) -> Predictor | None:
        if self.project.rounds.served() is None:
            return None
        return load_predictor(self.project, device=self.plan.device)

    def _queue(self, predictor: Predictor | None, number: int) -> Work[list[QueueItem]]:
        plan = self.plan
        return refresh_queue(
            self.project,
            strategy=plan.strategy if predictor is not None else None,
            count=plan.tiles_per_round,
            predictor=predictor,
            seed=1000 * plan.seed + number,
        )

    def _review(
        self,
        items: Sequence[QueueItem],
        predictor: Predictor | None,
        annotator: Annotator | None = None,
    ) -> Work[None]:
        annotator = annotator or self._annotator()
        items = [item for item in items if item.state == "waiting"]
        for number, item in enumerate(items):
            tile = item.where
            proposal = propose(self.project, tile, predictor)
            truth = self._truths[tile.image].read_truth(tile.z)[tile.slices]
            done: Correction | CorrectedObjects
            labels: NDArray[Any]
            if proposal.ids is not None:
                done = self._mend(tile, proposal.ids, truth, annotator)
                labels, objects = done.ids, done.objects
                self._gestures.update(done.gestures)
            else:
                done = annotator.correct(proposal.labels, truth)
                labels, objects = done.labels, {}
            decide(
                self.project, tile, done.verdict, labels=labels, objects=objects,
                proposal=proposal, joins=False,
                known="all", seconds=done.seconds, author=AUTHOR, item=item,
            )  # fmt: skip
            self._seconds += done.seconds
            self._painted += done.annotated_px
            self._tiles += 1
            yield Progress(number + 1, len(items), f"corrected {tile.key}")

    def _mend(
        self, tile: Tile, ids: NDArray[np.uint32], truth: NDArray[np.uint8], like: Annotator
    ) -> CorrectedObjects:
        """Correct proposed objects as the annotator of classes would correct them."""
        person = ObjectAnnotator(like.protocol, like.background, like.tolerance_px, like.time)
        true = self._truths[tile.image].read_objects(tile.z)[tile.slices]
        reserve = self.project.labels(tile.image).reserve
        return person.correct(ids, true, truth, reserve)

    def _annotator(self) -> Annotator:
        background = self.project.scheme.background
        time_model = TimeModel.for_tile(self.plan.tile)
        return Annotator(self.plan.protocol, background, time=time_model)
