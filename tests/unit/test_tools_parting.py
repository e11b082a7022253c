"""Objects made anew: parted at their necks by a slider, and piece by piece."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_phenoai.core.editing import Canvas, PartAll, Parting, Pieces, use
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.instances import objects_of
from napari_phenoai.core.object_table import FIRST_OBJECT, ObjectTable
from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.editing import Tool

PLANE = (60, 90)
FREE = 400


def _blobs(*columns: int, value: int = 300, shape: tuple[int, int] = PLANE) -> NDArray[np.uint32]:
    y, x = np.mgrid[: shape[0], : shape[1]]
    labels = np.ones(shape, np.uint32)
    for column in columns:
        labels[(y - 30) ** 2 + (x - column) ** 2 < 12**2] = value
    return labels


def _canvas(labels: NDArray[np.uint32], *locked: int, y: int = 0) -> Canvas:
    plane = (labels.shape[0] + 2 * y, labels.shape[1] + 2 * y)
    tile = Tile("leaf", y, y, *labels.shape)
    kept = frozenset(locked)
    return Canvas(
        tile, plane, labels, objects=True, background=1, next_id=FREE, locked=kept, scope=tile
    )


def _table() -> ObjectTable:
    return ObjectTable.over([1, 2, 3], {300: 2, 301: 2, 302: 3})


def _ids(labels: NDArray[np.uint32]) -> set[int]:
    return {number for number in np.unique(labels).tolist() if number >= FIRST_OBJECT}


@st.composite
def _scenes(draw: st.DrawFn) -> NDArray[np.uint32]:
    from scipy import ndimage

    rng = np.random.default_rng(draw(st.integers(0, 500)))
    front = ndimage.gaussian_filter(rng.normal(size=PLANE), draw(st.sampled_from([2.0, 4.0]))) > 0
    parts = ndimage.gaussian_filter(rng.normal(size=(4, *PLANE)), (0, 6, 6)).argmax(axis=0)
    values = np.array([300, 301, 302, 2], np.uint32)[parts]
    labels = np.where(front, values, 1).astype(np.uint32)
    labels[rng.random(PLANE) < 0.01] = 0
    return labels


def test_the_slider_parts_what_touches_and_joins_it_again() -> None:
    labels = _blobs(30, 52)
    parted = use(PartAll(_table(), 0.8), _canvas(labels)).applied(_canvas(labels))
    assert _ids(parted) == {300, FREE}
    assert parted[30, 25] != parted[30, 57]
    joined = use(PartAll(ObjectTable.over([1, 2], {300: 2, FREE: 2}), 0.0), _canvas(parted))
    assert len(_ids(joined.applied(_canvas(parted)))) == 1
    np.testing.assert_array_equal(joined.applied(_canvas(parted)) > 1, labels > 1)


def test_an_object_that_is_right_keeps_its_id_and_nothing_changes() -> None:
    labels = _blobs(20)
    labels[_blobs(70) > 1] = 301
    outcome = use(PartAll(_table(), 0.8), _canvas(labels))
    assert outcome.pixels == 0


def test_two_classes_that_touch_stay_two_objects() -> None:
    labels = _blobs(30)
    labels[:, 30:][labels[:, 30:] == 300] = 302
    after = use(PartAll(_table(), 0.0), _canvas(labels)).applied(_canvas(labels))
    np.testing.assert_array_equal(after, labels)


@settings(max_examples=60, deadline=None)
@given(_scenes(), st.sampled_from([0.0, 0.5, 0.8, 1.0]), st.booleans())
def test_classes_stay_ids_are_unique_and_undo_restores(
    labels: NDArray[np.uint32], neck: float, lock: bool
) -> None:
    canvas = _canvas(labels, *((300,) if lock else ()))
    table = _table()
    outcome = use(PartAll(table, neck), canvas)
    after = outcome.applied(canvas)
    if lock:
        np.testing.assert_array_equal(after == 300, labels == 300)
    new = _ids(after) - _ids(labels)
    assert all(number >= FREE for number in new)
    known = table.followed(labels, after, otherwise=2)
    np.testing.assert_array_equal(known.as_classes(after), table.as_classes(labels))
    expected, _ = objects_of(
        np.where((labels > 1) & ~((labels == 300) & lock), table.as_classes(labels), 0), {2, 3},
        neck=neck,
    )  # fmt: skip
    for number in np.unique(expected[expected > 0]).tolist():
        assert len(np.unique(after[expected == number])) == 1, "one object, one id"
    edit = outcome.edit()
    if edit is not None:
        back = after.copy()
        back[edit.tile.slices] = edit.inverse().after
        np.testing.assert_array_equal(back, labels)


def test_a_window_is_surveyed_once_while_the_slider_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_phenoai.core import instances
    from napari_phenoai.core.editing import parting as module

    looked: list[int] = []
    survey = instances.survey

    def counted(*given: object) -> object:
        looked.append(1)
        return survey(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "survey", counted)
    known, labels = Parting(), _blobs(30, 52)
    for neck in (0.8, 0.5, 0.0):
        use(PartAll(_table(), neck, known), _canvas(labels))
    assert len(looked) == 1
    use(PartAll(_table(), 0.8, known), _canvas(_blobs(30)))
    assert len(looked) == 2


def test_loose_pieces_become_objects_and_the_largest_keeps_the_id() -> None:
    labels = _blobs(20, 70)
    labels[5, 5] = 300
    after = use(Pieces((30, 20)), _canvas(labels)).applied(_canvas(labels))
    assert _ids(after) == {300, FREE, FREE + 1}
    assert (after[30, 20], after[5, 5]) == (300, FREE)
    assert use(Pieces(), _canvas(after)).pixels == 0
    assert use(Pieces((0, 0)), _canvas(labels)).pixels == 0


def test_pieces_that_may_be_connected_outside_are_left_alone() -> None:
    labels = _blobs(20, 70)
    labels[0, 40:50] = 300
    inner = use(Pieces(), _canvas(labels, y=10)).applied(_canvas(labels, y=10))
    assert inner[0, 45] == 300
    assert _ids(inner) == {300, FREE, FREE + 1}, "only the piece at the open side keeps the id"
    whole = use(Pieces(), _canvas(labels)).applied(_canvas(labels))
    assert whole[0, 45] != 300


def test_pieces_keep_locked_objects_as_they_are() -> None:
    labels = _blobs(20, 70)
    assert use(Pieces(), _canvas(labels, 300)).pixels == 0


@pytest.mark.parametrize("tool", [PartAll(ObjectTable()), Pieces()])
def test_classes_are_refused(tool: Tool) -> None:
    labels = np.ones(PLANE, np.uint8)
    with pytest.raises(InputError, match="Classes are not parted"):
        use(tool, Canvas(Tile("leaf", 0, 0, *PLANE), PLANE, labels))
