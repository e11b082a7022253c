"""Trainings elsewhere: what a project sends, and what is done with it there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_phenoai.core.progress import Progress, scaled
from napari_phenoai.io.bundle import MANIFEST, write_bundle
from napari_phenoai.loop.snapshots import sample_of
from napari_phenoai.loop.training import Measured, draft_card, trained

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_phenoai.core.places import Place
    from napari_phenoai.core.ports import Sample, TrainSettings
    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import ModelCard, Review, Snapshot
    from napari_phenoai.io.bundle import Bundle, BundleManifest
    from napari_phenoai.io.models import ModelStore
    from napari_phenoai.io.project import Project

__all__ = ["Origin", "send_bundle", "train_bundle"]


@dataclass(frozen=True)
class Origin:
    """The model that a training starts from: its id and its folder."""

    model: str
    folder: Path


def send_bundle(
    project: Project, snapshot: Snapshot, place: Place, manifest: str = MANIFEST
) -> Work[BundleManifest]:
    """Send all that a training of `snapshot` needs into the folder `place`.

    Broken off, it goes on with what is missing; the manifest comes last.

    Raises
    ------
    ProjectError, ImageError
        If a review, mask or image is missing or damaged.
    EndpointError
        If the storage cannot be written.
    """
    sizes = {project.image(image).pixel_um for image in _images(project, snapshot)}
    pixel_um = sizes.pop() if len(sizes) == 1 else None
    tiles = _tiles(project, snapshot)
    return (yield from write_bundle(place, snapshot, tiles, pixel_um=pixel_um, manifest=manifest))


def train_bundle(
    bundle: Bundle, settings: TrainSettings, models: ModelStore, origin: Origin | None = None
) -> Work[tuple[ModelCard, Measured]]:
    """Train on a bundle as `loop.retrain` does on its project, and keep the model.

    Whether it may serve is decided where the project is. Closing the generator leaves
    nothing behind.

    Parameters
    ----------
    bundle : Bundle
        Checked.
    settings : TrainSettings
        What the person chose.
    models : ModelStore
        Gets the model.
    origin : Origin, optional
        Where to start from; None starts from base weights.

    Raises
    ------
    InputError
        If the images differ in their channels.
    ModelError
        If the training fails.
    """
    scheme = bundle.manifest.scheme
    draft = draft_card(
        bundle.samples,
        scheme,
        settings,
        snapshot=bundle.snapshot_id,
        pixel_um=bundle.manifest.pixel_um,
        parent=origin.model if origin else None,
    )
    with models.stage() as folder:
        work = trained(
            bundle.samples,
            scheme,
            draft,
            settings,
            folder=folder,
            origin=origin.folder if origin else None,
        )
        card, found = yield from scaled(work, 0, 1)
        yield Progress(0.99, 1, "keeping the model")
        card = models.commit(folder, card)
    return card, found


def _tiles(project: Project, snapshot: Snapshot) -> Iterator[tuple[Review, Sample]]:
    for item in snapshot.items:
        review = project.reviews.get(item.review)
        yield review, sample_of(project, review, snapshot.scheme)


def _images(project: Project, snapshot: Snapshot) -> set[str]:
    return {project.reviews.get(item.review).image for item in snapshot.items}
