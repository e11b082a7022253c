"""Series as a long table: one measured value per row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.core.series import CorrectivePoint, EpochPoint, HeldoutPoint

__all__ = ["COLUMNS", "rows"]

COLUMNS = (
    "curve",
    "model",
    "review",
    "tiles",
    "minutes",
    "epoch",
    "class",
    "measure",
    "value",
    "low",
    "high",
    "served",
    "at",
)
"""Columns of `rows`: one measured value per row, empty where a column does not apply."""


def rows(
    heldout: Iterable[HeldoutPoint],
    corrective: Iterable[CorrectivePoint],
    epochs: Mapping[str, Iterable[EpochPoint]],
    scheme: ClassScheme,
) -> list[dict[str, object]]:
    """Return all curves as a long table: one value per row, columns as in `COLUMNS`.

    Parameters
    ----------
    heldout, corrective
        From `heldout_series` and `corrective_series`.
    epochs : mapping
        From model id to its `epoch_series`.
    scheme : ClassScheme
        Gives the names of the classes; means have the class ``mean``.
    """
    names = {item.id: item.name for item in scheme.classes}
    table: list[dict[str, object]] = []
    for point in heldout:
        table += _heldout_rows(point, names)
    for step in corrective:
        table += _corrective_rows(step, names)
    for model, series in epochs.items():
        for epoch in series:
            table += _epoch_rows(model, epoch)
    return table


def _heldout_rows(point: HeldoutPoint, names: Mapping[int, str]) -> list[dict[str, object]]:
    base = {
        "curve": "held-out",
        "model": point.model,
        "tiles": point.tiles,
        "minutes": round(point.minutes, 3),
        "served": int(point.passed),
        "at": point.at.isoformat(),
    }
    mean = {"class": "mean", "measure": "dice", "value": point.dice}
    found = [_row(base, **mean, low=point.low, high=point.high)]
    if point.iou is not None:
        found.append(_row(base, **{"class": "mean"}, measure="iou", value=point.iou))
    for measure, values in (("dice", point.class_dice), ("iou", point.class_iou)):
        for class_id, value in values.items():
            name = names.get(class_id, str(class_id))
            found.append(_row(base, **{"class": name}, measure=measure, value=value))
    return found


def _corrective_rows(point: CorrectivePoint, names: Mapping[int, str]) -> list[dict[str, object]]:
    base = {
        "curve": "corrective",
        "review": point.review,
        "tiles": point.order,
        "minutes": round(point.minutes, 3),
        "at": point.at.isoformat(),
    }
    found = []
    for measure, value in (("dice", point.dice), ("rolling dice", point.rolling)):
        if value is not None:
            found.append(_row(base, **{"class": "mean"}, measure=measure, value=value))
    for class_id, value in point.class_dice.items():
        name = names.get(class_id, str(class_id))
        found.append(_row(base, **{"class": name}, measure="dice", value=value))
    return found


def _epoch_rows(model: str, point: EpochPoint) -> list[dict[str, object]]:
    base = {"curve": "training", "model": model, "epoch": point.epoch}
    measures = {
        "loss": point.loss,
        "held-out loss": point.heldout_loss,
        "held-out dice": point.heldout_dice,
    }
    return [
        _row(base, measure=measure, value=value)
        for measure, value in measures.items()
        if value is not None
    ]


def _row(base: Mapping[str, object], **values: object) -> dict[str, object]:
    full = {**base, **values}
    return {name: "" if (value := full.get(name)) is None else value for name in COLUMNS}
