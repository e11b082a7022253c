"""Predicting tiles, images and whole projects: lazily, tiled, resumable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.classifier import Classifier
from napari_phenoai.core.context import read_with_context
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.plan import CORE_PX, Block, plan_blocks
from napari_phenoai.core.progress import Progress, scaled
from napari_phenoai.core.remaining import Pace
from napari_phenoai.errors import InputError
from napari_phenoai.loop.engine import Store, predict_blocks
from napari_phenoai.loop.parting import part_images

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_phenoai.core.ports import ImageSource, Predictor
    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import ImageRecord
    from napari_phenoai.io.project import Project

__all__ = [
    "CORE_PX",
    "Answer",
    "Store",
    "areas_wanted",
    "blocks_of",
    "predict_image",
    "predict_pieces",
    "predict_project",
    "predict_tile",
    "predict_tiles",
]

_BATCH_PX = 4 * CORE_PX * CORE_PX
"""Pixels without context that are handed to the predictor at a time on a GPU."""


Answer = tuple[Tile, "NDArray[np.float32]"]
"""A tile with its probabilities ``(k, y, x)``."""


def predict_tile(source: ImageSource, predictor: Predictor, tile: Tile) -> NDArray[np.float32]:
    """Return the class probabilities of one tile.

    The tile is read with the context that the model asks for, so its edges are
    as good as its middle.

    Parameters
    ----------
    source : ImageSource
        The image.
    predictor : Predictor
        The model.
    tile : Tile
        Inside the image.

    Returns
    -------
    ndarray of float32, shape (k, y, x)
        Plane ``i`` is class ``predictor.card.class_ids[i]``.

    Raises
    ------
    ModelError
        If the image has another number of channels than the model wants.
    ImageError
        If the pixels cannot be read.
    """
    (answer,) = predict_pieces(source, predictor, [tile])
    return answer[1]


def predict_pieces(
    source: ImageSource, predictor: Predictor, tiles: Sequence[Tile]
) -> Iterator[Answer]:
    """Yield each of `tiles`, in order, with its probabilities, predicted in batches."""
    context = predictor.card.context_px
    for batch in _batches(tiles, predictor):
        pixels = np.stack([read_with_context(source, tile, context) for tile in batch])
        answers = predictor.predict(pixels)
        for tile, answer in zip(batch, answers, strict=True):
            yield tile, answer[:, context : context + tile.height, context : context + tile.width]


def predict_tiles(
    source: ImageSource, predictor: Predictor, tiles: Sequence[Tile], store: Store
) -> Work[int]:
    """Predict `tiles`, write each at once, and return how many were written.

    What `store` has already is left out, so that a stopped prediction goes on
    where it was. Each progress finds everything before it on the disk.

    Raises
    ------
    ModelError
        If the model does not fit the image or the memory.
    ImageError, DiskError
        If pixels cannot be read or predictions cannot be written.
    """
    blocks = [Block(tile, (tile,)) for tile in tiles]
    return (yield from predict_blocks(source, predictor, blocks, store))


def blocks_of(
    source: ImageSource, predictor: Predictor, *, image: str = "image", region: Tile | None = None
) -> list[Block]:
    """Return the blocks in which an image, or the part round a region, is predicted."""
    planes, _, height, width = source.shape
    edge = predictor.block_px if isinstance(predictor, Classifier) else (CORE_PX, CORE_PX)
    wanted = range(planes) if region is None else (region.z,)
    plane = (height, width)
    return [block for z in wanted for block in plan_blocks(image, plane, edge, z=z, region=region)]


def predict_image(
    source: ImageSource,
    predictor: Predictor,
    store: Store,
    *,
    image: str = "image",
    region: Tile | None = None,
    pace: Pace | None = None,
) -> Work[int]:
    """Predict all planes of an image, or the part round a region, in tiles of 512 px.

    The tiles are computed in larger blocks where the model and the memory allow.

    Parameters
    ----------
    source, predictor, store
        Pixels, model, and where to write.
    image : str
        Id of the image.
    region : Tile, optional
        Only the tiles that share a pixel with it are predicted, whole.
    pace : Pace, optional
        Of a larger work that this is a part of, in pixels.

    Returns
    -------
    int
        Number of tiles that were predicted now.
    """
    name = region.image if region else image
    blocks = blocks_of(source, predictor, image=name, region=region)
    return (yield from predict_blocks(source, predictor, blocks, store, pace=pace))


def predict_project(
    project: Project,
    model_id: str | None = None,
    images: Sequence[str] | None = None,
    *,
    regions: Sequence[Tile] = (),
    device: str = "auto",
    precision: str = "auto",
    engine: str = "auto",
    predictor: Predictor | None = None,
) -> Work[int]:
    """Predict images of a project with one of its models.

    In a project of objects, images that are predicted whole are parted into objects.

    Parameters
    ----------
    project : Project
        Open.
    model_id : str, optional
        Which model; by default the one that serves.
    images : sequence of str, optional
        Ids or names of images; by default all.
    regions : sequence of Tile, optional
        Only the tiles of 512 px that share a pixel with one of them; in place of
        `images`.
    device, precision, engine : str
        As for `load_predictor`.
    predictor : Predictor, optional
        The model when it is loaded already.

    Returns
    -------
    int
        Number of tiles of 512 px that were predicted now.

    Raises
    ------
    ModelError
        If there is no model.
    InputError
        If the project has no image, or not one of those named.
    """
    from napari_phenoai.loop.models import load_predictor

    wanted = areas_wanted(project, images, regions)
    if predictor is None:
        yield Progress(0, len(wanted), "loading the model")
        predictor = load_predictor(
            project, model_id, device=device, precision=precision, engine=engine
        )
    parts = len(wanted) + project.spec.has_objects
    where = {"device": predictor.device}
    yield Progress(0, parts, f"computing on {predictor.device}", where)
    pace = Pace(sum(_pixels(record, region) for record, region in wanted))
    count = 0
    for number, (record, region) in enumerate(wanted):
        store = project.predictions(record.id, predictor.card.id)
        source = project.source(record.id)
        work = predict_image(source, predictor, store, image=record.id, region=region, pace=pace)
        count += yield from scaled(_named(work, record.name), number, number + 1, parts)
    whole = [record for record, _ in wanted]
    yield from scaled(part_images(project, predictor.card.id, whole), len(wanted), parts, parts)
    return count


def areas_wanted(
    project: Project, images: Sequence[str] | None, regions: Sequence[Tile]
) -> list[tuple[ImageRecord, Tile | None]]:
    """Return the images to predict, each with the region in it, or None for all of it.

    Raises
    ------
    InputError
        If the project has no image, or not one of those named.
    """
    if regions:
        return [(project.image(region.image), region) for region in regions]
    names = images or [record.id for record in project.images()]
    if not names:
        hint = "Add some with phenoai add."
        raise InputError(f"The project {project.path} has no images.", hint=hint)
    return [(_found(project, name), None) for name in names]


def _pixels(record: ImageRecord, region: Tile | None) -> int:
    """Return how many pixels are to be predicted, near enough for the time left."""
    planes, _, height, width = record.shape
    return planes * height * width if region is None else region.area_px


def _named(work: Work[int], name: str) -> Work[int]:
    try:
        while True:
            progress = next(work)
            message = f"{name}: {progress.message}"
            yield Progress(progress.done, progress.total, message, progress.data)
    except StopIteration as end:
        return int(end.value)
    finally:
        work.close()


def _found(project: Project, name: str) -> ImageRecord:
    for record in project.images():
        if name in (record.id, record.name):
            return record
    return project.image(name)


def _batches(tiles: Sequence[Tile], predictor: Predictor) -> Iterator[list[Tile]]:
    """Cut `tiles` into runs of equal size, one by one on a processor."""
    batch: list[Tile] = []
    for tile in tiles:
        cpu = predictor.device.startswith("cpu")
        most = 1 if cpu else max(1, _BATCH_PX // tile.area_px)
        if batch and (tile.shape != batch[0].shape or len(batch) >= most):
            yield batch
            batch = []
        batch.append(tile)
    if batch:
        yield batch
