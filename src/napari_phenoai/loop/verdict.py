"""The verdict on a new model: measured like the served one, and let through or not."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.gate import compare
from napari_phenoai.core.ids import new_id
from napari_phenoai.core.progress import Progress
from napari_phenoai.core.records import GateDecision, RoundRecord
from napari_phenoai.errors import PhenoError
from napari_phenoai.loop.models import evaluation_of, load_predictor
from napari_phenoai.loop.training import ENGINE, EVALUATE, Measured, measured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_phenoai.core.ports import Sample, TrainSettings
    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import ModelCard, Snapshot
    from napari_phenoai.io.project import Project

__all__ = ["Plan", "compared", "record_of"]


@dataclass(frozen=True)
class Plan:
    """What a training starts from.

    Parameters
    ----------
    samples : sequence of Sample
        Of the snapshot: all, or at least those that are held out.
    served : str or None
        The model to compare with.
    card : ModelCard
        Of the new model.
    began : float
        When it began, on the monotonic clock.
    round : str
        Id of the link in the audit trail.
    """

    snapshot_id: str
    snapshot: Snapshot
    samples: Sequence[Sample]
    served: str | None
    card: ModelCard
    began: float
    round: str = field(default_factory=new_id)

    @property
    def heldout(self) -> list[Sample]:
        """The tiles to measure on."""
        return [sample for sample in self.samples if sample.role == "heldout"]


def compared(
    project: Project, plan: Plan, candidate: Measured, settings: TrainSettings
) -> Work[tuple[Measured | None, GateDecision]]:
    """Measure the served model on the same tiles, and let the rule of `core.gate` decide.

    Returns
    -------
    tuple of (Measured or None, GateDecision)
        The served model on those tiles, where there is one; and whether the new one serves.
    """
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


def _held_before(project: Project, plan: Plan) -> NDArray[np.bool_]:
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


def record_of(
    project: Project,
    plan: Plan,
    candidate: Measured,
    before: Measured | None,
    gate: GateDecision,
) -> RoundRecord:
    """Return the link of the audit trail for a training."""
    return RoundRecord(
        id=plan.round,
        kind="training",
        model=plan.card.id,
        before=plan.served,
        served=plan.card.id if gate.serve else plan.served,
        snapshot=plan.snapshot_id,
        tiles=len(plan.snapshot.items),
        heldout=len(plan.heldout),
        minutes=sum(review.seconds for review in project.reviews.all()) / 60,
        evaluation=candidate.evaluation,
        evaluation_before=before.evaluation if before else None,
        gate=gate,
        seconds=time.monotonic() - plan.began,
        author=plan.card.author,
    )
