"""Storages for trainings, set up and tried in the Servers dock, against real ones."""

from __future__ import annotations

import json
import shutil
import threading
from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from tests.servers.storage_servers import SECRET, s3_server, webdav_server

from napari_phenoai.core.endpoints import Endpoint
from napari_phenoai.io.endpoints import EndpointBook
from napari_phenoai.io.storages import SavedStorage, StorageBook
from napari_phenoai.ui.docks import show_dock
from napari_phenoai.ui.servers import ServersDock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import napari
    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QAbstractButton
    from tests.servers.running_servers import KeptSecrets

    from napari_phenoai.ui.server_storage import StoragePart
    from napari_phenoai.ui.session import Session

Opened = tuple["napari.Viewer", "Session"]
LONG = 60_000
_mouse: Any = QTest


@pytest.fixture(scope="module")
def webdav(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("webdav")
    with webdav_server(folder) as url:
        yield url, folder


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_server() as (url, _):
        yield url


@pytest.fixture
def part(
    own_servers: KeptSecrets, session: Opened, qtbot: QtBot, raw: Any
) -> Iterator[StoragePart]:
    """The storage part of the Servers dock, opened for the server ``lab``."""
    server = raw(raw.reply(b"{}", status="503 No"))
    for name in ("lab", "other"):
        put_on_list(Endpoint(name=name, url=server.url))
    viewer, _ = session
    viewer.window._qt_window.resize(1366, 768)
    viewer.window._qt_window.show()
    dock = show_dock(viewer, "Servers")
    assert isinstance(dock, ServersDock)
    qtbot.waitUntil(lambda: "lab" in dock.desk.states, timeout=LONG)
    click(dock.servers.storage_fold.button)
    dock.servers.choose("lab")
    found = dock.servers.storage
    assert found.server == "lab"
    assert found.isVisibleTo(dock)
    yield found
    dock.desk.close()


def put_on_list(new: Endpoint) -> None:
    EndpointBook().change(lambda now: now.with_endpoint(new))


def click(button: QAbstractButton) -> None:
    assert button.isEnabled()
    _mouse.mouseClick(button, Qt.MouseButton.LeftButton)


def fill(part: StoragePart, kind: str, address: str, *options: str, secret: str = "") -> None:
    """Fill in the form as a person does, and hand it over."""
    form = part.form
    if form.isHidden():
        click(part.set_button)
    assert form.isVisibleTo(part)
    form.kind_box.setCurrentIndex(form.kind_box.findData(kind))
    form.address_edit.clear()
    _mouse.keyClicks(form.address_edit, address)
    for edit, text in zip(form.option_edits, options, strict=False):
        assert edit.isVisibleTo(form)
        edit.clear()
        _mouse.keyClicks(edit, text)
    if secret:
        _mouse.keyClicks(form.secret_edit, secret)
    click(form.keep_button)
    assert form.secret_edit.text() == ""


def book() -> StorageBook:
    return StorageBook()


def test_without_a_storage_it_says_what_one_is_for(part: StoragePart) -> None:
    assert "Trainings send their data through a storage" in part.words.text()
    assert part.set_button.text() == "Set up ..."
    assert not part.test_button.isVisibleTo(part)
    assert not part.form.isVisibleTo(part)
    click(part.set_button)
    # Each kind asks for what it needs, and every field has its caption.
    form = part.form
    for kind, captions in (
        ("webdav", ["Kind", "Address", "User", "Password"]),
        ("s3", ["Kind", "Bucket", "Service", "Key", "Secret"]),
        ("folder", ["Kind", "Folder"]),
        ("other", ["Kind", "Address", "Options"]),
    ):
        form.kind_box.setCurrentIndex(form.kind_box.findData(kind))
        edits = (form.kind_box, form.address_edit, *form.option_edits, form.secret_edit)
        shown = [edit for edit in edits if edit.isVisibleTo(form)]
        labels: list[Any] = [form._rows.labelForField(edit) for edit in shown]
        assert [label.text() for label in labels] == captions
    click(form.later_button)
    assert not form.isVisibleTo(part)


def test_a_webdav_storage_is_set_up_tried_and_removed(
    part: StoragePart, qtbot: QtBot, webdav: tuple[str, Path], own_servers: KeptSecrets
) -> None:
    url, folder = webdav
    fill(part, "webdav", url, "ann", secret="wrong")  # noqa: S106
    assert not part.form.keep_button.isEnabled()
    qtbot.waitUntil(lambda: part.form.problem.isVisibleTo(part), timeout=LONG)
    assert "Nothing can be written there: permission was denied" in part.form.problem.text()
    assert "Check its user and password" in part.form.problem.text()
    assert (book().read().storages, own_servers.kept) == ((), {})
    fill(part, "webdav", url, "ann", secret=SECRET)
    qtbot.waitUntil(lambda: "is kept" in part.message.text(), timeout=LONG)
    saved = book().read().of("lab")
    assert saved is not None
    assert (saved.url, saved.options, saved.secrets) == (
        f"webdav+{url}",
        {"user": "ann"},
        ("password",),
    )
    assert SECRET not in book().path.read_text()
    assert any(SECRET in kept for kept in own_servers.kept.values())
    qtbot.waitUntil(lambda: "lab takes data from" in part.words.text(), timeout=LONG)
    assert SECRET not in part.words.text()
    assert not part.form.isVisibleTo(part)
    click(part.test_button)
    qtbot.waitUntil(lambda: "written, read and removed" in part.message.text(), timeout=LONG)
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    # Changing begins with what there is, without the password.
    click(part.set_button)
    form = part.form
    assert form.address_edit.text() == url
    assert form.option_edits[0].text() == "ann"
    assert form.secret_edit.text() == ""
    click(form.later_button)
    click(part.remove_button)
    qtbot.waitUntil(lambda: part.set_button.text() == "Set up ...", timeout=LONG)
    assert (book().read().storages, own_servers.kept) == ((), {})


def test_an_s3_storage_is_set_up(
    part: StoragePart, qtbot: QtBot, s3: str, own_servers: KeptSecrets
) -> None:
    fill(part, "s3", "nobody/phenoai", s3, "ann", secret=SECRET)
    qtbot.waitUntil(lambda: part.form.problem.isVisibleTo(part), timeout=LONG)
    assert "there is no such place" in part.form.problem.text()
    fill(part, "s3", "lab/phenoai", s3, "ann", secret=SECRET)
    qtbot.waitUntil(lambda: "is kept" in part.message.text(), timeout=LONG)
    saved = book().read().of("lab")
    assert saved is not None
    assert saved.url == "s3://lab/phenoai"
    assert saved.options == {"endpoint_url": s3, "key": "ann"}
    assert json.loads(own_servers.kept["napari-phenoai", "storage lab#0"].partition(":")[2]) == {
        "secret": SECRET
    }


def test_what_went_wrong_later_is_said_with_a_remedy(
    part: StoragePart, qtbot: QtBot, tmp_path: Path
) -> None:
    place = tmp_path / "shared"
    place.mkdir()
    fill(part, "folder", str(place))
    qtbot.waitUntil(lambda: "is kept" in part.message.text(), timeout=LONG)
    shutil.rmtree(place)
    place.write_text("in the way")
    qtbot.waitUntil(lambda: part.test_button.isVisibleTo(part), timeout=LONG)
    click(part.test_button)
    assert part.message.text().endswith("...")
    qtbot.waitUntil(lambda: part.message.text().startswith("▲"), timeout=LONG)
    assert "Nothing can be written there" in part.message.text()
    assert part.test_button.isEnabled()
    saved = book().read().of("lab")
    assert saved is not None, "it is not taken off by itself"


def test_each_server_has_its_own_and_a_removed_one_takes_it_along(
    part: StoragePart, qtbot: QtBot, tmp_path: Path
) -> None:
    book().change(lambda now: now.having(SavedStorage(server="other", url=str(tmp_path))))
    part.storages.reload()
    window = part.window()
    dock = window.findChild(ServersDock) if window is not None else None
    assert dock is not None
    dock.servers.choose("other")
    qtbot.waitUntil(lambda: "other takes data from" in part.words.text(), timeout=LONG)
    click(dock.servers.remove_button)
    qtbot.waitUntil(lambda: part.server == "lab", timeout=LONG)
    qtbot.waitUntil(lambda: part.storages.storages == {}, timeout=LONG)
    assert book().read().storages == ()
    assert "Trainings send their data" in part.words.text()


def test_a_storage_that_never_answers_freezes_nothing_and_can_be_given_up(
    part: StoragePart, qtbot: QtBot, raw: Any
) -> None:
    go_on = threading.Event()
    silent = raw(lambda connection, kept: go_on.wait(60))
    fill(part, "webdav", silent.url, "ann", secret=SECRET)
    assert part.form.keep_button.text() == "" or not part.form.keep_button.isEnabled()
    qtbot.wait(100)
    assert part.storages.is_busy("lab")
    click(part.form.later_button)
    assert not part.storages.is_busy("lab")
    assert part.set_button.isVisibleTo(part)
    go_on.set()
    assert book().read().storages == ()
