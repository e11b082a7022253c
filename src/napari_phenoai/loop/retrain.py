"""Retraining: snapshot, train, measure, and let the model serve only if it is not worse."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.gate import compare
from napari_phenoai.core.ids import new_id
from napari_phenoai.core.progress import Progress, scaled
from napari_phenoai.core.records import GateDecision, RoundRecord
from napari_phenoai.errors import PhenoError
from napari_phenoai.loop.evaluation import evaluate
from napari_phenoai.loop.models import evaluation_of, load_predictor
from napari_phenoai.loop.snapshots import samples_of, take_snapshot
from napari_phenoai.loop.training import ENGINE, EVALUATE, Measured, draft_card, measured, trained

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_phenoai.core.ports import Sample, Trainer, TrainSettings
    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import ModelCard, Review, Snapshot
    from napari_phenoai.io.project import Project

__all__ = ["due", "evaluate", "is_due", "retrain"]


@dataclass(frozen=True)
class _Plan:
    """What a training starts from."""

    snapshot_id: str
    snapshot: Snapshot
    samples: Sequence[Sample]
    served: str | None
    card: ModelCard
    began: float

    @property
    def heldout(self) -> list[Sample]:
        return [sample for sample in self.samples if sample.role == "heldout"]


def retrain(
    project: Project,
    settings: TrainSettings,
    *,
    parent: str | None = None,
    author: str = "",
    trainer: Trainer | None = None,
) -> Work[RoundRecord]:
    """Train a model on all that was reviewed, and let it serve if it is not worse.

    The new model and the served one are measured on the same held-out tiles; the rule
    of `core.gate` decides. The model is kept in either case. Closing the generator at
    any time leaves neither a model nor a round behind.

    Parameters
    ----------
    project : Project
        Open.
    settings : TrainSettings
        What the person chose.
    parent : str, optional
        Id of the model to start from; by default training starts from base weights.
    author : str
        Who trains.
    trainer : Trainer, optional
        In place of the one of ``settings.family``.

    Returns
    -------
    RoundRecord
        The new link of the audit trail. Progress carries ``data`` with ``stage``:
        ``snapshot``, ``train``, ``evaluate`` or ``done``.

    Raises
    ------
    InputError
        If there is nothing to learn from, or images differ in their channels.
    ModelError
        If the training fails.
    """
    from napari_phenoai.ml.families import trainer_for

    yield Progress(0, 1, "reading the reviewed tiles", {"stage": "snapshot"})
    trainer = trainer or trainer_for(settings.family)
    origin = project.models.folder(parent) if parent else None
    plan = _planned(project, settings, parent, author)
    with project.models.stage() as folder:
        card, candidate = yield from trained(
            plan.samples,
            plan.snapshot.scheme,
            plan.card,
            settings,
            folder=folder,
            origin=origin,
            trainer=trainer,
        )
        before, gate = yield from scaled(_compared(project, plan, candidate, settings), 0.95, 0.99)
        yield Progress(0.99, 1, gate.reason, EVALUATE)
        card = project.models.commit(folder, card)
    record = project.rounds.add(_record(project, plan, candidate, before, gate))
    dice = candidate.evaluation.dice
    yield Progress(1, 1, gate.reason, {"stage": "done", "model": card.id, "heldout_dice": dice})
    return record


def due(project: Project) -> bool:
    """Tell whether enough tiles were reviewed since the last training to train again."""
    trainings = [record for record in project.rounds.all() if record.kind == "training"]
    seen: set[str] = set()
    if trainings and trainings[-1].snapshot:
        seen = {item.review for item in project.snapshots.get(trainings[-1].snapshot).items}
    return is_due(project.reviews.current().values(), seen, project.spec.train_after)


def is_due(reviews: Iterable[Review], seen: Iterable[str], train_after: int) -> bool:
    """Tell whether `train_after` useful reviews are not among those `seen` by a training.

    At least one of all must be for training.
    """
    useful = [review for review in reviews if review.teaches]
    new = {review.id for review in useful} - set(seen)
    return len(new) >= train_after and any(review.role == "train" for review in useful)


def _planned(project: Project, settings: TrainSettings, parent: str | None, author: str) -> _Plan:
    began = time.monotonic()
    snapshot_id, snapshot = take_snapshot(project)
    samples = samples_of(project, snapshot)
    sizes = {project.image(image).pixel_um for image in {s.tile.image for s in samples}}
    card = draft_card(
        samples,
        snapshot.scheme,
        settings,
        snapshot=snapshot_id,
        pixel_um=sizes.pop() if len(sizes) == 1 else None,
        parent=parent,
        author=author,
    )
    return _Plan(snapshot_id, snapshot, samples, project.rounds.served(), card, began)


def _compared(
    project: Project, plan: _Plan, candidate: Measured, settings: TrainSettings
) -> Work[tuple[Measured | None, GateDecision]]:
    if plan.served is None:
        return None, compare(candidate.counts, None)
    yield Progress(0, 1, "measuring the served model", EVALUATE)
    try:
        predictor = load_predictor(
            project,
            plan.served,
            device=settings.device,
            precision=settings.precision,
            engine=ENGINE,
        )
        scheme = plan.snapshot.scheme
        before = yield from measured(predictor, plan.heldout, scheme, "the served model")
    except PhenoError as error:
        reason = f"Not compared, as the served model could not be measured: {error.what}"
        return None, GateDecision(serve=False, reason=reason)
    last = evaluation_of(project.rounds.all(), plan.served)
    gate = compare(
        candidate.counts,
        before.counts,
        old=_held_before(project, plan),
        measured_before=last is not None and last.dice is not None,
    )
    return before, gate


def _held_before(project: Project, plan: _Plan) -> NDArray[np.bool_]:
    """Tell for each held-out tile whether it was one when the served model was trained."""
    held = [item.review for item in plan.snapshot.items if item.role == "heldout"]
    card = project.models.card(plan.served or "")
    if card.snapshot is None:
        return np.zeros(len(held), bool)
    try:
        known = {item.review for item in project.snapshots.get(card.snapshot).items}
    except PhenoError:
        known = set()
    return np.array([review in known for review in held], bool)


def _record(
    project: Project,
    plan: _Plan,
    candidate: Measured,
    before: Measured | None,
    gate: GateDecision,
) -> RoundRecord:
    return RoundRecord(
        id=new_id(),
        kind="training",
        model=plan.card.id,
        before=plan.served,
        served=plan.card.id if gate.serve else plan.served,
        snapshot=plan.snapshot_id,
        tiles=len(plan.samples),
        heldout=len(plan.heldout),
        minutes=sum(review.seconds for review in project.reviews.all()) / 60,
        evaluation=candidate.evaluation,
        evaluation_before=before.evaluation if before else None,
        gate=gate,
        seconds=time.monotonic() - plan.began,
        author=plan.card.author,
    )
