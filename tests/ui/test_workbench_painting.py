"""Painting and deciding in the Workbench, by real mouse and key events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_phenoai.io.project import Project
from napari_phenoai.testing.project import tiny_project
from napari_phenoai.ui.drafts import draft_path, load_draft

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from tests.ui.conftest import Hands

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.records import QueueItem
    from napari_phenoai.ui.desk import Desk


@pytest.fixture
def empty_project(tmp_path: Path) -> Path:
    """Return a closed project of two scenes that nobody has worked in."""
    path = tmp_path / "field.phenoai"
    tiny_project(path).close()
    return path


def _drafted(project: Path, tile: Tile) -> NDArray[np.uint8]:
    draft = load_draft(project, tile)
    assert draft is not None
    return draft.labels


def _desk(hands: Hands) -> Desk:
    assert hands.session.desk is not None
    return hands.session.desk


def _item(hands: Hands) -> QueueItem:
    assert hands.session.current is not None
    return hands.session.current


def test_a_first_tile_must_be_painted_before_it_is_accepted(
    empty_project: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    hands = open_workbench(empty_project)
    errors: list[Exception] = []
    hands.session.error_raised.connect(errors.append)
    tile = hands.session.current
    hands.key("Return")
    assert hands.session.current == tile
    assert "Nothing is painted" in str(errors[0])

    hands.key("1")
    hands.stroke((10, 10), (10, 50))
    hands.key("2")
    hands.stroke((40, 10), (40, 50))

    labels = _desk(hands).labels
    assert labels[10, 30] == 1
    assert labels[40, 30] == 2
    assert labels[60, 60] == 0


def test_a_stroke_is_on_the_disk_before_the_decision(
    empty_project: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    hands = open_workbench(empty_project)
    tile = _desk(hands).tile
    hands.stroke((10, 10), (10, 50))
    hands.wait(lambda: draft_path(empty_project, tile).exists())
    hands.key("Z", control=True)
    hands.wait(lambda: not draft_path(empty_project, tile).exists())

    hands.key("Z", control=True, shift=True)
    hands.wait(lambda: draft_path(empty_project, tile).exists())
    assert _drafted(empty_project, tile)[10, 30] == 2


def test_an_undecided_mask_comes_back_after_reopening(
    empty_project: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    hands = open_workbench(empty_project)
    tile = _desk(hands).tile
    hands.stroke((10, 10), (10, 50))
    painted = _desk(hands).labels.copy()
    hands.wait(lambda: draft_path(empty_project, tile).exists())

    hands.session.open_project(empty_project)
    hands.ready()

    assert _desk(hands).tile == tile
    assert _desk(hands).restored
    np.testing.assert_array_equal(_desk(hands).labels, painted)


def test_enter_saves_the_painted_pixels_and_goes_on(
    empty_project: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    hands = open_workbench(empty_project)
    tile = _desk(hands).tile
    hands.stroke((10, 10), (10, 50))
    painted = _desk(hands).labels.copy()
    hands.key("Return")
    assert _item(hands).where != tile
    hands.wait(lambda: not hands.session.background.busy)

    with Project.open(empty_project) as project:
        review = project.reviews.current()[tile.key]
        assert (review.verdict, review.known) == ("corrected", "painted")
        np.testing.assert_array_equal(project.reviews.mask(review), painted)
        np.testing.assert_array_equal(project.labels(tile.image).read(tile), painted)
    assert not draft_path(empty_project, tile).exists()


def test_shift_enter_makes_all_the_rest_background(
    empty_project: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    hands = open_workbench(empty_project)
    tile = _desk(hands).tile
    hands.stroke((10, 10), (10, 50))
    hands.key("Return", shift=True)
    hands.wait(lambda: not hands.session.background.busy)

    with Project.open(empty_project) as project:
        review = project.reviews.current()[tile.key]
        mask = project.reviews.mask(review)
        assert review.known == "all"
        assert mask[10, 30] == 2
        assert mask[60, 60] == 1


def test_back_reopens_the_last_tile_with_its_mask(
    empty_project: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    hands = open_workbench(empty_project)
    first = _desk(hands).tile
    hands.stroke((10, 10), (10, 50))
    painted = _desk(hands).labels.copy()
    hands.key("Return")
    hands.ready()
    hands.key("Backspace")
    hands.ready()
    assert _desk(hands).tile == first
    np.testing.assert_array_equal(_desk(hands).labels, painted)

    hands.stroke((40, 10), (40, 50))
    hands.key("Return")
    hands.wait(lambda: not hands.session.background.busy)
    with Project.open(empty_project) as project:
        reviews = project.reviews.all()
        assert len(reviews) == 2
        assert reviews[1].replaces == reviews[0].id
        assert project.reviews.mask(reviews[1])[40, 30] == 2


def test_one_key_for_each_other_verdict(
    empty_project: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    hands = open_workbench(empty_project)
    expected: dict[str, str] = {}
    for key, state in (("S", "skipped"), ("X", "rejected"), ("F", "flagged")):
        expected[_item(hands).tile] = state
        hands.key(key)
        hands.ready()
    hands.wait(lambda: not hands.session.background.busy)

    with Project.open(empty_project) as project:
        reviews = project.reviews.current()
        assert {tile: reviews[tile].verdict for tile in expected} == expected
        states = {item.tile: item.state for item in project.ledger.queue()}
        assert {tile: states[tile] for tile in expected} == expected


def test_undo_never_reaches_into_the_tile_before(
    empty_project: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    hands = open_workbench(empty_project)
    hands.stroke((10, 10), (10, 50))
    hands.key("Return")
    hands.ready()
    before = _desk(hands).labels.copy()
    hands.key("Z", control=True)

    np.testing.assert_array_equal(_desk(hands).labels, before)


def test_the_model_proposes_and_an_untouched_mask_is_accepted(
    worked_project: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    hands = open_workbench(worked_project)
    desk = _desk(hands)
    assert desk.has_prediction
    assert hands.dock.page.decisions.accept.caption() == "Accept"
    hands.key("Return")
    hands.wait(lambda: not hands.session.background.busy)

    with Project.open(worked_project) as project:
        review = project.reviews.current()[desk.tile.key]
        assert (review.verdict, review.known, review.changed_px) == ("accepted", "all", 0)
        assert review.proposed_by == project.rounds.served()


def test_a_correction_counts_its_pixels(
    worked_project: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    hands = open_workbench(worked_project)
    desk = _desk(hands)
    proposed = desk.proposal.labels.copy()
    wrong = 1 if proposed[30, 30] == 2 else 2
    hands.key(str(wrong))
    hands.stroke((30, 20), (30, 44))
    changed = int((desk.labels != proposed).sum())
    assert changed
    hands.key("Return")
    hands.wait(lambda: not hands.session.background.busy)

    with Project.open(worked_project) as project:
        review = project.reviews.current()[desk.tile.key]
        assert (review.verdict, review.changed_px) == ("corrected", changed)
        assert review.seconds >= 0


def test_in_paint_only_mode_the_rest_stays_unknown(
    worked_project: Path, open_workbench: Callable[[Path], Hands]
) -> None:
    hands = open_workbench(worked_project)
    hands.dock.page.paint_only.click()
    desk = _desk(hands)
    assert not desk.labels.any()
    hands.key("2")
    hands.stroke((30, 20), (30, 44))
    hands.key("Return")
    hands.wait(lambda: not hands.session.background.busy)

    with Project.open(worked_project) as project:
        review = project.reviews.current()[desk.tile.key]
        mask = project.reviews.mask(review)
        assert review.known == "painted"
        assert set(np.unique(mask)) == {0, 2}
