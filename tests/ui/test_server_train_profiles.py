"""Modules that are not ours but described by a profile, trained from the window."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from tests.servers.profiles_here import YOLO_HERE

from napari_phenoai.core.endpoints import Endpoint
from napari_phenoai.io.endpoints import EndpointBook
from napari_phenoai.io.trainings import TrainingStore
from napari_phenoai.ui.docks import show_dock
from napari_phenoai.ui.learning import LearningDock
from napari_phenoai.ui.servers import ServersDock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import napari
    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QAbstractButton
    from tests.servers.running_servers import KeptSecrets

    from napari_phenoai.ui.session import Session

Opened = tuple["napari.Viewer", "Session"]
LONG = 120_000
_mouse: Any = QTest


@pytest.fixture
def shown(
    own_servers: KeptSecrets,
    session: Opened,
    qtbot: QtBot,
    worked_project: Path,
    request: pytest.FixtureRequest,
) -> Iterator[Callable[[str, Path], ServersDock]]:
    """Start a module; set up its storage and open the project in the window, by hand."""
    starting, monkeypatch = (request.getfixturevalue(name) for name in ("starting", "monkeypatch"))
    profiles = worked_project.with_name("profiles")
    profiles.mkdir()
    monkeypatch.setattr("napari_phenoai.remote.profiles.profiles_folder", lambda: profiles)
    viewer, found = session
    servers: list[Any] = []
    docks: list[ServersDock] = []

    def show(name: str, store: Path) -> ServersDock:
        place = worked_project.with_name(f"server-{name}")
        place.mkdir()
        line = ("--model-name", name, "--workers", "1")
        servers.append(starting(place, *line, models={name: f"phenoai_test_{name}"}))
        new = Endpoint(name="lab", url=servers[-1].url)
        EndpointBook().change(lambda now: now.with_endpoint(new))
        viewer.window._qt_window.resize(1366, 768)
        viewer.window._qt_window.show()
        dock = show_dock(viewer, "Servers")
        assert isinstance(dock, ServersDock)
        docks.append(dock)
        assert found.open_project(worked_project)
        assert found.learner is not None
        found.learner.set_auto(auto=False)
        qtbot.waitUntil(lambda: found.standing.served is not None, timeout=LONG)
        qtbot.waitUntil(lambda: "lab" in dock.desk.states, timeout=LONG)
        qtbot.waitUntil(lambda: dock.desk.states["lab"].health == "well", timeout=LONG)
        part = dock.servers.storage
        click(dock.servers.storage_fold.button)
        click(part.set_button)
        form = part.form
        form.kind_box.setCurrentIndex(form.kind_box.findData("folder"))
        _mouse.keyClicks(form.address_edit, str(store))
        click(form.keep_button)
        qtbot.waitUntil(lambda: "is kept" in part.message.text(), timeout=LONG)
        dock.tabs.setCurrentIndex(2)
        qtbot.waitUntil(dock.train.train_button.isEnabled, timeout=LONG)
        return dock

    yield show
    for job in list(found.jobs):
        job.cancel()
    for dock in docks:
        dock.desk.close()
    for server in servers:
        server.end()


def click(button: QAbstractButton) -> None:
    assert button.isEnabled()
    _mouse.mouseClick(button, Qt.MouseButton.LeftButton)


def test_a_yolo_module_trains_from_the_window_and_its_weights_are_measured(
    shown: Callable[[str, Path], ServersDock],
    session: Opened,
    qtbot: QtBot,
    worked_project: Path,
) -> None:
    store = worked_project.with_name("store")
    (worked_project.with_name("profiles") / "yolo.toml").write_text(
        YOLO_HERE.replace("MOUNT", str(store))
    )
    dock = shown("yolo", store)
    page = dock.train
    assert "go to the storage of lab" in page.how.text()
    assert "does not serve here" in page.how.text()
    view = page.settings.form_view
    assert view is not None
    assert "data" not in view.inputs, "the profile itself says where the data are"
    assert view.inputs["model"].value == "yolov8n-seg", "as the profile proposes"
    view.inputs["epochs"].value = 3
    click(page.train_button)
    assert not page.train_button.isEnabled()
    qtbot.waitUntil(lambda: "stays on lab" in page.message.text(), timeout=LONG)
    (training,) = TrainingStore(worked_project).all()
    assert (training.state, training.way) == ("done", "profile-yolo")
    assert (training.values["epochs"], training.values["model"]) == (3, "yolov8n-seg")
    (folder,) = [path for path in store.iterdir() if path.name.startswith("phenoai-")]
    assert json.loads((folder / "data.yaml").read_text())["names"] == {"0": "plant"}
    project = session[1].project
    assert project is not None
    record = project.rounds.all()[-1]
    assert record.model == training.model
    assert record.evaluation is not None
    assert record.evaluation.dice is not None
    served = session[1].standing.served
    assert served is not None
    assert served.id != training.model, "what stays elsewhere does not serve by itself"
    # It is in the list of models, and predicts from its own page.
    learning = show_dock(session[0], "Learning")
    assert isinstance(learning, LearningDock)
    qtbot.waitUntil(lambda: learning.models.table.rowCount() == 2, timeout=LONG)


def test_what_a_blossom_module_wants_of_people_is_said_on_the_page(
    shown: Callable[[str, Path], ServersDock],
    session: Opened,
    qtbot: QtBot,
    worked_project: Path,
) -> None:
    """It reads its data when it starts, and puts new weights where somebody must copy them."""
    store = worked_project.with_name("store")
    page = shown("blossom", store).train
    assert "go to the storage of lab" in page.how.text()
    view = page.settings.form_view
    assert view is not None
    view.inputs["epoch"].value = "2"
    click(page.train_button)
    qtbot.waitUntil(lambda: "reads them when it starts" in page.message.text(), timeout=LONG)
    assert "Ask its owner to restart it" in page.message.text()
    (sent,) = (store / "data" / "images").iterdir()
    before = sent.stat().st_mtime_ns
    (waiting,) = TrainingStore(worked_project).all()
    assert (waiting.open, waiting.asked) == (True, False), "the request was not sent"
    # Restarted it would have seen them: the project is opened again, and it goes on by itself.
    found = session[1]
    found.close_project()
    qtbot.waitUntil(lambda: not found.jobs and not found.background.busy, timeout=LONG)
    assert found.open_project(worked_project)
    assert found.learner is not None
    found.learner.set_auto(auto=False)
    store_of = TrainingStore(worked_project)
    qtbot.waitUntil(lambda: store_of.all()[0].state == "unreadable", timeout=LONG)
    (ended,) = store_of.all()
    assert sent.stat().st_mtime_ns == before, "nothing is sent twice"
    assert ended.values["epoch"] == "2"
    assert "data/output" in ended.what
    assert "data/models" in ended.hint
