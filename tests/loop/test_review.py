"""Reviews: what is recorded of a decision, and in which order it is written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.records import QueueItem
from napari_phenoai.core.workclock import WorkClock
from napari_phenoai.errors import DiskError, LabelError, LockedError
from napari_phenoai.io.project import Project
from napari_phenoai.loop.review import Proposal, decide, last_decided, propose, reopened
from napari_phenoai.testing.fakes import ArraySource, BlurPredictor, toy_card


def tile_of(field: Any) -> Tile:
    return Tile(field.project.images()[0].id, 0, 0, 64, 64)


def plane(value: int) -> np.ndarray:
    return np.full((64, 64), value, np.uint8)


def test_a_correction_is_recorded_whole(field: Any) -> None:
    project, tile = field.project, tile_of(field)
    proposed = plane(1)
    proposed[:, :10] = 2
    labels = proposed.copy()
    labels[:4] = 2
    item = QueueItem(tile=tile.key, position=0, reason="because", strategy="entropy")
    project.ledger.set_queue("", [item])
    review = decide(
        project,
        tile,
        "corrected",
        labels=labels,
        proposal=Proposal(proposed, "m1"),
        seconds=12.5,
        author="ann",
        note="hm",
        item=item,
    )
    assert (review.verdict, review.proposed_by, review.changed_px) == ("corrected", "m1", 4 * 54)
    plant = next(overlap for overlap in review.overlaps if overlap.class_id == 2)
    assert (plant.both, plant.proposed, plant.decided) == (640, 640, 640 + 4 * 54)
    assert (review.strategy, review.reason, review.note) == ("entropy", "because", "hm")
    assert (review.role, review.known, review.replaces) == ("train", "all", None)
    with Project.open(project.path) as again:
        assert again.reviews.all() == [review]
        np.testing.assert_array_equal(again.reviews.mask(review), labels)
        np.testing.assert_array_equal(again.labels(tile.image).read(tile), labels)
        assert again.ledger.queue()[0].state == "corrected"


def test_accepting_makes_every_pixel_known_and_painting_does_not(field: Any) -> None:
    project, tile = field.project, tile_of(field)
    labels = plane(0)
    labels[5, 5] = 2
    painted = decide(project, tile, "corrected", labels=labels, known="painted")
    assert np.count_nonzero(project.reviews.mask(painted)) == 1
    assert (painted.known, painted.changed_px) == ("painted", 1)
    accepted = decide(project, tile, "accepted", labels=labels)
    mask = project.reviews.mask(accepted)
    assert (mask == 1).sum() == 64 * 64 - 1
    assert accepted.replaces == painted.id
    assert project.reviews.current()[tile.key] == accepted
    assert accepted.verdict == "accepted"


def test_accepting_with_changes_is_a_correction(field: Any) -> None:
    project, tile = field.project, tile_of(field)
    proposal = Proposal(plane(1), "m1")
    same = decide(project, tile, "accepted", labels=plane(1), proposal=proposal)
    assert (same.verdict, same.changed_px) == ("accepted", 0)
    labels = plane(1)
    labels[0, 0] = 2
    assert (
        decide(project, tile, "accepted", labels=labels, proposal=proposal).verdict == "corrected"
    )


@pytest.mark.parametrize("verdict", ["rejected", "skipped", "flagged"])
def test_other_verdicts_teach_nothing_but_keep_the_paint(field: Any, verdict: Any) -> None:
    project, tile = field.project, tile_of(field)
    labels = plane(0)
    labels[:3] = 2
    review = decide(project, tile, verdict, labels=labels)
    assert not review.teaches
    assert review.mask is None
    np.testing.assert_array_equal(project.labels(tile.image).read(tile), labels)
    assert decide(project, tile, verdict).verdict == verdict


def test_skipping_a_decided_tile_keeps_the_decision(field: Any) -> None:
    project, tile = field.project, tile_of(field)
    first = decide(project, tile, "corrected", labels=plane(2))
    assert decide(project, tile, "skipped") == first
    assert project.reviews.all() == [first]
    assert not decide(project, tile, "rejected").teaches


def test_bad_masks_are_refused_and_nothing_is_written(field: Any) -> None:
    project, tile = field.project, tile_of(field)
    for labels, text in [
        (np.ones((32, 64), np.uint8), "A mask of 32 x 64 px"),
        (plane(7), "value 7, which is no class"),
        (np.full((64, 64), 300, np.int64), "value 300"),
        (None, "no mask for tile"),
    ]:
        with pytest.raises(LabelError, match=text):
            decide(project, tile, "corrected", labels=labels)
    with pytest.raises(LabelError, match="Nothing is painted"):
        decide(project, tile, "corrected", labels=plane(0), known="painted")
    assert project.reviews.all() == []
    assert not project.labels(tile.image).read(tile).any()


def test_a_locked_label_image_is_told_before_anything_is_written(field: Any) -> None:
    tile = tile_of(field)
    with Project.open(field.project.path) as other:
        other.labels(tile.image).lock()
        with pytest.raises(LockedError):
            decide(field.project, tile, "corrected", labels=plane(1))
        assert field.project.reviews.all() == []


def test_a_crash_after_the_review_loses_nothing(field: Any, monkeypatch: Any) -> None:
    project, tile = field.project, tile_of(field)
    store = project.labels(tile.image)

    def full(*_: object, **__: object) -> None:
        raise DiskError("The disk is full.", hint="Free some space.")

    monkeypatch.setattr(store, "write", full)
    with pytest.raises(DiskError):
        decide(project, tile, "corrected", labels=plane(2))
    monkeypatch.undo()
    (kept,) = project.reviews.all()
    np.testing.assert_array_equal(reopened(project, kept), plane(2))
    again = decide(project, tile, "corrected", labels=plane(2))
    assert again.replaces == kept.id


def test_back_to_the_last_tile(field: Any) -> None:
    project, tile = field.project, tile_of(field)
    assert last_decided(project) is None
    decide(project, tile, "corrected", labels=plane(2))
    other = Tile(tile.image, 64, 0, 64, 64)
    last = decide(project, other, "flagged", labels=plane(1))
    assert last_decided(project) == last
    np.testing.assert_array_equal(reopened(project, last), plane(1))


def test_a_tile_keeps_its_role_for_ever(field: Any) -> None:
    project, tile = field.project, tile_of(field)
    held = QueueItem(tile=tile.key, position=0, role="heldout")
    assert decide(project, tile, "skipped", item=held).role == "heldout"
    assert decide(project, tile, "corrected", labels=plane(1)).role == "heldout"
    neighbour = Tile(tile.image, 64, 0, 64, 64)
    assert decide(project, neighbour, "corrected", labels=plane(1)).role == "heldout"


def test_proposals_come_from_the_model_the_store_or_nowhere(field: Any) -> None:
    project, tile = field.project, tile_of(field)
    empty = propose(project, tile)
    assert not empty.labels.any()
    assert empty.model_id is None
    source = ArraySource(np.full((1, 64, 64), 255, np.uint8))
    project.source = lambda _: source
    proposal = propose(project, tile, BlurPredictor(toy_card("toy")))
    assert proposal.model_id == "toy"
    assert (proposal.labels == 2).all()
    assert proposal.probabilities is not None
    assert proposal.probabilities.shape == (2, 64, 64)


def test_a_model_of_merged_classes_proposes_what_they_became(field: Any) -> None:
    project, tile = field.project, tile_of(field)
    project.update_scheme(project.scheme.added("bud"))
    project.update_scheme(project.scheme.merged(2, 3))
    project.source = lambda _: ArraySource(np.full((1, 64, 64), 255, np.uint8))
    assert (propose(project, tile, BlurPredictor(toy_card())).labels == 3).all()
    review = decide(project, tile, "corrected", labels=plane(2))
    assert (project.reviews.mask(review) == 3).all(), "an old label value is resolved"


def test_pauses_do_not_count_as_work() -> None:
    clock = WorkClock()
    assert clock.seconds == 0
    for at in (10, 25, 44.9, 65, 65, 30, 31):
        clock.touch(at)
    assert clock.seconds == pytest.approx(15 + 19.9 + 0 + 1)
    exact = WorkClock()
    exact.touch(0)
    exact.touch(20)
    assert exact.seconds == 20


_DIES = """
import os, signal, sys
import numpy as np
from napari_phenoai.core.geometry import Tile
from napari_phenoai.io.decisions import DecisionsUnderWay
from napari_phenoai.io.labels import LabelStore
from napari_phenoai.io.ledger import Ledger
from napari_phenoai.io.project import Project
from napari_phenoai.io.reviews import ReviewLog
from napari_phenoai.loop.review import decide

path, key, moment, verdict = sys.argv[1:]
owner, name = {
    "review": (ReviewLog, "add"),
    "labels": (LabelStore, "write"),
    "queue": (Ledger, "mark"),
    "end": (DecisionsUnderWay, "end"),
}[moment]
setattr(owner, name, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
tile = Tile.from_key(key)
decide(Project.open(path), tile, verdict, labels=np.full(tile.shape, 2, np.uint8), author="ann")
"""


def killed(field: Any, tile: Tile, moment: str, verdict: str = "corrected") -> None:
    """Decide `tile` in a process that is killed before this part of the decision."""
    command = [sys.executable, "-c", _DIES, str(field.project.path), tile.key, moment, verdict]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of POSIX")
@pytest.mark.parametrize("moment", ["review", "labels", "queue", "end"])
def test_a_decision_that_is_killed_is_whole_or_not_there(field: Any, moment: str) -> None:
    tile = tile_of(field)
    field.project.ledger.set_queue("", [QueueItem(tile=tile.key, position=0)])
    field.project.close()
    killed(field, tile, moment)
    there = moment != "review"
    with Project.open(field.project.path) as project:
        labels = project.labels(tile.image).read(tile)
        np.testing.assert_array_equal(labels, plane(2 if there else 0))
        assert project.ledger.queue()[0].state == ("corrected" if there else "waiting")
        assert len(project.reviews.all()) == there
        assert not project.ledger.decisions.of(tile.image)
        assert project.journal.count() == there
        with Project.open(field.project.path) as other:
            other.labels(tile.image).lock()  # what was completed holds no lock


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of POSIX")
def test_what_was_painted_on_a_rejected_tile_outlives_a_kill(field: Any) -> None:
    tile = tile_of(field)
    field.project.close()
    killed(field, tile, "review", "rejected")
    with Project.open(field.project.path) as project:
        np.testing.assert_array_equal(project.labels(tile.image).read(tile), plane(2))
        assert not project.reviews.all()


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of POSIX")
def test_a_decision_cut_off_gives_way_to_a_later_one(field: Any) -> None:
    tile = tile_of(field)
    field.project.close()
    killed(field, tile, "labels")
    database = field.project.ledger
    (lost,) = database.decisions.of(tile.image)
    database.decisions.end(lost)
    again = decide(field.project, tile, "corrected", labels=plane(1))
    field.project.ledger.decisions.begin(again.but(id=lost))
    field.project.close()
    with Project.open(field.project.path) as project:
        np.testing.assert_array_equal(project.labels(tile.image).read(tile), plane(1))
        assert not project.ledger.decisions.of(tile.image)
