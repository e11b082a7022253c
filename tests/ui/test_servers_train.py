"""Trainings from the Servers dock: any module's form, what is wrong in it, how they end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_phenoai.core.endpoints import Endpoint
from napari_phenoai.io.endpoints import EndpointBook
from napari_phenoai.io.trainings import TrainingStore
from napari_phenoai.ui.docks import show_dock
from napari_phenoai.ui.servers import ServersDock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import napari
    from pytestqt.qtbot import QtBot
    from tests.servers.running_servers import KeptSecrets, Running

    from napari_phenoai.ui.server_train import TrainPage
    from napari_phenoai.ui.session import Session

Opened = tuple["napari.Viewer", "Session"]
LONG = 240_000
_mouse: Any = QTest


@pytest.fixture
def shown(
    own_servers: KeptSecrets, session: Opened, qtbot: QtBot
) -> Iterator[Callable[[str], TrainPage]]:
    """Show the page for trainings, with the server of an address on the list."""
    viewer, _ = session
    docks: list[ServersDock] = []

    def show(url: str) -> TrainPage:
        new = Endpoint(name="lab", url=url)
        EndpointBook().change(lambda listed: listed.with_endpoint(new))
        viewer.window._qt_window.resize(1366, 768)
        viewer.window._qt_window.show()
        found = show_dock(viewer, "Servers")
        assert isinstance(found, ServersDock)
        docks.append(found)
        found.tabs.setCurrentIndex(2)
        qtbot.waitUntil(lambda: bool(found.desk.states), timeout=LONG)
        qtbot.waitUntil(lambda: found.desk.states["lab"].health == "well", timeout=LONG)
        return found.train

    yield show
    for dock in docks:
        dock.desk.close()


def open_project(session: Session, qtbot: QtBot, path: Path) -> None:
    assert session.open_project(path)
    assert session.learner is not None
    session.learner.set_auto(False)
    qtbot.waitUntil(lambda: session.standing.served is not None, timeout=LONG)


def ready(page: TrainPage, qtbot: QtBot, key: str) -> Any:
    """Choose a model, wait until its form is there, and return its inputs."""
    page.model_box.setCurrentIndex(page.model_box.findData(key))
    qtbot.waitUntil(page.train_button.isEnabled, timeout=LONG)
    assert page.settings.form_view is not None
    return page.settings.form_view.inputs


def click(page: TrainPage) -> None:
    _mouse.mouseClick(page.train_button, Qt.MouseButton.LeftButton)


def test_a_module_that_nobody_has_described_trains_by_its_form(
    shown: Callable[[str], TrainPage],
    session: Opened,
    qtbot: QtBot,
    deepaas: Running,
    worked_project: Path,
) -> None:
    page = shown(deepaas.url)
    assert "Open a project" in page.empty.text()
    assert not page.controls.isVisibleTo(page)
    open_project(session[1], qtbot, worked_project)
    inputs = ready(page, qtbot, "good")
    assert list(inputs) == ["delay", "data"]
    assert "what it makes stays there" in page.how.text()
    # What only the server can know to be wrong is said beside its input, as plain text.
    inputs["data"].value = "nowhere"
    click(page)
    form = page.settings.form_view
    assert form is not None
    qtbot.waitUntil(lambda: form.problems["data"].isVisibleTo(page), timeout=LONG)
    assert "There are" in form.problems["data"].text()
    assert form.problems["data"].textFormat() == Qt.TextFormat.PlainText
    assert "does not take these values" in page.message.text()
    qtbot.waitUntil(page.train_button.isEnabled, timeout=LONG)
    # Corrected it runs, is kept in the project, and says what came of it.
    inputs["data"].value = "roots"
    click(page)
    assert not page.train_button.isEnabled()
    qtbot.waitUntil(lambda: "Done there" in page.message.text(), timeout=LONG)
    assert "done" in page.message.text()
    first, second = TrainingStore(worked_project).all()
    assert (first.state, second.state) == ("failed", "done")
    assert second.wishes == {"data": "roots"}
    assert (second.way, second.model) == ("call", "")
    assert session[1].project is not None
    assert session[1].project.rounds.all()[-1].kind == "training"
    assert len(session[1].project.rounds.all()) == 1, "no model came, so there is no round"
    # The project remembers what was filled in.
    session[1].close_project()
    qtbot.waitUntil(lambda: not session[1].background.busy, timeout=LONG)
    open_project(session[1], qtbot, worked_project)
    again = ready(page, qtbot, "good")
    qtbot.waitUntil(lambda: again["data"].value == "roots", timeout=LONG)


def test_a_server_of_ours_trains_on_the_tiles_of_the_project_as_its_form_says(
    shown: Callable[[str], TrainPage],
    session: Opened,
    qtbot: QtBot,
    ours: Running,
    worked_project: Path,
) -> None:
    open_project(session[1], qtbot, worked_project)
    page = shown(ours.url)
    inputs = ready(page, qtbot, "phenoai")
    assert "reviewed tiles are sent there" in page.how.text()
    assert not {"bundle", "job", "base"} & set(inputs), "nobody has to know of these"
    inputs["family"].value = "forest"
    inputs["seed"].value = 5
    click(page)
    qtbot.waitUntil(lambda: "The model is here" in page.message.text(), timeout=LONG)
    (training,) = TrainingStore(worked_project).all()
    assert training.state == "done"
    assert (training.values["family"], training.values["seed"]) == ("forest", 5)
    assert session[1].project is not None
    assert session[1].project.models.card(training.model).family == "forest"
    assert session[1].project.rounds.all()[-1].model == training.model


@pytest.fixture
def ours(tmp_path: Path, starting: Any) -> Iterator[Running]:
    """A server of our own that trains."""
    folder = tmp_path / "server"
    folder.mkdir()
    server = starting(
        folder,
        "--model-name",
        "phenoai",
        "--workers",
        "2",
        models={"phenoai": "napari_phenoai.server.api"},
        variables={"PHENOAI_UPLOADS": "1", "PHENOAI_DEVICE": "cpu", "PHENOAI_NICE": "0"},
    )
    yield server
    server.end()
