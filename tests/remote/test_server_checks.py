"""The doctor of servers names the broken link on the way to each, and the remedy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from napari_phenoai.cli.app import app
from napari_phenoai.core.endpoints import Credential, Endpoint, EndpointList
from napari_phenoai.io.endpoints import EndpointBook
from napari_phenoai.loop.server_checks import ServerCheck, check_servers
from napari_phenoai.remote.credentials import MemorySecrets
from napari_phenoai.remote.transport import Limits

TOKEN = "-".join(("t0ken", "of", "ann", "123456"))


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EndpointBook:
    file = tmp_path / "config" / "endpoints.json"
    monkeypatch.setattr("napari_phenoai.io.endpoints.endpoints_file", lambda: file)
    # How quick an answer has to be is the matter of one test; elsewhere there is time.
    monkeypatch.setattr("napari_phenoai.loop.server_checks._QUICK", Limits(60, 60, 120))
    monkeypatch.setattr(check_servers, "__kwdefaults__", {"seconds": 120})
    return EndpointBook(file)


def checked(
    book: EndpointBook, *credentials: Credential, seconds: float = 60, **changes: Any
) -> ServerCheck:
    book.change(lambda _: EndpointList())
    endpoint = Endpoint(**{"name": "lab", "url": "http://127.0.0.1:9", **changes})
    book.change(lambda listed: listed.but(credentials=credentials).with_endpoint(endpoint))
    secrets = MemorySecrets()
    secrets.put("kept", TOKEN)
    (found,) = check_servers(book, secrets, seconds=seconds)
    assert TOKEN not in str(found)
    assert all(what and hint for what, hint in found.problems)
    return found


def spec(raw: Any, version: str = "2.6.0", model: str = "good") -> Any:
    """Start a server that describes itself; return it."""
    paths: dict[str, object] = {f"/v2/models/{model}/predict/": {"post": {"parameters": []}}}
    said = {"info": {"version": version}, "paths": paths}

    def answer(connection: Any, server: Any) -> None:
        head = raw.read(connection, server)
        data = said if b"swagger.json" in head else {"models": []}
        connection.sendall(raw.reply(json.dumps(data).encode()))

    return raw(answer)


def test_a_sound_server(book: EndpointBook, deepaas: Any) -> None:
    found = checked(book, url=deepaas.url)
    assert found.problems == ()
    assert "DEEPaaS 2." in found.fact
    assert "good" in found.fact


def test_nothing_is_there(book: EndpointBook) -> None:
    ((what, hint),) = checked(book).problems
    assert "lab (http://127.0.0.1:9)" in what
    assert "nothing answers" in what
    assert "network" in hint


def test_another_program(book: EndpointBook, raw: Any) -> None:
    page = raw(raw.reply(b"<html>hello</html>", kind="text/html"))
    ((what, _),) = checked(book, url=page.url).problems
    assert "web page" in what


def test_an_old_server_and_a_stand_in(book: EndpointBook, raw: Any) -> None:
    ((what, hint),) = checked(book, url=spec(raw, "1.3.0").url).problems
    assert "too old" in what
    assert "2.6" in hint
    ((what, _),) = checked(book, url=spec(raw, model="deepaas-test").url).problems
    assert "stand-in" in what


def test_certificates(
    book: EndpointBook, own_certificate: tuple[Path, str], tmp_path: Path
) -> None:
    file, url = own_certificate
    ((what, hint),) = checked(book, url=url).problems
    assert "not trusted" in what
    assert "--ca-file" in hint
    gone = tmp_path / "gone.pem"
    ((what, hint),) = checked(book, url=url, ca_file=str(gone)).problems
    assert "gone.pem" in what
    from napari_phenoai.loop.server_checks import _certificate

    ((what, _),) = _certificate(Endpoint(name="x", url=url, ca_file=str(file)), "x")
    assert "ends in" in what


@pytest.mark.parametrize(
    ("credential", "words"),
    [
        (None, "not known"),
        (Credential(name="kept"), "not for"),
        (Credential(name="gone", origins=("http://127.0.0.1:9",)), "not in the keyring"),
        (
            Credential(
                name="c", kind="command", command=("/no/such",), origins=("http://127.0.0.1:9",)
            ),
            "cannot be run",
        ),
        (
            Credential(
                name="o", kind="oidc", issuer="http://127.0.0.1:9/x", client="x",
                origins=("http://127.0.0.1:9",),
            ),
            "cannot be reached",
        ),
    ],
)  # fmt: skip
def test_logins(book: EndpointBook, credential: Credential | None, words: str) -> None:
    known = () if credential is None else (credential,)
    name = credential.name if credential else "x"
    ((what, _),) = checked(book, *known, credential=name).problems
    assert words in what


def test_a_login_that_the_server_refuses(book: EndpointBook, raw: Any) -> None:
    no = raw(raw.reply(b"", status="401 Unauthorized"))
    known = Credential(name="kept", origins=(no.url,))
    ((what, hint),) = checked(book, known, url=no.url, credential="kept").problems
    assert "valid login" in what
    assert "endpoints login" in hint


def test_who_does_not_answer_holds_nobody_up(book: EndpointBook, raw: Any) -> None:
    found = checked(book, url=raw(raw.silence).url, seconds=0.5)
    assert found.fact == "not checked"
    assert "in time" in found.problems[0][0]


def test_the_command(book: EndpointBook, deepaas: Any, tmp_path: Path) -> None:
    def doctor(code: int = 0) -> dict[str, Any]:
        done = CliRunner().invoke(app, ["doctor", "--json"])
        assert done.exit_code == code, done.output
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    assert not [name for name in doctor()["facts"] if name.startswith("server")]
    here = Endpoint(name="here", url=deepaas.url)
    gone = Endpoint(name="gone", url="http://127.0.0.1:9")
    book.change(lambda listed: listed.with_endpoint(here).with_endpoint(gone))
    told = doctor()
    assert "answers in" in told["facts"]["server here"]
    assert told["facts"]["server gone"] == "not usable"
    (problem,) = [one for one in told["problems"] if "gone" in one["what"]]
    assert problem["level"] == "warning", "offline is normal"
    book.path.write_text("{")
    (problem,) = [one for one in doctor(1)["problems"] if one["level"] == "error"]
    assert "damaged" in problem["what"]
    done = CliRunner().invoke(app, ["doctor", "--no-servers", "--json"])
    assert done.exit_code == 0
