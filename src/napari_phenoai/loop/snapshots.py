"""Snapshots: exactly what a training sees, and the pixels that go with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.context import grown
from napari_phenoai.core.geometry import Tile, gap_px
from napari_phenoai.core.object_table import FIRST_OBJECT
from napari_phenoai.core.ports import Sample, TrueObjects
from napari_phenoai.core.records import Snapshot, SnapshotItem
from napari_phenoai.core.splits import GAP_PX
from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_phenoai.core.records import Review
    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.io.project import Project

__all__ = ["MARGIN_PX", "sample_of", "samples_of", "take_snapshot", "teaching"]

MARGIN_PX = 32
"""Pixels round a tile that a training may look at, without knowing their class."""


def take_snapshot(project: Project) -> tuple[str, Snapshot]:
    """Freeze what people have decided until now.

    Returns
    -------
    tuple of (str, Snapshot)
        The snapshot and its id, under which it is kept in the project.

    Raises
    ------
    InputError
        If no tile for training has been accepted or corrected.
    """
    reviews = teaching(project.reviews.current().values())
    if not any(review.role == "train" for review in reviews):
        hint = "Accept or correct a few tiles of the queue first."
        raise InputError("There is no reviewed tile to learn from.", hint=hint)
    items = tuple(
        SnapshotItem(review=review.id, mask=review.mask or "", role=review.role)
        for review in reviews
    )
    snapshot = Snapshot(scheme=project.scheme, items=items)
    return project.snapshots.add(snapshot), snapshot


def teaching(reviews: Iterable[Review]) -> list[Review]:
    """Return the reviews that a training or an evaluation can use, oldest first.

    A tile for training that lies nearer than the gap to a held-out one is left out,
    as may happen when the work of several people is merged: held-out wins.
    """
    useful = sorted((review for review in reviews if review.teaches), key=lambda item: item.id)
    heldout = [review.tile for review in useful if review.role == "heldout"]
    return [
        review
        for review in useful
        if review.role == "heldout" or not _is_near(review.tile, heldout)
    ]


def samples_of(project: Project, snapshot: Snapshot) -> list[Sample]:
    """Read the pixels and labels of all tiles of a snapshot.

    Pixels come with a margin of 32 px where the image goes on; it is unlabelled.
    Classes merged since are resolved, and classes added since a tile was decided
    are not among its ``checked`` ones.

    Raises
    ------
    ProjectError
        If a review or a mask is missing or damaged.
    ImageError
        If an image has gone or changed.
    """
    samples = []
    for item in snapshot.items:
        review = project.reviews.get(item.review)
        samples.append(sample_of(project, review, snapshot.scheme))
    return samples


def sample_of(project: Project, review: Review, scheme: ClassScheme) -> Sample:
    """Return one reviewed tile as a training sees it, under `scheme`."""
    tile = review.tile
    wide = grown(tile, MARGIN_PX, project.image(tile.image).plane)
    labels = np.zeros(wide.shape, np.uint8)
    inner = Tile(tile.image, tile.y - wide.y, tile.x - wide.x, *tile.shape)
    labels[inner.slices] = scheme.resolved(project.reviews.mask(review))
    unchecked = scheme.unchecked(review.scheme_version)
    checked = tuple(number for number in scheme.ids if number not in unchecked)
    pixels = project.source(tile.image).read(wide)
    objects = None
    if review.objects is not None:
        ids = np.zeros(wide.shape, np.uint32)
        values = project.reviews.values(review)
        ids[inner.slices] = np.where(values < FIRST_OBJECT, 0, values)
        objects = TrueObjects(ids, project.spec.neck, project.spec.smallest_px)
    return Sample(pixels, labels, checked, tile, review.role, objects)


def _is_near(tile: Tile, others: Iterable[Tile]) -> bool:
    flat = Tile(tile.image, tile.y, tile.x, *tile.shape)
    return any(
        gap_px(flat, Tile(other.image, other.y, other.x, *other.shape)) < GAP_PX
        for other in others
        if other.image == tile.image
    )
