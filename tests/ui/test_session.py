"""The session without any window: tiles, decisions, models and their order."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import psygnal
import pytest

from napari_phenoai.core.ports import TrainSettings
from napari_phenoai.errors import DiskError, PhenoError
from napari_phenoai.loop.models import load_predictor, promote
from napari_phenoai.testing.project import tiny_project
from napari_phenoai.ui import quiet, saving
from napari_phenoai.ui.drafts import draft_path
from napari_phenoai.ui.preferences import Place
from napari_phenoai.ui.sentences import model_words
from napari_phenoai.ui.session import Session, session_of
from napari_phenoai.ui.standing import Standing, next_family

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari_phenoai.core.ports import Predictor
    from napari_phenoai.core.records import QueueItem
    from napari_phenoai.io.project import Project
    from napari_phenoai.ui.desk import Desk


def _until(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        psygnal.emit_queued()
        time.sleep(0.002)


def _at_rest(session: Session) -> bool:
    return not session.background.busy and not session.jobs


@pytest.fixture
def alone() -> Iterator[Session]:
    """Return a session without a viewer."""
    session = Session()
    session.introduce("ana")
    yield session
    session.close_project()
    _until(lambda: _at_rest(session))
    session.close()


@pytest.fixture
def fresh(alone: Session, tmp_path: Path) -> Session:
    """Return a session with an open project that nobody has worked in."""
    tiny_project(tmp_path / "field.phenoai").close()
    return _opened(alone, tmp_path / "field.phenoai")


def _opened(session: Session, path: Path) -> Session:
    assert session.open_project(path)
    assert session.learner is not None
    session.learner.set_auto(auto=False)
    _until(lambda: session.desk is not None)
    return session


def _desk(session: Session) -> Desk:
    assert session.desk is not None
    return session.desk


def _item(session: Session) -> QueueItem:
    assert session.current is not None
    return session.current


def _project(session: Session) -> Project:
    assert session.project is not None
    return session.project


def _paint(session: Session) -> None:
    _desk(session).labels[:20, :20] = 1
    _desk(session).labels[20:40, :20] = 2
    session.mark_edited()


def test_each_viewer_has_its_own_session() -> None:
    class Viewer:
        pass

    class Proxy:
        def __init__(self, viewer: Viewer) -> None:
            self.__wrapped__ = viewer

    one, other = Viewer(), Viewer()
    assert session_of(one) is session_of(one)
    assert session_of(one) is not session_of(other)
    assert session_of(Proxy(one)) is session_of(one)


def test_a_folder_that_is_no_project_is_told(alone: Session, tmp_path: Path) -> None:
    errors: list[Exception] = []
    alone.error_raised.connect(errors.append)
    assert not alone.open_project(tmp_path)
    assert isinstance(errors[0], PhenoError)
    assert str(tmp_path) in errors[0].what
    assert alone.project is None


def test_the_next_tile_is_there_at_once(fresh: Session) -> None:
    _until(lambda: _at_rest(fresh))
    _paint(fresh)
    assert fresh.decide("accepted")
    assert fresh.desk is not None, "the next tile was not read ahead"


def test_a_decision_is_told_only_when_it_is_on_the_disk(fresh: Session) -> None:
    saved: list[bool] = []
    project, tile = _project(fresh), _desk(fresh).tile
    fresh.review_saved.connect(
        lambda review: saved.append(
            bool(project.reviews.all() and project.labels(tile.image).read(tile).any())
        )
    )
    _paint(fresh)
    fresh.decide("accepted")
    assert not saved
    _until(lambda: saved)
    assert saved == [True]


def test_a_write_that_fails_keeps_the_mask(fresh: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[PhenoError] = []
    fresh.error_raised.connect(errors.append)

    def full(*_: object, **__: object) -> None:
        raise DiskError("The disk is full.", hint="Make room.")

    item = _item(fresh)
    _paint(fresh)
    painted = _desk(fresh).labels.copy()
    with monkeypatch.context() as patch:
        patch.setattr(saving, "decide", full)
        fresh.decide("accepted")
        _until(lambda: errors)
    assert "The disk is full." in errors[0].what
    assert "Backspace" in errors[0].hint
    assert next(i.state for i in fresh.queue if i.tile == item.tile) == "waiting"

    fresh.back()
    _until(lambda: fresh.desk is not None)
    assert _item(fresh).tile == item.tile
    np.testing.assert_array_equal(_desk(fresh).labels, painted)
    fresh.decide("accepted")
    _until(lambda: _at_rest(fresh))
    assert _project(fresh).reviews.current()[item.tile].teaches


def test_the_gui_thread_is_never_made_to_wait(fresh: Session) -> None:
    """Decide while the thread that writes is stuck; nothing here may notice."""
    _until(lambda: _at_rest(fresh))
    gate = threading.Event()
    fuse = threading.Timer(120, gate.set)  # ends a wait that there should not be
    fuse.start()
    fresh.background.do("writes", gate.wait)
    _paint(fresh)
    fresh.decide("accepted")
    fresh.back()
    fresh.next_item()
    fresh.set_paint_only(True)
    fresh.refresh_queue()
    assert not gate.is_set()
    assert fresh.background.busy
    fuse.cancel()
    gate.set()


def test_refreshing_never_changes_the_tile_on_the_screen(fresh: Session) -> None:
    _until(lambda: _at_rest(fresh))
    _paint(fresh)
    item, labels = _item(fresh), _desk(fresh).labels
    fresh.refresh_queue()
    _until(lambda: _at_rest(fresh))
    assert _item(fresh).tile == item.tile
    assert _desk(fresh).labels is labels
    assert item.tile in {i.tile for i in fresh.queue}


def test_a_late_answer_is_dropped(fresh: Session) -> None:
    """Jump away while a tile is still being read."""
    _until(lambda: _at_rest(fresh))
    gate = threading.Event()
    fresh.background.do("tiles", gate.wait)
    far, target = fresh.upcoming()[-1], fresh.upcoming()[-2]
    fresh.open_item(far)
    assert fresh.desk is None
    fresh.open_item(target)
    gate.set()
    _until(lambda: _at_rest(fresh))
    assert _desk(fresh).tile == target.where


def test_a_touched_tile_keeps_its_mask_when_one_looks_elsewhere(fresh: Session) -> None:
    _until(lambda: _at_rest(fresh))
    item = _item(fresh)
    _paint(fresh)
    painted = _desk(fresh).labels.copy()
    fresh.next_item()
    _until(lambda: fresh.desk is not None)
    fresh.open_item(item)
    _until(lambda: fresh.desk is not None)
    np.testing.assert_array_equal(_desk(fresh).labels, painted)
    assert next(i.state for i in fresh.queue if i.tile == item.tile) == "waiting"


def test_back_works_after_a_restart(alone: Session, tmp_path: Path) -> None:
    path = tmp_path / "field.phenoai"
    tiny_project(path).close()
    _opened(alone, path)
    tile = _desk(alone).tile
    _paint(alone)
    alone.decide("accepted")
    _until(lambda: _at_rest(alone))

    _opened(alone, path)
    alone.back()
    _until(lambda: alone.desk is not None)
    assert _desk(alone).tile == tile
    assert _desk(alone).labels[30, 10] == 2


def test_a_flag_keeps_what_was_painted(fresh: Session) -> None:
    tile = _desk(fresh).tile
    _paint(fresh)
    fresh.decide("flagged")
    _until(lambda: _at_rest(fresh))
    review = _project(fresh).reviews.current()[tile.key]
    assert (review.verdict, review.mask) == ("flagged", None)
    assert _project(fresh).labels(tile.image).read(tile)[30, 10] == 2
    assert not draft_path(_project(fresh).path, tile).exists()


def test_the_note_goes_into_the_review(fresh: Session) -> None:
    tile = _desk(fresh).tile
    _desk(fresh).note = "shadow of the camera"
    fresh.decide("rejected")
    _until(lambda: _at_rest(fresh))
    review = _project(fresh).reviews.current()[tile.key]
    assert (review.note, review.author) == ("shadow of the camera", "ana")


def test_a_tile_that_cannot_be_read_is_passed_over(alone: Session, tmp_path: Path) -> None:
    path = tmp_path / "field.phenoai"
    with tiny_project(path) as project:
        for image in project.images():
            place = path.parent / "field-scenes" / "images" / image.name
            place.write_bytes(b"no picture any more")
    errors: list[Exception] = []
    alone.error_raised.connect(errors.append)
    alone.open_project(path)
    assert alone.learner is not None
    alone.learner.set_auto(auto=False)
    _until(lambda: errors)
    broken = _item(alone)
    assert alone.desk is None
    assert ".png" in str(errors[0])
    assert not alone.decide("accepted")

    assert alone.decide("skipped")
    assert _item(alone).tile != broken.tile
    _until(lambda: _at_rest(alone))
    assert not _project(alone).reviews.all()


def test_training_serves_a_model_that_proposes(alone: Session, worked_project: Path) -> None:
    _opened(alone, worked_project)
    before = alone.standing.served
    assert before is not None
    assert _desk(alone).has_prediction
    _desk(alone).labels[:20, :20] = 1
    alone.mark_edited()
    alone.decide("accepted")
    _until(lambda: _at_rest(alone))

    changed: list[int] = []
    alone.models_changed.connect(lambda: changed.append(1))
    alone.train(TrainSettings(family="forest", extra={"trees": 10}))
    assert alone.training is not None
    _until(lambda: alone.training is None, seconds=60)
    _until(lambda: changed and _at_rest(alone))
    assert alone.standing.trained == "forest"
    assert alone.standing.new == 0


def test_tiles_that_were_read_ahead_get_the_proposal_of_a_newer_model(
    alone: Session, worked_project: Path
) -> None:
    _opened(alone, worked_project)
    _until(lambda: _at_rest(alone))
    before, shown = alone.standing.served, _desk(alone)
    assert before is not None
    served: list[int] = []
    alone.models_changed.connect(lambda: served.append(1))
    alone.train(TrainSettings(family="forest", extra={"trees": 3}))
    _until(lambda: alone.training is None, seconds=60)
    _until(lambda: served and _at_rest(alone))
    newest = max(_project(alone).models.cards(), key=lambda card: card.created)
    assert newest.id != before.id
    if alone.standing.served is None or alone.standing.served.id != newest.id:
        promote(_project(alone), newest.id, "ana")  # the gate has kept the one before
        alone.models_edited()
    _until(lambda: alone.reviewing is not None and _serves(alone) == newest.id)
    _until(lambda: _at_rest(alone))
    assert _desk(alone) is shown, "the mask that somebody looks at does not change under the eyes"
    alone.decide("skipped")
    assert alone.desk is not None, "the next tile was read ahead, with the newer model"
    assert alone.desk.proposal.model_id == newest.id
    assert model_words(alone).startswith("Model: trees of")


def _serves(session: Session) -> str | None:
    assert session.reviewing is not None
    predictor = session.reviewing.predictor
    return predictor.card.id if predictor is not None else None


def test_models_run_where_the_person_wants_and_the_window_says_so(
    alone: Session, worked_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, str]] = []

    def load(project: Project, model: str, **how: str) -> Predictor:
        asked.append(how)
        return load_predictor(project, model, device=how["device"])

    monkeypatch.setattr(quiet, "load_predictor", load)
    alone.introduce("ana", Place("cpu", "torch"))
    session = _opened(alone, worked_project)
    _until(lambda: session.reviewing is not None and session.reviewing.predictor is not None)
    assert asked == [{"device": "cpu", "engine": "torch"}]
    assert model_words(session).endswith("·  cpu")


def test_only_one_training_at_a_time(alone: Session, worked_project: Path) -> None:
    _opened(alone, worked_project)
    errors: list[PhenoError] = []
    alone.error_raised.connect(errors.append)
    alone.train(TrainSettings(family="forest"))
    first = alone.training
    alone.train(TrainSettings(family="forest"))
    assert alone.training is first
    assert "running already" in errors[0].what
    alone.cancel_training()
    _until(lambda: alone.training is None)


@pytest.mark.parametrize(
    ("standing", "network", "family"),
    [
        (Standing(teaching=1, new=1), True, None),
        (Standing(teaching=2, new=2), True, "forest"),
        (Standing(teaching=3, new=1, trained="forest"), True, None),
        (Standing(teaching=4, new=2, trained="forest"), True, "forest"),
        (Standing(teaching=6, new=1, trained="forest"), True, "unet"),
        (Standing(teaching=6, new=1, trained="forest"), False, None),
        (Standing(teaching=12, new=6, trained="forest"), False, "forest"),
        (Standing(teaching=11, new=5, trained="unet"), True, None),
        (Standing(teaching=12, new=6, trained="unet"), True, "unet"),
    ],
)
def test_what_is_trained_by_itself(standing: Standing, network: bool, family: str | None) -> None:
    assert next_family(standing, train_after=6, network=network) == family


def test_automatic_training_starts_after_two_tiles(alone: Session, tmp_path: Path) -> None:
    path = tmp_path / "field.phenoai"
    tiny_project(path).close()
    alone.open_project(path)
    _until(lambda: alone.desk is not None)
    for _ in range(2):
        _paint(alone)
        alone.decide("accepted")
        _until(lambda: alone.desk is not None)
    _until(lambda: alone.training is not None)
    alone.cancel_training()
    _until(lambda: alone.training is None)
