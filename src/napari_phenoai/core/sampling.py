"""Sampling: which tiles are worth a person's next minute.

Five strategies behind one port. All spread their choice: at first no image gives
more than its even share, and between a chosen tile and another one (or one that has
been decided) lies at least half a tile; only when too few are left, these wishes are
given up one by one.
Ties are broken by chance with the given generator, so the same seed chooses the
same tiles.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.coverage import NEW, Coverage, covering
from napari_phenoai.core.ports import Candidate, Choice, Strategy, TileStats
from napari_phenoai.core.spreading import spread
from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from napari_phenoai.core.geometry import Tile

__all__ = [
    "HONEST",
    "ForegroundRandom",
    "Random",
    "Uncertain",
    "due_heldout",
    "strategies",
    "strategy",
]

HONEST = "random look, to measure honestly"
"""Reason of a tile that was drawn for the held-out stream."""

_PRESENT = 0.002
"""Share of a tile from which a class counts as predicted in it."""

_MOST_TURNS = 3
"""How many turns a rare class gets for one of the most frequent class."""

_RARE = 0.1
"""Share of all predicted foreground below which a class is called rarely seen."""


@dataclass(frozen=True, slots=True)
class Random:
    """Every tile has the same chance; needs no model."""

    name: str = "random"
    needs_model: bool = False
    needs_looks: bool = False

    def choose(
        self,
        candidates: Sequence[Candidate],
        count: int,
        rng: np.random.Generator,
        *,
        background: int,  # noqa: ARG002 - part of the port
        taken: Sequence[Tile] = (),
    ) -> list[Choice]:
        """Return `count` tiles drawn at random, spread over the images."""
        order = [candidates[index].tile for index in rng.permutation(len(candidates))]
        chosen = spread(order, count, taken)
        return [Choice(tile, None, "random look, spread over the images") for tile in chosen]


@dataclass(frozen=True, slots=True)
class ForegroundRandom:
    """Chance, stratified by predicted class, so that rare classes get their turn.

    Every foreground class that is predicted anywhere gets its turns; one that is
    rarer than another gets up to three times as many. Its tiles are drawn among those
    that show it, with a chance that grows with the square root of its share of the
    tile. One tile in five is chosen by its looks (see `Coverage`), so that what the
    model overlooks or takes for something else has a chance too. An image may give up
    to a third of the tiles, as a rare class may be in one image only.

    Parameters
    ----------
    names : mapping of int to str
        Class names by id, for the reasons.
    look_every : int
        Every how many tiles one is chosen by its looks.
    """

    names: Mapping[int, str] = field(default_factory=dict)
    look_every: int = 5
    name: str = "foreground-random"
    needs_model: bool = True
    needs_looks: bool = True

    def choose(
        self,
        candidates: Sequence[Candidate],
        count: int,
        rng: np.random.Generator,
        *,
        background: int,
        taken: Sequence[Tile] = (),
    ) -> list[Choice]:
        """Return `count` tiles that show the predicted classes, the rarer ones more often."""
        order = list(covering(candidates, count, rng, taken))
        known = {item.tile: item for item in candidates}
        stats = {tile: _stats(known[tile], self.name) for tile in order}
        queues = {
            number: _drawn(order, [stats[tile].shares.get(number, 0.0) for tile in order], rng)
            for number in _present(stats.values(), background)
        }
        turns = _turns(list(stats.values()), list(queues), rng)
        purpose = self._dealt(order, queues, turns)
        chosen = spread(list(purpose), count, taken, most_per_image=-(-count // 3))
        rare = _rare(stats.values(), list(queues))
        return [self._choice(tile, purpose[tile], stats[tile], rare) for tile in chosen]

    def _dealt(
        self, order: Sequence[Tile], queues: Mapping[int, Sequence[Tile]], turns: Sequence[int]
    ) -> dict[Tile, int | None]:
        """Deal all tiles in the order of preference, each with the class it stands for."""
        rests: dict[int | None, Iterator[Tile]] = {n: iter(q) for n, q in queues.items()}
        dealt: dict[Tile, int | None] = {}
        look, turn = iter(order), 0
        while len(dealt) < len(order):
            number: int | None = None
            tile: Tile | None = None
            while tile is None and turns and (len(dealt) + 1) % self.look_every:
                number = turns[turn % len(turns)]
                tile = next((t for t in rests[number] if t not in dealt), None)
                turns = turns if tile else [other for other in turns if other != number]
                turn += 1
            if tile is None:
                number, tile = None, next(t for t in look if t not in dealt)
            dealt[tile] = number
        return dealt

    def _choice(
        self, tile: Tile, number: int | None, stats: TileStats, rare: frozenset[int]
    ) -> Choice:
        if number is None:
            return Choice(tile, None, NEW)
        share = stats.shares[number]
        name = self.names.get(number, f"class {number}")
        words = "rarely seen class" if number in rare else "shows"
        sign = ": " if number in rare else " "
        return Choice(tile, share, f"{words}{sign}{name}, {_percent(share)} of the tile")


@dataclass(frozen=True, slots=True)
class Uncertain:
    """The tiles where the model is least sure, by mean entropy or margin.

    Parameters
    ----------
    name : str
        ``entropy`` or ``margin``.
    """

    name: str
    needs_model: bool = True
    needs_looks: bool = False

    def choose(
        self,
        candidates: Sequence[Candidate],
        count: int,
        rng: np.random.Generator,
        *,
        background: int,  # noqa: ARG002 - part of the port
        taken: Sequence[Tile] = (),
    ) -> list[Choice]:
        """Return the `count` least sure tiles, spread over the images."""
        values = {item.tile: self._value(_stats(item, self.name)) for item in candidates}
        order = [candidates[index].tile for index in rng.permutation(len(candidates))]
        order.sort(key=lambda tile: -values[tile])
        words = (
            "the model is unsure here" if self.name == "entropy" else "two classes are close here"
        )
        return [
            Choice(tile, values[tile], f"{words} ({self.name} {values[tile]:.2f})")
            for tile in spread(order, count, taken)
        ]

    def _value(self, stats: TileStats) -> float:
        value = stats.entropy if self.name == "entropy" else stats.margin
        if np.isnan(value):
            hint = "Score the tiles with the model instead of the stored prediction."
            raise InputError(f"The {self.name} of a tile is not known.", hint=hint)
        return value


def strategies(names: Mapping[int, str] | None = None) -> dict[str, Strategy]:
    """Return all strategies by name.

    Parameters
    ----------
    names : mapping of int to str, optional
        Class names by id, for the reasons.

    Examples
    --------
    >>> list(strategies())
    ['coverage', 'random', 'foreground-random', 'entropy', 'margin']
    """
    every: list[Strategy] = [
        Coverage(),
        Random(),
        ForegroundRandom(dict(names or {})),
        Uncertain("entropy"),
        Uncertain("margin"),
    ]
    return {item.name: item for item in every}


def strategy(name: str, names: Mapping[int, str] | None = None) -> Strategy:
    """Return the strategy called `name`.

    Raises
    ------
    InputError
        If there is none; the hint lists them.
    """
    known = strategies(names)
    if name not in known:
        hint = f"The strategies are {', '.join(known)}."
        raise InputError(f"There is no strategy {name!r}.", hint=hint)
    return known[name]


def due_heldout(decided: int, share: float) -> int:
    """Return how many of the first `decided` tiles should be held out.

    It is `share` of them, rounded; but two of the first six, so that the first
    model can be measured.

    Examples
    --------
    >>> [due_heldout(number, 0.2) for number in (1, 2, 3, 6, 10, 20, 30)]
    [0, 0, 1, 2, 2, 4, 6]
    """
    if share <= 0:
        return 0
    return max(int(decided * share + 0.5), min(decided, 6) // 3)


def _present(stats: Iterable[TileStats], background: int) -> list[int]:
    seen = {n for item in stats for n, share in item.shares.items() if share >= _PRESENT}
    return sorted(seen - {background})


def _rare(stats: Collection[TileStats], numbers: Sequence[int]) -> frozenset[int]:
    total = {n: sum(item.shares.get(n, 0.0) for item in stats) for n in numbers}
    whole = sum(total.values())
    if len(numbers) < 2:
        return frozenset()
    return frozenset(n for n, value in total.items() if value < _RARE * whole)


def _turns(
    stats: Collection[TileStats], numbers: Sequence[int], rng: np.random.Generator
) -> list[int]:
    """Return a cycle of turns: each class up to `_MOST_TURNS` times, evenly mixed."""
    total = {n: sum(item.shares.get(n, 0.0) for item in stats) for n in numbers}
    most = max(total.values(), default=0.0)
    times = {n: round(min(_MOST_TURNS, (most / total[n]) ** 0.5)) for n in numbers}
    places = [((turn + rng.random()) / times[n], n) for n in numbers for turn in range(times[n])]
    return [number for _, number in sorted(places)]


def _drawn(tiles: Sequence[Tile], shares: Sequence[float], rng: np.random.Generator) -> list[Tile]:
    """Order the tiles that show a class by weighted chance (Efraimidis & Spirakis 2006)."""
    weights = np.sqrt(np.asarray(shares))
    luck = rng.random(len(tiles))
    with np.errstate(divide="ignore"):
        keys = np.where(np.asarray(shares) >= _PRESENT, np.log(luck) / weights, -np.inf)
    order = np.argsort(-keys, kind="stable")
    return [tiles[index] for index in order if np.isfinite(keys[index])]


def _stats(candidate: Candidate, name: str) -> TileStats:
    if candidate.stats is None:
        hint = "Train a model first, or choose the strategy random."
        raise InputError(f"The strategy {name} needs the scores of a model.", hint=hint)
    return candidate.stats


def _percent(share: float) -> str:
    return f"about {100 * share:.0f} %" if share >= 0.01 else "less than 1 %"
