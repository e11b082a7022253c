"""What is persisted: frozen, versioned records."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.scheme import ClassScheme

__all__ = [
    "ClassScore",
    "Evaluation",
    "GateDecision",
    "ImageRecord",
    "JobRecord",
    "ModelCard",
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


def now() -> datetime:
    """Return the present moment in UTC, to the millisecond."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class Record(BaseModel):
    """Base of all records: values that are replaced, never changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def but(self, **changes: object) -> Self:
        """Return a copy with `changes`, validated anew."""
        return type(self).model_validate({**self.model_dump(), **changes})


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
    """``project.json``: what a project is, apart from its images and reviews."""

    format: Literal[1] = 1
    id: str
    name: str
    scheme: ClassScheme
    tile_px: int = Field(default=256, ge=16, le=4096)
    heldout_share: float = Field(default=0.2, ge=0, lt=1)
    train_after: int = Field(default=6, ge=1)
    split_by: Literal["auto", "image", "group", "block"] = "auto"
    created: datetime = Field(default_factory=now)


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

    @property
    def tile(self) -> Tile:
        """The tile that was decided about."""
        return Tile(self.image, self.y, self.x, self.height, self.width, self.z)

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


class Evaluation(Record):
    """How a model does on held-out tiles.

    ``dice`` and ``iou`` are means over the classes that are not background;
    ``low`` and ``high`` bound ``dice`` in a 95 % bootstrap over the tiles.
    """

    format: Literal[1] = 1
    model: str
    tiles: int
    classes: tuple[ClassScore, ...] = ()
    dice: float | None = None
    iou: float | None = None
    low: float | None = None
    high: float | None = None


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
    settings: dict[str, object] = {}
    software: dict[str, str] = {}
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
