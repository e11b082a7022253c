"""The whole loop with a simulated annotator: Dice on unseen images against minutes of work.

Everything but the person is real: a project on disk, the queue, proposals, decisions,
trainings, the gate. The person is `Annotator`, who paints from the ground truth what
is wrong; the minutes follow from `TimeModel`. What is measured are test images that
no round trains or validates on.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from napari_phenoai.core.progress import Progress, scaled
from napari_phenoai.core.timing import TimeModel
from napari_phenoai.errors import InputError
from napari_phenoai.io.files import make_folder
from napari_phenoai.io.project import Project
from napari_phenoai.loop.annotator import Annotator, Protocol
from napari_phenoai.loop.exam import Exam, Marks
from napari_phenoai.loop.material import Item, Material, prepare
from napari_phenoai.loop.models import load_predictor
from napari_phenoai.loop.outcome import AUTHOR, Plan, SimulatedRound, SimulationResult
from napari_phenoai.loop.queueing import refresh_queue
from napari_phenoai.loop.retrain import retrain
from napari_phenoai.loop.review import decide, propose

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_phenoai.core.ports import Predictor
    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import QueueItem

__all__ = ["Simulation", "run", "simulate"]


def simulate(
    images: Path,
    masks: Path,
    *,
    test_images: Path | None = None,
    test_masks: Path | None = None,
    scale: float = 1.0,
    tile: int = 256,
    rounds: int = 5,
    tiles_per_round: int = 6,
    strategy: str = "foreground-random",
    protocol: Protocol = "corrective",
    model: str = "unet",
    seed: int = 0,
    minutes_per_round: Sequence[float] | None = None,
    workdir: Path | None = None,
    classes: Sequence[str] | None = None,
    device: str = "auto",
    binarise: bool = False,
    full_label: bool = False,
) -> Work[SimulationResult]:
    """Run the loop on images with ground truth and measure it.

    Parameters
    ----------
    images, masks : Path
        Folders with images and masks of the same names: see `napari_phenoai.io.pairs`
        for values, and for what a ``dataset.json`` beside them may say.
    test_images, test_masks : Path, optional
        Images to test on. Without them, those that ``dataset.json`` gives to another
        split than ``train``; without such, a quarter of the groups or images by `seed`.
    scale : float
        Factor for the edge lengths of all images, as 0.5 for half the resolution.
    tile : int
        Edge of a reviewed tile, in pixels after scaling.
    rounds, tiles_per_round : int
        How often is trained, and after how many further tiles.
    strategy : str
        How tiles are chosen once there is a model; before, they are spread by chance.
    protocol : {"corrective", "full"}
        Whether the person corrects the proposal or paints each tile from nothing.
    model : {"unet", "forest"}
        Family of the models; they are trained from scratch.
    seed : int
        For split, queue and training.
    minutes_per_round : sequence of float, optional
        Bounds of the training time, one per round. By default the trainer chooses
        from the number of tiles.
    workdir : Path, optional
        Where the project ``simulation.phenoai`` is made and kept; by default a
        temporary folder, removed at the end.
    classes : sequence of str, optional
        Names of the classes, the background first.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    binarise : bool
        Whether all mask values above 0 are one class, as for ids of objects.
    full_label : bool
        Whether a model is trained on all tiles fully labelled as well, for
        ``full_label_dice``.

    Returns
    -------
    SimulationResult
        Each `Progress` at the end of a round carries it as ``data["round"]``.

    Raises
    ------
    InputError, LabelError, ImageError
        Naming the file or the option that does not fit, and the remedy.
    """
    plan = Plan(
        scale=scale, tile=tile, rounds=rounds, tiles_per_round=tiles_per_round, strategy=strategy,
        protocol=protocol, model=model, seed=seed, minutes_per_round=minutes_per_round,
        device=device, full_label=full_label,
    )  # fmt: skip
    test = _test_folders(test_images, test_masks)
    with _folder(workdir) as folder:
        work = prepare(
            Path(images), Path(masks), folder / "material", test=test, classes=classes,
            scale=scale, binarise=binarise, seed=seed,
        )  # fmt: skip
        material = yield from scaled(work, 0, 0.03)
        done = yield from scaled(run(material, plan, folder), 0.03, 1)
    return done.result


def run(material: Material, plan: Plan, folder: Path) -> Work[Simulation]:
    """Run all rounds of `plan` in a new project ``simulation.phenoai`` in `folder`."""
    start = time.monotonic()
    path = folder / "simulation.phenoai"
    with Project.create(path, material.class_names, tile_px=plan.tile) as project:
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
                _fully_labelled(simulation, folder / "full.phenoai"), 0.8, 1
            )
        simulation.seconds = time.monotonic() - start
    return simulation


def _fully_labelled(simulation: Simulation, path: Path) -> Work[float | None]:
    """Train one model on every tile with its truth, and return its Dice on the test images."""
    material, plan = simulation.material, simulation.plan
    with Project.create(path, material.class_names, tile_px=plan.tile) as project:
        other = Simulation(material, plan, project)
        yield from scaled(other.fill(), 0, 0.05)
        yield from scaled(other.label_everything(), 0.05, 0.2)
        settings = plan.settings(plan.rounds)
        yield from scaled(retrain(project, settings, author=AUTHOR), 0.2, 0.9)
        served = load_predictor(project, device=plan.device)
        marks = yield from scaled(other.exam.take(served), 0.9, 1)
    return marks.dice


def _test_folders(images: Path | None, masks: Path | None) -> tuple[Path, Path] | None:
    if images is None and masks is None:
        return None
    if images is None or masks is None:
        what = f"Test images and test masks go together; only {images or masks} was given."
        raise InputError(what, hint="Give both folders, or none.")
    return Path(images), Path(masks)


@contextmanager
def _folder(workdir: Path | None) -> Iterator[Path]:
    if workdir is not None:
        yield make_folder(Path(workdir))
    else:
        with tempfile.TemporaryDirectory(prefix="phenoai-") as folder:
            yield Path(folder)


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

    @property
    def exam(self) -> Exam:
        """The test images."""
        return Exam(self.material.test, self.project.scheme, self.plan.keep)

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
            truth = self._truths[tile.image].read_truth()[tile.slices]
            done = annotator.correct(proposal.labels, truth)
            decide(
                self.project, tile, done.verdict, labels=done.labels, proposal=proposal,
                known="all", seconds=done.seconds, author=AUTHOR, item=item,
            )  # fmt: skip
            self._seconds += done.seconds
            self._painted += done.annotated_px
            self._tiles += 1
            yield Progress(number + 1, len(items), f"corrected {tile.key}")

    def _annotator(self) -> Annotator:
        background = self.project.scheme.background
        time_model = TimeModel.for_tile(self.plan.tile)
        return Annotator(self.plan.protocol, background, time=time_model)
