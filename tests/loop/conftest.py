"""A small project with its truth, and a person who knows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from napari_phenoai.core.ports import TrainSettings
from napari_phenoai.core.progress import finish
from napari_phenoai.loop.queueing import refresh_queue
from napari_phenoai.loop.review import decide, propose
from napari_phenoai.testing.project import tiny_project

if TYPE_CHECKING:
    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.records import QueueItem, Review
    from napari_phenoai.io.project import Project

FAST = TrainSettings(family="forest", extra={"trees": 16, "pixels": 6000})


@dataclass
class Field:
    """A project and what is really in its images."""

    project: Project
    truth: dict[str, np.ndarray]

    def mask(self, tile: Tile) -> np.ndarray:
        return self.truth[tile.image][tile.slices].copy()

    def queue(self, count: int, **options: object) -> list[QueueItem]:
        items = finish(refresh_queue(self.project, count=count, **options))  # type: ignore[arg-type]
        return [item for item in items if item.state == "waiting"]

    def review(self, count: int, *, inverted: bool = False, **options: object) -> list[Review]:
        reviews = []
        for item in self.queue(count, **options)[:count]:
            mask = self.mask(item.where)
            labels = (3 - mask).astype(np.uint8) if inverted else mask
            proposal = propose(self.project, item.where)
            reviews.append(
                decide(
                    self.project,
                    item.where,
                    "corrected",
                    labels=labels,
                    proposal=proposal,
                    seconds=30,
                    author="ann",
                    item=item,
                )
            )
        return reviews


@pytest.fixture
def make_field(tmp_path: Path) -> Iterator[Callable[..., Field]]:
    opened: list[Project] = []

    def make(n_images: int = 5, **options: object) -> Field:
        path = tmp_path / f"field{len(opened)}.phenoai"
        project = tiny_project(path, n_images, **options)  # type: ignore[arg-type]
        project.update(id=f"field{len(opened)}")  # fixes what is drawn by chance
        opened.append(project)
        masks = sorted((tmp_path / f"{path.stem}-scenes" / "masks").iterdir())
        names = {image.name: image.id for image in project.images()}
        truth = {names[mask.name]: np.asarray(Image.open(mask)) + 1 for mask in masks}
        return Field(project, {name: array.astype(np.uint8) for name, array in truth.items()})

    yield make
    for project in opened:
        project.close()


@pytest.fixture
def field(make_field: Callable[..., Field]) -> Field:
    return make_field()
