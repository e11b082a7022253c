"""Locked classes: whatever is painted, their pixels stay."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.locking import locked_mask, locked_values, protected
from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.ui.window_pixels import WindowPixels

LABELS = arrays(np.uint8, (6, 7), elements=st.integers(0, 4))
LOCKED = st.frozensets(st.integers(0, 4))


@given(LABELS, LABELS, LOCKED)
def test_locked_pixels_stay_and_all_others_are_painted(
    before: np.ndarray, after: np.ndarray, locked: frozenset[int]
) -> None:
    old, new = before.copy(), after.copy()
    kept = protected(before, after, locked)
    for value in range(5):
        here = before == value
        expected = before if value in locked and value else after
        np.testing.assert_array_equal(kept[here], expected[here])
    np.testing.assert_array_equal(before, old)
    np.testing.assert_array_equal(after, new)
    np.testing.assert_array_equal(protected(before, kept, locked), kept)
    assert kept.dtype == np.uint8


@given(LABELS)
def test_without_locks_nothing_is_held_and_unlabelled_never_is(labels: np.ndarray) -> None:
    assert not locked_mask(labels, ()).any()
    assert not locked_mask(labels, {0}).any()


def test_a_merged_class_is_locked_with_the_one_it_counts_as() -> None:
    scheme = ClassScheme.of(["soil", "plant", "weed", "moss"]).merged(4, into=3).merged(3, into=2)
    assert locked_values(scheme, [2]) == {2, 3, 4}
    assert locked_values(scheme, [1]) == {1}
    assert locked_values(scheme, []) == frozenset()
    assert locked_values(scheme.separated(3), [2]) == {2}


@given(LABELS, LABELS, LOCKED)
def test_a_window_gives_no_edit_of_locked_pixels(
    before: np.ndarray, after: np.ndarray, locked: frozenset[int]
) -> None:
    window = WindowPixels(Tile("leaf", 10, 20, 6, 7), before.copy())
    window.painted[...] = after
    wrong = bool((locked_mask(before, locked) & (before != after)).any())
    assert window.restore(None, locked) == wrong
    np.testing.assert_array_equal(window.painted, protected(before, after, locked))
    edit = window.edit(None, "brush", "ana")
    if edit is not None:
        assert not locked_mask(edit.before[edit.changed], locked).any()
    assert not window.restore(None, locked)


def test_a_box_beside_the_window_restores_nothing() -> None:
    window = WindowPixels(Tile("leaf", 0, 0, 4, 4), np.full((4, 4), 2, np.uint8))
    window.painted[...] = 1
    assert not window.restore((slice(9, 12), slice(0, 2)), {2})
    assert window.restore((slice(0, 2), slice(0, 9)), {2})
    assert (window.painted[:2] == 2).all()
    assert (window.painted[2:] == 1).all()
