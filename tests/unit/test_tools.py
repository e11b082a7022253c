"""What all pixel tools promise, for every tool, window, lock and kind of label."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_phenoai.core import editing
from napari_phenoai.core.editing import Canvas, Mark, Tool, settled, use
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.object_table import ObjectTable
from napari_phenoai.errors import InputError, LabelError
from napari_phenoai.testing.strategies import tiles

PLANE = (56, 64)
WHOLE = Tile("leaf", 0, 0, *PLANE)


@lru_cache(maxsize=4096)
def regions(seed: int, kinds: int, scale: float) -> np.ndarray:
    """Return a plane full of smooth regions with values 0 to `kinds`, and some specks."""
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.normal(size=(kinds + 1, *PLANE)), (0, scale, scale))
    labels = noise.argmax(axis=0)
    spots = rng.random(PLANE) < 0.01
    return np.where(spots, rng.integers(0, kinds + 1, PLANE), labels)


@lru_cache(maxsize=4096)
def blobs(seed: int, kinds: int, scale: float) -> np.ndarray:
    """Return a plane of background, 1, with blobs of other values in it, some with holes."""
    rng = np.random.default_rng(seed)
    wide, fine = (
        ndimage.gaussian_filter(rng.normal(size=PLANE), size) for size in (scale, scale / 2)
    )
    front = (wide > wide.std() * 0.3) & (fine > -fine.std())
    return np.where(front, regions(seed + 1, kinds, 2 * scale), 1)


@st.composite
def insets(draw: st.DrawFn, least: int, most: int) -> Tile:
    """Draw a tile whose sides lie so far inside the plane."""
    top, left, bottom, right = (draw(st.integers(least, most)) for _ in range(4))
    return Tile("leaf", top, left, PLANE[0] - top - bottom, PLANE[1] - left - right)


@st.composite
def canvases(draw: st.DrawFn, *, objects: bool | None = None) -> Canvas:
    """Draw the canvas of a whole plane."""
    seed = draw(st.integers(0, 300))
    objects = draw(st.booleans()) if objects is None else objects
    background = draw(st.sampled_from([0, 1])) if objects else 1
    kinds = 8 if objects else 4
    shapes = draw(st.sampled_from([regions, blobs, blobs]))
    labels = shapes(seed, kinds, draw(st.sampled_from([1.0, 2.5, 5.0]))).copy()
    labels[labels == 1] = background
    if draw(st.booleans()):
        labels[labels == 0] = background
    kind = draw(st.sampled_from([np.uint16, np.uint32])) if objects else np.uint8
    rng = np.random.default_rng(seed + 1)
    pixels = (regions(seed + 2, 3, 3.0) * 60 + rng.integers(0, 20, (3, *PLANE))).astype(np.uint8)
    selection = regions(seed + 3, 1, 4.0) == 1 if draw(st.booleans()) else None
    return Canvas(
        WHOLE,
        PLANE,
        labels.astype(kind),
        objects=objects,
        background=background,
        locked=draw(st.frozensets(st.integers(0, kinds), max_size=2)),
        next_id=100,
        pixels=pixels,
        prediction=regions(seed + 4, kinds, 2.0).astype(kind),
        selection=selection,
        scope=draw(st.none() | insets(10, 24)),
    )


points = st.tuples(st.integers(0, PLANE[0] - 1), st.integers(0, PLANE[1] - 1))
strokes = st.lists(points, min_size=1, max_size=4).map(tuple)
values = st.integers(0, 4)
maybe = st.none() | values
places = st.none() | points
widths = st.sampled_from([1, 2, 3, 7.5])
marks = st.builds(
    lambda y, x, seed: Mark(y, x, np.random.default_rng(seed).random((9, 7)) < 0.5),
    st.integers(-5, PLANE[0]),
    st.integers(-5, PLANE[1]),
    st.integers(0, 99),
)

TOOLS: dict[str, st.SearchStrategy[Tool]] = {
    "wand": st.builds(
        editing.Wand,
        st.integers(0, 55),
        st.integers(0, 63),
        values,
        tolerance=st.integers(0, 80),
        contiguous=st.booleans(),
    ),
    "threshold": st.builds(
        editing.Threshold,
        values,
        level=st.none() | st.floats(0, 255),
        bright=st.booleans(),
        channel=st.none() | st.integers(0, 2),
    ),
    "brush": st.builds(editing.Paint, strokes, values, width_px=widths),
    "outline": st.builds(editing.Enclose, strokes, values),
    "superpixel": st.builds(
        editing.PatchBrush, strokes, values, st.builds(editing.Patches, st.just(6)), width_px=widths
    ),
    "mask": st.builds(editing.Stamp, marks, values),
    "replace": st.builds(editing.Replace, values, values, at=places),
    "delete": st.builds(editing.Delete, points, into=maybe),
    "prediction": st.builds(editing.CopyPrediction, at=places, value=maybe),
    "holes": st.builds(
        editing.FillHoles,
        at=places,
        value=maybe,
        most_px=st.none() | st.integers(1, 200),
        unlabelled=st.booleans(),
    ),
    "specks": st.builds(editing.RemoveSpecks, st.integers(0, 60), value=maybe, into=maybe),
    "grow": st.builds(
        editing.Grow, st.integers(1, 4), at=places, value=maybe, unlabelled=st.booleans()
    ),
    "shrink": st.builds(editing.Shrink, st.integers(1, 4), at=places, value=maybe, into=maybe),
    "smooth": st.builds(editing.Smooth, st.integers(1, 4), at=places, value=maybe),
    "cut": st.builds(
        editing.Cut, strokes, width_px=widths, value=maybe, crumb_px=st.integers(1, 5)
    ),
    "split": st.builds(
        editing.Split, points, neck=st.floats(0, 1), apart_px=st.sampled_from([0, 5])
    ),
    "merge": st.builds(editing.Merge, strokes, width_px=widths, bridge=st.booleans()),
    "renumber": st.just(editing.Renumber()),
    "part": st.builds(
        editing.PartAll,
        st.just(ObjectTable({number: 2 + number % 2 for number in range(1, 9)})),
        neck=st.floats(0, 1),
    ),
    "pieces": st.builds(editing.Pieces, at=places),
}
FOR_OBJECTS = {"renumber", "part", "pieces"}
every_tool = pytest.mark.parametrize("name", sorted(TOOLS))
PAINTERS = {"wand", "threshold", "brush", "outline", "superpixel", "mask", "prediction", "merge"}


def drawn(name: str, data: st.DataObject) -> tuple[Canvas, Tool]:
    canvas = data.draw(canvases(objects=True if name in FOR_OBJECTS else None))
    return canvas, data.draw(TOOLS[name])


def part_of(whole: Canvas, tile: Tile) -> Canvas:
    """Return a window of a plane."""

    def cut(array: np.ndarray | None) -> Any:
        return None if array is None else array[..., *tile.slices]

    return replace(
        whole,
        tile=tile,
        labels=cut(whole.labels),
        pixels=cut(whole.pixels),
        prediction=cut(whole.prediction),
        selection=cut(whole.selection),
    )


def test_every_tool_is_tested() -> None:
    made = {
        value.name
        for value in vars(editing).values()
        if isinstance(value, type) and issubclass(value, Tool) and value is not Tool
    }
    assert made == set(TOOLS)
    assert all(value.tip for value in vars(editing).values() if hasattr(value, "tip"))


@every_tool
@settings(max_examples=40)
@given(st.data())
def test_a_tool_makes_an_edit_that_undo_takes_back(name: str, data: st.DataObject) -> None:
    canvas, tool = drawn(name, data)
    before = canvas.labels.copy()
    outcome = use(tool, canvas)
    assert np.array_equal(canvas.labels, before), "the input was changed"
    after = outcome.applied(canvas)
    assert after.dtype == before.dtype
    assert outcome.pixels == np.count_nonzero(after != before)
    edit = outcome.edit("ana")
    if edit is None:
        assert np.array_equal(after, before)
        return
    assert (edit.tool, edit.author, edit.pixels) == (name, "ana", outcome.pixels)
    state = before.copy()
    edit.apply(state)
    assert np.array_equal(state, after)
    edit.inverse().apply(state)
    assert np.array_equal(state, before)


@every_tool
@settings(max_examples=40)
@given(st.data())
def test_a_tool_leaves_alone_what_it_must(name: str, data: st.DataObject) -> None:
    canvas, tool = drawn(name, data)
    before = canvas.labels
    after = use(tool, canvas).applied(canvas)
    changed = after != before
    assert not changed[np.isin(before, [value for value in canvas.locked if value])].any()
    outside = np.ones(PLANE, bool)
    outside[canvas.scope_slices] = False
    assert not changed[outside].any()
    asked = name in PAINTERS or getattr(tool, "unlabelled", False)
    asked |= isinstance(tool, editing.Replace) and tool.old == 0
    if canvas.ground != 0 and not asked:
        assert not changed[before == 0].any()


@every_tool
@settings(max_examples=50)
@given(st.data())
def test_a_window_gives_what_the_whole_plane_gives(name: str, data: st.DataObject) -> None:
    whole, tool = drawn(name, data)
    tile = data.draw(insets(0, 12) | insets(0, 5))
    outcome = use(tool, part_of(whole, tile))
    if outcome.touches_border:
        return
    expected = use(tool, whole).applied(whole)
    here = outcome.applied(part_of(whole, tile))
    assert np.array_equal(here, expected[tile.slices])
    if getattr(tool, "at", None) is not None or hasattr(tool, "points"):
        rest = expected != whole.labels
        rest[tile.slices] = False
        assert not rest.any(), "something changes outside the window"


@every_tool
@settings(max_examples=15)
@given(st.data())
def test_a_window_grows_until_the_result_is_that_of_the_plane(
    name: str, data: st.DataObject
) -> None:
    whole, tool = drawn(name, data)
    tile = data.draw(tiles("leaf", within=PLANE, largest=20))
    outcome = settled(tool, lambda part: part_of(whole, part), tile, PLANE)
    assert not outcome.touches_border
    expected = use(tool, whole)
    one, other = outcome.edit(), expected.edit()
    if getattr(tool, "at", None) is not None or hasattr(tool, "points"):
        assert (one is None) == (other is None)
    if one is not None and other is not None and one.tile == other.tile:
        assert np.array_equal(one.after, other.after)


@pytest.mark.parametrize("name", ["cut", "split", "renumber", "merge", "pieces"])
@settings(max_examples=50)
@given(st.data())
def test_ids_stay_unique(name: str, data: st.DataObject) -> None:
    canvas = replace(data.draw(canvases(objects=True)), scope=None)
    tool = data.draw(TOOLS[name])
    before, after = canvas.labels, use(tool, canvas).applied(canvas)
    new = set(np.unique(after).tolist()) - set(np.unique(before).tolist())
    if name in {"cut", "split", "pieces"}:
        assert all(value >= 100 for value in new)
        assert np.array_equal(canvas.front(before), canvas.front(after))
    for value in new if name != "merge" else ():
        assert ndimage.label(after == value, np.ones((3, 3)))[1] == 1
    if name == "renumber":
        free = canvas.front(after) & ~np.isin(before, list(canvas.locked))
        for value in np.unique(after[free]).tolist():
            assert ndimage.label(after == value, np.ones((3, 3)))[1] == 1
            assert value not in canvas.locked
    for value in np.unique(after[canvas.front(after)]).tolist():
        touched = np.unique(before[after == value])
        if name != "merge":
            assert len(touched) == 1, "two objects became one"


@given(canvases(objects=True), points, st.floats(0, 1))
def test_new_ids_need_to_know_the_image(canvas: Canvas, at: tuple[int, int], neck: float) -> None:
    window = replace(part_of(canvas, Tile("leaf", 0, 0, 40, 64)), next_id=None)
    tool = editing.Split(at, neck)
    known = use(tool, replace(window, next_id=100))
    if not (known.after >= 100).any():
        return
    with pytest.raises(InputError, match="next_id"):
        use(tool, window)
    with pytest.raises(LabelError, match="does not fit uint16"):
        use(tool, replace(window, labels=window.labels.astype(np.uint16), next_id=65536))
