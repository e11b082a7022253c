"""What can go wrong on the way to a server: each case ends in a named error with a remedy."""

from __future__ import annotations

import gzip
import logging
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from napari_phenoai.core.endpoints import Endpoint
from napari_phenoai.errors import (
    AnswerError,
    CertificateError,
    EndpointError,
    LostAnswerError,
    NoAnswerError,
    RefusedError,
    ServerFailedError,
    SignInError,
    UnreachableError,
)
from napari_phenoai.remote.auth import TokenLogin
from napari_phenoai.remote.deepaas import DeepaasClient
from napari_phenoai.remote.replies import ModelList, parsed, read_json, trainings
from napari_phenoai.remote.spec import offers
from napari_phenoai.remote.transport import MEGABYTE, Limits, Transport
from napari_phenoai.remote.upload import Upload, multipart

TOKEN = "-".join(("s3cret", "token", "of", "ann"))
PATIENT = Limits(connect_seconds=60, read_seconds=60, total_seconds=120, max_bytes=100_000)
"""For every request that is not about time."""


def get(server: Any, limits: Limits = PATIENT) -> Any:
    with Transport(server.url, TokenLogin(server.url, TOKEN), retries=False) as http:
        return http.get(f"{server.url}/v2/models/", limits=limits)


def post(server: Any, data: Any = b"x", **options: Any) -> Any:
    options = {"accept": "image/png", "limits": PATIENT, **options}
    with Transport(server.url, TokenLogin(server.url, TOKEN)) as http:
        return http.post(f"{server.url}/p/", data=data, **options)


@pytest.fixture(autouse=True)
def no_token_is_shown(caplog: pytest.LogCaptureFixture) -> Any:
    """Whatever happens, the token is in no record of any logger."""
    caplog.set_level(logging.DEBUG)
    yield
    assert TOKEN not in caplog.text


def ended_well(error: pytest.ExceptionInfo[EndpointError]) -> None:
    """Every error names what failed, gives a remedy, and shows no secret."""
    assert error.value.what
    assert error.value.hint
    chain: BaseException | None = error.value
    while chain is not None:
        assert TOKEN not in f"{chain} {chain!r}"
        chain = chain.__cause__


# ------------------------------------------------------------------- no connection at all
def test_nothing_listens_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with Transport(url, retries=False) as http, pytest.raises(UnreachableError) as error:
            http.get(f"{url}/v2/models/")
    assert url in error.value.what
    ended_well(error)


def test_a_name_that_nobody_has_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[Any] = []
    look_up = socket.getaddrinfo

    def counted(host: Any, *args: Any, **options: Any) -> Any:
        looked_up.append(host)
        return look_up(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", counted)
    url = "https://no-such-server.invalid"
    with Transport(url) as http, pytest.raises(UnreachableError, match="no server called") as error:
        http.get(f"{url}/v2/models/")
    assert looked_up == ["no-such-server.invalid"]
    ended_well(error)


def test_nobody_takes_the_connection() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        with socket.socket() as first, socket.socket() as second:
            first.connect(full.getsockname())
            second.setblocking(False)
            second.connect_ex(full.getsockname())
            limits = Limits(connect_seconds=0.3, read_seconds=0.3)
            with Transport(url, retries=False) as http, pytest.raises(EndpointError) as error:
                http.get(f"{url}/", limits=limits)
    assert isinstance(error.value, UnreachableError | NoAnswerError)
    ended_well(error)


@pytest.mark.parametrize("waits", [True, False])
def test_https_to_a_server_without_it(raw: Any, waits: bool) -> None:
    def at_once(connection: socket.socket, _: Any) -> None:
        connection.recv(100)
        connection.sendall(raw.reply(b"what?", status="400 Bad Request"))

    server = raw(raw.silence if waits else at_once)
    url = server.url.replace("http:", "https:")
    limits = Limits(connect_seconds=1) if waits else PATIENT
    with Transport(url, retries=False) as http, pytest.raises(CertificateError) as error:
        http.get(f"{url}/", limits=limits)
    assert "http:" in error.value.hint
    ended_well(error)


def test_a_certificate_that_nobody_signed_and_one_that_the_person_trusts(
    own_certificate: tuple[Path, str],
) -> None:
    file, url = own_certificate
    with Transport(url, retries=False) as http, pytest.raises(CertificateError) as error:
        http.get(f"{url}/")
    assert "--ca-file" in error.value.hint
    ended_well(error)
    with Transport(url, ca_file=file) as http:
        assert http.get(f"{url}/").content == b"[]"


def test_the_person_s_certificate_wins_over_the_environment(
    own_certificate: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import certifi

    file, url = own_certificate
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())
    with Transport(url, ca_file=file) as http:
        assert http.get(f"{url}/").status == 200


def test_a_certificate_file_that_has_gone_or_is_none(
    tmp_path: Path, own_certificate: tuple[Path, str]
) -> None:
    url = own_certificate[1]
    (tmp_path / "empty.pem").write_text("no certificate")
    for name in ("gone.pem", "empty.pem"):
        with Transport(url, ca_file=tmp_path / name, retries=False) as http:
            with pytest.raises(CertificateError, match="certificate file") as error:
                http.get(f"{url}/")
        ended_well(error)


# ------------------------------------------------------------------- broken answers
def test_a_server_that_never_answers(raw: Any) -> None:
    with pytest.raises(NoAnswerError, match="did not answer in time") as error:
        get(raw(raw.silence), Limits(read_seconds=0.4))
    ended_well(error)


def test_a_server_that_hangs_up_at_once(raw: Any) -> None:
    server = raw(lambda connection, raw: connection.recv(10))
    with pytest.raises(LostAnswerError, match="broke") as error:
        get(server)
    ended_well(error)


def test_an_answer_that_breaks_off_in_its_head(raw: Any) -> None:
    server = raw(b"HTTP/1.1 200 OK\r\nContent-Ty")
    with pytest.raises(AnswerError) as error:
        read_json(get(server))
    ended_well(error)


def test_half_a_body(raw: Any) -> None:
    server = raw(raw.reply(b"[1, 2", length=500))
    with pytest.raises(AnswerError, match="cut off") as error:
        get(server)
    ended_well(error)


def test_half_a_body_in_pieces(raw: Any) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    server = raw(head + b"5\r\n[1, 2\r\n9\r\nabc")
    with pytest.raises(AnswerError, match="cut off") as error:
        get(server)
    ended_well(error)


def test_a_body_that_does_not_end(raw: Any) -> None:
    def pour(connection: socket.socket, raw_: Any) -> None:
        raw.read(connection, raw_)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    with pytest.raises(AnswerError, match="larger than") as error:
        get(raw(pour))
    ended_well(error)


def test_a_body_that_comes_drop_by_drop(raw: Any) -> None:
    def drip(connection: socket.socket, raw_: Any) -> None:
        raw.read(connection, raw_)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n")
        while True:
            connection.sendall(b"x")
            time.sleep(0.05)

    # Each drop comes in time, all of them together do not.
    with pytest.raises(NoAnswerError, match="too slowly") as error:
        get(raw(drip), Limits(read_seconds=60, total_seconds=0.4))
    ended_well(error)


def test_a_small_body_that_unpacks_to_a_huge_one(raw: Any) -> None:
    body = gzip.compress(b"0" * (50 * MEGABYTE))
    server = raw(raw.reply(body, headers="Content-Encoding: gzip\r\n"))
    with pytest.raises(AnswerError, match="larger than") as error:
        get(server)
    ended_well(error)


def test_a_body_that_is_packed_wrongly(raw: Any) -> None:
    server = raw(raw.reply(b"no gzip at all", headers="Content-Encoding: gzip\r\n"))
    with pytest.raises(AnswerError, match="packed wrongly") as error:
        get(server)
    ended_well(error)


def test_another_protocol(raw: Any) -> None:
    server = raw(b"220 mail.example.org ESMTP ready\r\n")
    with pytest.raises(EndpointError) as error:
        get(server)
    ended_well(error)


def test_a_web_page_in_place_of_data(raw: Any) -> None:
    page = b"<html><title>x</title><script>alert(1)</script><h1>Please <b>log in</b></h1></html>"
    answer = get(raw(raw.reply(page, kind="text/html")))
    with pytest.raises(AnswerError, match=r"place of data: Please log in Check") as error:
        read_json(answer)
    ended_well(error)


def test_no_json_and_json_that_is_too_deep(raw: Any) -> None:
    for body in (b"hello", b"[" * 60_000, b"", b"\xff\xfe\x00", b'{"a": 1'):
        answer = get(raw(raw.reply(body)))
        with pytest.raises(AnswerError, match="no JSON") as error:
            read_json(answer)
        ended_well(error)


def test_json_of_another_program(raw: Any) -> None:
    answer = get(raw(raw.reply(b'{"models": "none"}')))
    with pytest.raises(AnswerError, match="does not answer as a DEEPaaS server") as error:
        parsed(answer, ModelList)
    ended_well(error)
    for body in (b"[1]", b'"x"', b'[{"uuid": "../../etc", "status": "running"}]'):
        with pytest.raises(AnswerError):
            trainings(get(raw(raw.reply(body))))
    specs: list[object] = [None, [], {"paths": 3}, {"paths": {"/other": {}}}]
    for spec in specs:
        with pytest.raises(AnswerError, match="no models"):
            offers(spec)


# ------------------------------------------------------------------- no by status
@pytest.mark.parametrize(
    ("status", "kind", "word"),
    [
        ("400 Bad Request", RefusedError, "refused"),
        ("401 Unauthorized", SignInError, "login"),
        ("402 Payment Required", RefusedError, "not offer"),
        ("403 Forbidden", SignInError, "login"),
        ("404 Not Found", RefusedError, "nothing there"),
        ("405 Method Not Allowed", RefusedError, "refused"),
        ("413 Request Entity Too Large", RefusedError, "too large"),
        ("422 Unprocessable Entity", RefusedError, "refused"),
        ("500 Internal Server Error", ServerFailedError, "failed"),
        ("502 Bad Gateway", ServerFailedError, "gave up"),
        ("503 Service Unavailable", ServerFailedError, "gave up"),
        ("504 Gateway Timeout", ServerFailedError, "gave up"),
    ],
)
def test_each_status_has_its_words(
    raw: Any, status: str, kind: type[EndpointError], word: str
) -> None:
    body = f"<p>because of \x1b[31mtoken={TOKEN}</p>".encode()
    server = raw(raw.reply(body, status=status, kind="text/html"))
    with pytest.raises(kind, match=word) as error:
        post(server)
    assert "because of token=[hidden]" in error.value.what
    ended_well(error)


# ------------------------------------------------------------------- sending
def test_a_post_is_never_sent_twice(raw: Any) -> None:
    for answer in (raw.reply(b"", status="503 Busy", headers="Retry-After: 0\r\n"), b""):
        server = raw(answer)
        with pytest.raises(EndpointError) as error:
            post(server)
        assert len(server.requests) == 1
        ended_well(error)


def test_a_get_is_asked_again_after_a_broken_gateway(raw: Any) -> None:
    def second_time(connection: socket.socket, raw_: Any) -> None:
        raw.read(connection, raw_)
        status = "200 OK" if len(raw_.requests) > 1 else "502 Bad Gateway"
        connection.sendall(raw.reply(b"[]", status=status))

    server = raw(second_time)
    with Transport(server.url) as http:
        assert http.get(f"{server.url}/").content == b"[]"
    assert len(server.requests) == 2


def test_a_server_that_says_come_back_in_an_hour_does_not_hold_us(raw: Any) -> None:
    server = raw(raw.reply(b"", status="503 Busy", headers="Retry-After: 3600\r\n"))
    from napari_phenoai.remote.adapter import policy

    assert policy().retry_after_max <= 5
    with Transport(server.url, retries=False) as http, pytest.raises(ServerFailedError):
        http.get(f"{server.url}/")


def test_a_server_that_stops_reading_an_upload(raw: Any) -> None:
    def shut(connection: socket.socket, raw_: Any) -> None:
        raw.read(connection, raw_, body=False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    upload = {"image": Upload("a.png", b"x" * (30 * MEGABYTE))}
    with multipart(upload) as body, pytest.raises(EndpointError) as error:
        post(raw(shut), body.stream, content_type=body.content_type)
    assert isinstance(error.value, RefusedError | LostAnswerError)
    ended_well(error)


def test_a_line_that_stands_still_for_longer_than_a_connection_may_take(raw: Any) -> None:
    def slow(connection: socket.socket, raw_: Any) -> None:
        raw.read(connection, raw_, body=False)
        time.sleep(2)
        end = b""
        while end != b"--\r\n" and (piece := connection.recv(1 << 20)):
            end = (end + piece)[-4:]
        connection.sendall(raw.reply(b"taken"))

    upload = {"image": Upload("a.png", b"x" * (20 * MEGABYTE))}
    server = raw(slow)
    with multipart(upload) as body, Transport(server.url) as http:
        answer = http.post(
            f"{server.url}/p/",
            accept="image/png",
            data=body.stream,
            content_type=body.content_type,
            limits=Limits(connect_seconds=1, read_seconds=60),
        )
    assert answer.content == b"taken"


def test_an_early_no_to_a_large_upload(raw: Any) -> None:
    def refuse(connection: socket.socket, raw_: Any) -> None:
        raw.read(connection, raw_, body=False)
        body = b"Maximum request body size 20000 exceeded."
        connection.sendall(raw.reply(body, status="413 Too Large", kind="text/plain"))
        while connection.recv(1 << 20):
            pass

    upload = {"image": Upload("a.png", b"x" * (8 * MEGABYTE))}
    with multipart(upload) as body, pytest.raises(RefusedError, match="too large") as error:
        post(raw(refuse), body.stream, content_type=body.content_type)
    assert "20000" in error.value.what
    ended_well(error)


# ------------------------------------------------------------------- redirects and logins
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_a_redirect_to_another_server_gets_no_token(raw: Any, status: str) -> None:
    thief = raw(raw.reply(b"[]"))
    server = raw(raw.reply(b"", status=status, headers=f"Location: {thief.url}/x\r\n"))
    for ask in (get, post):
        with pytest.raises(RefusedError, match="another address") as error:
            ask(server)
        ended_well(error)
    assert thief.requests == []


def test_a_redirect_on_the_same_server_is_followed_for_get_only(raw: Any) -> None:
    def moved(connection: socket.socket, raw_: Any) -> None:
        head = raw.read(connection, raw_)
        if b" /new " in head:
            connection.sendall(raw.reply(b"[]"))
        else:
            reply = raw.reply(b"", status="308 Moved", headers="Location: /new\r\n")
            connection.sendall(reply)

    assert get(raw(moved)).content == b"[]"
    server = raw(moved)
    with pytest.raises(RefusedError):
        post(server)
    assert len(server.requests) == 1


@pytest.mark.parametrize("goal", ["file:///etc/passwd", "https://ann@evil.org/", "http://[", "//x"])
def test_redirects_to_nowhere(raw: Any, goal: str) -> None:
    server = raw(raw.reply(b"", status="302 Found", headers=f"Location: {goal}\r\n"))
    for ask in (get, post):
        with pytest.raises(RefusedError) as error:
            ask(server)
        ended_well(error)


def test_a_redirect_with_a_body_that_does_not_end(raw: Any) -> None:
    def pour(connection: socket.socket, raw_: Any) -> None:
        raw.read(connection, raw_)
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: https://evil.org/\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    with pytest.raises(RefusedError, match="another address") as error:
        get(raw(pour))
    ended_well(error)


def test_redirects_in_a_circle(raw: Any) -> None:
    server = raw(raw.reply(b"", status="302 Found", headers="Location: /again\r\n"))
    with pytest.raises(RefusedError, match="circles") as error:
        get(server)
    assert len(server.requests) == 5
    ended_well(error)


def test_a_token_does_not_travel_in_the_open() -> None:
    url = "http://server.example.org"
    with Transport(url, TokenLogin(url, TOKEN)) as http, pytest.raises(SignInError) as error:
        http.get(f"{url}/v2/models/")
    assert "unencrypted" in error.value.what
    ended_well(error)


def test_netrc_never_wins(raw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login eve password stolen\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server = raw(raw.reply(b"[]"))
    get(server)
    with Transport(server.url) as http:
        http._http.trust_env = True
        http.get(f"{server.url}/")
    assert f"Authorization: Bearer {TOKEN}".encode() in server.requests[0]
    assert b"uthorization" not in server.requests[1]


def test_a_proxy_is_not_used_for_this_machine(raw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert get(raw(raw.reply(b"[]"))).content == b"[]"


def test_a_proxy_is_used_for_others_and_one_that_is_down_is_named(
    raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = raw(raw.reply(b"[]"))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    url = "http://lab.example.org"
    for way in (proxy.url, "http://127.0.0.1:9"):
        monkeypatch.setenv("http_proxy", way)
        with Transport(url, retries=False) as http:
            if way == proxy.url:
                assert http.get(f"{url}/x").content == b"[]"
                continue
            with pytest.raises(UnreachableError, match="proxy") as error:
                http.get(f"{url}/x")
            ended_well(error)
    assert proxy.requests[0].startswith(b"GET http://lab.example.org/x ")


def test_cookies_are_not_kept(raw: Any) -> None:
    server = raw(raw.reply(b"[]", headers="Set-Cookie: id=1\r\n"))
    with Transport(server.url) as http:
        http.get(f"{server.url}/")
        http.get(f"{server.url}/")
    assert b"ookie" not in server.requests[1]


def test_nothing_shows_a_token(raw: Any) -> None:
    server = raw(raw.reply(b"[]"))
    endpoint = Endpoint(name="lab", url=server.url, credential="ann")
    login = TokenLogin(server.url, TOKEN)
    with DeepaasClient(endpoint, login) as client, Transport(server.url, login) as http:
        shown = f"{client!r} {client} {http!r} {login!r} {endpoint!r} {endpoint.model_dump_json()}"
        assert TOKEN not in shown
