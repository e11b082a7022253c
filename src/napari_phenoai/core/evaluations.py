"""How good a model is: records of its agreement with the truth."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer

from napari_phenoai.core.record import Record, without

__all__ = ["ClassScore", "Evaluation", "ObjectScore"]


class ClassScore(Record):
    """Agreement of one class with the truth, pooled over all pixels looked at.

    ``dice`` and ``iou`` are None when the class is in neither mask.
    """

    class_id: int
    name: str
    dice: float | None
    iou: float | None
    truth_px: int
    predicted_px: int


class ObjectScore(Record):
    """Agreement of objects with the true ones, pooled over the tiles.

    Two objects match where they share more than half of the pixels of both together.
    ``f1`` is the share of matched ones among all, ``precision_50`` the average precision
    at that IoU (matched / (matched + missed + invented)), ``iou`` the mean over the
    matched ones. They are None where there is nothing to divide by.
    """

    f1: float | None
    precision_50: float | None
    iou: float | None
    true: int
    found: int
    matched: int


class Evaluation(Record):
    """How a model does on held-out tiles.

    ``dice`` and ``iou`` are means over the classes that are not background;
    ``low`` and ``high`` bound ``dice`` in a 95 % bootstrap over the tiles.
    ``objects`` is None where labels are classes.
    """

    format: Literal[1] = 1
    model: str
    tiles: int
    classes: tuple[ClassScore, ...] = ()
    dice: float | None = None
    iou: float | None = None
    low: float | None = None
    high: float | None = None
    objects: ObjectScore | None = None

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without(handler(self), () if self.objects else ("objects",))
