"""Edits as values: cut, applied, taken back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_phenoai.core.edits import Edit, edit_between
from napari_phenoai.core.geometry import Tile
from napari_phenoai.errors import LabelError
from napari_phenoai.testing.strategies import label_planes, tiles

TILE = Tile("leaf", 7, 11, 24, 30)
planes = label_planes(TILE.shape)


@given(planes, planes)
def test_an_edit_leads_from_one_state_to_the_other_and_back(
    before: np.ndarray, after: np.ndarray
) -> None:
    edit = edit_between(TILE, before, after)
    if edit is None:
        assert np.array_equal(before, after)
        return
    state = before.copy()
    edit.apply(state, y=TILE.y, x=TILE.x)
    assert np.array_equal(state, after)
    edit.inverse().apply(state, y=TILE.y, x=TILE.x)
    assert np.array_equal(state, before)
    again = edit.inverse().inverse()
    assert again.tile == edit.tile
    assert np.array_equal(again.before, edit.before)
    assert np.array_equal(again.after, edit.after)
    assert edit.pixels == np.count_nonzero(before != after)


@given(planes, planes)
def test_an_edit_is_cropped_to_what_changed(before: np.ndarray, after: np.ndarray) -> None:
    edit = edit_between(TILE, before, after)
    if edit is None:
        return
    for border in (edit.changed[0], edit.changed[-1], edit.changed[:, 0], edit.changed[:, -1]):
        assert border.any()


@given(planes, planes, st.integers(1, 40))
def test_the_parts_of_an_edit_are_the_edit(
    before: np.ndarray, after: np.ndarray, size: int
) -> None:
    edit = edit_between(TILE, before, after)
    if edit is None:
        return
    state = before.copy()
    cells = set()
    for part in edit.parts(size):
        part.apply(state, y=TILE.y, x=TILE.x)
        cells.add((part.tile.y // size, part.tile.x // size))
        assert (part.tile.y1 - 1) // size == part.tile.y // size
        assert (part.tile.x1 - 1) // size == part.tile.x // size
    assert np.array_equal(state, after)
    places = np.argwhere(before != after) + np.array([TILE.y, TILE.x])
    assert cells == {(int(y) // size, int(x) // size) for y, x in places}


@given(planes, planes, tiles("leaf", within=(40, 50)))
def test_an_edit_changes_its_own_pixels_of_a_window_and_no_others(
    before: np.ndarray, after: np.ndarray, window: Tile
) -> None:
    edit = edit_between(TILE, before, after)
    if edit is None:
        return
    whole = np.full((60, 60), 9, np.uint8)
    edit.apply(whole)
    part = np.full(window.shape, 9, np.uint8)
    edit.apply(part, y=window.y, x=window.x)
    assert np.array_equal(part, whole[window.slices])
    assert np.count_nonzero(whole != 9) == edit.pixels


def test_a_long_thin_stroke_has_few_small_parts() -> None:
    tile = Tile("leaf", 0, 0, 2048, 2048)
    before, after = np.zeros(tile.shape, np.uint8), np.zeros(tile.shape, np.uint8)
    diagonal = np.arange(2048)
    after[diagonal, diagonal] = 1
    edit = edit_between(tile, before, after)
    assert edit is not None
    assert len(list(edit.parts(512))) == 4


def test_object_ids_fit_too() -> None:
    before = np.zeros(TILE.shape, np.uint32)
    after = before.copy()
    after[3, 4] = 4_000_000_000
    edit = edit_between(TILE, before, after)
    assert edit is not None
    assert edit.tile == Tile("leaf", 10, 15, 1, 1)
    assert edit.inverse().before[0, 0] == 4_000_000_000


def test_an_inverse_is_an_edit_of_its_own() -> None:
    edit = edit_between(TILE, np.zeros(TILE.shape, np.uint8), np.ones(TILE.shape, np.uint8))
    assert edit is not None
    named = replace(edit, author="ana")
    back = named.inverse()
    assert back.id != named.id
    assert (back.tool, back.author) == ("undo", "ana")
    assert named.inverse(tool="redo", author="ben").author == "ben"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (np.zeros((24, 30), np.uint8), np.zeros((24, 31), np.uint8)),
        (np.zeros((3, 3), np.uint8), np.zeros((3, 3), np.uint8)),
        (np.zeros((24, 30), np.uint8), np.zeros((24, 30), np.uint32)),
        (np.zeros((24, 30)), np.zeros((24, 30))),
    ],
)
def test_arrays_that_do_not_fit_are_refused(before: np.ndarray, after: np.ndarray) -> None:
    with pytest.raises(LabelError) as caught:
        Edit(TILE, before, after)
    assert TILE.key in caught.value.what
    assert "24 x 30" in caught.value.hint
