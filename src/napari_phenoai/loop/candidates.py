"""Candidates: what a strategy must know of the tiles that it may choose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.ports import Candidate
from napari_phenoai.core.progress import Progress
from napari_phenoai.core.scoring import stats_of_classes, tile_stats
from napari_phenoai.errors import ImageError
from napari_phenoai.loop.predict import predict_pieces
from napari_phenoai.ml.looks import KINDS, Looks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.ports import Predictor, Strategy, TileStats
    from napari_phenoai.core.progress import Work
    from napari_phenoai.io.project import Project

__all__ = ["candidates_of"]


def candidates_of(
    project: Project,
    strategy: Strategy,
    tiles: Sequence[Tile],
    rng: np.random.Generator,
    *,
    predictor: Predictor | None = None,
    seen: Sequence[Tile] = (),
) -> Work[list[Candidate]]:
    """Find out what `strategy` must know of `tiles`.

    Parameters
    ----------
    project : Project
        Open.
    strategy : Strategy
        Says whether it needs the looks of the tiles, the scores of a model, or nothing.
    tiles : sequence of Tile
        Inside images of the project.
    rng : numpy.random.Generator
        For the looks.
    predictor : Predictor, optional
        The model; needed for scores only. Stored predictions are taken where there are
        any, but for the strategy ``margin``, which needs all probabilities.
    seen : sequence of Tile
        Tiles decided before; they get looks only, where `strategy` needs those.

    Returns
    -------
    list of Candidate
        In the order of `tiles`, those of `seen` behind them.

    Raises
    ------
    ImageError
        If the pixels of a tile cannot be read for the model.
    """
    looks: dict[Tile, NDArray[np.float64]] = {}
    stats: dict[Tile, TileStats] = {}
    if strategy.needs_looks:
        looks = yield from _looked_at(project, [*tiles, *seen], rng)
    if strategy.needs_model and predictor is not None:
        stored = strategy.name != "margin"
        stats = yield from _scored(project, predictor, tiles, stored=stored)
    known = [*tiles, *seen] if looks else tiles
    return [Candidate(tile, stats.get(tile), looks.get(tile)) for tile in known]


def _looked_at(
    project: Project, tiles: Sequence[Tile], rng: np.random.Generator
) -> Work[dict[Tile, NDArray[np.float64]]]:
    """Look at the pixels; images with other numbers of channels are not compared.

    A tile that cannot be read shows nothing, so it comes last: reading it again on the
    desk tells the person why.
    """
    looks: dict[int, Looks] = {}
    places: list[tuple[int, int] | None] = []
    for number, tile in enumerate(tiles):
        try:
            pixels = project.source(tile.image).read(tile)
        except ImageError:
            places.append(None)
            continue
        alike = looks.setdefault(len(pixels), Looks())
        places.append((len(pixels), len(alike)))
        alike.add(pixels)
        yield Progress(number + 1, len(tiles), "looking at tiles")
    shares = {channels: alike.shares(rng) for channels, alike in looks.items()}
    return {
        tile: shares[place[0]][place[1]] if place else np.zeros(KINDS)
        for tile, place in zip(tiles, places, strict=True)
    }


def _scored(
    project: Project, predictor: Predictor, tiles: Sequence[Tile], *, stored: bool
) -> Work[dict[Tile, TileStats]]:
    stats: dict[Tile, TileStats] = {}
    ids = predictor.card.class_ids
    for image in sorted({tile.image for tile in tiles}):
        here = [tile for tile in tiles if tile.image == image]
        if stored:
            store = project.predictions(image, predictor.card.id)
            known = [tile for tile in here if store.has(tile)]
            stats |= {tile: stats_of_classes(*store.read(tile), ids) for tile in known}
        here = [tile for tile in here if tile not in stats]
        answers = predict_pieces(project.source(image), predictor, here) if here else ()
        for tile, probabilities in answers:
            stats[tile] = tile_stats(probabilities, ids)
            yield Progress(len(stats), len(tiles), "scoring tiles")
    return stats
