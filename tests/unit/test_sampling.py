"""Sampling: which tiles a person sees next, and why."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_phenoai.core.coverage import NEW
from napari_phenoai.core.geometry import Tile, gap_px, grid
from napari_phenoai.core.ports import Candidate, Strategy, TileStats
from napari_phenoai.core.sampling import strategies, strategy
from napari_phenoai.core.spreading import spread, uncovered
from napari_phenoai.errors import InputError

NAMES = {1: "soil", 2: "leaf", 3: "symptom"}


def candidates(images: int = 4, side: int = 4, seed: int = 0) -> list[Candidate]:
    """Tiles with much leaf; symptoms in one image only."""
    rng = np.random.default_rng(seed)
    found = []
    for image in range(images):
        for tile in grid(f"im{image}", (side * 64, side * 64), 64):
            symptom = rng.uniform(0.02, 0.06) if image == 0 else 0.0
            leaf = rng.uniform(0.2, 0.5)
            shares = {1: 1 - leaf - symptom, 2: leaf, 3: symptom}
            stats = TileStats(rng.random(), rng.random(), shares)
            found.append(Candidate(tile, stats, np.array([*shares.values()])))
    return found


@pytest.mark.parametrize("name", list(strategies()))
def test_contract_of_a_strategy(name: str) -> None:
    chosen_by = strategy(name, NAMES)
    assert isinstance(chosen_by, Strategy)
    assert chosen_by.name == name
    pool = candidates()

    def choose(seed: int, count: int = 12) -> list[Tile]:
        rng = np.random.default_rng(seed)
        choices = chosen_by.choose(pool, count, rng, background=1)
        assert all(choice.reason for choice in choices)
        return [choice.tile for choice in choices]

    first = choose(3)
    assert choose(3) == first, "the same seed must choose the same tiles"
    assert len(first) == len(set(first)) == 12
    assert set(first) <= {item.tile for item in pool}
    assert sorted(choose(3, 500)) == sorted(item.tile for item in pool)
    assert choose(3, 0) == []
    assert chosen_by.choose([], 5, np.random.default_rng(0), background=1) == []


@pytest.mark.parametrize("name", list(strategies()))
def test_no_image_gives_more_than_its_share(name: str) -> None:
    choices = strategy(name).choose(candidates(), 8, np.random.default_rng(1), background=1)
    most = 3 if name == "foreground-random" else 2
    assert max(Counter(choice.tile.image for choice in choices).values()) <= most
    tiles = [choice.tile for choice in choices]
    assert min(gap_px(a, b) for a in tiles for b in tiles if a != b) >= 32


def test_the_least_sure_tile_comes_first_and_says_so() -> None:
    pool = candidates()
    for name in ("entropy", "margin"):
        best = max(pool, key=lambda item: getattr(item.stats, name))
        (choice,) = strategy(name).choose(pool, 1, np.random.default_rng(0), background=1)
        assert choice.tile == best.tile
        assert choice.score == getattr(best.stats, name)
        assert f"({name} {choice.score:.2f})" in choice.reason


def test_rare_classes_get_the_same_chance() -> None:
    count = Counter[str]()
    for seed in range(20):
        rng = np.random.default_rng(seed)
        for choice in strategy("foreground-random", NAMES).choose(
            candidates(8), 10, rng, background=1
        ):
            count[choice.reason.split(",")[0]] += 1
    assert 10 < count[NEW] < 60
    by_chance = 20 * 10 / 8
    assert count["rarely seen class: symptom"] > 1.5 * by_chance
    assert count["shows leaf"] > 30


def test_a_rare_class_gets_more_turns_while_it_has_tiles() -> None:
    pool = [
        Candidate(item.tile, TileStats(0, 0, {1: 0.5, 2: 0.49, 3: 0.01}), item.looks)
        for item in candidates()
    ]
    choices = strategy("foreground-random", NAMES).choose(
        pool, 15, np.random.default_rng(0), background=1
    )
    count = Counter(choice.reason.split(",")[0] for choice in choices)
    assert count["rarely seen class: symptom"] > 2 * count["shows leaf"] > 0
    assert count[NEW] >= 1


def test_reason_names_class_and_share() -> None:
    tile = Tile("a", 0, 0, 8, 8)
    stats = TileStats(0.1, 0.1, {1: 0.96, 2: 0.0, 3: 0.04})
    pool = [
        Candidate(tile, stats, np.array([0.96, 0.04])),
        Candidate(Tile("b", 0, 0, 8, 8), TileStats(0, 0, {1: 0, 2: 1, 3: 0}), np.array([0.0, 1])),
    ]
    reasons = {
        choice.tile.image: choice.reason
        for choice in strategy("foreground-random", NAMES).choose(
            pool, 2, np.random.default_rng(0), background=1
        )
    }
    assert reasons["a"] == "rarely seen class: symptom, about 4 % of the tile"
    assert reasons["b"] == "shows leaf, about 100 % of the tile"


def test_a_model_that_finds_nothing_leaves_it_to_the_looks() -> None:
    pool = [
        Candidate(item.tile, TileStats(0, 0, {1: 1.0, 2: 0.0, 3: 0.0}), item.looks)
        for item in candidates()
    ]
    choices = strategy("foreground-random").choose(pool, 5, np.random.default_rng(0), background=1)
    assert len(choices) == 5
    assert {choice.reason for choice in choices} == {NEW}


def test_coverage_shows_every_kind_of_pixels_soon() -> None:
    kinds = np.eye(6)
    rng = np.random.default_rng(0)
    pool = [
        Candidate(item.tile, looks=0.9 * kinds[number % 2] + 0.1 * kinds[at % 6])
        for at, item in enumerate(candidates(12))
        for number in [int(rng.integers(2))]
    ]
    chosen = strategy("coverage").choose(pool, 6, rng, background=1)
    looks = {item.tile: np.asarray(item.looks) for item in pool}
    assert (np.sum([looks[choice.tile] for choice in chosen], axis=0) > 0).all()
    gains = [choice.score for choice in chosen if choice.score is not None]
    assert gains == sorted(gains, reverse=True)


def test_coverage_looks_for_what_was_not_shown_yet() -> None:
    tiles = [item.tile for item in candidates(3)]
    rare = tiles[20]
    pool = [
        Candidate(tile, looks=np.array([0.5, 0.5]) if tile == rare else np.array([1.0, 0.0]))
        for tile in tiles
    ]
    (first,) = strategy("coverage").choose(pool, 1, np.random.default_rng(0), background=1)
    assert first.tile == rare
    taken = [rare]
    again = strategy("coverage").choose(
        pool, 3, np.random.default_rng(0), background=1, taken=taken
    )
    assert rare not in [choice.tile for choice in again]


def test_needs_scores_unless_random() -> None:
    pool = [Candidate(item.tile) for item in candidates()]
    for name, item in strategies().items():
        if name == "random":
            assert item.choose(pool, 3, np.random.default_rng(0), background=1)
            continue
        with pytest.raises(InputError, match=r"needs the (pixels|scores)"):
            item.choose(pool, 3, np.random.default_rng(0), background=1)
    with pytest.raises(InputError, match="no strategy 'best'"):
        strategy("best")


@given(st.integers(0, 1000), st.integers(1, 30))
def test_spread_keeps_away_from_what_is_covered(seed: int, count: int) -> None:
    tiles = list(grid("im", (150, 150), 64)) + list(grid("other", (70, 200), 64))
    order = [tiles[index] for index in np.random.default_rng(seed).permutation(len(tiles))]
    taken = order[-1:]
    chosen = spread(order[:-1], count, taken)
    for at, tile in enumerate(chosen):
        for other in [*chosen[:at], *taken]:
            if tile.intersects(other):
                height = min(tile.y1, other.y1) - max(tile.y, other.y)
                width = min(tile.x1, other.x1) - max(tile.x, other.x)
                assert height * width <= 0.5 * tile.area_px


def test_what_is_covered_by_halves_is_covered() -> None:
    tile = Tile("im", 0, 0, 100, 100)
    left, right = Tile("im", 0, -60, 100, 100), Tile("im", 0, 70, 100, 100)
    assert uncovered([tile], [left]) == uncovered([tile], [right]) == [tile]
    assert uncovered([tile], [left, right]) == []
    assert uncovered([tile], [Tile("other", 0, 0, 100, 100)]) == [tile]
