"""Windows that are killed while a server trains, and servers that are started anew meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from napari_phenoai.core.endpoints import Endpoint
from napari_phenoai.core.ports import TrainSettings
from napari_phenoai.io.endpoints import EndpointBook
from napari_phenoai.io.trainings import TrainingStore
from napari_phenoai.ui.docks import find_dock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.ui.conftest import Hands

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals as on Linux and macOS")

LONG = 240
SMALL = {"decoder": (32, 16, 16, 8, 8), "epochs": 4000, "patience": 100_000}
SLOW = TrainSettings(
    family="unet", pretrained=False, steps=100_000, batch=2, crop_px=32, extra=SMALL
)
PERSON = """
import sys, time

import napari
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_phenoai.ui.docks import show_dock

viewer = napari.Viewer(show=True)
dock = show_dock(viewer, "Learning")
session, box = dock.session, dock.train_box


def until(condition):
    while not condition():
        QApplication.processEvents()
        time.sleep(0.01)


assert session.open_project(sys.argv[1])
session.learner.set_auto(False)
until(lambda: session.standing.served is not None)
box.fold.button.setChecked(True)
until(lambda: box.device_box.findData("server:lab") > 0)
box.device_box.setCurrentIndex(box.device_box.findData("server:lab"))
box.family_box.setCurrentIndex(box.family_box.findData("forest"))
QTest.mouseClick(box.train_button, Qt.MouseButton.LeftButton)
until(lambda: False)
"""


@pytest.fixture
def lab(
    tmp_path: Path, starting: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Any]]:
    """Start a server of ours, on the person's list as ``lab``; again at the same address."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    started: list[Any] = []

    def start() -> Any:
        place = tmp_path / f"server{len(started)}"
        place.mkdir()
        if started:
            port = int(started[0].url.rpartition(":")[2])
            monkeypatch.setitem(starting.__globals__, "free_port", lambda: port)
        variables = {
            "PHENOAI_UPLOADS": "1",
            "PHENOAI_DEVICE": "cpu",
            "PHENOAI_NICE": "0",
            "PHENOAI_HOME": str(tmp_path / "home"),
        }
        line = ("--model-name", "phenoai", "--workers", "2")
        module = {"phenoai": "napari_phenoai.server.api"}
        started.append(starting(place, *line, models=module, variables=variables))
        new = Endpoint(name="lab", url=started[-1].url)
        EndpointBook().change(lambda listed: listed.with_endpoint(new))
        return started[-1]

    yield start
    for server in started:
        server.end()


def posts(tmp_path: Path) -> int:
    """Return how many trainings the server was asked for."""
    folder = tmp_path / "home" / "jobs"
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def test_a_window_that_was_killed_finds_its_training_again_and_gets_the_model(
    lab: Callable[[], Any],
    open_workbench: Callable[[Path], Hands],
    worked_project: Path,
    tmp_path: Path,
) -> None:
    """The second window has nothing open but the Workbench."""
    lab()
    store = TrainingStore(worked_project)
    before = len(list((worked_project / "models").iterdir()))
    process = subprocess.Popen([sys.executable, "-c", PERSON, str(worked_project)])
    until = time.monotonic() + LONG
    while not (store.all() and store.all()[0].uuid):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (left,) = store.all()
    assert left.open
    hands = open_workbench(worked_project)
    assert find_dock(hands.viewer, "Learning") is None
    hands.wait(lambda: store.all()[0].state == "done", LONG)
    hands.wait(lambda: not hands.session.jobs, LONG)
    (done,) = store.all()
    assert (done.id, done.uuid) == (left.id, left.uuid)
    assert posts(tmp_path) == 1, "it was not asked for again"
    project = hands.session.project
    assert project is not None
    assert len(project.models.cards()) == before + 1
    assert project.models.verify(done.model).family == "forest"
    assert project.rounds.all()[-1].model == done.model


def test_a_server_that_was_started_anew_has_lost_it_and_nobody_asks_again(
    lab: Callable[[], Any],
    open_workbench: Callable[[Path], Hands],
    worked_project: Path,
    tmp_path: Path,
) -> None:
    server, store = lab(), TrainingStore(worked_project)
    hands = open_workbench(worked_project)
    found, errors = hands.session, list[Exception]()
    found.error_raised.connect(errors.append)
    assert found.learner is not None
    found.learner.server = "lab"
    found.train(SLOW)
    hands.wait(lambda: bool(store.all()) and store.all()[-1].state == "running", LONG)
    hands.wait(lambda: posts(tmp_path) == 1, LONG)  # the server has begun with it
    models = len(list((worked_project / "models").iterdir()))
    server.end()
    hands.wait(lambda: any("asked again" in job.progress.message for job in found.jobs), LONG)
    assert store.all()[-1].state == "running", "a server that is away loses nothing yet"
    # Work on tiles goes on meanwhile.
    assert found.decide("skipped")
    hands.ready()
    lab()
    hands.wait(lambda: store.all()[-1].state == "lost", LONG)
    hands.wait(lambda: not found.jobs, LONG)
    hands.wait(lambda: bool(errors), LONG)
    assert "lost" in str(errors[0])
    assert found.training is None
    # Neither by itself nor when the project is opened anew is it asked for again.
    found.close_project()
    hands.wait(lambda: not found.background.busy, LONG)
    assert found.open_project(worked_project)
    assert found.learner is not None
    found.learner.set_auto(auto=False)
    hands.ready()
    hands.wait(lambda: not found.background.busy, LONG)
    assert found.jobs == []
    assert posts(tmp_path) == 1
    assert [one.state for one in store.all()] == ["lost"]
    assert len(list((worked_project / "models").iterdir())) == models
