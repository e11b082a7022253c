"""The queue: two streams, no tile twice, and the tile on the screen stays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.progress import finish
from napari_phenoai.core.records import ImageRecord
from napari_phenoai.core.sampling import strategy
from napari_phenoai.errors import ImageError, InputError, ModelError
from napari_phenoai.loop.candidates import candidates_of
from napari_phenoai.loop.predict import predict_image
from napari_phenoai.loop.queueing import refresh_queue, to_check_again
from napari_phenoai.loop.review import decide, split_of
from napari_phenoai.testing.fakes import ArraySource, BlurPredictor, toy_card


def bright(project: Any) -> BlurPredictor:
    """Let every image be noise of one channel, and return a model for it."""
    rng = np.random.default_rng(0)
    arrays = {
        image.id: ArraySource(rng.integers(0, 256, (1, *image.plane), dtype=np.uint8))
        for image in project.images()
    }
    project.source = lambda name: arrays[name]
    return BlurPredictor(toy_card("toy", context_px=2))


def test_two_of_the_first_six_are_held_out_in_other_images(field: Any) -> None:
    items = field.queue(6)
    assert [item.role for item in items].count("heldout") == 2
    assert items[0].role == items[1].role == "train", "a forest can learn from the first two"
    held = {item.where.image for item in items if item.role == "heldout"}
    assert held.isdisjoint({item.where.image for item in items if item.role == "train"})
    reasons = {item.reason for item in items if item.role == "heldout"}
    assert reasons == {"random look, to measure honestly"}
    assert [item.position for item in items] == list(range(6))
    assert field.project.ledger.queue() == items


@pytest.mark.parametrize("images", [1, 2, 3, 7])
def test_the_streams_never_meet_through_a_whole_project(make_field: Any, images: int) -> None:
    field = make_field(images, size=(900, 900) if images == 1 else (480, 480))
    sides: dict[str, set[str]] = {"train": set(), "heldout": set()}
    for _ in range(4):
        for item in field.queue(8):
            labels = np.ones((64, 64), np.uint8)
            review = decide(field.project, item.where, "corrected", labels=labels, item=item)
            sides[review.role].add(review.tile.key)
    assert len(sides["heldout"]) in (6, 7)
    assert len(sides["train"]) + len(sides["heldout"]) == 32
    split = split_of(field.project)
    for key in sides["train"]:
        one = Tile.from_key(key)
        for other in map(Tile.from_key, sides["heldout"]):
            if one.image == other.image:
                gap = max(
                    max(one.y, other.y) - min(one.y1, other.y1),
                    max(one.x, other.x) - min(one.x1, other.x1),
                )
                assert gap >= split.gap_px
        assert images < 3 or one.image not in {Tile.from_key(k).image for k in sides["heldout"]}


def test_the_same_state_gives_the_same_queue(field: Any) -> None:
    assert field.queue(8) == field.queue(8)
    first = field.queue(8)
    field.review(1)
    assert field.queue(8) != first
    assert field.queue(8, seed=1) == field.queue(8, seed=1) != field.queue(8, seed=2)


def test_the_tile_on_the_screen_stays_where_it_is(field: Any) -> None:
    items = field.queue(10)
    for item in items[:3]:
        decide(field.project, item.where, "rejected", item=item)
    on_screen = field.project.ledger.queue()[5]
    for name in ("random", "entropy"):
        predictor = bright(field.project) if name == "entropy" else None
        after = finish(
            refresh_queue(
                field.project,
                strategy=name,
                predictor=predictor,
                keep=on_screen.where,
                seed=9,
                count=10,
            )
        )
        assert after[5] == on_screen
        assert [item.state for item in after[:4]] == ["rejected"] * 3 + ["waiting"]
        assert len({item.tile for item in after}) == len(after)
    own = Tile(field.project.images()[0].id, 7, 7, 64, 64)
    kept = finish(refresh_queue(field.project, keep=own))
    assert own.key in [item.tile for item in kept]


def test_what_is_decided_while_the_queue_is_made_does_not_come_again(make_field: Any) -> None:
    field = make_field(1, size=(320, 64))
    first = field.queue(9)
    work = refresh_queue(field.project, count=9)
    next(work)
    done = first[0]
    decide(field.project, done.where, "corrected", labels=np.ones((64, 64), np.uint8), item=done)
    items = finish(work)
    assert done.tile not in [item.tile for item in items if item.state == "waiting"]
    assert [item.state for item in items if item.tile == done.tile] == ["corrected"]


def test_decided_tiles_do_not_come_again_but_skipped_ones_do_later(make_field: Any) -> None:
    field = make_field(4, size=(256, 256))
    skipped = field.queue(5)[0]
    decide(field.project, skipped.where, "skipped", item=skipped)
    labels = np.ones((64, 64), np.uint8)
    seen: set[str] = set()
    for number in range(12):
        item = next(item for item in field.queue(40) if item.tile != skipped.tile)
        assert item.tile not in seen
        assert number > 8 or skipped.tile not in {item.tile for item in field.queue(200)}
        seen.add(item.tile)
        decide(field.project, item.where, "corrected", labels=labels, item=item)
    later = {item.tile for item in field.queue(200)}
    assert skipped.tile in later
    assert not seen & later


@pytest.mark.parametrize("strategy", ["foreground-random", "entropy", "margin"])
def test_scores_and_reasons_come_with_the_tiles(field: Any, strategy: str) -> None:
    predictor = bright(field.project)
    items = field.queue(6, strategy=strategy, predictor=predictor)
    chosen = [item for item in items if item.role == "train"]
    assert {item.strategy for item in chosen} == {strategy}
    assert {item.model for item in chosen} == {"toy"}
    assert all(item.reason for item in items)
    if strategy != "foreground-random":
        scores = [item.score for item in chosen]
        assert all(0 < score <= 1 for score in scores)


def test_stored_predictions_save_the_work(field: Any) -> None:
    predictor = bright(field.project)
    expected = field.queue(6, strategy="entropy", predictor=predictor, seed=3)
    for image in field.project.images():
        store = field.project.predictions(image.id, "toy")
        source = field.project.source(image.id)
        finish(predict_image(source, predictor, store, image=image.id))
    field.project.source = None
    found = field.queue(6, strategy="entropy", predictor=predictor, seed=3)
    assert len(found) == len(expected)
    assert [item.score for item in found if item.score] == pytest.approx(
        [item.score for item in expected if item.score], abs=0.01
    )


def test_tiles_decided_before_a_class_existed_can_come_again(field: Any) -> None:
    reviews = field.review(3)
    assert to_check_again(field.project) == []
    field.project.update_scheme(field.project.scheme.added("flower"))
    assert to_check_again(field.project) == reviews
    items = field.queue(8, recheck=True)
    again = [item for item in items if "existed" in item.reason]
    assert {item.tile for item in again} == {review.tile.key for review in reviews}
    assert {item.role for item in again} == {review.role for review in reviews}
    item = again[0]
    decide(field.project, item.where, "accepted", labels=field.mask(item.where), item=item)
    assert len(to_check_again(field.project)) == 2


def test_a_small_project_runs_out_of_tiles_without_a_fuss(make_field: Any) -> None:
    field = make_field(1, size=(64, 64))
    assert [item.role for item in field.queue(5)] == ["train"]
    field.review(1)
    assert field.queue(5) == []


def test_what_is_missing_is_named(field: Any, make_field: Any) -> None:
    with pytest.raises(InputError, match="no strategy 'best'"):
        field.queue(3, strategy="best")
    with pytest.raises(ModelError, match="No model serves yet"):
        field.queue(3, strategy="entropy")
    with pytest.raises(InputError, match="has no images"):
        make_field(0).queue(3)


def test_without_a_model_the_first_tiles_cover_what_there_is(field: Any) -> None:
    items = [item for item in field.queue(6) if item.role == "train"]
    assert {item.strategy for item in items} == {"coverage"}
    assert items[0].score is not None
    assert items[0].score > 0
    assert all((field.mask(item.where) == 2).any() for item in items[:2])


def test_a_picture_that_cannot_be_read_comes_last(
    field: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, whole = (image.id for image in field.project.images()[:2])
    source = field.project.source

    def opened(image: str) -> Any:
        if image == broken:
            raise ImageError("It is cut off.", hint="Copy it again.")
        return source(image)

    monkeypatch.setattr(field.project, "source", opened)
    tiles = [Tile(image, 0, 0, 64, 64) for image in (broken, whole)]
    chosen_by, rng = strategy("coverage"), np.random.default_rng(0)
    candidates = finish(candidates_of(field.project, chosen_by, tiles, rng))
    assert [bool(np.any(item.looks)) for item in candidates] == [False, True]
    choices = chosen_by.choose(candidates, 2, rng, background=1)
    assert [choice.tile.image for choice in choices] == [whole, broken]


def test_of_a_huge_image_few_tiles_are_made(field: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    huge = ImageRecord(
        id="huge",
        name="huge",
        uri="huge",
        original="huge",
        shape=(1, 3, 100_000, 100_000),
        dtype="uint8",
        fingerprint="x",
    )
    field.project.images = lambda: [huge]
    made: list[Tile] = []

    def noted(tile: Tile) -> None:
        made.append(tile)

    monkeypatch.setattr(Tile, "__post_init__", noted)
    assert len(field.queue(20, strategy="random")) == 20
    assert len(made) < 20_000, "it has millions"
