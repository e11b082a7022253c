"""Outlines from clicks in a real window, with a tiny network, by real mouse and key events."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_phenoai.core.prompts import BoxPrompt, Prompts
from napari_phenoai.io.project import Project
from napari_phenoai.loop.prompting import replayed
from napari_phenoai.testing.project import tiny_project
from napari_phenoai.ui.controls.prompt_box import PromptBox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from tests.ui.conftest import Hands

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.records import Review
    from napari_phenoai.ui.desk import Desk
    from napari_phenoai.ui.prompting import Prompting
    from napari_phenoai.ui.prompting_asked import Asked, Found

torch = pytest.importorskip("torch")
pytest.importorskip("segment_anything")

from napari_phenoai.ml.sam import everything  # noqa: E402
from napari_phenoai.ml.sam.cache import EmbeddingCache  # noqa: E402
from napari_phenoai.ml.sam.loading import load_prompter  # noqa: E402
from napari_phenoai.ml.sam.prompter import Prompter  # noqa: E402

SIEVE = partial(everything.Sieve, score=-1e9, stability=0.0, overlap=2.0)
"""Keeps all masks of a network that knows nothing."""


@pytest.fixture
def project_path(tmp_path: Path) -> Path:
    """Return a closed project of two scenes that nobody has worked in."""
    path = tmp_path / "field.phenoai"
    tiny_project(path).close()
    return path


@pytest.fixture
def hands(project_path: Path, checkpoint: Path, open_workbench: Callable[[Path], Hands]) -> Hands:
    """Return a person at a Workbench whose network is chosen."""
    hands = open_workbench(project_path)
    hands.dock.bench.prompts.prompting.choose(checkpoint)
    return hands


def prompting(hands: Hands) -> Prompting:
    return hands.dock.bench.prompts.prompting


def desk(hands: Hands) -> Desk:
    assert hands.session.desk is not None
    return hands.session.desk


def asked(hands: Hands) -> Asked:
    found = prompting(hands).asked
    assert found is not None
    return found


def found(hands: Hands) -> Found:
    state = prompting(hands).found
    assert state is not None
    return state


def words(hands: Hands) -> str:
    box = hands.dock.bench.prompts.modes["point"].options()
    assert isinstance(box, PromptBox)
    return box.words.text()


def prepared(hands: Hands) -> None:
    hands.wait(lambda: prompting(hands).prepared)


def answered(hands: Hands) -> NDArray[np.bool_]:
    """Wait for the answer, and return the mask that is shown."""
    hands.wait(lambda: prompting(hands).shown)
    return prompting(hands).shown[0].mask


def expected(hands: Hands, checkpoint: Path, prompts: Prompts, tile: Tile | None = None) -> Any:
    """Return all masks that ml/sam gives, without any window."""
    assert hands.session.project is not None
    tile = tile or desk(hands).tile
    prompter = load_prompter(checkpoint)
    embedding = prompter.embed(hands.session.project.source(tile.image).read(tile))
    return [candidate.mask for candidate in prompter.replay(embedding, tile, prompts).candidates]


def painted(hands: Hands, before: NDArray[np.uint8], mask: NDArray[np.bool_], value: int) -> None:
    """Wait until the tile is as before but for the mask."""
    wanted = np.where(mask, value, before)
    hands.wait(lambda: np.array_equal(desk(hands).labels, wanted))


def reviews(path: Path) -> list[Review]:
    with Project.open(path) as project:
        return project.reviews.all()


class Gate:
    """Holds every embedding until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open = threading.Event()
        self.reached = threading.Event()
        embed = Prompter.embed

        def held(prompter: Prompter, pixels: Any, *args: Any, **options: Any) -> Any:
            self.reached.set()
            assert self.open.wait(60)
            return embed(prompter, pixels, *args, **options)

        monkeypatch.setattr(Prompter, "embed", held)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Return a gate that is opened at the end in any case."""
    made = Gate(monkeypatch)
    yield made
    made.open.set()


def test_a_click_is_painted_as_the_network_outlines_it_and_undone_in_one_step(
    hands: Hands, checkpoint: Path
) -> None:
    tile, before = desk(hands).tile, desk(hands).labels.copy()
    hands.key("1")
    hands.key("A")
    prepared(hands)
    hands.click(20, 30)
    mask = answered(hands)
    assert 10 < mask.sum() < mask.size, "a mask that tells something"
    assert (desk(hands).labels == before).all(), "only shown, not painted"
    prompts = Prompts().clicked(tile.y + 20, tile.x + 30)
    np.testing.assert_array_equal(mask, expected(hands, checkpoint, prompts)[0])

    hands.key("Return")
    painted(hands, before, mask, 1)
    assert not prompting(hands).under_way
    hands.key("Z", control=True)
    painted(hands, before, mask & False, 1)
    hands.key("Z", control=True, shift=True)
    painted(hands, before, mask, 1)


def test_tab_goes_through_the_candidates_and_esc_drops(hands: Hands, checkpoint: Path) -> None:
    tile, before = desk(hands).tile, desk(hands).labels.copy()
    hands.key("A")
    prepared(hands)
    hands.click(33, 12)
    answered(hands)
    masks = expected(hands, checkpoint, Prompts().clicked(tile.y + 33, tile.x + 12))
    assert len(masks) == 3
    for number in (1, 2, 0, 1):
        hands.key("Tab")
        np.testing.assert_array_equal(answered(hands), masks[number])
    hands.key("Escape")
    assert not prompting(hands).under_way
    assert not prompting(hands).shown
    assert (desk(hands).labels == before).all()
    assert hands.dock.bench.tools.tool == "point", "the tool stays in the hand"


def test_more_clicks_refine_and_backspace_takes_them_back(hands: Hands, checkpoint: Path) -> None:
    tile = desk(hands).tile
    hands.key("A")
    prepared(hands)
    hands.click(20, 30)
    first = answered(hands)
    hands.key("Tab")
    hands.click(50, 50, shift=True)
    hands.wait(lambda: len(asked(hands).prompts.steps) == 2 and prompting(hands).shown)
    prompts = (
        Prompts()
        .clicked(tile.y + 20, tile.x + 30)
        .clicked(tile.y + 50, tile.x + 50, positive=False, refines=1)
    )
    assert asked(hands).prompts == prompts
    np.testing.assert_array_equal(answered(hands), expected(hands, checkpoint, prompts)[0])
    hands.key("Backspace")
    assert asked(hands).prompts == prompts.undone()
    hands.key("Tab")
    hands.key("Tab")
    np.testing.assert_array_equal(answered(hands), first)
    hands.key("Z")
    assert not prompting(hands).under_way


def test_a_box_is_outlined(hands: Hands, checkpoint: Path) -> None:
    tile, before = desk(hands).tile, desk(hands).labels.copy()
    hands.key("2")
    hands.key("R")
    prepared(hands)
    hands.stroke((8, 10), (40, 50))
    mask = answered(hands)
    box = BoxPrompt.between((tile.y + 8, tile.x + 10), (tile.y + 40, tile.x + 50))
    assert asked(hands).prompts == Prompts(steps=(box,))
    np.testing.assert_array_equal(mask, expected(hands, checkpoint, Prompts(steps=(box,)))[0])
    hands.key("Return")
    painted(hands, before, mask, 2)


def test_everything_is_found_and_taken_in_one_step(
    hands: Hands, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_phenoai.ui.prompting_everything._SIDE_CPU", 3)
    monkeypatch.setattr(everything, "Sieve", SIEVE)
    before = desk(hands).labels.copy()
    hands.key("2")
    hands.key("A", shift=True)
    hands.wait(lambda: prompting(hands).found, seconds=60)
    count = len(prompting(hands).shown)
    assert count > 1
    union = np.logical_or.reduce([item.mask for item in prompting(hands).shown])
    for number in range(count):
        hands.key("Tab")
        assert prompting(hands).shown == (found(hands).candidates[number],)
    hands.key("Tab")
    assert len(prompting(hands).shown) == count
    hands.key("Return")
    painted(hands, before, union, 2)
    assert not prompting(hands).under_way
    hands.key("Z", control=True)
    painted(hands, before, union & False, 2)
    assert not desk(hands).prompts
    hands.key("Z", control=True, shift=True)
    painted(hands, before, union, 2)
    (take,) = desk(hands).prompts
    assert (take.grid, take.chosen, take.prompts) == (3, None, Prompts())
    assert hands.session.project is not None
    again = replayed(hands.session.project, take, load_prompter(checkpoint))
    np.testing.assert_array_equal(again, union)


def test_a_locked_class_keeps_its_pixels(hands: Hands, checkpoint: Path) -> None:
    hands.key("2")
    hands.stroke((4, 4), (60, 60))
    hands.stroke((4, 60), (60, 4))
    before = desk(hands).labels.copy()
    hands.key("K")
    hands.key("1")
    hands.key("A")
    prepared(hands)
    hands.click(20, 30)
    mask = answered(hands)
    assert (mask & (before == 2)).any(), "else this says nothing"
    hands.key("Return")
    painted(hands, before, mask & (before != 2), 1)
    hands.key("Z", control=True)
    painted(hands, before, mask & False, 1)


def test_prompts_are_in_the_review_and_give_the_same_mask_again(
    hands: Hands, checkpoint: Path, project_path: Path, tmp_path: Path
) -> None:
    hands.key("1")
    hands.key("A")
    prepared(hands)
    hands.click(20, 30)
    answered(hands)
    hands.key("Tab")
    mask = answered(hands)
    hands.key("Return")
    painted(hands, desk(hands).labels * 0, mask, 1)
    hands.key("2")
    hands.click(50, 12)
    undone = answered(hands)
    assert (undone & ~mask).any()
    hands.key("Return")
    hands.wait(lambda: 2 in desk(hands).labels)
    hands.key("Z", control=True)
    painted(hands, desk(hands).labels * 0, mask, 1)
    tile = desk(hands).tile
    hands.key("Return")
    assert hands.session.current is not None
    assert hands.session.current.where != tile
    hands.wait(lambda: not hands.session.background.busy)

    (review,) = reviews(project_path)
    (take,) = review.prompts
    assert (take.value, take.chosen, take.area_px) == (1, 1, mask.sum())
    cache = EmbeddingCache(tmp_path / "elsewhere")
    with Project.open(project_path) as project:
        again = replayed(project, take, load_prompter(checkpoint), cache)
        np.testing.assert_array_equal(again, mask)
        np.testing.assert_array_equal(again, project.reviews.mask(review) == 1)

    hands.key("Backspace")
    hands.ready()
    hands.key("B")
    hands.key("2")
    hands.stroke((2, 2), (2, 20))
    hands.key("Return")
    hands.wait(lambda: not hands.session.background.busy)
    assert reviews(project_path)[-1].prompts == (take,), "they stay with the next review"


def test_answers_for_a_tile_that_was_left_are_dropped(hands: Hands, gate: Gate) -> None:
    first = desk(hands)
    hands.key("A")
    hands.wait(gate.reached.is_set)
    hands.click(20, 30)
    assert prompting(hands).under_way
    assert "Preparing" in words(hands)
    hands.key("S")
    hands.ready()
    assert desk(hands) is not first
    assert not prompting(hands).under_way
    gate.open.set()
    prepared(hands)
    hands.wait(lambda: not hands.session.background.busy, seconds=60)
    assert not prompting(hands).shown
    assert not desk(hands).labels.any()
    assert not first.labels.any()


def test_a_click_is_answered_while_other_tiles_are_prepared(hands: Hands, gate: Gate) -> None:
    tile = desk(hands).tile
    gate.open.set()
    hands.key("A")
    prepared(hands)
    gate.open.clear()
    hands.wait(lambda: prompting(hands).embeddings.under_way not in {None, tile})
    hands.click(20, 30)
    answered(hands)
    assert not gate.open.is_set()


def test_a_click_is_drawn_with_its_answer_and_before_it_only_when_that_is_late(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drawing takes the processors from the network, so a person would wait longer."""
    come, ask = threading.Event(), Prompter.ask

    def late(prompter: Prompter, *args: Any, **options: Any) -> Any:
        assert come.wait(60)
        return ask(prompter, *args, **options)

    monkeypatch.setattr(Prompter, "ask", late)
    hands.key("A")
    prepared(hands)
    preview = hands.dock.bench.prompts._preview
    hands.click(20, 30)
    seen = [preview.shown]
    hands.wait(lambda: preview.shown)
    assert seen == [False]
    assert asked(hands).answer is None, "the click is seen though its answer is late"
    come.set()
    answered(hands)
    assert preview.shown
    assert not prompting(hands).asking.under_way


def test_the_next_tiles_of_the_queue_are_prepared(hands: Hands, tmp_path: Path) -> None:
    assert len(hands.session.upcoming()) >= 5
    wanted = [desk(hands).tile, *(item.where for item in hands.session.upcoming()[:5])]
    hands.key("A")
    hands.wait(lambda: len(list((tmp_path / "embeddings").glob("*.safetensors"))) == 6, 60)
    hands.wait(lambda: all(prompting(hands).embeddings.get(tile) is not None for tile in wanted))
    hands.wait(lambda: not prompting(hands).embeddings.wanted)
    prompter = prompting(hands).network.prompter
    assert prompter is not None
    prompter.seconds = None
    hands.key("S")
    hands.ready()
    assert prompting(hands).prepared, "at once, as it was prepared before"


def test_without_a_network_the_buttons_say_what_to_do(
    project_path: Path, open_workbench: Callable[[Path], Hands], checkpoint: Path
) -> None:
    hands = open_workbench(project_path)
    hands.key("A")
    assert "Choose a network" in words(hands)
    hands.click(20, 30)
    assert not prompting(hands).under_way
    first = hands.session.current
    hands.key("X")
    assert hands.session.current != first, "everything else works as before"
    prompting(hands).choose(checkpoint.with_name("nowhere.pth"))
    hands.wait(lambda: "no checkpoint" in words(hands))
    prompting(hands).choose(checkpoint)
    prepared(hands)
    assert "Click a thing" in words(hands)


def test_without_the_extra_the_buttons_name_it(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    loading = "napari_phenoai.ml.sam.loading._is_there"
    monkeypatch.setattr(loading, lambda name: name != "segment_anything")
    hands.key("R")
    assert "napari-phenoai[sam]" in words(hands)
    hands.stroke((8, 10), (40, 50))
    assert not prompting(hands).under_way


def test_prompts_work_where_one_paints_anywhere(hands: Hands, checkpoint: Path) -> None:
    hands.paint_anywhere()
    hands.key("1")
    hands.key("A")
    hands.look(80, 96, 3.0)
    prepared(hands)
    window = hands.window.tile
    hands.click(70 - window.y, 90 - window.x)
    mask = answered(hands)
    place = prompting(hands).shown[0].tile
    prompts = Prompts().clicked(70, 90)
    np.testing.assert_array_equal(mask, expected(hands, checkpoint, prompts, place)[0])
    hands.key("Return")
    hands.settle()
    assert hands.session.project is not None
    stored = hands.session.project.labels(place.image).read(place)
    np.testing.assert_array_equal(stored == 1, mask)
    (entry,) = hands.session.project.journal.entries(5)
    assert entry.tool == "prompt"
    hands.key("Z", control=True)
    hands.settle()
    assert not hands.session.project.labels(place.image).read(place).any()
