"""Logins in the browser, at a real OpenID provider where node is, and at one that misbehaves."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keyring
import keyring.backend
import keyring.errors
import pytest
from typer.testing import CliRunner

from napari_phenoai.cli.app import app
from napari_phenoai.core.endpoints import Credential, Endpoint, EndpointList
from napari_phenoai.core.progress import finish
from napari_phenoai.errors import (
    AnswerError,
    EndpointError,
    InputError,
    LockedError,
    RefusedError,
    ServerFailedError,
    SignInError,
    UnreachableError,
)
from napari_phenoai.io.endpoints import EndpointBook
from napari_phenoai.io.locks import FileLock
from napari_phenoai.remote.connections import Connections
from napari_phenoai.remote.credentials import KeyringSecrets, MemorySecrets
from napari_phenoai.remote.oidc import DeviceCode, device_login
from napari_phenoai.remote.oidc_login import KeptLogin, OidcLogin, give_back, login_name
from napari_phenoai.remote.oidc_provider import ISSUERS, discover, issuer_of
from napari_phenoai.remote.oidc_tokens import (
    CodeExpiredError,
    DeniedError,
    RevokedError,
    Tokens,
    refreshed,
)
from napari_phenoai.remote.transport import Transport

if TYPE_CHECKING:
    from tests.servers.oidc_providers import CLIENT, StandIn
else:
    from oidc_providers import CLIENT, StandIn


@pytest.fixture(autouse=True)
def nothing_is_shown(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No token comes into any record of any logger."""
    caplog.set_level(logging.DEBUG)
    yield
    assert "access-" not in caplog.text
    assert "refresh-" not in caplog.text


class Ring(keyring.backend.KeyringBackend):
    """A keyring in a file, so that several programs share it; only a test may have that."""

    priority = -1  # never found by itself, only taken by name or by hand

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    @property
    def file(self) -> Path:
        return Path(os.environ["PHENOAI_TEST_RING"])

    def read(self) -> dict[str, str]:
        with suppress(FileNotFoundError):
            found: dict[str, str] = json.loads(self.file.read_text())
            return found
        return {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.read().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        assert len(password) <= 1280
        self._write({**self.read(), f"{service} {username}": password})

    def delete_password(self, service: str, username: str) -> None:
        kept = self.read()
        if kept.pop(f"{service} {username}", None) is None:
            raise keyring.errors.PasswordDeleteError("not there")
        self._write(kept)

    def _write(self, kept: dict[str, str]) -> None:
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(kept))
        new.replace(self.file)


class NoRing(Ring):
    def get_password(self, service: str, username: str) -> str | None:
        raise keyring.errors.NoKeyringError("none")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise keyring.errors.NoKeyringError("none")


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ring]:
    monkeypatch.setenv("PHENOAI_TEST_RING", str(tmp_path / "ring.json"))
    before = keyring.get_keyring()
    keyring.set_keyring(Ring())
    yield Ring()
    keyring.set_keyring(before)


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EndpointBook:
    file = tmp_path / "config" / "endpoints.json"
    monkeypatch.setattr("napari_phenoai.io.endpoints.endpoints_file", lambda: file)
    return EndpointBook(file)


def credential(issuer: str, **changes: Any) -> Credential:
    name = login_name(issuer, CLIENT)
    return Credential(name=name, kind="oidc", issuer=issuer, client=CLIENT, **changes)


class Clock:
    """Time that goes by only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def log_in(provider: Any, answer: str = "yes", **options: Any) -> Tokens:
    """Log in as a person who has answered before the first question whether they have."""
    known, clock = credential(provider.issuer), Clock()
    shown: list[DeviceCode] = []

    def show(code: DeviceCode) -> None:
        shown.append(code)
        if answer:
            provider.say(code.code, answer)

    options = {"clock": clock, "sleep": clock.sleep, **options}
    return finish(device_login(discover(known), known, show, **options))


# ------------------------------------------------------------------------------ the way
def test_a_login_lasts_and_is_renewed(provider: Any) -> None:
    tokens = log_in(provider)
    assert tokens.access
    assert tokens.access not in repr(tokens)
    known, secrets = credential(provider.issuer), MemorySecrets()
    kept = KeptLogin(known, secrets, clock=(clock := Clock()))
    kept.take(tokens)
    assert secrets.get(known.name) == tokens.refresh
    assert kept.token() == tokens.access
    clock.now += tokens.seconds
    second = kept.token()
    assert second != tokens.access
    assert secrets.get(known.name) not in {tokens.refresh, None}
    assert kept.drop()
    assert kept.token() not in {second, tokens.access}
    with pytest.raises(RevokedError) as error:
        refreshed(discover(known), CLIENT, tokens.refresh)
    assert "Log in again" in error.value.hint


def test_a_login_that_is_denied(provider: Any) -> None:
    with pytest.raises(DeniedError, match="refused") as error:
        log_in(provider, "no")
    assert error.value.hint


def test_a_login_that_is_given_back_ends_at_the_provider(provider: Any) -> None:
    known, secrets = credential(provider.issuer), MemorySecrets()
    KeptLogin(known, secrets).take(log_in(provider))
    kept = secrets.get(known.name) or ""
    assert give_back(known, secrets)
    with pytest.raises(RevokedError):
        refreshed(discover(known), CLIENT, kept)
    assert not give_back(known.but(kind="token"), secrets)


def test_an_unknown_program_is_told_so(provider: Any) -> None:
    known = credential(provider.issuer).but(client="somebody-else")
    with pytest.raises(SignInError, match="does not know this program") as error:
        finish(device_login(discover(known), known, print))
    assert "client id" in error.value.hint
    assert "<b>" not in error.value.what


# ------------------------------------------------------------------------------- faults
def test_asking_too_often_makes_it_slower(stand_in: StandIn) -> None:
    clock = Clock()
    waiting = [(400, {"error": "slow_down"}), (400, {"error": "authorization_pending"})]

    def show(code: DeviceCode) -> None:
        stand_in.answers += waiting
        stand_in.say(code.code)

    known = credential(stand_in.issuer)
    assert finish(device_login(discover(known), known, show, clock=clock, sleep=clock.sleep)).access
    asked = [one for one in stand_in.seen if "device_code" in one]
    assert len(asked) == 3
    assert clock.now >= 1 + 6 + 6


def test_a_code_that_nobody_types_in(stand_in: StandIn) -> None:
    stand_in.begun = {"expires_in": 20}
    with pytest.raises(CodeExpiredError, match="not typed in"):
        log_in(stand_in, "")
    with pytest.raises(CodeExpiredError):
        log_in(stand_in, "expired_token")


def test_tokens_are_asked_for_no_more_after_they_came(stand_in: StandIn) -> None:
    log_in(stand_in)
    assert sum("device_code" in one for one in stand_in.seen) == 1


def test_a_network_that_goes_while_somebody_types_does_not_end_the_login(
    stand_in: StandIn,
) -> None:
    stand_in.begun = {"interval": 0}

    def show(code: DeviceCode) -> None:
        stand_in.say(code.code)
        stand_in.answers += [(503, "<html>later</html>"), (429, "")]

    known, clock = credential(stand_in.issuer), Clock()
    work = device_login(discover(known), known, show, clock=clock, sleep=clock.sleep)
    assert finish(work).access


@pytest.mark.parametrize(
    "said",
    [
        '{"access_token": "access-1"',
        "[]",
        "null",
        '{"expires_in": 5}',
        '{"access_token": "", "refresh_token": "refresh-1"}',
        '{"access_token": {"a": "access-2"}}',
        "<html>hello</html>",
    ],
)
def test_an_answer_that_is_no_token_is_not_shown(stand_in: StandIn, said: str) -> None:
    def show(code: DeviceCode) -> None:
        stand_in.answers.append((200, said))

    known, clock = credential(stand_in.issuer), Clock()
    with pytest.raises(AnswerError) as error:
        finish(device_login(discover(known), known, show, clock=clock, sleep=clock.sleep))
    chain: BaseException | None = error.value
    while chain is not None:
        assert "access-" not in f"{chain}"
        chain = chain.__cause__


def test_other_refusals_are_named(stand_in: StandIn) -> None:
    for said, kind in (
        ((400, {"error": "invalid_scope", "error_description": "no \x1b[31mscope"}), SignInError),
        ((500, {}), ServerFailedError),
        ((302, {}), SignInError),
    ):
        stand_in.answers = [said]
        with pytest.raises(kind) as error:
            log_in(stand_in)
        assert error.value.hint
        assert "\x1b" not in error.value.what


def test_a_provider_that_cannot_be_trusted(stand_in: StandIn) -> None:
    for said, kind, words in (
        ({"issuer": "https://evil.org"}, AnswerError, "another issuer"),
        ({"token_endpoint": "http://evil.org/token"}, SignInError, "unencrypted"),
        ({"token_endpoint": "file:///etc/passwd"}, InputError, "no address"),
        ({"device_authorization_endpoint": ""}, RefusedError, "no login with a code"),
        ({"token_endpoint": None}, AnswerError, "login provider"),
    ):
        stand_in.document = dict(said)
        with pytest.raises(kind, match=words):
            discover(credential(stand_in.issuer))
    stand_in.document = {}
    stand_in.begun = {"verification_uri": "javascript:alert(1)"}
    with pytest.raises((EndpointError, InputError)):
        log_in(stand_in)


def test_nobody_is_there() -> None:
    with pytest.raises(UnreachableError) as error:
        discover(credential("http://127.0.0.1:9/realm"))
    assert "network" in error.value.hint


def test_issuers_by_name_and_by_address() -> None:
    assert issuer_of(" EGI ") == ISSUERS["egi"]
    assert issuer_of("id.lab.org/realm/") == "https://id.lab.org/realm"
    assert issuer_of("https://id.lab.org/.well-known/openid-configuration") == "https://id.lab.org"
    for bad in ("", "http://id.lab.org", "ftp://x"):
        with pytest.raises((InputError, SignInError)):
            issuer_of(bad)


# ------------------------------------------------------------------------------ keeping
def test_a_login_that_was_ended_elsewhere_is_forgotten(stand_in: StandIn) -> None:
    known, secrets = credential(stand_in.issuer), MemorySecrets()
    kept = KeptLogin(known, secrets)
    with pytest.raises(SignInError, match="not in the keyring"):
        kept.token()
    kept.take(log_in(stand_in))
    stand_in.refresh.clear()
    kept.drop()
    with pytest.raises(RevokedError, match="any more") as error:
        kept.token()
    assert "phenoai endpoints login" in error.value.hint
    assert secrets.get(known.name) is None


def test_an_outage_does_not_lose_the_login(stand_in: StandIn) -> None:
    known, secrets = credential(stand_in.issuer), MemorySecrets()
    kept = KeptLogin(known, secrets)
    kept.take(log_in(stand_in))
    kept.drop()
    stand_in.answers = [(503, "")]
    with pytest.raises(ServerFailedError):
        kept.token()
    assert kept.token() in stand_in.access


def test_a_login_that_does_not_last_is_no_login(stand_in: StandIn) -> None:
    with pytest.raises(SignInError, match="no login that lasts"):
        KeptLogin(credential(stand_in.issuer), MemorySecrets()).take(Tokens("access-x", "", 60))


def test_without_a_keyring_a_login_holds_until_the_program_ends(
    stand_in: StandIn, ring: Ring
) -> None:
    keyring.set_keyring(NoRing())
    kept = KeptLogin(credential(stand_in.issuer), KeyringSecrets())
    with pytest.raises(SignInError, match="keyring"):
        kept.take(log_in(stand_in))
    first = kept.token()
    kept.drop()
    assert kept.token() in stand_in.access - {first}
    assert not ring.file.exists()


def test_many_threads_renew_once(stand_in: StandIn) -> None:
    known, secrets = credential(stand_in.issuer), MemorySecrets()
    kept = KeptLogin(known, secrets)
    kept.take(log_in(stand_in))
    kept.drop()
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(kept.token())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert sum(one.get("grant_type") == "refresh_token" for one in stand_in.seen) == 1


CHILD = """
import importlib.util, os, sys
spec = importlib.util.spec_from_file_location("rings", sys.argv[1])
rings = importlib.util.module_from_spec(spec)
sys.modules["rings"] = rings
spec.loader.exec_module(rings)
import keyring
keyring.set_keyring(rings.Ring())
from pathlib import Path
from napari_phenoai.core.endpoints import Endpoint
book = rings.EndpointBook(Path(sys.argv[2]))
known = book.read().credentials[0]
kept = rings.Connections(book, rings.KeyringSecrets()).kept(known)
for _ in range(3):
    assert kept.token().startswith("access-")
    kept.drop()
"""


def test_many_programs_renew_one_after_the_other(
    stand_in: StandIn, ring: Ring, book: EndpointBook
) -> None:
    known = credential(stand_in.issuer)
    book.change(lambda listed: listed.with_credential(known))
    KeptLogin(known, KeyringSecrets()).take(log_in(stand_in))
    line = [sys.executable, "-c", CHILD, __file__, str(book.path)]
    places = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "servers")}
    running = [subprocess.Popen(line, stderr=subprocess.PIPE, env=places) for _ in range(3)]
    for one in running:
        assert one.communicate(timeout=300)[1] == b""
        assert one.returncode == 0
    assert sum(one.get("grant_type") == "refresh_token" for one in stand_in.seen) == 9
    assert KeptLogin(known, KeyringSecrets()).token() in stand_in.access


def test_a_program_that_hangs_while_it_renews(
    book: EndpointBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_phenoai.io.endpoints._LOGIN_SECONDS", 0.1)
    with book.holding("one login"), book.holding("another one"):
        (file,) = [one for one in book.path.parent.iterdir() if _is_held(one)][:1]
        assert file.name.startswith(".login-")
        with (
            pytest.raises(LockedError, match="Another program") as error,
            book.holding("one login"),
        ):
            raise AssertionError
    assert "try again" in error.value.hint


def _is_held(file: Path) -> bool:
    lock = FileLock(file, "")
    try:
        lock.acquire()
    except LockedError:
        return True
    lock.release()
    return False


def test_a_token_that_a_server_refuses_is_renewed_once(stand_in: StandIn) -> None:
    kept = KeptLogin(credential(stand_in.issuer), MemorySecrets())
    kept.take(log_in(stand_in))
    login = OidcLogin(stand_in.url, kept)
    with Transport(stand_in.url, login) as http:
        assert http.get(f"{stand_in.url}/v2/thing").status == 200
        stand_in.access.clear()
        assert http.get(f"{stand_in.url}/v2/thing").status == 200
        assert len(login.secrets()) == 2
        assert all(one not in repr(http) for one in login.secrets())
        monkey = [(200, {"access_token": "access-none", "refresh_token": "refresh-2"})]
        stand_in.access.clear()
        stand_in.answers += monkey
        with pytest.raises(SignInError, match="valid login"):
            http.get(f"{stand_in.url}/v2/thing")


def test_one_login_serves_several_servers_and_asks_before_each(
    stand_in: StandIn, book: EndpointBook
) -> None:
    known, secrets = credential(stand_in.issuer), MemorySecrets()
    ends = tuple(
        Endpoint(name=name, url=f"http://127.0.0.1:{port}", credential=known.name)
        for name, port in (("a", 9), ("b", 10))
    )
    book.change(lambda _: EndpointList(endpoints=ends, credentials=(known,)))
    with pytest.raises(SignInError, match="not for"):
        Connections(book, secrets).client("a")
    connections = Connections(book, secrets, lambda _: True)
    clients = [connections.client(name) for name in ("a", "b")]
    kept = [client.http.login._kept for client in clients]  # type: ignore[attr-defined]
    assert kept[0] is kept[1]
    connections.close()


# ------------------------------------------------------------------------------ command
def run(*argv: object, code: int = 0) -> tuple[dict[str, Any], str]:
    result = CliRunner().invoke(app, ["endpoints", *map(str, argv), "--json"])
    assert result.exit_code == code, result.output
    assert "access-" not in result.output
    assert "refresh-" not in result.output
    (line,) = result.stdout.splitlines()
    return json.loads(line), result.stderr


def person(provider: Any, monkeypatch: pytest.MonkeyPatch) -> list[DeviceCode]:
    """Have somebody type in every code that a command shows."""
    import napari_phenoai.cli.endpoint_login as command

    shown: list[DeviceCode] = []
    real_show: Callable[..., None] = command._show

    def show(code: DeviceCode, out: Any) -> None:
        real_show(code, out)
        shown.append(code)
        provider.say(code.code)

    monkeypatch.setattr(command, "_show", show)
    return shown


def test_the_command_logs_in_and_out(
    provider: Any, ring: Ring, book: EndpointBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = person(provider, monkeypatch)
    for name in ("lab", "second"):
        run("add", provider.url, "--name", name, "--no-check")
    options = ("--oidc", provider.issuer, "--client", CLIENT)
    done, told = run("login", "lab", *options)
    assert done == {"name": "lab", "login": "oidc"}
    said = json.loads(told.splitlines()[0])["login"]
    assert said["code"] == shown[0].code
    assert said["address"].startswith("http://127.0.0.1:")
    kept = "".join(ring.read().values())
    assert len(kept) > 10
    assert kept.partition(":")[2][:40] not in book.path.read_text()
    run("login", "second", *options)
    assert len(shown) == 1  # the login of the first server holds for the second one too
    run("login", "lab", *options)
    assert len(shown) == 2
    assert len(book.read().credentials) == 1
    assert run("login", "lab", "--out")[0]["revoked"] is False
    assert ring.read()
    assert run("login", "second", "--out")[0]["revoked"] is True
    assert ring.read() == {}
    assert book.read().credentials == ()


def test_the_command_says_what_is_missing(
    stand_in: StandIn, ring: Ring, book: EndpointBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("add", "http://127.0.0.1:9", "--name", "lab", "--no-check")
    assert "which program" in run("login", "lab", "--oidc", "egi", code=1)[0]["error"]["what"]
    keyring.set_keyring(NoRing())
    options = ("--oidc", stand_in.issuer, "--client", CLIENT)
    error = run("login", "lab", *options, code=1)[0]["error"]
    assert "keyring" in error["what"]
    assert not any("code_challenge" in one for one in stand_in.seen)
    assert book.read().endpoint("lab").credential is None


def test_text_for_a_person(
    stand_in: StandIn, ring: Ring, book: EndpointBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = person(stand_in, monkeypatch)
    run("add", "http://127.0.0.1:9", "--name", "lab", "--no-check")
    line = ["endpoints", "login", "lab", "--oidc", stand_in.issuer, "--client", CLIENT]
    result = CliRunner().invoke(app, line)
    assert result.exit_code == 0, result.output
    assert f"Open {stand_in.url}/device and type in the code  {shown[0].code}" in result.stderr
    assert "Logged in at lab (oidc)." in result.stdout
