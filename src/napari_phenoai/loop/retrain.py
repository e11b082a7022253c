"""Retraining: snapshot, train, measure, and let the model serve only if it is not worse."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from napari_phenoai.core.progress import Progress, scaled
from napari_phenoai.loop.evaluation import evaluate
from napari_phenoai.loop.snapshots import samples_of, take_snapshot
from napari_phenoai.loop.training import EVALUATE, draft_card, trained
from napari_phenoai.loop.verdict import Plan, compared, record_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_phenoai.core.ports import Trainer, TrainSettings
    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import Review, RoundRecord
    from napari_phenoai.io.project import Project

__all__ = ["due", "evaluate", "is_due", "retrain"]


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
        before, gate = yield from scaled(compared(project, plan, candidate, settings), 0.95, 0.99)
        yield Progress(0.99, 1, gate.reason, EVALUATE)
        card = project.models.commit(folder, card)
    record = project.rounds.add(record_of(project, plan, candidate, before, gate))
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


def _planned(project: Project, settings: TrainSettings, parent: str | None, author: str) -> Plan:
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
    return Plan(snapshot_id, snapshot, samples, project.rounds.served(), card, began)
