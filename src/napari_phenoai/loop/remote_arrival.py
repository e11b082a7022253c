"""A model that comes from a server: measured like one made here, judged, and kept."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from napari_phenoai.core.progress import Progress, scaled
from napari_phenoai.core.records import GateDecision, now
from napari_phenoai.loop.child import settings_of
from napari_phenoai.loop.snapshots import sample_of
from napari_phenoai.loop.training import EVALUATE, measured
from napari_phenoai.loop.verdict import Plan, compared, record_of

if TYPE_CHECKING:
    from pathlib import Path

    from napari_phenoai.core.ports import Sample
    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import ModelCard, RoundRecord, Snapshot
    from napari_phenoai.core.remote_training import RemoteTraining
    from napari_phenoai.io.project import Project
    from napari_phenoai.loop.remote_way import Arrived

__all__ = ["taken_in"]


def taken_in(
    project: Project, training: RemoteTraining, arrived: Arrived, folder: Path
) -> Work[RoundRecord]:
    """Measure a model that has come, let the gate decide, and keep both.

    Done again after a break it ends the same: neither model nor round is kept twice.

    Parameters
    ----------
    project : Project
        Open.
    training : RemoteTraining
        Its ``round`` is the id of the new link in the audit trail.
    arrived : Arrived
        The model.
    folder : Path
        Its files.

    Raises
    ------
    ProjectError, ImageError
        If a held-out tile cannot be read.
    ModelError
        If the model cannot be applied.
    DiskError
        If the disk is full.
    """
    done = next((one for one in project.rounds.all() if one.id == training.round), None)
    if done is not None:
        return done
    snapshot = project.snapshots.get(training.snapshot)
    yield Progress(0, 1, "reading the held-out tiles", EVALUATE)
    plan = Plan(
        snapshot_id=training.snapshot,
        snapshot=snapshot,
        samples=_heldout(project, snapshot),
        served=project.rounds.served(),
        card=arrived.card,
        began=time.monotonic() - (now() - training.started).total_seconds(),
        round=training.round,
    )
    work = measured(arrived.predictor, plan.heldout, snapshot.scheme, "the new model")
    candidate = yield from scaled(work, 0, 0.5)
    settings = settings_of("{}")
    judging = compared(project, plan, candidate, settings)
    before, gate = yield from scaled(judging, 0.5, 0.9)
    if arrived.card.family == "remote":
        gate = GateDecision(serve=False, reason=f"It stays on {training.server}. {gate.reason}")
    yield Progress(0.95, 1, gate.reason, EVALUATE)
    _keep(project, arrived.card, folder)
    record = project.rounds.add(record_of(project, plan, candidate, before, gate))
    dice = candidate.evaluation.dice
    told = {"stage": "done", "model": arrived.card.id, "heldout_dice": dice}
    yield Progress(1, 1, gate.reason, told)
    return record


def _heldout(project: Project, snapshot: Snapshot) -> list[Sample]:
    return [
        sample_of(project, project.reviews.get(item.review), snapshot.scheme)
        for item in snapshot.items
        if item.role == "heldout"
    ]


def _keep(project: Project, card: ModelCard, folder: Path) -> None:
    """Put the model on the shelf, unless a run that was broken off has done so."""
    if any(one.id == card.id for one in project.models.cards()):
        return
    with project.models.stage() as staged:
        for path in sorted(folder.iterdir()):
            if path.is_file() and not path.name.endswith((".part", ".zip")):
                shutil.copyfile(path, staged / path.name)
        project.models.commit(staged, card)
    with suppress(OSError):
        shutil.rmtree(folder)
