"""What is exported of an image: people's labels, predictions, or the best of both."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from napari_phenoai.core.geometry import Tile, cover
from napari_phenoai.core.ids import sha256_bytes
from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_phenoai.core.records import ImageRecord, ModelCard
    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.io.project import Project

__all__ = ["BLOCK_PX", "SOURCES", "Planes", "Source", "chosen_images", "chosen_model"]

Source = Literal["best", "labels", "predictions"]
SOURCES: tuple[str, ...] = get_args(Source)
"""People's labels where known and else the prediction; only the one; only the other."""

BLOCK_PX = 512


@dataclass(frozen=True)
class Planes:
    """The class values of one image, read block by block.

    Parameters
    ----------
    project : Project
        Open project.
    record : ImageRecord
        One of its images.
    source : {"best", "labels", "predictions"}
        Where the values come from.
    card : ModelCard or None
        The model whose predictions are meant.
    """

    project: Project
    record: ImageRecord
    source: Source
    card: ModelCard | None

    @property
    def scheme(self) -> ClassScheme:
        """The classes of the project."""
        return self.project.scheme

    @property
    def depth(self) -> int:
        """Number of planes."""
        return self.record.shape[0]

    def blocks(self) -> Iterator[Tile]:
        """Yield the blocks plane by plane, row by row, each of at most `BLOCK_PX`."""
        for z in range(self.depth):
            yield from cover(self.record.id, self.record.plane, BLOCK_PX, z=z)

    def read(self, block: Tile) -> NDArray[np.uint8]:
        """Return the class values of `block`; merged classes resolved, 0 where there is none."""
        labels = predicted = np.zeros(block.shape, np.uint8)
        if self.source != "predictions":
            labels = self.project.labels(self.record.id).read(block)
        if self.source != "labels" and self.card is not None:
            store = self.project.predictions(self.record.id, self.card.id)
            predicted, _ = store.read(block)
        return self.scheme.resolved(np.where(labels > 0, labels, predicted).astype(np.uint8))

    def inputs(self, **options: object) -> str:
        """Return a hash that changes whenever the exported values may have changed."""
        folders = [] if self.source == "predictions" else [self.project.labels(self.record.id).path]
        if self.source != "labels" and self.card is not None:
            folders.append(self.project.predictions(self.record.id, self.card.id).path)
        parts = {
            "image": self.record.model_dump(mode="json"),
            "scheme": self.scheme.model_dump(mode="json"),
            "source": self.source,
            "model": self.card.id if self.card else None,
            "files": [_listing(folder) for folder in folders],
            "options": options,
        }
        return sha256_bytes(json.dumps(parts, sort_keys=True).encode())

    def check_complete(self, missing_px: int) -> None:
        """Refuse an image of which `missing_px` pixels have no class.

        Raises
        ------
        InputError
            If there are any, unless only people's labels were asked for.
        """
        if not missing_px or self.source == "labels":
            return
        total = self.depth * self.record.plane[0] * self.record.plane[1]
        share = max(0.1, 100 * missing_px / total)
        what = f"{share:.1f} % of the pixels of {self.record.name} have no class yet."
        hint = (
            f"Predict all images with the model {self.card.id} first, or allow a partial export."
            if self.card
            else "Train a model and predict all images first, or export people's labels only."
        )
        raise InputError(what, hint=hint)

    def provenance(self) -> Mapping[str, str]:
        """Return the ids behind the values: project, source, model, snapshot."""
        return {
            "project": self.project.spec.id,
            "source": self.source,
            "model": self.card.id if self.card else "",
            "snapshot": (self.card.snapshot or "") if self.card else "",
        }


def chosen_images(project: Project, images: Sequence[str] | None) -> list[ImageRecord]:
    """Return the records of `images` (ids or names), or of all images.

    Raises
    ------
    InputError
        If the project has no images, or not one of those named.
    """
    records = project.images()
    if not records:
        hint = "Add images first, with phenoai add or in the Project dock."
        raise InputError(f"The project {project.path} has no images.", hint=hint)
    if images is None:
        return records
    known = {record.name: record for record in records} | {record.id: record for record in records}
    unknown = [name for name in images if name not in known]
    if unknown:
        hint = "The images are " + ", ".join(record.id for record in records[:20]) + "."
        raise InputError(f"There is no image {unknown[0]!r} in {project.path}.", hint=hint)
    return [known[name] for name in dict.fromkeys(images)]


def chosen_model(project: Project, model: str | None, source: str) -> ModelCard | None:
    """Return the card of `model`, or of the model that serves; None for people's labels.

    Raises
    ------
    InputError
        If `source` is none of `SOURCES`, or predictions are wanted and no
        model serves.
    """
    if source not in SOURCES:
        raise InputError(f"There is no source {source!r}.", hint=f"Use {', '.join(SOURCES)}.")
    if source == "labels":
        return None
    chosen = model or project.rounds.served()
    if chosen is None and source == "predictions":
        hint = "Train a model or promote one, or export people's labels."
        raise InputError(f"No model serves in {project.path}.", hint=hint)
    return None if chosen is None else project.models.card(chosen)


def _listing(folder: Path) -> list[tuple[str, int, int]]:
    """Return path, size and time of change of each file below `folder`."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".lock":
            stat = path.stat()
            found.append((path.relative_to(folder).as_posix(), stat.st_size, stat.st_mtime_ns))
    return found
