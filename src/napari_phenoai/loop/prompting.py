"""Outlines from prompts again: the masks that were taken into a review, without a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.progress import finish
from napari_phenoai.errors import InputError, ModelError
from napari_phenoai.ml.sam.cache import EmbeddingCache, embedding_of
from napari_phenoai.ml.sam.view import View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.prompts import MaskCandidate, PromptTake
    from napari_phenoai.io.project import Project
    from napari_phenoai.ml.sam.embedding import Embedding
    from napari_phenoai.ml.sam.prompter import Prompter

__all__ = ["outlines", "replayed"]


def replayed(
    project: Project,
    take: PromptTake,
    prompter: Prompter,
    cache: EmbeddingCache | None = None,
) -> NDArray[np.bool_]:
    """Ask again what a person asked, and return the mask that was taken.

    Parameters
    ----------
    project : Project
        Has the image.
    take : PromptTake
        Of a review: ``review.prompts``.
    prompter : Prompter
        The same network in the same precision.
    cache : EmbeddingCache, optional
        Where embeddings are kept; the cache of the user, unless told otherwise.

    Returns
    -------
    ndarray of bool, shape (height, width)
        In the window ``take.tile``, before locks; where everything was taken, all masks
        together.

    Raises
    ------
    ModelError
        If it is another network.
    InputError
        If the answer has no such candidate, or the tile was looked at in another way.
    ImageError
        If the pixels cannot be read.
    """
    if take.model != prompter.fingerprint:
        what = f"The mask in {take.tile} was outlined by another network ({take.model[:12]} …)."
        raise ModelError(what, hint="Load the same checkpoint, with the same precision.")
    tile, view = Tile.from_key(take.tile), View()
    if take.view not in {"", view.key}:
        hint = "Replay it with the channels and limits that it was looked at with."
        raise InputError(f"{take.tile} was looked at as {take.view}.", hint=hint)
    cache = cache or EmbeddingCache()
    embedding = embedding_of(prompter, cache, project.source(tile.image), tile, view)
    if take.grid is None:
        found = list(prompter.replay(embedding, tile, take.prompts).candidates)
    else:
        found = finish(outlines(prompter, embedding, tile, take.grid))
    chosen = range(len(found)) if take.chosen is None else [take.chosen]
    if not found or max(chosen) >= len(found):
        what = f"Candidate {take.chosen} of {take.tile} was taken, but there are {len(found)}."
        raise InputError(what, hint="The image has changed since; outline it anew.")
    union: NDArray[np.bool_] = np.logical_or.reduce([found[number].mask for number in chosen])
    return union


def outlines(
    prompter: Prompter, embedding: Embedding, tile: Tile, side: int
) -> Work[list[MaskCandidate]]:
    """Outline everything in a tile with a grid of clicks, `side` along each side."""
    from napari_phenoai.ml.sam.everything import Sieve, everything

    found = yield from everything(prompter, embedding, tile, Sieve(side=side))
    for candidate in found:
        candidate.measure()
    return found
