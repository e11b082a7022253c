"""Measuring a model on reviewed tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.context import crop_with_context
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.instances import objects_of
from napari_phenoai.core.metrics import confusion, evaluate_counts
from napari_phenoai.core.object_metrics import Matches, match_objects, score_objects
from napari_phenoai.core.progress import Progress, finish
from napari_phenoai.core.scoring import class_map

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_phenoai.core.ports import Predictor, Sample, TrueObjects
    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import Evaluation
    from napari_phenoai.core.scheme import ClassScheme

__all__ = ["evaluate", "evaluating"]


def evaluate(
    predictor: Predictor, samples: Iterable[Sample], scheme: ClassScheme, *, seed: int = 0
) -> tuple[Evaluation, NDArray[np.int64]]:
    """Measure a model on reviewed tiles.

    Parameters
    ----------
    predictor : Predictor
        The model.
    samples : iterable of Sample
        The tiles; unlabelled pixels and classes that a tile was not checked for
        are left out.
    scheme : ClassScheme
        The classes in use; predictions of merged ones are resolved.
    seed : int
        Of the bootstrap.

    Returns
    -------
    evaluation : Evaluation
        Pooled over the tiles.
    counts : ndarray of int64, shape (n, k, k)
        Confusion of each tile over ``scheme.ids``.
    """
    return finish(evaluating(predictor, list(samples), scheme, seed=seed))


def evaluating(
    predictor: Predictor, samples: Sequence[Sample], scheme: ClassScheme, *, seed: int = 0
) -> Work[tuple[Evaluation, NDArray[np.int64]]]:
    """Do what `evaluate` does, with a progress after each tile."""
    k = len(scheme.ids)
    counts, matches = [], []
    for number, sample in enumerate(samples):
        rows, columns = _extent(sample.labels, 1), _extent(sample.labels, 0)
        found = _found(predictor, sample, scheme, rows, columns)
        truth = sample.labels[rows, columns]
        counts.append(confusion(truth, found, scheme.ids, checked=sample.checked))
        if sample.objects is not None and truth.size:
            true = np.where(truth > 0, sample.objects.ids[rows, columns], 0)
            matches.append(_matches(sample.objects, true, truth, found, scheme))
        yield Progress(number + 1, len(samples), "measuring on the held-out tiles")
    stack = np.asarray(counts, np.int64).reshape(-1, k, k)
    evaluation = evaluate_counts(stack, scheme, predictor.card.id, seed=seed)
    if matches:
        evaluation = evaluation.but(objects=score_objects(matches))
    return evaluation, stack


def _found(
    predictor: Predictor, sample: Sample, scheme: ClassScheme, rows: slice, columns: slice
) -> NDArray[np.uint8]:
    """Return the classes of the labelled part of a tile, predicted with context as in real use."""
    context = predictor.card.context_px
    truth = sample.labels[rows, columns]
    if not truth.size:
        return np.zeros(truth.shape, np.uint8)
    part = Tile("sample", rows.start, columns.start, *truth.shape)
    pixels = crop_with_context(sample.pixels, part, context)
    inner = (slice(None), slice(context, -context or None), slice(context, -context or None))
    probabilities = predictor.predict(pixels[np.newaxis])[0][inner]
    return scheme.resolved(class_map(probabilities, predictor.card.class_ids))


def _matches(
    objects: TrueObjects,
    true: NDArray[np.uint32],
    truth: NDArray[np.uint8],
    found: NDArray[np.uint8],
    scheme: ClassScheme,
) -> Matches:
    """Match the objects of a tile, class by class: only those of one class can match."""
    front = [item.id for item in scheme.foreground]
    ids, table = objects_of(found, front, neck=objects.neck, smallest_px=objects.smallest_px)
    its = table.as_classes(ids)
    known = truth > 0
    parts = [
        match_objects(np.where(truth == one, true, 0), np.where(its == one, ids, 0), known=known)
        for one in front
    ]
    return Matches(
        sum(one.true for one in parts),
        sum(one.found for one in parts),
        sum(one.matched for one in parts),
        sum(one.iou for one in parts),
    )


def _extent(labels: NDArray[np.uint8], axis: int) -> slice:
    places = np.flatnonzero(labels.any(axis=axis))
    return slice(int(places[0]), int(places[-1]) + 1) if places.size else slice(0, 0)
