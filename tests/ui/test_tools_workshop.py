"""The workshop of the pixel tools: order, what changed in between, and what is forgotten."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from napari.layers import Labels

from napari_phenoai.core.editing import Canvas, Cut, Paint, Replace
from napari_phenoai.core.geometry import Tile
from napari_phenoai.ui.handtools.picture import LINE, sketched
from napari_phenoai.ui.handtools.surface import Surface
from napari_phenoai.ui.handtools.work import Change, Workshop

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


@dataclass
class Bench:
    """A workshop whose thread does one piece of work when it is told to."""

    labels: NDArray[Any]
    locked: frozenset[int] = frozenset()
    next_id: int | None = None
    tile: Tile = field(default_factory=lambda: Tile("leaf", 10, 10, 20, 20))
    waiting: list[Callable[[], None]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    refused: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.layer = Labels(self.labels)
        refused = SimpleNamespace(emit=lambda: self.refused.append(True))
        self.marks = SimpleNamespace(values=self.locked, refused=refused)
        background = SimpleNamespace(do=self._do)
        session = SimpleNamespace(background=background, complain=self.errors.append)
        layers = SimpleNamespace(tile=self.layer)
        self.workshop = Workshop(session, layers, self.marks, self._surface)  # type: ignore[arg-type]

    def _surface(self) -> Surface:
        return Surface(
            self.tile,
            (100, 100),
            self.labels,
            1,
            unknown=False,
            read_pixels=lambda part: np.zeros((1, *part.shape), np.uint8),
            read_prediction=lambda: None,
            next_id=self.next_id,
        )

    def _do(self, lane: str, function: Any, *, then: Any, otherwise: Any) -> None:
        assert lane == "tools"

        def work() -> None:
            try:
                value = function()
            except Exception as error:  # noqa: BLE001 - as the background does
                otherwise(error)
            else:
                then(value)

        self.waiting.append(work)

    def work(self) -> None:
        """Let the thread do the next piece of work."""
        self.waiting.pop(0)()


@pytest.fixture
def bench() -> Bench:
    """Return a workshop over a plain tile of 20 x 20 px."""
    return Bench(np.ones((20, 20), np.uint8))


def _paint(y: int, value: int, done: Callable[[int], object] = int) -> Change:
    points = ((y, 12), (y, 16))
    return Change(lambda _: Paint(points, value), points=points, done=done)


def _said(name: str, _: Canvas) -> str:
    return name


def _cut(column: int, _: Canvas) -> Cut:
    return Cut(((12, column), (27, column)))


def test_changes_are_made_in_order_each_as_one_step(bench: Bench) -> None:
    pixels: list[int] = []
    bench.workshop.do(_paint(12, 2, pixels.append))
    bench.workshop.do(Change(lambda _: Replace(2, 3), done=pixels.append))
    assert len(bench.waiting) == 1, "the second waits for what the first leaves"
    bench.work()
    assert (bench.labels[2, 2:7] == 2).all()
    bench.work()
    assert (bench.labels[2, 2:7] == 3).all()
    assert pixels == [5, 5]
    assert not bench.workshop.waits

    bench.layer.undo()
    assert (bench.labels[2, 2:7] == 2).all()
    bench.layer.undo()
    assert (bench.labels == 1).all()


def test_only_the_last_preview_is_shown(bench: Bench) -> None:
    seen: list[str] = []
    for name in ("one", "two", "three"):
        bench.workshop.look(partial(_said, name), frozenset(), seen.append)
    while bench.waiting:
        bench.work()
    assert seen == ["three"]


def test_a_preview_is_forgotten_when_a_change_comes(bench: Bench) -> None:
    seen: list[str] = []
    bench.workshop.look(lambda _: "old", frozenset(), seen.append)
    bench.workshop.do(_paint(12, 2))
    while bench.waiting:
        bench.work()
    assert not seen
    assert (bench.labels == 2).sum() == 5


def test_what_changed_in_between_is_taken_into_account(bench: Bench) -> None:
    bench.labels[2, 4] = 2
    bench.workshop.do(Change(lambda _: Replace(2, 3)))
    bench.labels[2, 5] = 2
    work = bench.waiting[0]
    bench.labels[2, 4] = 1
    work()
    assert bench.labels[2, 5] == 3
    assert bench.labels[2, 4] == 1, "an old state came back"


def test_settling_makes_all_changes_once(bench: Bench) -> None:
    pixels: list[int] = []
    bench.workshop.do(_paint(12, 2, pixels.append))
    bench.workshop.do(_paint(14, 2, pixels.append))
    bench.workshop.settle()
    assert pixels == [5, 5]
    while bench.waiting:
        bench.work()
    assert pixels == [5, 5]


def test_what_was_asked_for_a_tile_that_went_is_not_done(bench: Bench) -> None:
    bench.workshop.do(_paint(12, 2))
    bench.workshop.clear()
    while bench.waiting:
        bench.work()
    assert (bench.labels == 1).all()
    bench.workshop.do(_paint(12, 2))
    bench.work()
    assert (bench.labels == 2).sum() == 5, "the workshop goes on with the next tile"


def test_no_change_is_made_in_a_tile_where_it_was_not_asked_for(bench: Bench) -> None:
    bench.workshop.do(Change(lambda _: Replace(1, 2)))
    bench.tile = Tile("leaf", 30, 10, 20, 20)
    bench.labels = np.ones((20, 20), np.uint8)
    while bench.waiting:
        bench.work()
    assert (bench.labels == 1).all()
    bench.workshop.settle()
    assert (bench.labels == 1).all()


def test_an_error_is_told_and_the_next_change_is_made(bench: Bench) -> None:
    def fail(_: Canvas) -> Paint:
        raise ValueError("no")

    bench.workshop.do(Change(fail))
    bench.workshop.do(_paint(12, 2))
    bench.work()
    bench.work()
    assert [str(error) for error in bench.errors] == ["no"]
    assert (bench.labels == 2).sum() == 5


def test_a_failed_preview_does_not_stop_the_workshop(bench: Bench) -> None:
    def fail(_: Canvas) -> None:
        raise ValueError("no")

    bench.workshop.look(fail, frozenset(), int)
    bench.work()
    bench.workshop.do(_paint(12, 2))
    bench.work()
    assert not bench.errors
    assert (bench.labels == 2).sum() == 5


def test_locks_are_kept_and_told_of() -> None:
    bench = Bench(np.full((20, 20), 2, np.uint8), locked=frozenset({2}))
    bench.workshop.do(_paint(12, 3))
    bench.work()
    assert (bench.labels == 2).all()
    assert bench.refused


def test_every_cut_of_objects_gets_an_id_that_is_free() -> None:
    labels = np.ones((20, 20), np.uint32)
    labels[5:15, 2:18] = 300
    bench = Bench(labels, next_id=301)
    for column in (17, 22):
        bench.workshop.do(Change(partial(_cut, column)))
        bench.work()
        bench.next_id = int(labels.max()) + 1
    assert set(np.unique(labels)) == {1, 300, 301, 302}
    assert (labels != 1).sum() == 160, "no pixel of an object is lost"


def test_of_objects_the_new_outlines_are_drawn() -> None:
    labels = np.ones((20, 20), np.uint32)
    labels[5:15, 2:18] = 300
    surface = Bench(labels, next_id=301).workshop.surface
    assert surface is not None
    canvas = surface.canvas(labels.copy(), frozenset(), frozenset())
    change = Change(lambda _: Cut(((12, 17), (27, 17))))
    sketch = sketched(canvas, change.outcome(canvas), ())
    assert sketch is not None
    assert set(np.unique(sketch.values)) == {0, LINE}
    assert sketch.pixels > 0
