"""Prompts as values, and masks that are taken into labels."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from napari_phenoai.core.editing import Canvas
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.prompted import taken, taken_all
from napari_phenoai.core.prompts import (
    BoxPrompt,
    MaskCandidate,
    PointPrompt,
    Prompts,
    PromptTake,
    best_first,
    cycled,
    window_round,
)
from napari_phenoai.core.records import Review
from napari_phenoai.errors import InputError

TILE = Tile("leaf", 10, 20, 12, 16)
places = st.floats(0, 900)
refined = st.none() | st.integers(0, 3)
steps = st.builds(
    PointPrompt, y=places, x=places, positive=st.booleans(), refines=refined
) | st.builds(BoxPrompt.between, st.tuples(places, places), st.tuples(places, places))


def candidate(rows: slice, columns: slice, score: float = 0.5) -> MaskCandidate:
    mask = np.zeros(TILE.shape, bool)
    mask[rows, columns] = True
    return MaskCandidate(TILE, mask, score)


@given(st.lists(steps, max_size=6))
def test_prompts_survive_json_and_undo_takes_back_one_at_a_time(
    made: list[PointPrompt | BoxPrompt],
) -> None:
    values = [Prompts()]
    for step in made:
        values.append(values[-1].add(step))
    for value in values:
        assert Prompts.model_validate_json(value.model_dump_json()) == value
    for before, after in pairwise(values):
        assert after.undone() == before
    assert Prompts().undone() == Prompts()


def test_the_last_box_counts_and_undo_brings_back_the_one_before() -> None:
    one, other = BoxPrompt.between((9, 8), (1, 2)), BoxPrompt.between((0, 0), (3, 3))
    prompts = Prompts().add(one).add(other)
    assert (one.y0, one.x0, one.y1, one.x1) == (1, 2, 9, 8)
    assert prompts.box == other
    assert prompts.undone().box == one


def test_a_box_the_wrong_way_round_is_refused() -> None:
    with pytest.raises(ValueError, match="second corner"):
        BoxPrompt(y0=5, x0=0, y1=1, x1=3)


def test_only_a_single_click_is_ambiguous() -> None:
    click = Prompts().clicked(1, 1)
    assert click.ambiguous
    assert not click.clicked(2, 2).ambiguous
    assert not click.add(BoxPrompt.between((0, 0), (3, 3))).ambiguous
    assert not Prompts().ambiguous


@given(st.integers(1, 9), st.integers(-20, 20), st.data())
def test_cycling_there_and_back_ends_where_it_began(
    count: int, by: int, data: st.DataObject
) -> None:
    chosen = data.draw(st.integers(0, count - 1))
    assert 0 <= cycled(chosen, count, by) < count
    assert cycled(cycled(chosen, count, by), count, -by) == chosen
    with pytest.raises(InputError):
        cycled(0, 0)


def test_the_best_candidate_comes_first_and_equal_ones_keep_their_order() -> None:
    parts = [candidate(slice(0, n + 1), slice(0, 1), score) for n, score in enumerate([1, 3, 3])]
    assert [item.area for item in best_first(parts)] == [2, 3, 1]


@given(steps, st.tuples(st.integers(901, 3000), st.integers(901, 3000)), st.integers(16, 1500))
def test_the_window_holds_the_prompts_and_lies_in_the_plane(
    step: PointPrompt | BoxPrompt, plane: tuple[int, int], size: int
) -> None:
    prompts = Prompts().add(step)
    tile = window_round("leaf", prompts, plane, size)
    y0, x0, y1, x1 = prompts.bounds
    assert tile == tile.clipped(plane)
    assert tile.y <= y0 <= y1 < tile.y1
    assert tile.x <= x0 <= x1 < tile.x1
    assert tile.height >= min(size, plane[0])


def test_clicks_close_together_share_a_window_and_clicks_outside_are_refused() -> None:
    plane = (9000, 9000)
    keys = {window_round("leaf", Prompts().clicked(4100 + n, 4100), plane).key for n in range(90)}
    assert len(keys) == 1
    with pytest.raises(InputError, match="outside"):
        window_round("leaf", Prompts().clicked(9000, 3), plane)
    with pytest.raises(InputError, match="no prompt"):
        window_round("leaf", Prompts(), plane)


def test_a_take_can_be_kept() -> None:
    take = PromptTake(
        tile=TILE.key,
        prompts=Prompts().clicked(12, 25),
        model="abc",
        chosen=2,
        value=3,
        area_px=40,
        score=0.9,
    )
    assert PromptTake.model_validate_json(take.model_dump_json()) == take


def test_a_take_answers_prompts_or_a_grid() -> None:
    kept = {"tile": TILE.key, "model": "abc", "value": 3, "area_px": 40, "score": 0.9}
    clicked = Prompts().clicked(12, 25)
    for wrong in (
        {"prompts": Prompts(), "chosen": 0},
        {"prompts": clicked, "chosen": None},
        {"prompts": clicked, "chosen": 0, "grid": 16},
    ):
        with pytest.raises(ValidationError):
            PromptTake.model_validate(kept | wrong)
    whole = PromptTake.model_validate(kept | {"prompts": Prompts(), "chosen": None, "grid": 16})
    assert PromptTake.model_validate_json(whole.model_dump_json()) == whole


def test_reviews_without_prompts_are_written_as_they_always_were() -> None:
    review = Review(
        id="1", image="leaf", y=0, x=0, height=8, width=8, verdict="accepted", scheme_version=1
    )
    text = review.model_dump_json()
    assert "prompts" not in text
    assert Review.model_validate_json(text) == review
    take = PromptTake(
        tile=TILE.key,
        prompts=Prompts().clicked(12, 25),
        model="abc",
        chosen=2,
        value=3,
        area_px=40,
        score=0.9,
    )
    more = review.but(prompts=(take,))
    assert Review.model_validate_json(more.model_dump_json()).prompts == (take,)


@given(st.integers(0, 2**32 - 1))
def test_a_mask_is_taken_around_locked_pixels_and_undone_exactly(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 5, (40, 50)).astype(np.uint8)
    whole = Tile("leaf", 0, 0, 40, 50)
    mask = rng.random(TILE.shape) < rng.random()
    canvas = Canvas(whole, whole.shape, labels, locked=frozenset({4}))
    outcome = taken(MaskCandidate(TILE, mask, 1.0), canvas, 2)
    after = outcome.applied(canvas)
    expected = labels.copy()
    expected[TILE.slices][mask] = 2
    expected[labels == 4] = 4
    assert (after == expected).all()
    assert outcome.touches_border is False
    edit = outcome.edit("ana")
    if edit is not None:
        assert edit.tool == "prompt"
        edit.inverse().apply(after)
    assert (after == labels).all()


def test_without_a_value_the_mask_becomes_a_new_object() -> None:
    labels = np.zeros((40, 50), np.uint32)
    labels[0, :7] = 70000
    whole = Tile("leaf", 0, 0, 40, 50)
    canvas = Canvas(whole, whole.shape, labels, objects=True)
    after = taken(candidate(slice(2, 4), slice(3, 6)), canvas).applied(canvas)
    assert (after == 70001).sum() == 6
    part = Canvas(TILE, whole.shape, labels[TILE.slices], objects=True)
    with pytest.raises(InputError, match="Free ids"):
        taken(candidate(slice(2, 4), slice(3, 6)), part)


def test_a_mask_cut_off_by_the_window_says_so() -> None:
    window = Tile("leaf", 0, 0, 15, 30)
    canvas = Canvas(window, (40, 50), np.ones(window.shape, np.uint8))
    assert taken(candidate(slice(0, 8), slice(0, 4)), canvas, 2).touches_border
    assert not taken(candidate(slice(0, 5), slice(0, 4)), canvas, 2).touches_border


def test_everything_becomes_objects_small_ones_on_top_and_nothing_labelled_changes() -> None:
    labels = np.zeros(TILE.shape, np.uint16)
    labels[3, 3] = 9
    canvas = Canvas(TILE, (40, 50), labels, objects=True, next_id=20)
    large, small = candidate(slice(0, 6), slice(0, 6)), candidate(slice(2, 4), slice(2, 5))
    hidden = candidate(slice(3, 4), slice(3, 4))
    outcome = taken_all([large, small, hidden], canvas)
    after = outcome.applied(canvas)
    assert after[3, 3] == 9
    assert {int(value) for value in np.unique(after)} == {0, 9, 20, 21}
    assert (after == after[2, 2]).sum() == small.area - 1
    assert (after > 0).sum() == large.area
    classes = Canvas(TILE, (40, 50), np.ones(TILE.shape, np.uint8), locked=frozenset({1}))
    assert taken_all([large, small], classes, 2).pixels == 0
    assert taken_all([], canvas).edit() is None
