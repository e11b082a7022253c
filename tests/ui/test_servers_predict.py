"""Predictions on servers from the windows: proposals, predictions, and what goes wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_phenoai.core.endpoints import Endpoint
from napari_phenoai.io.endpoints import EndpointBook
from napari_phenoai.io.own_cluster import OwnCluster
from napari_phenoai.io.project import Project
from napari_phenoai.jobs.job import JobState
from napari_phenoai.remote.transport import Limits
from napari_phenoai.testing.project import tiny_project
from napari_phenoai.ui.docks import show_dock
from napari_phenoai.ui.results import ResultsDock
from napari_phenoai.ui.servers import ServersDock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot
    from tests.servers.running_servers import KeptSecrets, Running
    from tests.ui.conftest import Hands

    from napari_phenoai.ui.server_predict import PredictPage
    from napari_phenoai.ui.session import Session

LONG = 60
_mouse: Any = QTest


@dataclass
class Lab:
    """A window with a project, and the Servers dock with a server in it."""

    hands: Hands
    dock: ServersDock

    @property
    def page(self) -> PredictPage:
        return self.dock.predict

    @property
    def session(self) -> Session:
        return self.hands.session

    def wait(self, condition: Callable[[], object]) -> None:
        self.hands.wait(condition, LONG)

    def set(self, name: str, value: object) -> None:
        assert self.page.settings.form_view is not None
        self.page.settings.form_view.inputs[name].value = value

    def press(self) -> None:
        assert self.page.predict_button.isEnabled()
        _mouse.mouseClick(self.page.predict_button, Qt.MouseButton.LeftButton)

    def idle(self) -> None:
        self.wait(lambda: not self.page.work.running and not self.session.jobs)

    def confirm(self) -> None:
        """Say that the values mean what is proposed."""
        mapping = self.page.answer.mapping
        self.wait(lambda: mapping.isVisibleTo(self.page))
        self.idle()
        _mouse.mouseClick(mapping.confirm_button, Qt.MouseButton.LeftButton)

    @property
    def said(self) -> str:
        return self.page.answer.message.text()

    def bright(self, tile: Any) -> Any:
        """Return what the module says: 1 where red is bright."""
        assert self.session.project is not None
        return self.session.project.source(tile.image).read(tile)[0] > 127


@pytest.fixture
def open_lab(
    own_servers: KeptSecrets,
    open_workbench: Callable[[Path], Hands],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., Lab]]:
    """Return what opens a project beside the server at an address."""
    labs: list[Lab] = []
    # a first window takes its time while servers start beside it
    hands_class = cast("Any", open_workbench).__globals__["Hands"]
    monkeypatch.setattr(hands_class.wait, "__defaults__", (LONG,))

    def start(url: str, path: Path | None = None, model: str = "good") -> Lab:
        place = Endpoint(name="lab", url=url)
        EndpointBook().change(lambda listed: listed.with_endpoint(place))
        if path is None:
            path = tmp_path / "field.phenoai"
            with tiny_project(path, 2):
                pass
        hands = open_workbench(path)
        dock = show_dock(hands.viewer, "Servers")
        assert isinstance(dock, ServersDock)
        dock.tabs.setCurrentIndex(1)
        lab = Lab(hands, dock)
        labs.append(lab)
        lab.wait(lambda: "lab" in dock.desk.states)
        lab.wait(lambda: dock.desk.states["lab"].health in {"well", "wrong"})
        found = dock.predict.model_box.findData(model)
        dock.predict.model_box.setCurrentIndex(max(0, found))
        return lab

    yield start
    for lab in labs:
        for job in list(lab.session.jobs):
            job.cancel()
        lab.dock.desk.close()


def test_the_tile_gets_a_proposal_once_somebody_said_what_the_values_mean(
    open_lab: Callable[..., Lab], deepaas: Running
) -> None:
    lab = open_lab(deepaas.url)
    project, desk = lab.session.project, lab.session.desk
    assert project is not None
    assert desk is not None
    assert desk.proposal.model_id is None
    lab.press()
    assert not lab.page.predict_button.isEnabled()
    lab.confirm()
    mapping = lab.page.answer.mapping
    assert sorted(mapping.boxes) == [0, 1]
    lab.wait(lambda: lab.session.desk is not None and lab.session.desk.proposal.model_id)
    lab.idle()
    new = lab.session.desk
    assert new is not None
    wanted = np.where(lab.bright(new.tile), 2, 1)
    assert np.array_equal(new.labels, wanted)
    assert new.uncertainty is None
    assert str(new.proposal.model_id).startswith("remote-lab-good")
    lab.hands.ready()
    assert "0 = soil, 1 = plant" in lab.page.answer.meaning.text()
    assert lab.session.decide("accepted")
    lab.wait(project.reviews.current)
    (review,) = project.reviews.current().values()
    assert review.proposed_by == new.proposal.model_id
    lab.hands.ready()
    lab.press()
    lab.wait(lambda: lab.session.desk is not None and lab.session.desk.proposal.model_id)
    assert not mapping.isVisibleTo(lab.page)


def test_what_was_said_of_values_and_filled_in_is_remembered_in_the_project(
    open_lab: Callable[..., Lab], deepaas: Running
) -> None:
    lab = open_lab(deepaas.url)
    lab.set("level", 90)
    lab.set("key", "s3cret")
    lab.press()
    lab.wait(lambda: lab.page.answer.mapping.isVisibleTo(lab.page))
    lab.page.answer.mapping.boxes[1].setCurrentIndex(lab.page.answer.mapping.boxes[1].findData(1))
    lab.confirm()
    lab.wait(lambda: lab.session.desk is not None and lab.session.desk.proposal.model_id)
    lab.idle()
    path = lab.session.project.path if lab.session.project else None
    assert path is not None
    lab.session.close_project()
    lab.wait(lambda: not lab.session.background.busy)
    assert lab.page.empty.isVisibleTo(lab.page)
    assert b"s3cret" not in b"".join(one.read_bytes() for one in path.rglob("*") if one.is_file())
    assert lab.session.open_project(path)
    lab.hands.ready()
    lab.wait(lambda: lab.page.settings.form_view is not None)
    view = lab.page.settings.form_view
    assert view is not None
    lab.wait(lambda: view.values().get("level") == 90)
    assert "key" not in view.values()
    lab.press()
    lab.wait(lambda: lab.session.desk is not None and lab.session.desk.proposal.model_id)
    assert not lab.page.answer.mapping.isVisibleTo(lab.page)
    assert lab.session.desk is not None
    assert set(np.unique(lab.session.desk.labels)) == {1}


def test_what_a_person_paints_meanwhile_stays(
    open_lab: Callable[..., Lab], deepaas: Running
) -> None:
    lab = open_lab(deepaas.url)
    lab.press()
    lab.confirm()
    lab.wait(lambda: lab.session.desk is not None and lab.session.desk.proposal.model_id)
    lab.idle()
    lab.session.decide("skipped")
    lab.hands.ready()
    lab.set("delay", 2.0)
    lab.press()
    desk = lab.session.desk
    assert desk is not None
    desk.labels[5:15, 5:15] = 2
    lab.session.mark_edited()
    lab.wait(lambda: lab.session.desk is not None and lab.session.desk.proposal.model_id)
    new = lab.session.desk
    assert new is not None
    assert (new.labels[5:15, 5:15] == 2).all()
    wanted = np.where(lab.bright(new.tile), 2, 1)
    assert np.array_equal(new.labels[20:], wanted[20:])
    assert new.touched


def test_a_late_answer_is_not_laid_on_another_tile_and_waits_on_its_own(
    open_lab: Callable[..., Lab], deepaas: Running
) -> None:
    lab = open_lab(deepaas.url)
    lab.press()
    lab.confirm()
    lab.wait(lambda: lab.session.desk is not None and lab.session.desk.proposal.model_id)
    lab.idle()
    assert lab.session.decide("skipped")
    lab.hands.ready()
    first = lab.session.current
    assert first is not None
    lab.set("delay", 3.0)
    lab.press()
    lab.session.decide("skipped")
    lab.hands.ready()
    second = lab.session.desk
    assert second is not None
    lab.idle()
    lab.wait(lambda: lab.page.work.proposals.has(first.where))
    assert lab.session.desk is second
    assert second.proposal.model_id is None
    lab.session.open_item(first)
    lab.wait(
        lambda: (
            lab.session.desk is not None
            and lab.session.desk.tile.key == first.tile
            and lab.session.desk.proposal.model_id
        )
    )


def test_the_next_tiles_and_one_request_at_a_time(
    open_lab: Callable[..., Lab], deepaas: Running
) -> None:
    lab = open_lab(deepaas.url)
    lab.page.what.choose("next")
    lab.page.what.count_box.setValue(3)
    coming = [item.where for item in lab.session.upcoming()[:3]]
    lab.press()
    lab.confirm()
    lab.wait(lambda: "lab" in lab.page.work.running)
    request = lab.page._asked
    assert request is not None
    assert not lab.page.work.start(request)
    assert not lab.page.predict_button.isEnabled()
    assert lab.page.stop_button.isVisibleTo(lab.page)
    lab.idle()
    assert "3 tiles" in lab.said
    assert all(lab.page.work.proposals.has(tile) for tile in coming)
    lab.session.decide("skipped")
    lab.wait(lambda: lab.session.desk is not None and lab.session.desk.proposal.model_id)


def test_all_images_are_predicted_seen_counted_and_not_asked_for_again(
    open_lab: Callable[..., Lab], deepaas: Running
) -> None:
    lab = open_lab(deepaas.url)
    project = lab.session.project
    assert project is not None
    results = show_dock(lab.hands.viewer, "Results")
    assert isinstance(results, ResultsDock)
    lab.wait(lambda: results.where.box.findData("server:lab") >= 0)
    results.where.box.setCurrentIndex(results.where.box.findData("server:lab"))
    lab.wait(results.predict_button.isEnabled)
    results.predict_all()
    assert lab.page.what.what == "all"
    lab.confirm()
    lab.wait(lambda: lab.session.shown_model is not None)
    lab.idle()
    model = lab.session.shown_model
    assert model is not None
    for image in project.images():
        stored = project.predictions(image.id, model).levels[0][...].reshape(image.plane)
        pixels = project.source(image.id).read(_whole(image))
        assert np.array_equal(stored, np.where(pixels[0] > 127, 2, 1))
    assert lab.page.answer.shown_box.isChecked()
    assert lab.hands.dock.bench.layers.shows("prediction")
    assert lab.hands.dock.bench.layers._model == model
    lab.wait(lambda: results.tree.lines() and "*" not in results.tree.lines()[0][0])
    assert model in results.state.text()
    lab.wait(lab.page.predict_button.isEnabled)
    lab.press()
    lab.idle()
    assert "predicted before" in lab.said
    lab.page.answer.shown_box.setChecked(False)
    assert lab.session.shown_model is None


def test_what_is_seen_is_predicted_and_no_more(
    open_lab: Callable[..., Lab], deepaas: Running
) -> None:
    lab = open_lab(deepaas.url)
    lab.page.what.choose("view")
    lab.press()
    lab.confirm()
    lab.idle()
    lab.wait(lambda: lab.session.shown_model)
    project, item = lab.session.project, lab.session.current
    assert project is not None
    assert item is not None
    model = lab.session.shown_model
    assert model is not None
    seen = {image.id: project.predictions(image.id, model).exists for image in project.images()}
    assert seen[item.where.image]
    assert sum(seen.values()) == 1


def _whole(image: Any) -> Any:
    from napari_phenoai.core.geometry import Tile

    return Tile(image.id, 0, 0, *image.plane)


# --------------------------------------------------------------------- what goes wrong
SPEC = {
    "paths": {
        "/v2/models/odd/predict/": {
            "post": {
                "parameters": [
                    {"name": "image", "in": "formData", "type": "file", "required": True},
                    {"name": "level", "in": "query", "type": "integer", "default": 3},
                    {"name": "accept", "in": "header", "type": "string", "enum": ["image/png"]},
                ]
            }
        }
    }
}


@pytest.fixture
def odd(raw: Any) -> Callable[[bytes], str]:
    """Return what starts a server whose predictions all end in the same answer."""

    def start(answered: bytes) -> str:
        def answer(connection: Any, kept: Any) -> None:
            path = raw.read(connection, kept).split()[1]
            if path == b"/swagger.json":
                connection.sendall(raw.reply(json.dumps(SPEC).encode()))
            elif b"/predict/" in path:
                connection.sendall(answered)
            elif path.endswith(b"/train/"):
                connection.sendall(raw.reply(b"[]"))
            else:
                connection.sendall(raw.reply(b'{"models": []}'))

        url: str = raw(answer).url
        return url

    return start


def test_what_the_server_says_of_a_value_lands_beside_its_field(
    open_lab: Callable[..., Lab], odd: Callable[[bytes], str], raw: Any
) -> None:
    said = b'{"level": ["Too <b>bright</b> for me."]}'
    lab = open_lab(odd(raw.reply(said, status="422 Wrong")), model="odd")
    lab.press()
    view = lab.page.settings.form_view
    assert view is not None
    lab.wait(view.problems["level"].text)
    assert view.problems["level"].text() == "▲ Too bright for me."
    assert view.problems["level"].isVisibleTo(lab.page)
    assert "does not take these values" in lab.said
    lab.idle()
    lab.set("level", 4)
    assert not view.problems["level"].text()


@pytest.mark.parametrize(
    "wrong",
    [
        ("500 Bad", b"Server got itself in trouble", "in trouble"),
        ("401 No", b"{}", "wants a login"),
        ("413 Large", b"too large", "refuses"),
        ("200 OK", b"<html>Log in</html>", "in trouble"),
        ("200 OK", b'{"status": "error", "message": "no <i>plant</i>"}', "no plant"),
    ],
)
def test_a_failure_of_the_server_is_said_and_harms_nothing(
    open_lab: Callable[..., Lab],
    odd: Callable[[bytes], str],
    raw: Any,
    wrong: tuple[str, bytes, str],
) -> None:
    status, body, said = wrong
    lab = open_lab(odd(raw.reply(body, status=status)), model="odd")
    before = lab.session.desk
    lab.press()
    lab.wait(lambda: lab.said.startswith("▲"))
    assert said in lab.said
    assert "<i>" not in lab.said
    lab.idle()
    assert lab.session.desk is before
    assert lab.page.predict_button.isEnabled()


def test_a_server_that_keeps_silent_is_looked_after_and_can_be_left(
    open_lab: Callable[..., Lab],
    own_deepaas: Callable[..., Running],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("napari_phenoai.remote.deepaas._PROBE", Limits(60, 60, 120))
    lab = open_lab(own_deepaas().url)
    lab.set("delay", 60.0)
    lab.page.settings.seconds_box.setValue(5)
    lab.press()
    lab.wait(lambda: any("for" in row.watch.words for row in lab.dock.jobs.rows.values()))
    lab.wait(lambda: lab.said.startswith("▲"))
    assert "lab: slow." in lab.said
    assert "Do not send it again" in lab.said
    lab.idle()
    assert lab.session.decide("skipped") or lab.session.current is not None


def test_stopping_leaves_the_server_alone_and_the_window_free(
    open_lab: Callable[..., Lab], own_deepaas: Callable[..., Running]
) -> None:
    lab = open_lab(own_deepaas().url)
    lab.set("delay", 15.0)
    lab.press()
    lab.wait(lambda: "lab" in lab.page.work.running)
    job = lab.page.work.running["lab"]
    _mouse.mouseClick(lab.page.stop_button, Qt.MouseButton.LeftButton)
    lab.idle()
    assert job.state is JobState.CANCELLED
    assert "Stopped" in lab.said


def test_without_a_network_the_work_waits_and_everything_else_goes_on(
    open_lab: Callable[..., Lab],
) -> None:
    lab = open_lab("http://127.0.0.1:9")
    assert "cannot be reached" in lab.page.server_box.currentText()
    lab.page.predict()
    rows = lab.dock.jobs.rows
    lab.wait(lambda: any("is asked again in" in row.watch.words for row in rows.values()))
    assert lab.session.decide("skipped")
    lab.hands.ready()
    assert "lab" in lab.page.work.running
    lab.page.work.stop("lab")
    lab.idle()


def test_a_server_that_cannot_be_asked_says_why_and_what_to_do(
    open_lab: Callable[..., Lab], deepaas: Running
) -> None:
    lab = open_lab("http://127.0.0.1:9")
    page = lab.page
    assert not page.predict_button.isEnabled()
    assert "nothing answers there" in page.why.text()
    assert "Check the address" in page.why.text()
    assert page.why.isVisibleTo(page)
    assert "nothing answers there" in page.predict_button.toolTip()
    assert "nothing answers there" in lab.dock.train.empty.text()
    _mouse.mouseClick(page.again_button, Qt.MouseButton.LeftButton)
    assert "is being asked" in page.why.text()
    assert not page.again_button.isVisibleTo(page)
    lab.wait(lambda: page.again_button.isVisibleTo(page))
    place = Endpoint(name="lab", url=deepaas.url)
    EndpointBook().change(lambda listed: listed.with_endpoint(place))
    lab.dock.desk.reload()
    lab.wait(page.predict_button.isEnabled)
    assert not page.why.isVisibleTo(page)
    assert not page.again_button.isVisibleTo(page)
    assert not page.predict_button.toolTip()


def test_a_server_that_wants_a_login_leads_to_it(open_lab: Callable[..., Lab], raw: Any) -> None:
    lab = open_lab(raw(raw.reply(b"no", status="401 Unauthorized")).url)
    assert "wants a valid login" in lab.page.why.text()
    assert lab.page.again_button.text() == "Log in ..."
    _mouse.mouseClick(lab.page.again_button, Qt.MouseButton.LeftButton)
    servers = lab.dock.servers
    lab.wait(lambda: servers.login_form.isVisibleTo(servers))
    assert lab.dock.tabs.currentIndex() == 0


def test_a_project_that_is_closed_meanwhile_gets_nothing(
    open_lab: Callable[..., Lab], deepaas: Running
) -> None:
    lab = open_lab(deepaas.url)
    with deepaas.holding():
        lab.press()
        lab.wait(lambda: "lab" in lab.page.work.running)
        lab.session.close_project()
        lab.idle()
    assert lab.session.desk is None
    assert not lab.page.controls.isVisibleTo(lab.page)
    assert lab.said == ""


def test_an_address_of_no_cluster_is_refused_and_the_place_is_remembered(
    open_lab: Callable[..., Lab], worked_project: Path, qtbot: QtBot
) -> None:
    with Project.open(worked_project) as stranger:  # who talks to a scheduler runs what it sends
        stranger.ledger.set_setting("cluster-address", "dask://evil:8786")
    lab = open_lab("http://127.0.0.1:9", worked_project)
    results = show_dock(lab.hands.viewer, "Results")
    assert isinstance(results, ResultsDock)
    lab.wait(results.predict_button.isEnabled)
    lab.wait(lambda: not lab.session.background.busy)
    assert not results.where.address_edit.text(), "no project names a cluster"
    assert not results.where.address_edit.isVisibleTo(results)
    results.where.choose_cluster("http://host:1")
    assert results.where.address_edit.isVisibleTo(results)
    errors: list[Exception] = []
    lab.session.error_raised.connect(errors.append)
    results.predict_all()
    assert "no address" in str(errors[0]) or "not the address" in str(errors[0])
    assert results._predicting is None
    results.where.choose_cluster("127.0.0.1:9")
    results.predict_all()
    assert lab.session.project is not None
    lab.wait(lambda: results._predicting is None)
    lab.idle()
    assert "scheduler" in str(errors[-1]) or "distributed" in str(errors[-1])
    assert OwnCluster().read() == "dask://127.0.0.1:9"
    lab.session.close_project()
    lab.wait(lambda: not lab.session.background.busy)
    results.where.address_edit.clear()
    assert lab.session.open_project(worked_project)
    lab.wait(lambda: results.where.address_edit.text() == "dask://127.0.0.1:9")
