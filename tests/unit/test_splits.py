"""Splits: no pixel and no neighbour on both sides, for good."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_phenoai.core.geometry import Tile, gap_px
from napari_phenoai.core.records import ImageRecord, Role
from napari_phenoai.core.sampling import due_heldout
from napari_phenoai.core.splits import GAP_PX, Split, make_split


def record(
    name: str, plane: tuple[int, int] = (512, 512), group: str | None = None, z: int = 1
) -> ImageRecord:
    return ImageRecord(
        id=name,
        name=name,
        uri=name,
        original=name,
        shape=(z, 3, *plane),
        dtype="uint8",
        group=group,
        fingerprint=name,
    )


def split_of(
    images: list[ImageRecord], used: object = (), *, tile_px: int = 64, **options: object
) -> Split:
    given = {"tile_px": tile_px, "share": 0.2, "seed": "s", **options}
    return make_split(images, used, **given)  # type: ignore[arg-type]


def roles(split: Split, tile_px: int = 64) -> dict[Role, list[Tile]]:
    return {role: list(split.tiles(role, tile_px)) for role in ("train", "heldout")}


planes = st.tuples(st.integers(40, 900), st.integers(40, 900))
images_and_groups = st.lists(
    st.tuples(planes, st.sampled_from([None, "p1", "p2", "p3", "p4"]), st.integers(1, 2)),
    min_size=1,
    max_size=9,
)


@given(images_and_groups, st.sampled_from(["auto", "image", "group", "block"]), st.text(max_size=3))
def test_roles_never_meet(
    items: list[tuple[tuple[int, int], str | None, int]], mode: str, seed: str
) -> None:
    images = [record(f"im{n}", plane, group, z) for n, (plane, group, z) in enumerate(items)]
    split = split_of(images, mode=mode, seed=seed)
    found = roles(split)
    for one in found["heldout"]:
        for other in found["train"]:
            flat = Tile(one.image, other.y, other.x, *other.shape)
            same = one.image == other.image
            assert not same or gap_px(Tile(one.image, one.y, one.x, *one.shape), flat) >= GAP_PX
    by_id = {image.id: image for image in images}
    for tile in found["train"] + found["heldout"]:
        assert tile.clipped(by_id[tile.image].plane) == tile
        assert split.role_of(tile) == ("heldout" if tile in found["heldout"] else "train")
    plots = {plot.key: plot.role for plot in split.plots}
    if len(plots) > 1:
        assert set(plots.values()) == {"train", "heldout"}
    assert split.count("train", 64) == len(found["train"]) == len(set(found["train"]))


@given(st.integers(3, 30), st.randoms())
def test_order_of_images_does_not_matter(count: int, chance: object) -> None:
    images = [record(f"im{n}") for n in range(count)]
    expected = {p.key: p.role for p in split_of(images).plots}
    chance.shuffle(images)  # type: ignore[attr-defined]
    assert {p.key: p.role for p in split_of(images).plots} == expected
    assert sum(role == "heldout" for role in expected.values()) == max(1, round(0.2 * count))


def test_groups_stay_together() -> None:
    images = [record(f"im{n}", group=f"plot{n % 5}") for n in range(20)]
    by_group = defaultdict(set)
    for plot in split_of(images).plots:
        by_group[plot.key].add((plot.role, plot.area.image))
    assert len(by_group) == 5
    assert all(len({role for role, _ in members}) == 1 for members in by_group.values())


@given(st.integers(0, 20), st.data())
def test_a_used_image_keeps_its_role_when_images_are_added(more: int, data: st.DataObject) -> None:
    images = [record(f"im{n}") for n in range(6)]
    split = split_of(images)
    pool = [(tile, role) for role, tiles in roles(split).items() for tile in tiles]
    used = data.draw(st.lists(st.sampled_from(pool), max_size=8))
    later = split_of([*images, *(record(f"new{n}") for n in range(more))], used)
    for tile, role in used:
        assert later.role_of(tile) == role
        assert {p.role for p in later.plots if p.area.image == tile.image} == {role}


def test_an_image_used_both_ways_is_cut_and_nothing_of_it_meets() -> None:
    alone = split_of([record("im0", (900, 900))])
    found = roles(alone)
    used = [(found["train"][0], "train"), (found["heldout"][0], "heldout")]
    later = split_of([record("im0", (900, 900)), *(record(f"b{n}") for n in range(9))], used)
    of_image = {plot.role for plot in later.plots if plot.area.image == "im0"}
    assert of_image == {"train", "heldout"}
    assert [later.role_of(tile) for tile, _ in used] == ["train", "heldout"]


def test_a_tile_of_ones_own_is_held_out_where_it_touches_heldout_ground() -> None:
    split = split_of([record("im0", (900, 900))])
    area = next(plot.area for plot in split.plots if plot.role == "heldout")
    assert split.role_of(Tile("im0", max(0, area.y - 10), area.x, 40, 40)) == "heldout"
    used = [(Tile("im0", 400, 400, 64, 64), "heldout")]
    assert split_of([record("im0", (900, 900))], used).role_of(Tile("im0", 470, 400, 30, 30)) == (
        "heldout"
    )


@pytest.mark.parametrize("plane", [(1024, 1024), (2000, 300), (40, 40)])
def test_one_image_gives_tiles_of_both_roles_where_there_is_room(plane: tuple[int, int]) -> None:
    found = roles(split_of([record("one", plane)]))
    assert found["train"]
    assert bool(found["heldout"]) == (plane != (40, 40))


def test_nothing_is_held_out_when_nothing_is_wanted() -> None:
    assert not roles(split_of([record(f"im{n}") for n in range(9)], share=0.0))["heldout"]


def test_sampling_tiles_of_a_huge_image_makes_few_others_and_is_even(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Tile] = []

    def noted(tile: Tile) -> None:
        made.append(tile)

    monkeypatch.setattr(Tile, "__post_init__", noted)
    split = split_of([record("huge", (100_000, 100_000)), record("small")], tile_px=256)
    tiles = split.sample("train", 256, 500, np.random.default_rng(0))
    assert split.count("train", 256) > 100_000
    assert len(made) < 10_000
    assert len(set(tiles)) == 500
    assert tiles == split.sample("train", 256, 500, np.random.default_rng(0))
    middle = sum(tile.y < 50_000 for tile in tiles)
    assert 180 < middle < 320
    everything = split_of([record(f"im{n}") for n in range(4)])
    drawn = everything.sample("train", 64, 10_000, np.random.default_rng(0))
    assert sorted(drawn) == sorted(everything.tiles("train", 64))


def test_two_of_the_first_six_then_the_share() -> None:
    assert [due_heldout(n, 0.2) for n in range(1, 11)] == [0, 0, 1, 1, 1, 2, 2, 2, 2, 2]
    assert [due_heldout(n, 0.2) for n in (50, 100)] == [10, 20]
    assert due_heldout(100, 0) == 0
