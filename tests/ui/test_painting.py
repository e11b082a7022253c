"""Painting without a window: nothing is lost, whatever happens in whichever order."""

from __future__ import annotations

import tempfile
from collections import deque
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_phenoai.core.edits import edit_between
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.progress import finish
from napari_phenoai.errors import DiskError, InputError, LabelError
from napari_phenoai.io.labels import LabelStore
from napari_phenoai.io.project import Project
from napari_phenoai.io.spare import SpareEdits
from napari_phenoai.testing.full_disk import fill, free, small_disk
from napari_phenoai.testing.large import large_image
from napari_phenoai.ui.drafts import Draft, load_draft, save_draft
from napari_phenoai.ui.edit_writer import EditWriter
from napari_phenoai.ui.painting import Painting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_phenoai.core.edits import Edit
    from napari_phenoai.ui.background import Background
    from napari_phenoai.ui.window_pixels import WindowPixels

SIZE = (1300, 1500)


class Steps:
    """A background in which work and answers happen when the test says so."""

    def __init__(self) -> None:
        self.work: deque[Callable[[], Callable[[], object]]] = deque()
        self.answers: deque[Callable[[], object]] = deque()

    def do(
        self,
        lane: str,
        function: Callable[[], Any],
        *,
        then: Callable[[Any], object] = id,
        otherwise: Callable[[Exception], object] = id,
    ) -> None:
        assert lane == "writes"

        def attempt() -> Callable[[], object]:
            try:
                return partial(then, function())
            except Exception as error:  # noqa: BLE001 - handed on, as the real one does
                return partial(otherwise, error)

        self.work.append(attempt)

    def run(self) -> None:
        if self.work:
            self.answers.append(self.work.popleft()())

    def deliver(self) -> None:
        if self.answers:
            self.answers.popleft()()

    def drain(self) -> None:
        while self.work or self.answers:
            self.run()
            self.deliver()


class Bench:
    """A project with one large image, painted without a window."""

    def __init__(self, folder: Path, planes: int = 1) -> None:
        image = large_image(folder / "large.ome.zarr", SIZE, planes=planes)
        self.project = Project.create(folder / "p.phenoai", ["soil", "plant", "weed"])
        self.image = finish(self.project.add_image(str(image)))
        self.steps = Steps()
        self.painting = Painting(self.project, cast("Background", self.steps), "ana")
        self.errors: list[Exception] = []
        self.painting.failed.connect(self.errors.append)
        self.drawing = False
        self.painting.under_way = lambda: self.drawing

    def close(self) -> None:
        self.steps.drain()
        self.project.close()

    def tile(self, y: int, x: int, height: int, width: int, z: int = 0) -> Tile:
        return Tile(self.image.id, y, x, height, width, z)

    @property
    def window(self) -> WindowPixels:
        assert self.painting.window is not None
        return self.painting.window

    def stored(self, tile: Tile) -> np.ndarray[Any, np.dtype[np.uint8]]:
        return self.project.labels(self.image.id).read(tile)

    def paint(self, y: int, x: int, label: int, extent: int = 40, *, told: bool = True) -> None:
        """Paint a square; positions are of the image, what lies outside the window is cut."""
        window = self.window
        rows = slice(max(0, y - window.tile.y), max(0, y + extent - window.tile.y))
        columns = slice(max(0, x - window.tile.x), max(0, x + extent - window.tile.x))
        window.painted[rows, columns] = label
        if not self.drawing:
            box = (rows, columns) if told and window.painted[rows, columns].size else None
            self.painting.flush(box, "brush")

    def begin(self, window: Tile | None = None, z: int = 0) -> None:
        self.painting.begin(self.image.id, z)
        self.painting.want(window or self.tile(0, 0, 1024, 1024, z))
        self.steps.drain()

    def agrees(self) -> None:
        """Check that window, disk and journal say the same."""
        np.testing.assert_array_equal(self.window.painted, self.stored(self.window.tile))
        assert self.window.edit(None, "check", "") is None


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Return a bench on a flat image."""
    found = Bench(tmp_path)
    yield found
    found.close()


WINDOWS = ((0, 0, 1024, 1024), (0, 512, 1300, 988), (512, 0, 788, 1500), (512, 512, 512, 512))
places = st.tuples(st.integers(0, 1250), st.integers(0, 1450))
moves = st.one_of(
    st.tuples(st.just("paint"), places, st.integers(0, 3)),
    st.tuples(st.just("begin stroke"), places, st.integers(1, 3)),
    st.tuples(st.just("end stroke")),
    st.tuples(st.just("want"), st.sampled_from(WINDOWS)),
    st.tuples(st.just("undo")),
    st.tuples(st.just("redo")),
    st.tuples(st.just("check"), st.sampled_from(WINDOWS)),
    st.tuples(st.just("run")),
    st.tuples(st.just("run")),
    st.tuples(st.just("deliver")),
    st.tuples(st.just("deliver")),
)


def _do(bench: Bench, move: tuple[Any, ...]) -> None:
    kind, *rest = move
    if kind == "paint" and not bench.drawing:
        (y, x), label = rest
        bench.paint(y, x, label, told=label != 3)
    elif kind == "begin stroke":
        (y, x), label = rest
        bench.drawing = True
        bench.paint(y, x, label)
    elif kind == "end stroke":
        bench.drawing = False
        bench.painting.flush(None, "brush")
    elif kind in ("want", "check"):
        getattr(bench.painting, kind)(bench.tile(*rest[0]))
    elif kind in ("undo", "redo"):
        bench.painting.turn(kind)
    elif kind in ("run", "deliver"):
        getattr(bench.steps, kind)()


@settings(max_examples=60, deadline=None)
@given(st.lists(moves, max_size=40))
def test_window_and_disk_agree_whatever_comes_first(events: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        bench.begin()
        for event in events:
            _do(bench, event)
        bench.drawing = False
        bench.painting.flush(None, "brush")
        bench.steps.drain()
        bench.painting.flush()
        bench.agrees()
        assert not bench.painting.writer.waiting
        bench.painting.jump(0)
        bench.steps.drain()
        bench.agrees()
        assert not bench.stored(bench.tile(0, 0, *SIZE)).any()
        assert not bench.errors
        bench.close()


def test_a_stroke_is_one_edit_that_says_who_made_it(bench: Bench) -> None:
    bench.begin()
    bench.paint(500, 500, 2)
    bench.steps.drain()
    (entry,) = bench.project.journal.entries()
    assert (entry.tool, entry.author, entry.pixels) == ("brush", "ana", 1600)
    assert entry.tile == bench.tile(500, 500, 40, 40)
    bench.agrees()
    bench.painting.flush()
    bench.steps.drain()
    assert len(bench.project.journal.entries()) == 1


def test_what_is_painted_while_a_window_is_read_is_kept(bench: Bench) -> None:
    bench.begin()
    bench.painting.want(bench.tile(512, 512, 788, 988))
    bench.paint(600, 600, 3)
    bench.steps.drain()
    assert bench.window.tile.y == 512
    assert bench.window.painted[100, 100] == 3
    bench.agrees()


def test_the_window_waits_for_the_end_of_a_stroke(bench: Bench) -> None:
    bench.begin()
    bench.drawing = True
    bench.paint(600, 600, 2)
    bench.painting.want(bench.tile(512, 512, 788, 988))
    bench.steps.drain()
    assert bench.window.tile.y == 0
    bench.paint(700, 700, 2)
    bench.drawing = False
    bench.painting.flush(None, "brush")
    assert bench.window.tile.y == 512
    bench.steps.drain()
    bench.agrees()
    assert bench.stored(bench.tile(700, 700, 40, 40)).all()
    assert len(bench.project.journal.entries()) == 1


def test_only_the_last_window_asked_for_is_taken(bench: Bench) -> None:
    bench.begin()
    shown: list[Tile] = []
    bench.painting.window_changed.connect(lambda: shown.append(bench.window.tile))
    bench.painting.want(bench.tile(512, 0, 788, 1024))
    bench.painting.want(bench.tile(512, 512, 788, 988))
    bench.steps.drain()
    assert [tile.x for tile in shown] == [512]


def test_undo_reaches_what_was_painted_elsewhere_and_before_a_restart(bench: Bench) -> None:
    bench.begin()
    bench.paint(10, 10, 2)
    bench.painting.want(bench.tile(512, 512, 788, 988))
    bench.steps.drain()
    bench.paint(900, 900, 3)
    bench.painting.end()
    bench.close()

    with Project.open(bench.project.path) as project:
        again = Painting(project, cast("Background", bench.steps), "ben")
        looked: list[Edit] = []
        again.turned.connect(looked.append)
        again.begin(bench.image.id)
        for _ in range(2):
            again.turn("undo")
        bench.steps.drain()
        assert [edit.tile.y for edit in looked] == [900, 10]
        assert not project.labels(bench.image.id).read(bench.tile(0, 0, *SIZE)).any()
        again.turn("undo")
        bench.steps.drain()
        assert again.note == "There is nothing more to undo."
        again.turn("redo")
        bench.steps.drain()
        assert project.labels(bench.image.id).read(bench.tile(10, 10, 5, 5)).all()


def test_a_full_disk_keeps_the_strokes_and_their_order(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.begin()
    with monkeypatch.context() as patched:
        full = DiskError("The disk is full.", hint="Make space.")

        def refuse(*_: object, **__: object) -> int:
            raise full

        patched.setattr(LabelStore, "apply", refuse)
        for label in (1, 2, 3):
            bench.paint(100, 100 + label, label)
            bench.steps.drain()
    assert len(bench.errors) == 1
    assert "kept" in str(getattr(bench.errors[0], "hint", ""))
    assert _stuck(bench) == 3
    assert not bench.stored(bench.tile(100, 100, 60, 60)).any()

    bench.painting.want(bench.tile(0, 512, 1300, 988))
    bench.painting.want(bench.tile(0, 0, 1024, 1024))
    bench.steps.drain()
    assert bench.window.painted[120, 120] == 3, "moving the window lost what is not on the disk"
    bench.painting.writer.retry()
    bench.steps.drain()
    assert _stuck(bench) == 0
    bench.agrees()
    assert bench.stored(bench.tile(100, 101, 1, 3)).tolist() == [[1, 2, 3]]
    assert [entry.pixels for entry in bench.project.journal.entries()] == [1600, 1600, 1600]


def test_strokes_that_cannot_be_saved_at_the_end_come_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folders = (tmp_path / "full" / "unsaved", tmp_path / "unsaved")
    (tmp_path / "full").touch()
    spare = SpareEdits(bench.project.spec.id, folders)
    monkeypatch.setattr(bench.painting.writer, "_spare", spare)
    bench.begin()
    with monkeypatch.context() as patched:

        def refuse(*_: object, **__: object) -> int:
            raise DiskError("The disk is full.", hint="Make space.")

        patched.setattr(LabelStore, "apply", refuse)
        for label in (1, 2, 3):
            bench.paint(100, 100 + label, label)
        bench.painting.close()
        bench.steps.drain()
    assert "The last 3 strokes could not be saved" in str(bench.errors[-1])
    assert len(list(folders[1].rglob("*.npz"))) == 3
    assert not bench.stored(bench.tile(100, 100, 60, 60)).any()

    later = EditWriter(bench.project, cast("Background", bench.steps), "ana")
    monkeypatch.setattr(later, "_spare", spare)
    counts: list[int] = []
    later.brought.connect(counts.append)
    later.bring_back()
    bench.steps.drain()
    assert counts == [3]
    assert not later.waiting
    assert bench.stored(bench.tile(100, 101, 1, 3)).tolist() == [[1, 2, 3]]
    assert not list(folders[1].rglob("*.npz"))
    later.bring_back()
    bench.steps.drain()
    assert counts == [3], "what is in the project now came back once more"


def test_strokes_outlive_a_disk_that_is_full_when_the_window_closes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def room() -> tuple[Path, Path]:
        return tmp_path / "disk" / "unsaved", tmp_path / "unsaved"

    monkeypatch.setattr("napari_phenoai.io.spare.spare_folders", room)
    with ExitStack() as stack:
        try:
            disk = stack.enter_context(small_disk(tmp_path / "disk", 16))
        except InputError as error:
            pytest.skip(error.what)
        first = Bench(disk)
        first.begin()
        first.paint(10, 10, 1)
        first.steps.drain()
        fill(disk)
        noise = np.random.default_rng(0).integers(1, 4, (900, 900), np.uint8)
        first.window.painted[100:1000, 100:1000] = noise
        first.painting.flush(None, "brush")
        first.painting.close()
        first.close()
        assert first.errors, "there was room"
        assert list(room()[1].rglob("*.npz"))
        free(disk)
        with Project.open(disk / "p.phenoai") as project:
            steps = Steps()
            writer = EditWriter(project, cast("Background", steps), "ana")
            writer.bring_back()
            steps.drain()
            found = project.labels(first.image.id).read(first.tile(100, 100, 900, 900))
            np.testing.assert_array_equal(found, noise)
        assert not list(room()[1].rglob("*.npz"))


def test_a_stroke_of_last_time_that_is_refused_is_kept_and_not_tried_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spare = SpareEdits(bench.project.spec.id, (tmp_path / "unsaved",))
    nothing = np.zeros((4, 4), np.uint8)
    unknown = edit_between(bench.tile(5, 5, 4, 4), nothing, nothing + 77)
    assert unknown is not None
    spare.keep(unknown)
    writer = bench.painting.writer
    monkeypatch.setattr(writer, "_spare", spare)
    writer.bring_back()
    bench.steps.drain()
    assert isinstance(bench.errors[-1], LabelError)
    assert not writer.waiting
    assert not spare.edits()
    assert len(list(tmp_path.rglob("*.refused"))) == 1


def _stuck(bench: Bench) -> int:
    writer = bench.painting.writer
    return len(writer.waiting) if writer.stuck else 0


def test_a_class_that_does_not_exist_is_taken_out_again(bench: Bench) -> None:
    bench.begin()
    bench.paint(100, 100, 2)
    bench.paint(100, 100, 9)
    bench.paint(200, 200, 1)
    bench.steps.drain()
    assert isinstance(bench.errors[0], LabelError)
    assert bench.window.painted[100, 100] == 2
    assert bench.window.painted[200, 200] == 1
    bench.agrees()


def test_labels_that_another_process_writes_are_not_painted(bench: Bench, tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from napari_phenoai.io.project import Project\n"
        "project = Project.open(sys.argv[1]); project.labels(sys.argv[2]).lock()\n"
        "print('locked', flush=True); sys.stdin.read(); project.close()"
    )
    argv = [sys.executable, "-c", code, str(bench.project.path), bench.image.id]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == b"locked"
        bench.begin()
        assert not bench.painting.active
        assert "process" in str(bench.errors[0])
        other.communicate()


def test_planes_of_a_stack_are_painted_one_by_one(tmp_path: Path) -> None:
    bench = Bench(tmp_path, planes=3)
    bench.begin(z=1)
    bench.paint(100, 100, 2)
    bench.begin(z=2)
    assert not bench.window.painted.any()
    bench.paint(100, 100, 3)
    bench.steps.drain()
    found = [int(bench.stored(bench.tile(110, 110, 1, 1, z))[0, 0]) for z in range(3)]
    assert found == [0, 2, 3]
    bench.close()


def test_a_jump_goes_bit_by_bit_and_can_be_stopped(bench: Bench) -> None:
    bench.begin()
    for number in range(30):
        bench.paint(40 * (number % 25), 50 * (number // 25), 2)
    bench.steps.drain()
    first = bench.project.journal.entries()[-1].number
    bench.painting.jump(first)
    bench.steps.drain()
    assert bench.stored(bench.tile(0, 0, *SIZE)).any(axis=1).sum() == 40
    bench.painting.jump(first + 29)
    bench.steps.run()
    bench.steps.deliver()
    assert bench.painting.writer.turning == 29
    bench.paint(800, 800, 3)
    bench.steps.drain()
    assert bench.painting.writer.turning == 0
    bench.agrees()


def test_drafts_of_tiles_get_what_is_painted_over_them(bench: Bench) -> None:
    tile = bench.tile(96, 96, 64, 64)
    proposal = np.full(tile.shape, 1, np.uint8)
    labels = proposal.copy()
    labels[:8] = 3
    save_draft(bench.project.path, tile, Draft(labels, proposal, "m", 7.0))
    bench.begin()
    bench.paint(90, 90, 2, extent=10)
    bench.steps.drain()
    draft = load_draft(bench.project.path, tile)
    assert draft is not None
    assert (draft.labels[:4, :4] == 2).all()
    assert (draft.labels[:4, 4:] == 3).all()
    bench.painting.turn("undo")
    bench.steps.drain()
    draft = load_draft(bench.project.path, tile)
    assert draft is not None
    assert (draft.labels[:4, :4] == 1).all()
    assert draft.seconds == 7.0
