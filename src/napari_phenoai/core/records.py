"""What is persisted: frozen, versioned records."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from napari_phenoai.core.basins import NECK
from napari_phenoai.core.evaluations import ClassScore, Evaluation, ObjectScore
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.object_table import ObjectTable
from napari_phenoai.core.prompts import PromptTake
from napari_phenoai.core.record import Record, now, without
from napari_phenoai.core.scheme import ClassScheme

__all__ = [
    "SMALLEST_PX",
    "ClassScore",
    "Evaluation",
    "GateDecision",
    "ImageRecord",
    "JobRecord",
    "ModelCard",
    "ObjectScore",
    "Overlap",
    "ProjectFile",
    "QueueItem",
    "Record",
    "Review",
    "Role",
    "RoundRecord",
    "Snapshot",
    "SnapshotItem",
    "Verdict",
    "now",
]

Verdict = Literal["accepted", "corrected", "rejected", "skipped", "flagged"]
Role = Literal["train", "heldout"]
SMALLEST_PX = 16
"""Predicted objects with fewer pixels are left out unless a project says otherwise."""


class ImageRecord(Record):
    """One image of a project: where it is and what is known of it.

    ``shape`` is ``(z, c, y, x)`` at full resolution; ``uri`` is a path (relative
    to the project folder when inside it) or an address.
    """

    format: Literal[1] = 1
    id: str
    name: str
    uri: str
    original: str
    shape: tuple[int, int, int, int]
    dtype: str
    channels: tuple[str, ...] = ()
    pixel_um: float | None = Field(default=None, gt=0)
    group: str | None = None
    fingerprint: str
    added: datetime = Field(default_factory=now)

    @property
    def plane(self) -> tuple[int, int]:
        """Rows and columns of one plane, in pixels."""
        return self.shape[2], self.shape[3]


class ProjectFile(Record):
    """``project.json``: what a project is, apart from its images and reviews.

    With ``kind`` instance, labels are ids of objects. Objects of a predicted class are
    parted where they are narrower than the share ``neck`` of the smaller part, and left
    out below ``smallest_px`` pixels.
    """

    format: Literal[1] = 1
    id: str
    name: str
    scheme: ClassScheme
    tile_px: int = Field(default=256, ge=16, le=4096)
    heldout_share: float = Field(default=0.2, ge=0, lt=1)
    train_after: int = Field(default=6, ge=1)
    split_by: Literal["auto", "image", "group", "block"] = "auto"
    created: datetime = Field(default_factory=now)
    kind: Literal["semantic", "instance"] = "semantic"
    neck: float = Field(default=NECK, ge=0, le=1)
    smallest_px: int = Field(default=SMALLEST_PX, ge=1)

    @property
    def has_objects(self) -> bool:
        """Whether labels are ids of objects, and not classes."""
        return self.kind == "instance"

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without(handler(self), () if self.has_objects else ("kind", "neck", "smallest_px"))


class Overlap(Record):
    """Pixels of one class in the proposed and in the decided mask of one tile."""

    class_id: int
    both: int = Field(ge=0)
    proposed: int = Field(ge=0)
    decided: int = Field(ge=0)

    @property
    def dice(self) -> float | None:
        """Dice of the two masks for this class; None when neither has it."""
        size = self.proposed + self.decided
        return 2 * self.both / size if size else None


class Review(Record):
    """What one person decided about one tile; never edited, only followed by a newer one.

    ``known`` says which pixels of the mask were really looked at: ``all`` of
    them, or only the ``painted`` ones (values other than 0). ``mask`` is the
    SHA-256 under which the mask file is kept; None for verdicts without one.
    ``objects`` has the class of each object in the mask; None where it holds classes.
    ``prompts`` are the masks in it that a network outlined, in the order they were taken.
    ``seconds`` leaves out idle gaps over 20 s.
    """

    format: Literal[1] = 1
    id: str
    image: str
    z: int = 0
    y: int
    x: int
    height: int = Field(gt=0)
    width: int = Field(gt=0)
    verdict: Verdict
    role: Role = "train"
    known: Literal["all", "painted"] = "all"
    mask: str | None = None
    scheme_version: int
    proposed_by: str | None = None
    changed_px: int = Field(default=0, ge=0)
    overlaps: tuple[Overlap, ...] = ()
    seconds: float = Field(default=0, ge=0)
    author: str = ""
    note: str = ""
    strategy: str = ""
    reason: str = ""
    replaces: str | None = None
    at: datetime = Field(default_factory=now)
    objects: dict[int, int] | None = None
    prompts: tuple[PromptTake, ...] = ()

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        skipped = ("objects",) if self.objects is None else ()
        return without(handler(self), skipped if self.prompts else (*skipped, "prompts"))

    @property
    def tile(self) -> Tile:
        """The tile that was decided about."""
        return Tile(self.image, self.y, self.x, self.height, self.width, self.z)

    @property
    def table(self) -> ObjectTable | None:
        """The class of each value of the mask; None where it holds classes."""
        return None if self.objects is None else ObjectTable.over(range(1, 255), self.objects)

    @property
    def teaches(self) -> bool:
        """Whether a training or an evaluation can use this review."""
        return self.mask is not None and self.verdict in ("accepted", "corrected")


class SnapshotItem(Record):
    """One review as a training sees it."""

    review: str
    mask: str
    role: Role


class Snapshot(Record):
    """A frozen list of reviews and the scheme: exactly what a training saw.

    Its id is the SHA-256 of the file's bytes.
    """

    format: Literal[1] = 1
    scheme: ClassScheme
    items: tuple[SnapshotItem, ...]


class ModelCard(Record):
    """What a model is: inputs, classes, parents and measures; immutable.

    ``mean`` and ``std`` are per channel, in the values of the image file.
    ``context_px`` is how many pixels round a tile its prediction needs.
    ``settings`` are those of the training, as JSON values.
    """

    format: Literal[1] = 1
    id: str
    family: Literal["forest", "unet", "remote"]
    encoder: str | None = None
    channels: int = Field(gt=0)
    dtype: str
    class_ids: tuple[int, ...]
    class_names: tuple[str, ...]
    scheme_version: int
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    pixel_um: float | None = None
    context_px: int = Field(default=0, ge=0)
    parent: str | None = None
    snapshot: str | None = None
    tiles: int = 0
    seconds: float = 0
    settings: dict[str, object] = Field(default_factory=dict)
    software: dict[str, str] = Field(default_factory=dict)
    weights_sha256: str = ""
    note: str = ""
    author: str = ""
    created: datetime = Field(default_factory=now)


class GateDecision(Record):
    """Whether a new model may serve, and why, in a sentence.

    ``difference`` is candidate minus served held-out Dice, with the 95 %
    interval ``low`` to ``high`` of a paired bootstrap over the tiles.
    """

    serve: bool
    reason: str
    difference: float | None = None
    low: float | None = None
    high: float | None = None


class RoundRecord(Record):
    """One link of the audit trail: a training with its verdict, or a change by hand.

    ``served`` is the model that serves from here on; None means none does.
    """

    format: Literal[1] = 1
    id: str
    kind: Literal["training", "promoted", "rolled back", "imported"]
    model: str | None = None
    before: str | None = None
    served: str | None = None
    snapshot: str | None = None
    tiles: int = 0
    heldout: int = 0
    minutes: float = 0
    evaluation: Evaluation | None = None
    evaluation_before: Evaluation | None = None
    gate: GateDecision | None = None
    seconds: float = 0
    author: str = ""
    at: datetime = Field(default_factory=now)


class QueueItem(Record):
    """A tile that waits for, or has had, a person's look."""

    tile: str
    position: int
    score: float | None = None
    reason: str = ""
    strategy: str = ""
    role: Role = "train"
    model: str | None = None
    state: Literal["waiting", "accepted", "corrected", "rejected", "skipped", "flagged"] = "waiting"

    @property
    def where(self) -> Tile:
        """The tile as a value."""
        return Tile.from_key(self.tile)


class JobRecord(Record):
    """What is known of one run of long work; survives a restart."""

    id: str
    kind: str
    title: str
    state: Literal["running", "done", "failed", "cancelled", "lost"] = "running"
    done: float = 0
    total: float | None = None
    message: str = ""
    what: str = ""
    hint: str = ""
    result: str = ""
    pid: int | None = None
    started: datetime = Field(default_factory=now)
    ended: datetime | None = None
