"""Coverage: the first tiles show as much of what there is as so few tiles can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.ports import Candidate, Choice
from napari_phenoai.core.spreading import spread
from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile

__all__ = ["NEW", "Coverage", "covering"]

NEW = "shows what the tiles before show little of"
"""Reason of a tile that was chosen by its looks."""


_LEAST = 1e-4
"""Kinds of pixels that are rarer than this share do not count more for it."""

_SPARE = 4
"""How many tiles are ordered for each one wanted, as spreading leaves some out."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Tiles that together show every kind of pixels, the rare ones too; needs no model.

    A tile is worth the more, the more it adds of kinds that were little shown so far:
    each kind counts with the square root of what is shown of it, as a part of what
    there is. The best next tile is taken, again and again: the greedy choice for such
    a sum is near the best possible one (Nemhauser, Wolsey & Fisher 1978).

    Candidates carry their ``looks``. Those among `taken` are not chosen; what they show
    counts as shown.
    """

    name: str = "coverage"
    needs_model: bool = False
    needs_looks: bool = True

    def choose(
        self,
        candidates: Sequence[Candidate],
        count: int,
        rng: np.random.Generator,
        *,
        background: int,  # noqa: ARG002 - part of the port
        taken: Sequence[Tile] = (),
    ) -> list[Choice]:
        """Return `count` tiles that show what has not been shown, spread over the images."""
        gains = covering(candidates, count, rng, taken)
        return [Choice(tile, gains[tile], NEW) for tile in spread(list(gains), count, taken)]


def covering(
    candidates: Sequence[Candidate], count: int, rng: np.random.Generator, taken: Sequence[Tile]
) -> dict[Tile, float | None]:
    """Order the tiles by how much they add to what was shown, and tell how much.

    Parameters
    ----------
    candidates : sequence of Candidate
        With ``looks``; what those among `taken` show counts as shown.
    count : int
        How many are wanted in the end: four times as many are ordered, the others
        follow by chance with None.
    rng : numpy.random.Generator
        Decides between equals.
    taken : sequence of Tile
        Tiles decided before.
    """
    decided = set(taken)
    order = rng.permutation(len(candidates))
    fresh = [candidates[at] for at in order if candidates[at].tile not in decided]
    seen = [_looks(item) for item in candidates if item.tile in decided]
    ranked = _ranked([_looks(item) for item in fresh], seen, _SPARE * count)
    rest = {at: None for at in range(len(fresh)) if at not in ranked}
    return {fresh[at].tile: gain for at, gain in [*ranked.items(), *rest.items()]}


def _ranked(
    looks: Sequence[NDArray[np.float64]], seen: Sequence[NDArray[np.float64]], count: int
) -> dict[int, float]:
    """Return the best `count` of `looks` in the order of choice, each with its gain."""
    if not looks:
        return {}
    shares = np.stack(looks)
    shares /= shares.mean(axis=0) + _LEAST
    shown = np.sum(seen, axis=0) / (np.mean(looks, axis=0) + _LEAST) if seen else 0.0
    ranked: dict[int, float] = {}
    for _ in range(min(count, len(shares))):
        gains = (np.sqrt(shown + shares) - np.sqrt(shown)).sum(axis=1)
        gains[list(ranked)] = -1
        best = int(gains.argmax())
        ranked[best] = float(gains[best])
        shown = shown + shares[best]
    return ranked


def _looks(candidate: Candidate) -> NDArray[np.float64]:
    if candidate.looks is None:
        hint = "Choose the strategy random."
        raise InputError("The strategy needs the pixels of the tiles.", hint=hint)
    return candidate.looks
