"""Shares of a prediction: parts that any machine can do that sees the project's folder."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from napari_phenoai.core.progress import finish
from napari_phenoai.errors import ImageError, ModelError, ProjectError
from napari_phenoai.loop.engine import predict_blocks
from napari_phenoai.loop.predict import areas_wanted, blocks_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.plan import Block
    from napari_phenoai.core.ports import Predictor
    from napari_phenoai.core.records import ImageRecord
    from napari_phenoai.core.scheme import ClassScheme
    from napari_phenoai.io.project import Project

__all__ = ["Choice", "Share", "predict_share", "shares_of"]

_BLOCKS = 4
"""Blocks in a share: enough to overlap reading and computing, few enough to lose."""

_turn = threading.Lock()


@dataclass(frozen=True, slots=True)
class Choice:
    """The model of a prediction and how it runs, as for `load_predictor`."""

    folder: str
    device: str = "auto"
    precision: str = "auto"
    engine: str = "auto"


@dataclass(frozen=True, slots=True)
class Share:
    """Blocks of one image that one machine predicts; nobody else writes their chunks.

    It names everything by path, so that whoever does it opens neither the project nor
    its ledger, which must stay on a local disk of the one machine that has it open.

    Parameters
    ----------
    uri : str
        Where the pixels are.
    store : str
        The prediction to write, an OME-Zarr.
    image, scheme
        The record of the image and the classes of the project.
    choice : Choice
        The model.
    blocks : tuple of Block
        What to predict.
    """

    uri: str
    store: str
    image: ImageRecord
    scheme: ClassScheme
    choice: Choice
    blocks: tuple[Block, ...]

    @property
    def area_px(self) -> int:
        """Number of pixels to predict."""
        return sum(tile.area_px for block in self.blocks for tile in block.tiles)


def shares_of(
    project: Project,
    predictor: Predictor,
    images: Sequence[str] | None = None,
    *,
    regions: Sequence[Tile] = (),
    device: str = "auto",
    precision: str = "auto",
    engine: str = "auto",
) -> list[Share]:
    """Cut what `predict_project` would still have to do into shares.

    Parameters
    ----------
    project : Project
        Open; its folder, its images and its models must have the same paths everywhere.
    predictor : Predictor
        The model, loaded here: it says how large blocks are, so that the pixels are
        those of a prediction on this machine.
    images : sequence of str, optional
        Ids or names of images; by default all.
    regions : sequence of Tile, optional
        Only the tiles of 512 px that share a pixel with one of them.
    device, precision, engine : str
        How the machines run the model, as for `load_predictor`.

    Raises
    ------
    InputError
        If the project has no image, or not one of those named.
    """
    model = predictor.card.id
    folder = str(project.models.folder(model).resolve())
    choice = Choice(folder, device, precision, engine)
    shares: list[Share] = []
    for record, region in areas_wanted(project, images, regions):
        store = project.predictions(record.id, model)
        source = project.source(record.id)
        blocks = blocks_of(source, predictor, image=record.id, region=region)
        left = [block for block in blocks if store.missing(block.tiles)]
        path = str(store.path.resolve())
        shares += [
            Share(source.uri, path, record, project.scheme, choice, part) for part in _parts(left)
        ]
    return shares


def predict_share(share: Share) -> int:
    """Predict one share, and return how many tiles of 512 px were written.

    What is on the disk already is left out, so a share that a lost machine left
    half-done is finished by the next one, with the same pixels. The model stays loaded
    for the next share of the same prediction; one share at a time is done in a process.

    Raises
    ------
    ImageError, ModelError, DiskError
        If this machine cannot read the image or the model, or cannot write.
    ProjectError
        If this machine does not see the folder of the project.
    """
    from napari_phenoai.io.images import open_image
    from napari_phenoai.io.predictions import PredictionStore

    path = Path(share.store)
    if not path.parent.parent.is_dir():
        text = f"The folder {path.parent.parent} is not there on this machine."
        raise ProjectError(text, hint="All machines must see the project under the same path.")
    with _turn:
        predictor = _loaded(share.choice)
        store = PredictionStore(path, share.image, lambda: share.scheme)
        source = open_image(share.uri)
        if source.shape != share.image.shape:
            text = f"{share.uri} has the shape {source.shape} here, not {share.image.shape}."
            raise ImageError(text, hint="All machines must see the same file under this path.")
        return finish(predict_blocks(source, predictor, share.blocks, store))


def _parts(blocks: Sequence[Block]) -> Iterator[tuple[Block, ...]]:
    for start in range(0, len(blocks), _BLOCKS):
        yield tuple(blocks[start : start + _BLOCKS])


@lru_cache(maxsize=1)
def _loaded(choice: Choice) -> Predictor:
    from napari_phenoai.ml.families import load_model

    folder = Path(choice.folder)
    if not folder.is_dir():
        text = f"The model {folder} is not there on this machine."
        raise ModelError(text, hint="All machines must see the project under the same path.")
    return load_model(
        folder, device=choice.device, precision=choice.precision, engine=choice.engine
    )
