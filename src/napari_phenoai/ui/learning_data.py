"""What the Learning dock shows, read from a project in one go."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_phenoai.core.advice import Advice, stop_advice
from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.core.series import (
    CorrectivePoint,
    EpochPoint,
    HeldoutPoint,
    corrective_series,
    epoch_series,
    heldout_series,
    work_minutes,
)
from napari_phenoai.core.series_table import COLUMNS, rows

if TYPE_CHECKING:
    from napari_phenoai.core.records import Evaluation, ModelCard, RoundRecord
    from napari_phenoai.io.project import Project

__all__ = ["LearningData", "curves_csv", "read_epochs", "read_learning"]


@dataclass(frozen=True)
class LearningData:
    """Curves and models of a project at one moment.

    Parameters
    ----------
    cards : tuple of ModelCard
        All models, newest first.
    evaluations : mapping of str to Evaluation
        The latest measure of each model that was measured, by id.
    served : str or None
        Id of the model that serves.
    minutes : float
        Work on all reviews so far.
    """

    scheme: ClassScheme = field(default_factory=lambda: ClassScheme.of(["background", "object"]))
    heldout: tuple[HeldoutPoint, ...] = ()
    corrective: tuple[CorrectivePoint, ...] = ()
    cards: tuple[ModelCard, ...] = ()
    evaluations: Mapping[str, Evaluation] = field(default_factory=dict)
    served: str | None = None
    minutes: float = 0.0

    @property
    def advice(self) -> Advice:
        """Whether more tiles are worth the time."""
        return stop_advice(self.heldout)

    @property
    def newest(self) -> str | None:
        """Id of the model that was made last."""
        return self.cards[0].id if self.cards else None


def read_learning(project: Project) -> LearningData:
    """Read curves and models of `project`; takes longer the more reviews there are."""
    rounds = project.rounds.all()
    reviews = project.reviews.all()
    cards = sorted(project.models.cards(), key=lambda card: card.created, reverse=True)
    return LearningData(
        scheme=project.scheme,
        heldout=heldout_series(rounds),
        corrective=corrective_series(reviews, project.scheme),
        cards=tuple(cards),
        evaluations=_evaluations(rounds),
        served=project.rounds.served(),
        minutes=work_minutes(reviews),
    )


def read_epochs(project: Project, model: str) -> tuple[EpochPoint, ...]:
    """Return the training of `model` epoch by epoch; empty where nothing was noted."""
    path = project.models.folder(model) / "metrics.csv"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ()
    return epoch_series(csv.DictReader(io.StringIO(text)))


def curves_csv(project: Project) -> str:
    """Return all curves of `project` as the text of a CSV file, one value per row."""
    data = read_learning(project)
    epochs = {card.id: read_epochs(project, card.id) for card in reversed(data.cards)}
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows(data.heldout, data.corrective, epochs, data.scheme))
    return file.getvalue()


def _evaluations(rounds: Iterable[RoundRecord]) -> dict[str, Evaluation]:
    found: dict[str, Evaluation] = {}
    for record in rounds:
        for evaluation in (record.evaluation_before, record.evaluation):
            if evaluation is not None:
                found[evaluation.model] = evaluation
    return found
