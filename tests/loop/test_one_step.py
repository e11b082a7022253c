"""Edits of several planes of a stack: one step of the history, whole or not at all."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_phenoai.core.edits import Edit, edit_between, one_step
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.progress import finish
from napari_phenoai.errors import DiskError, InputError, LabelError
from napari_phenoai.io.project import Project
from napari_phenoai.io.spare import SpareEdits
from napari_phenoai.loop.history import History
from napari_phenoai.loop.slices import filled_between
from napari_phenoai.testing.large import large_image

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PLANE = (560, 600)
PLANES = 5


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return an open project with one stack of five planes, each of four chunks."""
    project = Project.create(tmp_path / "stack.phenoai", ["soil", "root", "bud"], tile_px=64)
    stack = large_image(tmp_path / "stack.ome.zarr", PLANE, planes=PLANES)
    finish(project.add_image(str(stack)))
    return project


def _image(project: Project) -> str:
    (image,) = project.images()
    return image.id


def _volume(project: Project) -> NDArray[Any]:
    store = project.labels(_image(project))
    return np.stack([store.values(Tile(_image(project), 0, 0, *PLANE, z)) for z in range(PLANES)])


def _disc(y: float, x: float, radius: float) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[: PLANE[0], : PLANE[1]]
    mask: NDArray[np.bool_] = (rows - y) ** 2 + (columns - x) ** 2 < radius**2
    return mask


def _paint(project: Project, z: int, mask: NDArray[np.bool_], value: int = 2) -> None:
    tile = Tile(_image(project), 0, 0, *PLANE, z)
    before = project.labels(tile.image).values(tile)
    edit = edit_between(tile, before, np.where(mask, value, before).astype(before.dtype))
    assert edit is not None
    project.labels(tile.image).apply(edit)


def _fill(project: Project, *, locked: frozenset[int] = frozenset()) -> Edit:
    """Paint an object across chunk borders in the outer planes, and fill between."""
    _paint(project, 0, _disc(500, 505, 40))
    _paint(project, 4, _disc(520, 520, 20))
    _paint(project, 2, _disc(510, 490, 25), value=3)
    places = (0, 500, 505), (4, 520, 520)
    edit = filled_between(project, _image(project), *places, locked=locked, author="ana")
    assert edit is not None
    return edit


def test_a_fill_is_one_entry_and_one_undo(project: Project) -> None:
    with project:
        edit = _fill(project)
        before = _volume(project)
        project.labels(_image(project)).apply(edit)
        filled = _volume(project)
        changed = filled != before
        assert [bool(plane.any()) for plane in changed] == [False, True, True, True, False]

        history = History(project, author="ana")
        newest = history.entries()[0]
        assert (newest.tool, newest.author, newest.tile.z) == ("slices", "ana", 1)
        assert newest.more_planes == 2
        assert newest.pixels == changed.sum() == edit.pixels
        assert len(history.entries()) == 4, "three strokes and one fill"

        history.undo()
        np.testing.assert_array_equal(_volume(project), before)
        history.redo()
        np.testing.assert_array_equal(_volume(project), filled)
        history.undo()
        history.undo()
        assert not _volume(project)[2].any(), "the stroke before the fill is the next step"


def test_it_is_undone_at_once_after_reopening(project: Project) -> None:
    with project:
        edit = _fill(project)
        before = _volume(project)
        project.labels(_image(project)).apply(edit)
        filled, path = _volume(project), project.path
    with Project.open(path) as again:
        np.testing.assert_array_equal(_volume(again), filled)
        assert History(again).entries()[0].current
        History(again).undo()
        np.testing.assert_array_equal(_volume(again), before)
    with Project.open(path) as again:
        History(again).redo()
        np.testing.assert_array_equal(_volume(again), filled)
        assert again.labels(_image(again)).path.exists()


def test_locked_classes_never_change(project: Project) -> None:
    with project:
        edit = _fill(project, locked=frozenset({3}))
        before = _volume(project)
        project.labels(_image(project)).apply(edit)
        after = _volume(project)
        np.testing.assert_array_equal(before == 3, after == 3)
        assert (after[2] == 2).any(), "round what is locked"


def test_what_a_crash_cut_off_is_completed_in_all_planes(project: Project) -> None:
    """The journal has all planes before the first chunk is touched."""
    with project:
        edit = _fill(project)
        before = _volume(project)
        number = project.journal.record(edit)
        np.testing.assert_array_equal(_volume(project), before)
        path = project.path
    with Project.open(path) as again:
        again.labels(_image(again)).lock()
        after = _volume(again)
        for z in range(1, 4):
            part = edit.planes[z - 1]
            np.testing.assert_array_equal(
                after[z][part.tile.slices][part.changed], part.after[part.changed]
            )
        assert again.journal.entries()[0].number == number
        History(again).undo()
        np.testing.assert_array_equal(_volume(again), before)


def test_a_full_disk_leaves_no_plane_half_filled(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with project:
        edit = _fill(project)
        before, entries = _volume(project), project.journal.count()

        def full(*_: object, **__: object) -> int:
            raise DiskError("The disk is full.", hint="Free some space.")

        with monkeypatch.context() as patched:
            patched.setattr(type(project.journal), "record", full)
            with pytest.raises(DiskError):
                project.labels(_image(project)).apply(edit)
        np.testing.assert_array_equal(_volume(project), before)
        assert project.journal.count() == entries
        leftovers = list(project.labels(_image(project)).path.rglob(".*"))
        assert not [path for path in leftovers if path.is_file()]
        project.labels(_image(project)).apply(edit)
        project.labels(_image(project)).apply(edit)
        assert project.journal.count() == entries + 1, "the same edit counts once"


def test_what_is_outside_of_a_plane_is_refused_whole(project: Project) -> None:
    with project:
        edit = _fill(project)
        before = _volume(project)
        ones = np.ones((4, 4), np.uint8)
        outside = Edit(Tile(_image(project), 558, 0, 4, 4, 3), ones * 0, ones * 2)
        wrong = Edit(Tile(_image(project), 0, 0, 4, 4, 3), ones * 0, ones * 77)
        for other, error in ((outside, InputError), (wrong, LabelError)):
            both = one_step([edit.planes[0], other], tool="slices")
            assert both is not None
            with pytest.raises(error):
                project.labels(_image(project)).apply(both)
            np.testing.assert_array_equal(_volume(project), before)


def test_what_waits_outside_of_the_project_keeps_all_planes(
    project: Project, tmp_path: Path
) -> None:
    with project:
        edit = _fill(project)
        spare = SpareEdits("a", [tmp_path / "spare"])
        spare.keep(edit)
        (back,) = spare.edits()
        assert (back.id, back.tool, len(back.planes)) == (edit.id, "slices", 3)
        for one, other in zip(edit.planes, back.planes, strict=True):
            assert one.tile == other.tile
            np.testing.assert_array_equal(one.before, other.before)
            np.testing.assert_array_equal(one.after, other.after)
        spare.drop(back)
        assert not spare.edits()


def test_pruning_drops_all_planes(project: Project) -> None:
    with project:
        project.labels(_image(project)).apply(_fill(project))
        for turn in range(3):
            _paint(project, 1, _disc(40 + turn, 40, 5 + turn))
        ledger = project.path / "ledger.sqlite"
        assert _rows(ledger) > 2
        while project.journal.prune(lambda: False, keep=1):
            pass
        from napari_phenoai.io.pruning import prune_edits

        prune_edits(project.journal._database, 1, lambda: False, surplus=0)
        assert _rows(ledger) == 0


def _rows(ledger: Path) -> int:
    with closing(sqlite3.connect(ledger)) as db:
        return int(db.execute("SELECT count(*) FROM edit_planes").fetchone()[0])


def _edit(values: NDArray[np.uint8], new: NDArray[np.uint8], z: int) -> Edit | None:
    height, width = values.shape
    return edit_between(Tile("leaf", 0, 0, height, width, z), values, new)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 9))
def test_a_step_of_many_planes_is_taken_back_exactly(seed: int, planes: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    old = rng.integers(0, 4, (planes, 12, 13)).astype(np.uint8)
    new = np.where(rng.random(old.shape) < 0.4, rng.integers(0, 4, old.shape), old).astype(np.uint8)
    edits = [_edit(old[z], new[z], z) for z in range(planes)]
    step = one_step([edit for edit in edits if edit is not None], tool="slices")
    if step is None:
        assert (old == new).all()
        return
    volume = old.copy()
    for plane in step.planes:
        plane.apply(volume[plane.tile.z])
    np.testing.assert_array_equal(volume, new)
    assert step.pixels == (old != new).sum()
    cut = old.copy()
    for part in step.parts(size):
        assert not part.more
        assert part.tile.y // size == (part.tile.y1 - 1) // size
        part.apply(cut[part.tile.z])
    np.testing.assert_array_equal(cut, new)
    for plane in step.inverse().planes:
        plane.apply(volume[plane.tile.z])
    np.testing.assert_array_equal(volume, old)
    twice = step.inverse().inverse(tool="slices")
    for one, other in zip(step.planes, twice.planes, strict=True):
        np.testing.assert_array_equal(one.after, other.after)


def test_one_plane_is_changed_once_in_a_step() -> None:
    old, new = np.zeros((4, 4), np.uint8), np.ones((4, 4), np.uint8)
    edits = [_edit(old, new, z) for z in (0, 1, 1)]
    assert one_step([], tool="slices") is None
    first, second, third = (edit for edit in edits if edit is not None)
    with pytest.raises(LabelError, match="no edit of one stack"):
        one_step([first, second, third], tool="slices")
    elsewhere = edit_between(Tile("root", 0, 0, 4, 4, 2), old, new)
    assert elsewhere is not None
    with pytest.raises(LabelError, match="no edit of one stack"):
        one_step([first, elsewhere], tool="slices")


def test_objects_are_filled_with_their_own_id(tmp_path: Path) -> None:
    """No id is new, and none is used twice."""
    with Project.create(
        tmp_path / "stack.phenoai", ["soil", "root"], tile_px=64, instances=True
    ) as project:
        finish(project.add_image(str(large_image(tmp_path / "s.ome.zarr", PLANE, planes=PLANES))))
        store = project.labels(_image(project))
        first = store.reserve(2)
        for z, number, place in ((0, first, (500, 505)), (4, first, (520, 520))):
            tile = Tile(_image(project), 0, 0, *PLANE, z)
            mask = _disc(*place, 30)
            store.write(tile, np.where(mask, number, 1).astype(np.uint32), objects={number: 2})
        other = Tile(_image(project), 0, 0, *PLANE, 2)
        beside = np.where(_disc(510, 490, 25), first + 1, 1).astype(np.uint32)
        store.write(other, beside, objects={first + 1: 2})
        before, table = _volume(project), store.table
        assert table is not None
        edit = filled_between(
            project,
            _image(project),
            (0, 500, 505),
            (4, 520, 520),
            locked=frozenset({first + 1}),
        )
        assert edit is not None
        store.apply(edit)
        after = _volume(project)
        assert set(np.unique(after).tolist()) == {0, 1, first, first + 1}
        np.testing.assert_array_equal(before == first + 1, after == first + 1)
        assert [bool((after[z] == first).any()) for z in range(PLANES)] == [True] * PLANES
        assert store.table is not None
        assert store.table.objects == table.objects
        History(project).undo()
        np.testing.assert_array_equal(_volume(project), before)
