"""The Servers dock: add, test, log in, log out, remove; the marketplace."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import keyring
import pytest
from qtpy.QtCore import Qt, QTimer, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDialog, QLabel, QMessageBox

from napari_phenoai.core.endpoints import Credential, Endpoint
from napari_phenoai.io.endpoints import EndpointBook
from napari_phenoai.remote.credentials import KeyringSecrets
from napari_phenoai.ui.docks import show_dock
from napari_phenoai.ui.servers import ServersDock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import napari
    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QAbstractButton
    from tests.servers.running_servers import KeptSecrets, Running

    from napari_phenoai.ui.session import Session

Opened = tuple["napari.Viewer", "Session"]
TOKEN = "ey" + "JhbGciOi.payload-of-ann.signature-of-ann"
LONG = 60_000
_mouse: Any = QTest


@pytest.fixture
def dock(own_servers: KeptSecrets, session: Opened, qtbot: QtBot) -> Iterator[ServersDock]:
    viewer, _ = session
    viewer.window._qt_window.resize(1366, 768)
    viewer.window._qt_window.show()
    found = show_dock(viewer, "Servers")
    assert isinstance(found, ServersDock)
    qtbot.waitUntil(lambda: found.desk.known, timeout=LONG)
    yield found
    found.desk.close()


def click(button: QAbstractButton) -> None:
    """Press a button with the mouse."""
    _mouse.mouseClick(button, Qt.MouseButton.LeftButton)


def line(dock: ServersDock, row: int = 0) -> str:
    """Return what the list says of a server."""
    item = dock.servers.list.item(row)
    assert item is not None
    return item.text()


def add(dock: ServersDock, qtbot: QtBot, url: str) -> str:
    """Add a server as a person does; return its name."""
    page = dock.servers
    page.url_edit.setText(url)
    click(page.add_button)
    qtbot.waitUntil(lambda: not page.url_edit.text(), timeout=LONG)
    assert page.chosen is not None
    return page.chosen


def test_an_empty_list_says_what_to_do_and_has_the_button_for_it(dock: ServersDock) -> None:
    page = dock.servers
    assert "Paste its address" in page.intro.text()
    assert page.add_button.isVisibleTo(page)
    assert page.market_button.isVisibleTo(page)
    assert not page.list.isVisibleTo(page)
    assert not page.remove_button.isVisibleTo(page)
    assert dock.tabs.count() == 4


def test_a_server_is_added_tested_and_removed(
    dock: ServersDock, qtbot: QtBot, deepaas: Running
) -> None:
    name = add(dock, qtbot, f"{deepaas.url}/ui")
    page = dock.servers
    assert EndpointBook().read().endpoint(name).url == deepaas.url
    assert "2 models" in line(dock) or "3 models" in line(dock)
    assert "good: predicts and trains" in page.details.text()
    assert page.predict_button.isVisibleTo(page)
    click(page.test_button)
    assert dock.desk.states[name].health == "asking"
    qtbot.waitUntil(lambda: dock.desk.states[name].health == "well", timeout=LONG)
    click(page.remove_button)
    qtbot.waitUntil(lambda: not dock.desk.states, timeout=LONG)
    assert EndpointBook().read().endpoints == ()
    assert page.market_button.isVisibleTo(page)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("http://127.0.0.1:9", "cannot be reached"),
        ("ftp://lab.org", "no address"),
        ("https://ann:pw@lab.org", "user name or a password"),
    ],
)
def test_a_wrong_address_is_explained_and_kept_to_be_corrected(
    dock: ServersDock, qtbot: QtBot, typed: str, said: str
) -> None:
    page = dock.servers
    page.url_edit.setText(typed)
    page.url_edit.returnPressed.emit()
    qtbot.waitUntil(lambda: page.problem.isVisibleTo(page), timeout=LONG)
    assert said in page.problem.text()
    assert "pw" not in page.problem.text()
    assert page.url_edit.text() == typed
    assert dock.desk.states == {}
    qtbot.waitUntil(page.add_button.isEnabled, timeout=LONG)


def test_a_certificate_of_an_institute_is_chosen_when_it_is_needed(
    dock: ServersDock,
    qtbot: QtBot,
    own_certificate: tuple[Path, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file, url = own_certificate
    page = dock.servers
    assert not page.trust_button.isVisibleTo(page)
    page.url_edit.setText(url)
    click(page.add_button)
    qtbot.waitUntil(lambda: page.trust_button.isVisibleTo(page), timeout=LONG)
    assert "is not trusted" in page.problem.text()
    monkeypatch.setattr(
        "napari_phenoai.ui.server_list.QFileDialog.getOpenFileName", lambda *_: (str(file), "")
    )
    qtbot.waitUntil(page.add_button.isEnabled, timeout=LONG)
    click(page.trust_button)
    # it is trusted now, and found to be no server that predicts
    qtbot.waitUntil(lambda: "does not answer as" in page.problem.text(), timeout=LONG)
    assert not page.trust_button.isVisibleTo(page)


def test_the_window_lives_while_a_server_says_nothing(
    dock: ServersDock, qtbot: QtBot, raw: Any
) -> None:
    released = threading.Event()
    server = raw(lambda *_: released.wait(30))
    ticks: list[int] = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(1))
    timer.start(10)
    dock.servers.url_edit.setText(server.url)
    click(dock.servers.add_button)
    assert not dock.servers.add_button.isEnabled()
    qtbot.waitUntil(lambda: len(ticks) > 40, timeout=LONG)
    assert dock.desk.is_under_way("add")
    timer.stop()
    released.set()
    qtbot.waitUntil(lambda: not dock.desk.is_under_way("add"), timeout=LONG)
    assert dock.servers.problem.isVisibleTo(dock.servers)


def test_what_a_server_says_is_shown_as_it_is_and_opens_no_dialog(
    dock: ServersDock, qtbot: QtBot, raw: Any
) -> None:
    said = b'{"message": "<h1>No</h1> <a href=http://evil.org>click</a>"}'
    server = raw(raw.reply(said, status="400 Bad"))
    page = dock.servers
    page.url_edit.setText(server.url)
    page.url_edit.returnPressed.emit()
    qtbot.waitUntil(lambda: page.problem.isVisibleTo(page), timeout=LONG)
    assert "<h1>" not in page.problem.text()
    assert "<a " not in page.problem.text()
    plain = Qt.TextFormat.PlainText
    assert {page.problem.textFormat(), page.details.textFormat()} == {plain}
    for widget in QApplication.topLevelWidgets():
        assert not isinstance(widget, QDialog | QMessageBox) or not widget.isVisible()


def test_a_token_goes_to_the_keyring_and_nowhere_else(
    dock: ServersDock, qtbot: QtBot, deepaas: Running, own_servers: KeptSecrets
) -> None:
    name = add(dock, qtbot, deepaas.url)
    page, form = dock.servers, dock.servers.login_form
    click(page.login_button)
    assert form.isVisibleTo(page)
    form.secret_edit.setText(f"Bearer {TOKEN}")
    click(form.keep_button)
    assert form.secret_edit.text() == ""
    qtbot.waitUntil(lambda: dock.desk.states[name].login is not None, timeout=LONG)
    assert any(TOKEN in secret for secret in own_servers.kept.values())
    assert TOKEN not in EndpointBook().path.read_text()
    shown = " ".join(label.text() for label in dock.findChildren(QLabel))
    assert TOKEN not in shown + repr(dock.desk.states)
    qtbot.waitUntil(lambda: not form.isVisibleTo(page), timeout=LONG)
    qtbot.waitUntil(lambda: dock.desk.states[name].health == "well", timeout=LONG)
    assert "Logged in with a token." in page.details.text()
    click(page.login_button)
    qtbot.waitUntil(lambda: dock.desk.states[name].login is None, timeout=LONG)
    assert own_servers.kept == {}
    assert EndpointBook().read().credentials == ()


def test_a_login_reaches_the_server(
    dock: ServersDock, qtbot: QtBot, raw: Any, own_servers: KeptSecrets
) -> None:
    paths: dict[str, Any] = {"/v2/models/m/predict/": {"post": {"parameters": []}}}
    spec = json.dumps({"paths": paths}).encode()

    def answer(connection: Any, kept: Any) -> None:
        head = raw.read(connection, kept)
        if b"Basic YW5uOnMzY3JldA==" not in head:
            connection.sendall(raw.reply(b"{}", status="401 No"))
            return
        models = b'{"models": []}'
        connection.sendall(raw.reply(spec if b"swagger" in head else models))

    server = raw(answer)
    name = add(dock, qtbot, server.url)
    qtbot.waitUntil(lambda: dock.desk.states[name].health == "wrong", timeout=LONG)
    assert "wants a login" in line(dock)
    form = dock.servers.login_form
    click(dock.servers.login_button)
    form.kind_box.setCurrentIndex(form.kind_box.findData("basic"))
    click(form.keep_button)
    qtbot.waitUntil(lambda: form.problem.isVisibleTo(form), timeout=LONG)
    assert "user name is missing" in form.problem.text()
    form.user_edit.setText("ann")
    form.secret_edit.setText("s3cret")
    click(form.keep_button)
    qtbot.waitUntil(lambda: dock.desk.states[name].health == "well", timeout=LONG)
    assert "Logged in as ann." in dock.servers.details.text()


def test_a_token_is_never_sent_in_the_open(
    own_servers: KeptSecrets, dock: ServersDock, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = Endpoint(name="far", url="http://lab.example.org")
    monkeypatch.setattr(dock.desk, "test", lambda name: None)
    EndpointBook().change(lambda listed: listed.with_endpoint(far))
    dock.desk.reload()
    qtbot.waitUntil(lambda: "far" in dock.desk.states, timeout=LONG)
    click(dock.servers.login_button)
    form = dock.servers.login_form
    form.secret_edit.setText(TOKEN)
    form.secret_edit.returnPressed.emit()
    qtbot.waitUntil(lambda: form.problem.isVisibleTo(form), timeout=LONG)
    assert "unencrypted" in form.problem.text()
    assert own_servers.kept == {}


def test_a_server_that_went_away_is_said_plainly_and_stays_on_the_list(
    dock: ServersDock, qtbot: QtBot, own_deepaas: Callable[..., Running]
) -> None:
    server = own_deepaas()
    name = add(dock, qtbot, server.url)
    server.end()
    click(dock.servers.test_button)
    qtbot.waitUntil(lambda: dock.desk.states[name].health == "wrong", timeout=LONG)
    assert "cannot be reached" in line(dock)
    assert "everything on this computer still works" in dock.servers.details.text()
    assert name in dock.desk.states


def test_the_marketplace_is_listed_searched_and_told(
    dock: ServersDock, qtbot: QtBot, raw: Any
) -> None:
    from napari_phenoai.remote.catalogue import Catalogue

    one = {"id": "m1", "name": "m1", "title": "<b>Roots</b>", "tags": ["roots"], "summary": "Finds"}
    two = {"id": "m2", "title": "Leaves", "tags": ["invalid metadata"]}

    def answer(connection: Any, kept: Any) -> None:
        path = raw.read(connection, kept).split()[1]
        found: Any = [one, two]
        if not path.endswith(b"/detail"):
            found = {**one, "description": "Long <script>x</script>.", "license": "MIT"}
        connection.sendall(raw.reply(json.dumps(found).encode()))

    server = raw(answer)
    page = dock.market
    page.market = lambda: Catalogue(server.url)
    dock.servers.market_button.click()
    assert dock.tabs.currentIndex() == 3
    qtbot.waitUntil(lambda: page.list.count() == 2, timeout=LONG)
    items = [page.list.item(row) for row in range(2)]
    assert [item.text() for item in items if item is not None] == ["Leaves", "Roots"]
    page.search_edit.setText("roots")
    assert [item.isHidden() for item in items if item is not None] == [True, False]
    page.list.setCurrentRow(1)
    qtbot.waitUntil(lambda: "License: MIT" in page.details.toPlainText(), timeout=LONG)
    assert "<script>" not in page.details.toPlainText()
    page.list.setCurrentRow(0)
    assert "could not read" in page.details.toPlainText()


def test_a_marketplace_that_cannot_be_reached_is_said(dock: ServersDock, qtbot: QtBot) -> None:
    from napari_phenoai.remote.catalogue import Catalogue

    page = dock.market
    page.market = lambda: Catalogue("http://127.0.0.1:9")
    page.load_button.click()
    assert not page.load_button.isEnabled()
    qtbot.waitUntil(lambda: page.problem.isVisibleTo(page), timeout=LONG)
    assert "cannot be reached" in page.problem.text()
    assert page.load_button.isEnabled()


def test_a_login_in_the_browser_shows_its_code_and_can_be_given_up(
    dock: ServersDock, qtbot: QtBot, deepaas: Running, raw: Any
) -> None:
    def answer(connection: Any, kept: Any) -> None:
        path = raw.read(connection, kept).split()[1]
        base = kept.url
        said: dict[str, Any] = {"error": "authorization_pending"}
        if path.endswith(b"openid-configuration"):
            said = {
                "issuer": base,
                "token_endpoint": f"{base}/token",
                "device_authorization_endpoint": f"{base}/device",
            }
        elif path.endswith(b"/device"):
            said = {
                "device_code": "abc",
                "user_code": "WXYZ-1234",
                "verification_uri": f"{base}/type",
                "expires_in": 600,
                "interval": 1,
            }
        status = "400 Bad" if "error" in said else "200 OK"
        connection.sendall(raw.reply(json.dumps(said).encode(), status=status))

    server = raw(answer)
    name = add(dock, qtbot, deepaas.url)
    page, form = dock.servers, dock.servers.login_form
    click(page.login_button)
    form.kind_box.setCurrentIndex(form.kind_box.findData("oidc"))
    assert not form.secret_edit.isVisibleTo(form)
    form.issuer_box.setEditText(server.url)
    click(form.keep_button)
    qtbot.waitUntil(lambda: form.problem.isVisibleTo(form), timeout=LONG)
    assert "id of this program" in form.problem.text()
    assert form.keep_button.isEnabled()
    form.client_edit.setText("phenoai-test")
    click(form.keep_button)
    qtbot.waitUntil(lambda: "WXYZ-1234" in form.code.text(), timeout=LONG)
    assert form.open_button.isVisibleTo(form)
    assert not form.keep_button.isEnabled()
    click(form.later_button)
    assert not dock.desk.is_under_way("log in")
    assert not form.isVisibleTo(page)
    assert dock.desk.states[name].login is None


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[QUrl]:
    """Pages that would have been opened in the browser."""
    pages: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", pages.append)
    return pages


@pytest.fixture
def added(dock: ServersDock, qtbot: QtBot, deepaas: Running) -> str:
    """Name of a real server that the person has added."""
    return add(dock, qtbot, deepaas.url)


def test_a_login_in_the_browser_is_completed_in_the_window(
    dock: ServersDock, qtbot: QtBot, added: str, provider: Any, opened: list[QUrl]
) -> None:
    kept = keyring.get_keyring().kept  # type: ignore[attr-defined]
    page, form = dock.servers, dock.servers.login_form
    click(page.login_button)
    form.kind_box.setCurrentIndex(form.kind_box.findData("oidc"))
    form.issuer_box.setEditText(provider.issuer)
    form.client_edit.setText("phenoai-test")
    click(form.keep_button)
    qtbot.waitUntil(lambda: bool(form.code.text()), timeout=LONG)
    said, code = form.code.text().splitlines()
    assert said.startswith(f"Open {provider.url}")
    assert form.code.isVisibleTo(page)
    assert not form.keep_button.isEnabled()
    click(form.open_button)
    assert [url.toString()[: len(provider.url)] for url in opened] == [provider.url]
    assert dock.desk.states[added].login is None, "nobody has typed it in yet"
    provider.say(code)  # the person does, on any device
    qtbot.waitUntil(lambda: dock.desk.states[added].login is not None, timeout=LONG)
    qtbot.waitUntil(lambda: not form.isVisibleTo(page), timeout=LONG)
    qtbot.waitUntil(lambda: dock.desk.states[added].health == "well", timeout=LONG)
    assert "Logged in in the browser" in page.details.text()
    assert page.login_button.text() == "Log out"
    assert kept, "what gets new tokens is in the keyring"
    texts = " ".join(label.text() for label in dock.findChildren(QLabel))
    for secret in kept.values():
        assert secret.split(":")[-1][:40] not in texts + EndpointBook().path.read_text()
    click(page.login_button)
    qtbot.waitUntil(lambda: dock.desk.states[added].login is None, timeout=LONG)
    assert kept == {}
    qtbot.waitUntil(lambda: page.login_button.text() == "Log in ...", timeout=LONG)


def test_a_login_that_the_person_refuses_is_said_in_the_form(
    own_servers: KeptSecrets, dock: ServersDock, qtbot: QtBot, added: str, stand_in: Any
) -> None:
    form = dock.servers.login_form
    click(dock.servers.login_button)
    form.kind_box.setCurrentIndex(form.kind_box.findData("oidc"))
    form.issuer_box.setEditText(stand_in.issuer)
    form.client_edit.setText("phenoai-test")
    click(form.keep_button)
    qtbot.waitUntil(lambda: bool(form.code.text()), timeout=LONG)
    stand_in.say(form.code.text().splitlines()[1], "no")
    qtbot.waitUntil(lambda: form.problem.isVisibleTo(form), timeout=LONG)
    assert "refused" in form.problem.text()
    assert not form.code.isVisibleTo(form), "the code does not hold any more"
    assert form.keep_button.isEnabled()
    assert own_servers.kept == {}


@pytest.mark.parametrize("yes", [True, False])
def test_a_login_goes_to_another_server_after_the_person_was_asked_once(
    own_servers: KeptSecrets, dock: ServersDock, qtbot: QtBot, raw: Any, *, yes: bool
) -> None:
    spec = json.dumps({"paths": {"/v2/models/m/predict/": {"post": {"parameters": []}}}}).encode()

    def answer(connection: Any, kept: Any) -> None:
        head = raw.read(connection, kept)
        connection.sendall(raw.reply(spec if b"swagger" in head else b'{"models": []}'))

    server = raw(answer)
    login = Credential(name="ann", kind="basic", user="ann", origins=("https://lab.example.org",))
    KeyringSecrets().put("ann", "s3cret")
    moved = Endpoint(name="moved", url=server.url, credential="ann")
    EndpointBook().change(lambda listed: listed.with_credential(login).with_endpoint(moved))
    dock.desk.reload()
    rows = dock.jobs.questions.rows
    qtbot.waitUntil(lambda: len(rows) == 1, timeout=LONG)
    (question,) = rows
    assert question == f"May the login ann be sent to {server.url}?"
    assert rows[question].isVisibleTo(dock)
    assert server.requests == [], "nothing was sent before"
    click(rows[question].yes_button if yes else rows[question].no_button)
    health = "well" if yes else "wrong"
    qtbot.waitUntil(lambda: dock.desk.states["moved"].health == health, timeout=LONG)
    assert not rows
    known = EndpointBook().read().credential("ann")
    assert known is not None
    assert (server.url in known.origins) is yes
    assert any(b"Basic YW5uOnMzY3JldA==" in head for head in server.requests) is yes
    if not yes:
        assert server.requests == []
        assert "wants a login" in line(dock)
        assert "is not for" in dock.servers.details.text()
    # Asked again by hand: the answer yes is known, the answer no is not for ever.
    dock.servers.choose("moved")
    click(dock.servers.test_button)
    if yes:
        qtbot.waitUntil(lambda: dock.desk.states["moved"].health == "well", timeout=LONG)
        assert not rows
    else:
        qtbot.waitUntil(lambda: len(rows) == 1, timeout=LONG)


def test_questions_end_with_the_window(dock: ServersDock) -> None:
    said: list[bool] = []
    dock.desk.questions.put("May it?", said.append)
    assert list(dock.jobs.questions.rows) == ["May it?"]
    dock.desk.close()
    assert said == [False]
    assert not dock.jobs.questions.rows
    assert dock.desk.questions.ask("May it now?") is False
