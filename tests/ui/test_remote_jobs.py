"""Trainings on a real server of ours, from the window: begun, left, killed, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_phenoai.core.endpoints import Credential, Endpoint
from napari_phenoai.core.ports import TrainSettings
from napari_phenoai.core.remote_training import RemoteTraining
from napari_phenoai.io.endpoints import EndpointBook
from napari_phenoai.io.own_trainings import OwnTrainings
from napari_phenoai.io.project import Project
from napari_phenoai.io.trainings import TrainingStore
from napari_phenoai.remote.credentials import KeyringSecrets
from napari_phenoai.ui.learning import LearningDock
from napari_phenoai.ui.remote_jobs import FollowJob, server_names
from napari_phenoai.ui.server_desk import servers_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import napari
    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QAbstractButton

    from napari_phenoai.ui.session import Session

Opened = tuple["napari.Viewer", "Session"]

MODULE = {"phenoai": "napari_phenoai.server.api"}
WAIT_MS = 240_000
_mouse: Any = QTest
SMALL = {"decoder": (32, 16, 16, 8, 8), "epochs": 4000, "patience": 100_000}
SLOW = TrainSettings(
    family="unet", pretrained=False, steps=100_000, batch=2, crop_px=32, extra=SMALL
)

PERSON = """
import os, signal, sys, time
from psygnal import emit_queued
from napari_phenoai.core.ports import TrainSettings
from napari_phenoai.io.trainings import TrainingStore
from napari_phenoai.ui.session import Session

save = TrainingStore.save
def save_and_die(store, training):
    kept = save(store, training)
    if training.uuid:
        os.kill(os.getpid(), signal.SIGKILL)
    return kept
TrainingStore.save = save_and_die

session = Session()
assert session.open_project(sys.argv[1])
session.learner.set_auto(False)
session.learner.server = "lab"
session.train(TrainSettings(family="forest", extra={"trees": 400}))
while True:
    emit_queued()
    time.sleep(0.02)
"""


@pytest.fixture
def lab(tmp_path: Path, starting: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A server of ours that takes data, on the person's list as ``lab``."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    place = tmp_path / "server"
    place.mkdir()
    variables = {"PHENOAI_UPLOADS": "1", "PHENOAI_DEVICE": "cpu", "PHENOAI_NICE": "0"}
    line = ("--model-name", "phenoai", "--workers", "2")
    server = starting(place, *line, models=MODULE, variables=variables)
    EndpointBook().change(lambda listed: listed.with_endpoint(Endpoint(name="lab", url=server.url)))
    yield server
    server.end()


def posts(lab: Any) -> int:
    folder = lab.log.parent / "home" / "jobs"
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def click(button: QAbstractButton) -> None:
    _mouse.mouseClick(button, Qt.MouseButton.LeftButton)


def dock_of(opened: Opened, qtbot: QtBot) -> LearningDock:
    viewer, _ = opened
    viewer.window._qt_window.resize(1366, 768)
    viewer.window._qt_window.show()
    _, dock = viewer.window.add_plugin_dock_widget("napari-phenoai", "Learning")
    assert isinstance(dock, LearningDock)
    return dock


def opened_project(session: Session, qtbot: QtBot, path: Path) -> None:
    session.open_project(path)
    assert session.learner is not None
    session.learner.set_auto(False)
    qtbot.waitUntil(lambda: session.standing.served is not None, timeout=60_000)


def running(session: Session, store: TrainingStore) -> bool:
    found = store.all()
    return bool(session.jobs) and bool(found) and found[-1].state == "running"


def test_train_now_works_on_a_server(
    session: Opened, qtbot: QtBot, worked_project: Path, lab: Any
) -> None:
    dock = dock_of(session, qtbot)
    opened_project(session[1], qtbot, worked_project)
    box = dock.train_box
    box.fold.button.setChecked(True)
    qtbot.waitUntil(lambda: box.device_box.findData("server:lab") > 0, timeout=60_000)
    assert "here" in box.where.text()
    box.device_box.setCurrentIndex(box.device_box.findData("server:lab"))
    box.family_box.setCurrentIndex(box.family_box.findData("forest"))
    assert "sent there" in box.where.text()
    before = dock.models.table.rowCount()
    qtbot.mouseClick(box.train_button, Qt.MouseButton.LeftButton)  # type: ignore[no-untyped-call]
    titles = [row.title.text() for row in dock.jobs.rows.values()]
    assert sum("Training on lab" in title for title in titles) == 1, titles
    assert not box.train_button.isEnabled()
    qtbot.waitUntil(lambda: dock.models.table.rowCount() > before, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not dock.jobs.rows, timeout=WAIT_MS)
    (training,) = TrainingStore(worked_project).all()
    assert (training.state, posts(lab)) == ("done", 1)
    assert session[1].project is not None
    record = session[1].project.rounds.all()[-1]
    assert (record.id, record.model) == (training.round, training.model)
    # Servers that were taken off the list are not offered any more.
    EndpointBook().change(lambda listed: listed.without("lab"))
    box.fold.button.setChecked(False)
    qtbot.waitUntil(lambda: box.device_box.findData("server:lab") < 0, timeout=60_000)
    assert box.choice.server == ""
    assert session[1].learner is not None
    assert session[1].learner.server == ""


def test_a_project_that_is_closed_leaves_its_training_at_work(
    session: Opened, qtbot: QtBot, worked_project: Path, lab: Any
) -> None:
    dock = dock_of(session, qtbot)
    found, store = session[1], TrainingStore(worked_project)
    opened_project(found, qtbot, worked_project)
    assert found.learner is not None
    found.learner.server = "lab"
    found.train(SLOW)
    qtbot.waitUntil(lambda: running(found, store), timeout=WAIT_MS)
    found.close_project()
    qtbot.waitUntil(lambda: not found.jobs and not found.background.busy, timeout=60_000)
    assert store.all()[0].state == "running", "closing stops nothing"
    # Opened again it is followed without a word, and its curves come.
    found.open_project(worked_project)
    qtbot.waitUntil(lambda: bool(found.jobs), timeout=60_000)
    (job,) = found.jobs
    assert isinstance(job, FollowJob)
    assert found.training is job
    qtbot.waitUntil(lambda: bool(dock._live), timeout=WAIT_MS)
    assert found.learner is not None
    found.learner.set_auto(False)
    # The stop button stops it over there.
    (row,) = [row for row in dock.jobs.rows.values() if " on lab" in row.title.text()]
    qtbot.mouseClick(row.stop_button, Qt.MouseButton.LeftButton)  # type: ignore[no-untyped-call]
    qtbot.waitUntil(lambda: not found.jobs, timeout=WAIT_MS)
    assert (store.all()[0].state, posts(lab)) == ("cancelled", 1)
    assert found.training is None


@pytest.mark.skipif(os.name == "nt", reason="signals as on Linux and macOS")
def test_a_killed_program_finds_its_training_again(
    session: Opened, qtbot: QtBot, worked_project: Path, lab: Any
) -> None:
    store = TrainingStore(worked_project)
    line = [sys.executable, "-c", PERSON, str(worked_project)]
    killed = subprocess.run(line, check=False, timeout=WAIT_MS / 1000)
    assert killed.returncode == -signal.SIGKILL
    (left,) = store.all()
    assert left.open
    assert left.uuid
    dock = dock_of(session, qtbot)
    found = session[1]
    found.open_project(worked_project)
    assert found.learner is not None
    found.learner.set_auto(False)
    qtbot.waitUntil(lambda: store.all()[0].state == "done", timeout=WAIT_MS)
    qtbot.waitUntil(lambda: dock.models.table.rowCount() == 2, timeout=60_000)
    assert posts(lab) == 1
    with Project.open(worked_project) as project:
        assert project.models.verify(store.all()[0].model).family == "forest"


def questions(dock: LearningDock) -> list[str]:
    return list(dock.jobs.questions.rows)


def test_a_training_that_somebody_else_has_begun_is_asked_for_once_the_person_says_so(
    session: Opened, qtbot: QtBot, worked_project: Path, raw: Any, own_servers: Any
) -> None:
    server = raw(raw.reply(b"{}", status="404 No"))
    EndpointBook().change(lambda listed: listed.with_endpoint(Endpoint(name="lab", url=server.url)))
    strange = RemoteTraining(
        id="of-a-stranger", server="lab", module="m", way="phenoai", state="running",
        uuid="0" * 32, snapshot="x",
    )  # fmt: skip
    TrainingStore(worked_project).save(strange)
    dock, found = dock_of(session, qtbot), session[1]
    opened_project(found, qtbot, worked_project)
    qtbot.waitUntil(lambda: len(questions(dock)) == 1, timeout=WAIT_MS)
    row = dock.jobs.questions.rows[questions(dock)[0]]
    assert "names a training on lab that you have not begun here" in row.words.text()
    assert row.isVisibleTo(dock)
    click(row.no_button)
    qtbot.waitUntil(lambda: not questions(dock), timeout=WAIT_MS)
    assert not [job for job in found.jobs if isinstance(job, FollowJob)]
    found.close_project()
    opened_project(found, qtbot, worked_project)
    qtbot.waitUntil(lambda: len(questions(dock)) == 1, timeout=WAIT_MS)
    assert server.requests == [], "nobody was asked for it yet"
    # A question about a project that is closed is gone with it.
    found.close_project()
    qtbot.waitUntil(lambda: not questions(dock), timeout=WAIT_MS)
    opened_project(found, qtbot, worked_project)
    qtbot.waitUntil(lambda: len(questions(dock)) == 1, timeout=WAIT_MS)
    click(dock.jobs.questions.rows[questions(dock)[0]].yes_button)
    qtbot.waitUntil(lambda: len(server.requests) > 0, timeout=WAIT_MS)
    assert not questions(dock)
    qtbot.waitUntil(lambda: OwnTrainings().has(strange), timeout=WAIT_MS)


def test_a_training_waits_until_a_login_may_go_to_its_server(
    session: Opened, qtbot: QtBot, worked_project: Path, lab: Any, own_servers: Any
) -> None:
    """One question for all that wants the server; what is stopped before leaves nothing."""
    login = Credential(name="ann", kind="basic", user="ann", origins=("https://lab.example.org",))
    KeyringSecrets().put("ann", "s3cret")
    new = Endpoint(name="lab", url=lab.url, credential="ann")
    EndpointBook().change(lambda listed: listed.with_credential(login).with_endpoint(new))
    dock, found, store = dock_of(session, qtbot), session[1], TrainingStore(worked_project)
    opened_project(found, qtbot, worked_project)
    assert found.learner is not None
    found.learner.server = "lab"
    forest = TrainSettings(family="forest")
    found.train(forest)
    qtbot.waitUntil(lambda: len(questions(dock)) == 1, timeout=WAIT_MS)
    assert questions(dock) == [f"May the login ann be sent to {lab.url}?"]
    (row,) = [row for row in dock.jobs.rows.values() if " on lab" in row.title.text()]
    click(row.stop_button)
    qtbot.waitUntil(lambda: not found.jobs, timeout=WAIT_MS)
    assert store.all() == []
    found.train(forest)
    desk = servers_of(found)
    desk.reload()
    qtbot.waitUntil(lambda: desk.known, timeout=WAIT_MS)
    desk.test("lab")
    qtbot.waitUntil(lambda: bool(questions(dock)), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: desk.states["lab"].health == "asking", timeout=WAIT_MS)
    qtbot.wait(300)
    assert len(questions(dock)) == 1, "it is asked once"
    click(dock.jobs.questions.rows[questions(dock)[0]].yes_button)
    qtbot.waitUntil(lambda: desk.states["lab"].health == "well", timeout=WAIT_MS)
    qtbot.waitUntil(lambda: bool(store.all()) and store.all()[0].state == "done", timeout=WAIT_MS)
    known = EndpointBook().read().credential("ann")
    assert known is not None
    assert known.origins == ("https://lab.example.org", lab.url)
    assert not questions(dock)


def test_servers_that_cannot_be_listed_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert server_names() == ()
    book = EndpointBook()
    book.path.parent.mkdir(parents=True)
    book.path.write_text("{")
    assert server_names() == ()
