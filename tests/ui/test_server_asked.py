"""What work on servers waits for, seen and settled where only the Workbench is open."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDialog

from napari_phenoai.core.endpoints import Credential, Endpoint
from napari_phenoai.core.remote_training import RemoteTraining
from napari_phenoai.io.endpoints import EndpointBook
from napari_phenoai.io.own_trainings import OwnTrainings
from napari_phenoai.io.trainings import TrainingStore
from napari_phenoai.remote.credentials import KeyringSecrets
from napari_phenoai.ui.docks import find_dock
from napari_phenoai.ui.server_desk import servers_of
from napari_phenoai.ui.servers import ServersDock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qtpy.QtWidgets import QAbstractButton
    from tests.servers.running_servers import KeptSecrets
    from tests.ui.conftest import Hands

    from napari_phenoai.ui.server_asked import AskedLine

_mouse: Any = QTest
LONG = 120
GOOD = b"Basic YW5uOnMzY3JldA=="
UUID = "0" * 32
PATHS: dict[str, Any] = {
    "/v2/models/m/predict/": {"post": {"parameters": []}},
    "/v2/models/m/train/": {"get": {}, "post": {"parameters": []}},
    "/v2/models/m/train/{uuid}": {"get": {}, "delete": {}},
}
TRAINING = RemoteTraining(
    id="a-training-of-mine", server="lab", module="m", way="call", state="running",
    uuid=UUID, snapshot="x",
)  # fmt: skip


def click(button: QAbstractButton) -> None:
    _mouse.mouseClick(button, Qt.MouseButton.LeftButton)


def guard(raw: Any, *, spec_needs_login: bool = True) -> Any:
    """Return a server that speaks to ann only, and says that her training goes on."""
    spec = json.dumps({"paths": PATHS}).encode()
    run = {"uuid": UUID, "status": "running", "date": "2026-01-01 00:00:00", "args": {}}

    def answer(connection: Any, kept: Any) -> None:
        head = raw.read(connection, kept)
        plain = b"swagger" in head and not spec_needs_login
        if GOOD not in head and not plain:
            connection.sendall(raw.reply(b"{}", status="401 No"))
        elif b"swagger" in head:
            connection.sendall(raw.reply(spec))
        else:
            found = json.dumps(run).encode() if UUID.encode() in head else b'{"models": []}'
            connection.sendall(raw.reply(found))

    return raw(answer)


def listed(url: str, login: Credential | None, secret: str = "s3cret") -> None:  # noqa: S107
    """Put the server on the person's list, with a login whose secret is in the keyring."""
    new = Endpoint(name="lab", url=url, credential=login.name if login else None)
    if login is not None:
        KeyringSecrets().put(login.name, secret)
        EndpointBook().change(lambda now: now.with_credential(login))
    EndpointBook().change(lambda now: now.with_endpoint(new))


def mine(path: Path) -> None:
    TrainingStore(path).save(TRAINING)
    OwnTrainings().add(TRAINING)


def line_of(hands: Hands) -> AskedLine:
    return hands.dock.asked


def seen(hands: Hands) -> bool:
    return line_of(hands).isVisibleTo(hands.dock) and hands.dock.isVisible()


def alone(hands: Hands) -> None:
    """Only the Workbench is open, and no dialog."""
    assert find_dock(hands.viewer, "Servers") is None
    assert find_dock(hands.viewer, "Learning") is None
    for widget in QApplication.topLevelWidgets():
        assert not (isinstance(widget, QDialog) and widget.isModal() and widget.isVisible())


def test_whether_a_login_may_go_to_a_server_is_answered_in_the_workbench(
    own_servers: KeptSecrets, open_workbench: Callable[..., Hands], worked_project: Path, raw: Any
) -> None:
    server = guard(raw)
    listed(server.url, Credential(name="ann", kind="basic", user="ann", origins=("https://a.b",)))
    mine(worked_project)
    hands = open_workbench(worked_project)
    line = line_of(hands)
    hands.wait(lambda: seen(hands), LONG)
    alone(hands)
    question = f"? May the login ann be sent to {server.url}?"
    assert line.words.text() == "? A question about a server", "it fits"
    assert line.toolTip() == question.removeprefix("? ")
    assert line.height() <= 2 * line.button.height(), "one line"
    assert server.requests == [], "nothing is sent before"
    # Work on tiles goes on: the keys are still the Workbench's, also after looking.
    assert line.folded.isHidden()
    click(line.button)
    assert (line.button.text(), line.folded.isHidden()) == ("Later", False)
    (row,) = line.rows.rows.values()
    assert row.words.text() == question
    click(line.button)
    assert (line.button.text(), line.folded.isHidden()) == ("Answer …", True)
    assert seen(hands)
    assert hands.session.decide("skipped")
    hands.ready()
    click(line.button)
    click(row.yes_button)
    hands.wait(lambda: not seen(hands), LONG)
    hands.wait(lambda: any(GOOD in head for head in server.requests), LONG)
    found = EndpointBook().read().credential("ann")
    assert found is not None
    assert server.url in found.origins
    alone(hands)
    assert not line.hasFocus()
    assert not line.button.hasFocus()


def test_no_is_an_answer_and_nothing_is_sent(
    own_servers: KeptSecrets, open_workbench: Callable[..., Hands], worked_project: Path, raw: Any
) -> None:
    server = guard(raw)
    listed(server.url, Credential(name="ann", kind="basic", user="ann", origins=("https://a.b",)))
    mine(worked_project)
    hands = open_workbench(worked_project)
    hands.wait(lambda: seen(hands), LONG)
    click(line_of(hands).button)
    (row,) = line_of(hands).rows.rows.values()
    click(row.no_button)
    # What stays is that this server wants a login: the work waits, and says so.
    hands.wait(lambda: not hands.session.jobs, LONG)
    hands.wait(lambda: line_of(hands).words.text() == "▲ lab needs a login", LONG)
    assert "ann is not for" in line_of(hands).toolTip()
    assert server.requests == []
    (kept,) = TrainingStore(worked_project).all()
    assert (kept.state, kept.uuid) == ("running", UUID), "the training is not given up"
    hands.session.close_project()
    hands.wait(lambda: not seen(hands), LONG)


@pytest.mark.parametrize("spec_needs_login", [True, False])
def test_a_login_that_is_needed_is_said_and_its_work_goes_on_afterwards(
    own_servers: KeptSecrets,
    open_workbench: Callable[..., Hands],
    worked_project: Path,
    raw: Any,
    spec_needs_login: bool,
) -> None:
    """The server refuses at once, or in the middle of a training."""
    server = guard(raw, spec_needs_login=spec_needs_login)
    old = Credential(name="lab", kind="basic", user="ann", origins=(server.url,))
    listed(server.url, old, "the old one")
    mine(worked_project)
    hands = open_workbench(worked_project)
    hands.wait(lambda: seen(hands), LONG)
    alone(hands)
    line = line_of(hands)
    assert line.words.text() == "▲ lab needs a login"
    assert "valid login (401)" in line.toolTip()
    assert line.button.text() == "Log in …"
    click(line.button)
    dock = find_dock(hands.viewer, "Servers")
    assert isinstance(dock, ServersDock)
    form = dock.servers.login_form
    hands.wait(lambda: form.isVisibleTo(dock), LONG)
    assert dock.servers.chosen == "lab"
    form.kind_box.setCurrentIndex(form.kind_box.findData("basic"))
    form.user_edit.setText("ann")
    form.secret_edit.setText("s3cret")
    assert not any(GOOD in head for head in server.requests)
    click(form.keep_button)
    hands.wait(lambda: not line.isVisibleTo(hands.dock), LONG)
    asks = f"/train/{UUID}".encode()
    hands.wait(lambda: any(GOOD in head and asks in head for head in server.requests), LONG)
    assert servers_of(hands.session).needs.all == {}
    assert [job.training for job in hands.session.jobs if hasattr(job, "training")] == [TRAINING.id]
    dock.desk.close()
