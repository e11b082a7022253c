"""A project of objects through the loop: decided, trained, predicted, parted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.instances import objects_of
from napari_phenoai.core.object_table import FIRST_OBJECT
from napari_phenoai.core.ports import TrainSettings
from napari_phenoai.core.progress import finish
from napari_phenoai.errors import LabelError
from napari_phenoai.loop.models import load_predictor
from napari_phenoai.loop.parting import part_images
from napari_phenoai.loop.predict import predict_project
from napari_phenoai.loop.retrain import retrain
from napari_phenoai.loop.review import decide, propose
from napari_phenoai.loop.snapshots import sample_of
from napari_phenoai.testing.corrections import same_objects

if TYPE_CHECKING:
    from napari_phenoai.io.reviews import ReviewLog

FAST = TrainSettings(family="forest", extra={"trees": 16, "pixels": 6000})


@pytest.fixture
def field(make_field: Any) -> Any:
    return make_field(5, instances=True)


def discs(shape: tuple[int, int], *middles: tuple[int, int], radius: int = 9) -> np.ndarray:
    y, x = np.ogrid[: shape[0], : shape[1]]
    ids = np.zeros(shape, np.uint32)
    for number, (row, column) in enumerate(middles):
        ids[(y - row) ** 2 + (x - column) ** 2 < radius**2] = FIRST_OBJECT + 1000 + number
    return ids


def test_classes_that_are_decided_become_objects(field: Any) -> None:
    tile = Tile(field.project.images()[0].id, 0, 0, 64, 64)
    labels = np.where(discs((64, 64), (20, 20), (20, 36)) > 0, 2, 1).astype(np.uint8)
    review = decide(field.project, tile, "corrected", labels=labels)
    log: ReviewLog = field.project.reviews
    np.testing.assert_array_equal(log.mask(review), labels)
    ids = log.values(review)
    assert ids.dtype == np.uint32
    assert sorted(np.unique(ids)) == [1, FIRST_OBJECT, FIRST_OBJECT + 1], "parted at the neck"
    assert review.objects == {FIRST_OBJECT: 2, FIRST_OBJECT + 1: 2}
    store = field.project.labels(tile.image)
    np.testing.assert_array_equal(store.values(tile), ids)
    sample = sample_of(field.project, review, field.project.scheme)
    np.testing.assert_array_equal(sample.labels[:64, :64], labels)


def test_ids_that_are_decided_are_kept_with_their_classes(field: Any) -> None:
    project = field.project
    project.update_scheme(project.scheme.added("flower"))
    tile = Tile(project.images()[0].id, 0, 0, 64, 64)
    first = project.labels(tile.image).reserve(2)
    labels = np.zeros((64, 64), np.uint32)
    labels[5:20, 5:20], labels[5:20, 20:40] = first, first + 1
    review = decide(
        project, tile, "corrected", labels=labels, objects={first: 2, first + 1: 3}, known="painted"
    )
    np.testing.assert_array_equal(project.reviews.values(review), labels)
    assert review.objects == {first: 2, first + 1: 3}
    assert review.known == "painted"
    assert project.reviews.mask_path(review.mask).read_bytes()[:2] == b"II"
    with pytest.raises(LabelError, match="Object 999 has no class"):
        decide(project, tile, "corrected", labels=np.full((64, 64), 999, np.uint32))


def test_an_object_goes_on_in_the_next_tile(field: Any) -> None:
    project = field.project
    image = project.images()[0].id
    whole = discs((64, 128), (30, 62), (12, 100))
    classes = np.where(whole > 0, 2, 1).astype(np.uint8)
    decide(project, Tile(image, 0, 0, 64, 64), "corrected", labels=classes[:, :64])
    decide(project, Tile(image, 0, 64, 64, 64), "corrected", labels=classes[:, 64:])
    ids = project.labels(image).values(Tile(image, 0, 0, 64, 128))
    assert same_objects(np.where(ids < FIRST_OBJECT, 0, ids), whole)


def test_a_proposal_that_is_right_is_accepted_with_its_objects(field: Any) -> None:
    project = field.project
    field.review(4)
    finish(retrain(project, FAST))
    predictor = load_predictor(project)
    tile = Tile(project.images()[-1].id, 64, 64, 64, 64)
    proposal = propose(project, tile, predictor)
    assert proposal.ids is not None
    assert set(np.unique(proposal.ids)) >= set(proposal.objects)
    other = propose(project, Tile(tile.image, 0, 64, 64, 64), predictor)
    assert not set(proposal.objects) & set(other.objects), "no id is given twice"
    review = decide(project, tile, "accepted", labels=proposal.values, proposal=proposal)
    assert (review.verdict, review.changed_px) == ("accepted", 0)
    assert set(review.objects or {}) == set(proposal.objects)


def test_predicted_images_are_parted_as_if_in_one_piece(field: Any) -> None:
    project = field.project
    field.review(4)
    finish(retrain(project, FAST))
    finish(predict_project(project))
    model = project.rounds.served()
    for record in project.images():
        store = project.predictions(record.id, model)
        whole = Tile(record.id, 0, 0, *record.plane)
        ids, classes = store.objects.read(whole), store.classes(whole)
        expected, _ = objects_of(
            classes, {2}, neck=project.spec.neck, smallest_px=project.spec.smallest_px
        )
        assert same_objects(np.where(ids < FIRST_OBJECT, 0, ids), expected)
        found = store.objects.table.as_classes(ids)
        np.testing.assert_array_equal(found, np.where(expected > 0, 2, 1))
    tile = Tile(record.id, 64, 64, 64, 64)
    proposal = propose(project, tile)
    assert proposal.ids is not None
    assert same_objects(
        np.where(proposal.ids < FIRST_OBJECT, 0, proposal.ids),
        np.where(store.objects.read(tile) < FIRST_OBJECT, 0, store.objects.read(tile)),
    )


def test_another_position_of_the_slider_parts_anew_what_was_predicted(field: Any) -> None:
    project = field.project
    field.review(4)
    finish(retrain(project, FAST))
    finish(predict_project(project))
    model = project.rounds.served()
    images = project.images()
    assert finish(part_images(project, model, images)) == 0, "all are up to date"
    counts = {}
    for neck in (0.0, 1.0):
        project.update(neck=neck)
        counts[neck] = finish(part_images(project, model, images))
    assert 0 < counts[0.0] < counts[1.0]
    store = project.predictions(images[0].id, model)
    assert store.objects.fits(project.spec)
    tile = Tile(images[0].id, 0, 0, 16, 16)
    store.write(tile, np.ones((16, 16), np.uint8))
    assert not store.objects.complete, "the objects of other classes are not shown"


def test_a_model_is_measured_by_its_objects_too(field: Any) -> None:
    field.review(12)
    record = finish(retrain(field.project, FAST))
    assert record.evaluation is not None
    score = record.evaluation.objects
    assert score is not None
    assert score.true > 0
    assert score.f1 is not None
    assert score.f1 == 2 * score.matched / (score.true + score.found)
    assert "objects" in record.evaluation.model_dump()


def test_a_model_of_classes_has_no_score_of_objects(make_field: Any) -> None:
    semantic = make_field(5)
    semantic.review(6)
    record = finish(retrain(semantic.project, FAST))
    assert record.evaluation is not None
    assert record.evaluation.objects is None
    assert "objects" not in record.evaluation.model_dump()
