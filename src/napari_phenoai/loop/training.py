"""From samples to a model that is measured: the same steps here and on a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_phenoai.core.ids import new_id
from napari_phenoai.core.progress import Progress, scaled
from napari_phenoai.core.records import ModelCard
from napari_phenoai.errors import InputError
from napari_phenoai.loop.evaluation import evaluating

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_phenoai.core.ports import Predictor, Sample, Trainer, TrainSettings
    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import Evaluation
    from napari_phenoai.core.scheme import ClassScheme

__all__ = ["ENGINE", "EVALUATE", "Measured", "draft_card", "measured", "trained"]

EVALUATE = {"stage": "evaluate"}
ENGINE = "torch"
"""For a few tiles, converting the new network would take longer than measuring it."""
_TRAINED, _MEASURED = 0.9, 0.95
"""Shares of the progress after the training itself and after its measure."""


@dataclass(frozen=True)
class Measured:
    """A model on the held-out tiles."""

    evaluation: Evaluation
    counts: NDArray[np.int64]


def draft_card(
    samples: Sequence[Sample],
    scheme: ClassScheme,
    settings: TrainSettings,
    *,
    snapshot: str,
    pixel_um: float | None = None,
    parent: str | None = None,
    author: str = "",
) -> ModelCard:
    """Return the card of the model to be trained, without measures.

    Raises
    ------
    InputError
        If the images differ in their channels or type of values.
    """
    _check_alike(samples)
    return ModelCard.model_validate(
        {
            "id": new_id(),
            "family": settings.family,
            "channels": samples[0].pixels.shape[0],
            "dtype": str(samples[0].pixels.dtype),
            "class_ids": scheme.ids,
            "class_names": scheme.names,
            "scheme_version": scheme.version,
            "pixel_um": pixel_um,
            "parent": parent,
            "snapshot": snapshot,
            "author": author,
        }
    )


def trained(
    samples: Sequence[Sample],
    scheme: ClassScheme,
    card: ModelCard,
    settings: TrainSettings,
    *,
    folder: Path,
    origin: Path | None = None,
    trainer: Trainer | None = None,
) -> Work[tuple[ModelCard, Measured]]:
    """Train into `folder` and measure on the held-out ones of `samples`.

    Parameters
    ----------
    samples : sequence of Sample
        All tiles of a snapshot.
    scheme : ClassScheme
        Of the snapshot.
    card : ModelCard
        As `draft_card` returns.
    settings : TrainSettings
        What the person chose.
    folder : Path
        Empty; gets the model.
    origin : Path, optional
        Folder of the model to start from.
    trainer : Trainer, optional
        In place of the one of ``settings.family``.

    Returns
    -------
    tuple of (ModelCard, Measured)
        The completed card, and how good the model is. Progress goes from 0 to 0.95 of 1.

    Raises
    ------
    ModelError
        If the training fails.
    """
    from napari_phenoai.ml.families import trainer_for

    trainer = trainer or trainer_for(settings.family)
    training = trainer.train(samples, card, settings, folder, origin)
    card = yield from scaled(_staged(training), 0, _TRAINED)
    heldout = [sample for sample in samples if sample.role == "heldout"]
    work = _candidate(folder, card, settings, heldout, scheme)
    found = yield from scaled(work, _TRAINED, _MEASURED)
    return card, found


def measured(
    predictor: Predictor, heldout: Sequence[Sample], scheme: ClassScheme, who: str
) -> Work[Measured]:
    """Measure a model on held-out tiles; `who` names it in the progress."""
    work = evaluating(predictor, heldout, scheme)
    try:
        while True:
            progress = next(work)
            yield Progress(progress.done, progress.total, f"measuring {who}", EVALUATE)
    except StopIteration as end:
        return Measured(*end.value)
    finally:
        work.close()


def _candidate(
    folder: Path,
    card: ModelCard,
    settings: TrainSettings,
    heldout: Sequence[Sample],
    scheme: ClassScheme,
) -> Work[Measured]:
    from napari_phenoai.io.files import write_json
    from napari_phenoai.ml.families import load_model

    write_json(folder / "card.json", card)
    yield Progress(0, 1, "measuring the new model", EVALUATE)
    predictor = load_model(
        folder, device=settings.device, precision=settings.precision, engine=ENGINE
    )
    return (yield from measured(predictor, heldout, scheme, "the new model"))


def _staged(work: Work[ModelCard]) -> Work[ModelCard]:
    """Pass a training on, with its stage named and a progress that never goes back."""
    done = 0.0
    try:
        while True:
            progress = next(work)
            done = max(done, progress.fraction or 0.0)
            yield Progress(done, 1, progress.message, {**progress.data, "stage": "train"})
    except StopIteration as end:
        card: ModelCard = end.value
        return card
    finally:
        work.close()


def _check_alike(samples: Sequence[Sample]) -> None:
    """Raise unless all images have the same number of channels and type of values."""
    kinds: dict[str, str] = {}
    for sample in samples:
        count, dtype = sample.pixels.shape[0], sample.pixels.dtype
        kinds.setdefault(f"{count} channel(s) of {dtype}", sample.tile.image)
    if len(kinds) > 1:
        listed = ", ".join(f"{image} has {kind}" for kind, image in kinds.items())
        hint = "Keep images of different kinds in different projects, or convert them first."
        raise InputError(f"The reviewed images differ: {listed}.", hint=hint)
