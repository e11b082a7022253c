"""The list of servers as windows change it, and work that waits for a server."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_phenoai.core.endpoints import Credential, Endpoint
from napari_phenoai.core.progress import Progress, Work, finish
from napari_phenoai.errors import (
    InputError,
    LostAnswerError,
    SignInError,
    UnreachableError,
)
from napari_phenoai.io.endpoints import EndpointBook
from napari_phenoai.io.storages import SavedStorage, StorageBook
from napari_phenoai.loop.remote_storage import remove_wholly
from napari_phenoai.loop.remote_work import patient
from napari_phenoai.remote.calls import Call
from napari_phenoai.remote.connections import Connections
from napari_phenoai.remote.credentials import MemorySecrets
from napari_phenoai.remote.server_list import (
    How,
    add_server,
    cautions,
    look_at,
    remove_server,
)
from napari_phenoai.remote.server_logins import log_in, log_out

TOKEN = ".".join(("abc", "def", "ghi"))
PASSWORD = "-".join(("s3", "cret"))
NONSENSE = "two words of\nnonsense"


@pytest.fixture
def book(tmp_path: Path) -> EndpointBook:
    found = EndpointBook(tmp_path / "endpoints.json")
    place = Endpoint(name="lab", url="http://127.0.0.1:9")
    found.change(lambda listed: listed.with_endpoint(place))
    return found


def test_a_server_is_asked_before_it_is_listed(book: EndpointBook, deepaas: Any) -> None:
    found = add_server(book, f"{deepaas.url}/v2/models/", "mine")
    assert found.endpoint == book.read().endpoint("mine")
    assert {offer.key for offer in found.offers} >= {"good", "bad"}
    assert found.seconds > 0
    assert add_server(book, deepaas.url, "mine").endpoint == found.endpoint
    with pytest.raises(UnreachableError):
        add_server(book, "http://127.0.0.1:9", "gone")
    with pytest.raises(InputError, match="already"):
        add_server(book, "http://127.0.0.1:10", "lab")
    with pytest.raises(InputError, match="name"):
        add_server(book, deepaas.url, "/etc/passwd")
    assert [item.name for item in book.read().endpoints] == ["lab", "mine"]


def test_a_server_that_wants_a_login_is_listed_so_that_one_can_log_in(
    book: EndpointBook, raw: Any
) -> None:
    server = raw(raw.reply(b"{}", status="401 No"))
    found = add_server(book, server.url, "shut")
    assert found.offers == ()
    assert book.read().endpoint("shut").url == server.url


def test_logins_come_and_go_with_their_secrets(book: EndpointBook) -> None:
    secrets = MemorySecrets()
    assert log_in(book, secrets, "lab", "token", secret=f"Bearer {TOKEN}").kind == "token"
    assert secrets.get("lab") == TOKEN
    assert book.read().endpoint("lab").credential == "lab"
    other = Endpoint(name="two", url="http://127.0.0.1:10", credential="lab")
    book.change(lambda listed: listed.with_endpoint(other))
    log_out(book, secrets, "lab")
    assert secrets.get("lab") is not None
    remove_server(book, secrets, "two")
    assert secrets.get("lab") is None
    assert book.read().credentials == ()
    assert "abc.def" not in book.path.read_text()


def test_a_server_leaves_with_its_storage(tmp_path: Path, book: EndpointBook) -> None:
    secrets, storages = MemorySecrets(), StorageBook(tmp_path / "storages.json")
    folder = tmp_path / "storage"
    folder.mkdir()
    (folder / "tile.tif").write_bytes(b"x")
    saved = SavedStorage(server="lab", url=str(folder), secrets=("key",))
    other = SavedStorage(server="two", url="memory://two")
    storages.change(lambda listed: listed.having(saved).having(other))
    secrets.put(saved.login, "{}")
    log_in(book, secrets, "lab", "token", secret=TOKEN)
    with pytest.raises(InputError):
        remove_wholly(book, secrets, "unknown", storages)
    assert remove_wholly(book, secrets, "lab", storages) == (("lab",), saved)
    assert book.read().endpoints == ()
    assert storages.read().storages == (other,)
    assert (secrets.get(saved.login), secrets.get("lab")) == (None, None)
    assert (folder / "tile.tif").exists(), "what lies there is not ours to delete"


def test_without_a_keyring_server_and_storage_are_off_the_lists_all_the_same(
    tmp_path: Path, book: EndpointBook
) -> None:
    class Locked(MemorySecrets):
        def forget(self, name: str) -> None:
            raise SignInError(f"{name}: the keyring is locked.", hint="Unlock it.")

    storages, secrets = StorageBook(tmp_path / "storages.json"), Locked()
    saved = SavedStorage(server="lab", url="memory://x", secrets=("key",))
    storages.change(lambda listed: listed.having(saved))
    log_in(book, secrets, "lab", "token", secret=TOKEN)
    with pytest.raises(SignInError, match="locked"):
        remove_wholly(book, secrets, "lab", storages)
    assert (book.read().endpoints, storages.read().storages) == ((), ())


def test_how_a_server_is_asked_is_kept_and_can_be_changed(
    tmp_path: Path, book: EndpointBook, deepaas: Any
) -> None:
    first = add_server(book, deepaas.url, "mine", how=How(at_once=2))
    assert first.offers
    log_in(book, MemorySecrets(), "mine", "token", secret=TOKEN)
    again = add_server(book, deepaas.url, "mine", how=How(at_once=4)).endpoint
    assert (again.at_once, again.credential) == (4, "mine")
    moved = add_server(book, "http://127.0.0.1:9", "mine", how=How(ask=False)).endpoint
    assert (moved.url, moved.at_once, moved.credential) == ("http://127.0.0.1:9", 1, None)
    assert book.read().endpoint("mine") == moved


def test_each_kind_of_login_is_checked(book: EndpointBook) -> None:
    secrets = MemorySecrets()
    new = log_in(book, secrets, "lab", "basic", user=" ann ", secret=PASSWORD)
    assert (new.user, secrets.get("lab")) == ("ann", PASSWORD)
    command = f"{sys.executable} -c \"print('abc.def')\""
    assert log_in(book, secrets, "lab", "command", command=command).command[0] == sys.executable
    wrong: list[dict[str, Any]] = [
        {"kind": "basic", "secret": "x"},
        {"kind": "command", "command": ""},
        {"kind": "command", "command": 'print "open'},
    ]
    for told in wrong:
        with pytest.raises(InputError):
            log_in(book, secrets, "lab", **told)
    with pytest.raises(SignInError):
        log_in(book, secrets, "lab", "token", secret=NONSENSE)
    with pytest.raises(SignInError):
        log_in(book, secrets, "lab", "command", command="/no/such/program")
    far = Endpoint(name="far", url="http://lab.example.org")
    book.change(lambda listed: listed.with_endpoint(far))
    with pytest.raises(SignInError, match="unencrypted"):
        log_in(book, secrets, "far", "token", secret=TOKEN)
    assert secrets.get("far") is None


def test_a_question_holds_up_nobody_but_who_asked(book: EndpointBook) -> None:
    secrets = MemorySecrets()
    secrets.put("ann", TOKEN)
    known = Credential(name="ann", origins=("https://lab.example.org",))
    ends = [
        Endpoint(name=name, url=f"http://127.0.0.1:{port}") for name, port in (("a", 9), ("b", 10))
    ]
    new = ends[0].but(credential="ann")
    book.change(lambda listed: listed.with_credential(known).with_endpoint(new))
    book.change(lambda listed: listed.with_endpoint(ends[1]))
    asked, answered = threading.Event(), threading.Event()
    questions: list[str] = []

    def ask(question: str) -> bool:
        questions.append(question)
        asked.set()
        return answered.wait(60)

    connections = Connections(book, secrets, ask)
    waiting = Call(lambda: connections.client("a"))
    assert asked.wait(60)
    assert connections.client("b").endpoint == ends[1]
    connections.forget("a")
    connections.forget("b")
    assert not waiting.ended
    log_out_elsewhere = book.change(lambda now: now.but(credentials=()))
    assert log_out_elsewhere.credentials == ()
    answered.set()
    with pytest.raises(SignInError, match="not known"):
        waiting.result()
    assert book.read().credentials == (), "what was taken away meanwhile does not come back"
    book.change(lambda listed: listed.with_credential(known))
    assert connections.client("a") is connections.client("a")
    assert len(questions) == 2, "asked once each time"
    connections.close()


def test_what_a_person_should_know_of_a_server() -> None:
    assert cautions(Endpoint(name="a", url="http://127.0.0.1:1"), ()) == ()
    (one, two) = cautions(Endpoint(name="a", url="http://lab.org"), ())
    assert "open" in one
    assert "https" in two


def test_looking_tells_models_and_time(deepaas: Any) -> None:
    from napari_phenoai.remote.deepaas import DeepaasClient

    with DeepaasClient(deepaas.endpoint()) as client:
        found = look_at(client)
    assert any(offer.predict and offer.train for offer in found.offers)


# ------------------------------------------------------------------------------ waiting
class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def _starting(errors: list[Exception]) -> Callable[[], Work[str]]:
    """Return work that fails with each of `errors` in turn, then ends well."""

    def start() -> Work[str]:
        yield Progress(1, 4, "at work")
        if errors:
            raise errors.pop(0)
        return "done"

    return start


def test_work_waits_while_there_is_no_way_to_the_server_and_goes_on() -> None:
    clock, gone = Clock(), UnreachableError("lab is away.", hint="Wait.")
    work = patient(_starting([gone, gone, gone]), "lab", clock=clock, sleep=clock.sleep)
    said: list[Progress] = []

    def heard() -> Any:
        try:
            while True:
                said.append(next(work))
        except StopIteration as end:
            return end.value

    assert heard() == "done"
    waits = [step for step in said if "asked again in" in step.message]
    assert waits[0].message.startswith("lab is away. lab is asked again in 5 s")
    assert {(step.done, step.total) for step in waits} == {(1, 4)}
    assert 15 <= clock.now < 40


def test_what_may_have_been_sent_is_not_sent_again() -> None:
    lost = LostAnswerError("Broken.", hint="Look.")
    starts = _starting([lost])
    with pytest.raises(LostAnswerError):
        finish(patient(starts, "lab"))


def test_waiting_can_be_ended() -> None:
    clock = Clock()
    gone = [UnreachableError("away.", hint="Wait.")] * 100
    work = patient(_starting(list(gone)), "lab", clock=clock, sleep=clock.sleep)
    for _ in range(200):
        next(work)
    work.close()
    assert clock.now > 10
