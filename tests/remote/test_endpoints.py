"""The list of servers, logins, and the command ``phenoai endpoints``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring
import keyring.backend
import keyring.errors
import pytest
from typer.testing import CliRunner

from napari_phenoai.cli.app import app
from napari_phenoai.core.endpoints import Credential, Endpoint, EndpointList
from napari_phenoai.errors import InputError, NewerFormatError, ProjectError, SignInError
from napari_phenoai.io.endpoints import EndpointBook, endpoints_file
from napari_phenoai.remote.addresses import base_url, joined, origin, shown
from napari_phenoai.remote.auth import BasicLogin, clean_token
from napari_phenoai.remote.catalogue import Catalogue
from napari_phenoai.remote.connections import Connections
from napari_phenoai.remote.credentials import (
    KeyringSecrets,
    MemorySecrets,
    allowed,
    login_for,
    token_of,
    variable,
)
from napari_phenoai.remote.redaction import plain, redacted

TOKEN = "ey" + "JhbGciOi.payload-of-ann.signature-of-ann"


class Kept(keyring.backend.KeyringBackend):
    """A keyring in memory that takes no more than Windows does."""

    priority = -1  # never found by itself, only taken by name or by hand

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        assert len(password) <= 1280
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise keyring.errors.PasswordDeleteError("not there")


class Locked(Kept):
    def get_password(self, service: str, username: str) -> str | None:
        raise keyring.errors.KeyringLocked("no")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise keyring.errors.NoKeyringError("no")


@pytest.fixture
def ring() -> Iterator[Kept]:
    before = keyring.get_keyring()
    ring = Kept()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ring: Kept) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(
        "napari_phenoai.io.endpoints.endpoints_file", lambda: tmp_path / "config" / "endpoints.json"
    )
    return tmp_path / "config" / "endpoints.json"


def run(*argv: object, code: int = 0, typed: str | None = None) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["endpoints", *map(str, argv), "--json"], input=typed)
    assert result.exit_code == code, result.output
    assert TOKEN not in result.output
    (line,) = result.stdout.splitlines()
    told: dict[str, Any] = json.loads(line)
    return told


# ---------------------------------------------------------------------------- addresses
@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("https://Lab.Org/", "https://lab.org"),
        ("lab.org/ui", "https://lab.org"),
        ("localhost:5000/api#/models", "http://localhost:5000"),
        ("[::1]:5000", "http://[::1]:5000"),
        ("http://lab.org:80/v2/models/m/predict/?x=1", "http://lab.org"),
        ("https://lab.org//deepaas//swagger.json", "https://lab.org/deepaas"),
        (" https://lab.org:8443/a/b/v2 ", "https://lab.org:8443/a/b"),
    ],
)
def test_addresses_have_one_spelling(typed: str, meant: str) -> None:
    assert base_url(typed) == meant
    assert base_url(meant) == meant


@pytest.mark.parametrize(
    "typed",
    ["", "ftp://lab.org", "https://", "https://lab.org:port", "file:///etc/passwd",
     "https://ann:pw@lab.org", "https://a b.org", "javascript://x", "https://lab.org\\@evil.org",
     "[", "http://["],
)  # fmt: skip
def test_what_is_no_address_is_refused_without_being_shown(typed: str) -> None:
    with pytest.raises(InputError) as error:
        base_url(typed)
    assert "pw" not in str(error.value)


def test_paths_join_with_and_without_a_front() -> None:
    assert joined("http://a", "/v2/") == "http://a/v2/"
    assert joined("http://a/f", "/f/v2/") == "http://a/f/v2/"
    assert joined("http://a/f", "/v2/") == "http://a/f/v2/"
    assert origin(joined("http://a", "//evil.org/x")) == "http://a"


def test_secrets_and_markup_are_taken_out_of_what_is_shown() -> None:
    for text in (
        f"Authorization: Bearer {TOKEN}",
        f'{{"refresh_token": "{TOKEN}"}}',
        f"https://s3/x?X-Amz-Signature={TOKEN}&a=1",
        f"got {TOKEN} from you",
        f"password={TOKEN}",
        f"https://ann:{TOKEN}@lab.org",
    ):
        assert TOKEN not in redacted(text)
    assert redacted("the word moon", ["moon"]) == "the word [hidden]"
    assert plain("a\r\nb\x00\x1b[31mc <img src=x onerror=y>d") == "a bc d"
    assert "<" not in plain("&lt;script&gt;alert(1)&lt;/script&gt;<b onclick=x>bold</b>")
    assert len(plain("x" * 10_000_000)) == 400
    host = "https://api-0123abcd-0000-1111-2222-0123456789ab.site.org"
    assert "0000-1111" not in shown(host) + redacted(f"at {host}/v2")


@pytest.mark.timeout(300)  # a look back for each letter takes hours
@pytest.mark.parametrize("evil", ["a.", "<a", "<script", "eyJaaaaaa-"])
def test_no_text_keeps_the_cleaning_busy(evil: str) -> None:
    assert len(plain(evil * 20_000, limit=2000)) <= 2000


# -------------------------------------------------------------------------------- list
def test_the_list_is_kept_outside_of_projects_and_holds_no_secret(settings: Path) -> None:
    book = EndpointBook(settings)
    assert book.read() == EndpointList()
    lab = Endpoint(name="lab", url="https://lab.org", credential="lab")
    login = Credential(name="lab", origins=("https://lab.org",))
    book.change(lambda listed: listed.with_endpoint(lab).with_credential(login))
    assert EndpointBook(settings).read().endpoint("lab") == lab
    assert "napari-phenoai" in str(endpoints_file())
    with pytest.raises(InputError, match="no server called 'x'"):
        book.read().endpoint("x")
    after = book.change(lambda listed: listed.without("lab"))
    assert (after.endpoints, after.credentials) == ((), ())


def test_a_damaged_and_a_newer_list(settings: Path) -> None:
    settings.parent.mkdir(parents=True)
    settings.write_text("{")
    with pytest.raises(ProjectError, match="damaged") as error:
        EndpointBook(settings).read()
    assert "add your servers anew" in error.value.hint
    settings.write_text('{"format": 9}')
    with pytest.raises(NewerFormatError):
        EndpointBook(settings).read()


# ------------------------------------------------------------------------------ logins
def test_long_secrets_are_kept_in_pieces(ring: Kept) -> None:
    secrets, long = KeyringSecrets(), "x" * 5000 + "end"
    secrets.put("ann", long)
    assert secrets.get("ann") == long
    secrets.put("ann", "short")
    assert secrets.get("ann") == "short"
    assert len(ring.kept) == 1
    secrets.forget("ann")
    assert ring.kept == {}
    assert secrets.get("ann") is None


def test_without_a_keyring_nothing_is_written_and_the_way_out_is_named(
    settings: Path, tmp_path: Path
) -> None:
    keyring.set_keyring(Locked())
    with pytest.raises(SignInError, match="keyring") as error:
        KeyringSecrets().put("ann", TOKEN)
    assert "PHENOAI_SECRET_" in error.value.hint
    run("add", "http://127.0.0.1:9", "--name", "lab", "--no-check")
    assert "keyring" in run("login", "lab", typed=f"{TOKEN}\n", code=1)["error"]["what"]
    assert all(TOKEN not in path.read_text() for path in tmp_path.rglob("*") if path.is_file())


def test_a_login_is_asked_about_once_for_each_server() -> None:
    asked: list[str] = []

    def ask(question: str) -> bool:
        asked.append(question)
        return len(asked) > 1

    login = Credential(name="ann", origins=("https://lab.org",))
    assert allowed(login, "https://lab.org/v2/", ask) is login
    for url in ("https://evil.org", "https://lab.org:8443", "https://lab.org.evil.org"):
        with pytest.raises(SignInError, match="not for"):
            allowed(login, url)
    with pytest.raises(SignInError):
        allowed(login, "https://new.org", ask)
    assert "https://new.org" in allowed(login, "https://new.org", ask).origins
    assert "ann" in asked[0]
    with pytest.raises(SignInError, match="unencrypted"):
        allowed(login, "http://lab.org", ask)


def test_connections_remember_the_answer_and_keep_one_client(settings: Path) -> None:
    book, asked = EndpointBook(settings), []
    secrets = MemorySecrets()
    secrets.put("ann", TOKEN)
    lab = Endpoint(name="lab", url="http://127.0.0.1:9", credential="ann")
    book.change(lambda listed: listed.with_endpoint(lab).with_credential(Credential(name="ann")))
    refusing = Connections(book, secrets)
    with pytest.raises(SignInError):
        refusing.client("lab")
    connections = Connections(book, secrets, lambda question: not asked.append(question))  # type: ignore[func-returns-value]
    client = connections.client("lab")
    assert connections.client("lab") is client
    refusing.client("lab")
    assert len(asked) == 1
    book.change(lambda listed: listed.with_endpoint(lab.but(at_once=2)))
    assert connections.client("lab") is not client
    connections.close()
    refusing.close()


def test_where_secrets_come_from() -> None:
    lab = Endpoint(name="lab", url="https://lab.org", credential="ann b")
    known = Credential(name="ann b", origins=("https://lab.org",))
    with pytest.raises(SignInError, match="not in the keyring") as error:
        login_for(lab, known, MemorySecrets(), {})
    assert variable("ann b") in error.value.hint
    login = login_for(lab, known, MemorySecrets(), {variable("ann b"): TOKEN})
    assert login.header() == f"Bearer {TOKEN}"
    command = (sys.executable, "-c", f"print('{TOKEN}')")
    by_command = known.but(kind="command", command=command)
    assert login_for(lab, by_command, MemorySecrets()).header() == f"Bearer {TOKEN}"
    with pytest.raises(SignInError, match="not known"):
        login_for(lab, None, MemorySecrets())
    with pytest.raises(SignInError, match="not for"):
        login_for(lab.but(url="https://evil.org"), known, MemorySecrets(), {variable("ann b"): "x"})


def test_commands_that_print_no_token() -> None:
    for code in ("import sys; sys.exit(3)", "print('a b c')", "print()"):
        with pytest.raises(SignInError) as error:
            token_of((sys.executable, "-c", code))
        assert "a b c" not in str(error.value)
    with pytest.raises(SignInError, match="cannot be run"):
        token_of(("/no/such/program",))
    with pytest.raises(SignInError):
        token_of(())


def test_tokens_are_cleaned_and_bad_ones_not_shown() -> None:
    assert clean_token(f"  Bearer {TOKEN}\n") == TOKEN
    for bad in ("", "two words", "line\nbreak", "ümlaut", "x" * 20_000):
        with pytest.raises(SignInError) as error:
            clean_token(bad)
        assert not bad or bad not in str(error.value)
    for user, password in (("a:b", "c"), ("a", "c\r\nX: y")):
        with pytest.raises(SignInError):
            BasicLogin("https://lab.org", user, password)


# ----------------------------------------------------------------------------- command
def test_a_server_by_commands(settings: Path, deepaas: Any) -> None:
    added = run("add", f"{deepaas.url}/ui", "--name", "lab")
    ours = "phenoai"  # offered by any installation of this package
    assert [name for name in added["models"] if name != ours] == ["good", "bad"]
    assert [item["name"] for item in run("list")["endpoints"]] == ["lab"]
    tested = run("test", "lab")
    assert tested["models"][0] == {"model": "good", "predict": True, "train": True}
    assert tested["warnings"] == []
    shown = run("show", "lab", "--model", "good")
    assert shown["about"]["name"] == "Good module"
    assert shown["predict"][0]["name"] == "image"
    assert "Several models" in run("show", "lab", code=1)["error"]["what"]
    text = CliRunner().invoke(app, ["endpoints", "show", "lab", "--model", "good"])
    assert "  image: file (required)" in text.stdout
    assert run("login", "lab", typed=f"{TOKEN}\n")["login"] == "token"
    run("test", "lab")
    assert TOKEN not in settings.read_text()
    run("login", "lab", "--user", "ann", typed="pässword\n")
    run("test", "lab")
    run("login", "lab", "--command", f"{sys.executable} -c 'print(1234567)'")
    run("test", "lab")
    run("login", "lab", "--out")
    assert run("list")["endpoints"][0]["credential"] is None
    assert run("remove", "lab")["removed"] == "lab"
    assert "no server called" in run("test", "lab", code=1)["error"]["what"]


def test_commands_say_what_is_wrong(settings: Path, raw: Any) -> None:
    assert "no address" in run("add", "ftp://x", code=1)["error"]["what"]
    page = raw(raw.reply(b"<html>hello</html>", kind="text/html"))
    assert "web page" in run("add", page.url, "--name", "web", code=1)["error"]["what"]
    assert run("list")["endpoints"] == []
    assert "name cannot be used" in run(
        "add", page.url, "--name", "../x", "--no-check", code=1
    )["error"]["what"]  # fmt: skip
    run("add", "http://lab.example.org", "--name", "lab", "--no-check")
    assert "unencrypted" in run("login", "lab", typed="x\n", code=1)["error"]["what"]


def test_another_address_of_the_same_name_does_not_inherit_the_login(settings: Path) -> None:
    run("add", "http://127.0.0.1:9", "--name", "lab", "--no-check")
    run("login", "lab", typed=f"{TOKEN}\n")
    run("add", "https://evil.org", "--name", "lab", "--no-check")
    assert run("list")["endpoints"][0]["credential"] is None


# --------------------------------------------------------------------------- catalogue
def test_the_marketplace(settings: Path, raw: Any) -> None:
    summary = {
        "id": "m1",
        "name": "m1",
        "title": "<b>One</b>",
        "tags": ["t"],
        "data-type": ["image"],
    }
    broken = {"id": "m2", "title": "", "tags": ["invalid metadata"], "links": "", "license": None}

    def answer(connection: Any, raw_: Any) -> None:
        head = raw.read(connection, raw_)
        path = head.split()[1]
        if b"accept: application/json" not in head.lower():
            said = b'{"detail": "Please specify the profile."}'
            connection.sendall(raw.reply(said, status="400 Bad"))
        elif path.endswith(b"/detail"):
            connection.sendall(raw.reply(json.dumps([summary, broken, 3]).encode()))
        elif path.endswith(b"/m1/metadata"):
            more = {**summary, "description": "Long.", "links": {"docs": "https://x.org"}}
            connection.sendall(raw.reply(json.dumps(more).encode()))
        elif path.endswith(b"/m3/metadata"):
            connection.sendall(raw.reply(b'{"status": "fail", "error_msg": "no <i>luck</i>"}'))
        else:
            connection.sendall(raw.reply(b'{"detail": "unknown"}', status="404 Not Found"))

    server = raw(answer)
    market = Catalogue(server.url)
    first, second = market.modules()
    assert (first.title, first.data_type, second.is_broken) == ("One", ["image"], True)
    assert market.module("m1").links == {"docs": "https://x.org"}
    market.close()
    assert len(run("catalogue", "--url", server.url)["modules"]) == 2
    assert run("catalogue", "m1", "--url", server.url)["modules"][0]["description"] == "Long."
    assert "no luck" in run("catalogue", "m3", "--url", server.url, code=1)["error"]["what"]
    assert "no module" in run("catalogue", "../x", "--url", server.url, code=1)["error"]["what"]
    assert b"/%2E%2E%2Fx/" in server.requests[-1] or b"..%2Fx" in server.requests[-1]


def test_the_command_line_stays_light() -> None:
    import subprocess

    code = "import sys, napari_phenoai.cli; print({'requests', 'keyring'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.strip() == "set()"
