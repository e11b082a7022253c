"""The list of servers as windows change it, and work that waits for a server."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_phenoai.core.endpoints import Endpoint
from napari_phenoai.core.progress import Progress, Work, finish
from napari_phenoai.errors import (
    InputError,
    LostAnswerError,
    SignInError,
    UnreachableError,
)
from napari_phenoai.io.endpoints import EndpointBook
from napari_phenoai.loop.remote_work import patient
from napari_phenoai.remote.credentials import MemorySecrets
from napari_phenoai.remote.server_list import (
    add_server,
    cautions,
    log_in,
    log_out,
    look_at,
    remove_server,
)

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
