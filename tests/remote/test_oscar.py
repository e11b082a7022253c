"""OSCAR clusters: a stand-in for their manager, with moto as their storage."""

from __future__ import annotations

import base64
import io
import itertools
import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from napari_phenoai.cli.app import app
from napari_phenoai.core.endpoints import Credential, Endpoint
from napari_phenoai.core.progress import finish
from napari_phenoai.errors import (
    AnswerError,
    EndpointError,
    FieldsError,
    NoAnswerError,
    RefusedError,
    ServerFailedError,
    SignInError,
)
from napari_phenoai.io.endpoints import EndpointBook
from napari_phenoai.loop.remote_predict import mapping_of, predict_remote, remote_predictor
from napari_phenoai.remote.asking import raw_mask
from napari_phenoai.remote.auth import BasicLogin, Login, TokenLogin
from napari_phenoai.remote.calls import StoppedError
from napari_phenoai.remote.connections import Connections, client_of
from napari_phenoai.remote.credentials import MemorySecrets
from napari_phenoai.remote.deepaas import DeepaasClient
from napari_phenoai.remote.oscar import OscarClient
from napari_phenoai.remote.oscar_questions import beside
from napari_phenoai.remote.oscar_replies import result
from napari_phenoai.remote.transport import Answer
from napari_phenoai.remote.upload import Upload
from napari_phenoai.testing.project import tiny_project

TOKEN = "t0ken" * 12 + "abcd"  # as long as those of services are
OTHER = "oidc-" + "x" * 20
KEYS = {"aws_access_key_id": "minio-key", "aws_secret_access_key": "minio-secret"}


def png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "png")
    return buffer.getvalue()


def segmented(asked: dict[str, Any]) -> dict[str, Any]:
    """Do what a module does: find what is green in the file that was sent."""
    (sent,) = asked["oscar-files"]
    assert sent["key"] == "image"
    assert sent["file_format"] == "png"
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(sent["data"]))), np.int16)
    red, green, blue = np.moveaxis(pixels, 2, 0)
    found = ((2 * green - red - blue > 40) * 255).astype(np.uint8)
    return {"mask": base64.b64encode(png(found)).decode(), "threshold": asked.get("threshold")}


@dataclass
class Cluster:
    """The manager of a cluster, and the service behind its bucket."""

    url: str = ""
    s3: Any = None
    storage: str = ""
    valid: set[str] = field(default_factory=lambda: {f"Bearer {TOKEN}"})
    flow: str = "bucket"
    work: Callable[[dict[str, Any]], object] = segmented
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    logs: dict[str, str] = field(default_factory=dict)
    move: Callable[[dict[str, Any]], object] = lambda signed: None
    idle: bool = False

    def reply(self, method: str, path: str, login: str, body: bytes) -> tuple[int, bytes]:
        self.seen.append((method, path, login))
        if path == "/health":
            return 200, b'{"status": "ok"}'
        if self.answers:
            return self.answers.pop(0)
        if login not in self.valid:
            return (404, b"not found") if path.startswith("/run/") else (401, b"")
        if path == "/system/services":
            return 200, json.dumps([self.service("green"), {"name": "../x"}, 3]).encode()
        if path.startswith("/run/"):
            return 200, self.run(json.loads(body))
        if path.endswith("/presign"):
            return 200, json.dumps(self.presigned(json.loads(body))).encode()
        if path.startswith("/system/logs/"):
            jobs = {name: {"status": state} for name, state in self.logs.items()}
            return 200, json.dumps({"jobs": jobs}).encode()
        return 404, b""

    def service(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = {"name": name, "token": TOKEN, "memory": "1Gi"}
        if self.flow == "bucket":
            found["input"] = [{"storage_provider": "minio.default", "path": f"{name}/inputs"}]
            found["output"] = [{"storage_provider": "minio.default", "path": f"{name}/outputs"}]
        return found

    def run(self, asked: dict[str, Any]) -> bytes:
        self.asked.append(asked)
        done = self.work(asked)
        return done if isinstance(done, bytes) else f"loading\nreturn: {done!r}\n".encode()

    def presigned(self, wish: dict[str, Any]) -> dict[str, Any]:
        assert set(wish) == {"object_key", "operation", "expires_in"}
        action = "put_object" if wish["operation"] == "upload" else "get_object"
        place = {"Bucket": "green", "Key": wish["object_key"]}
        url = self.s3.generate_presigned_url(action, Params=place, ExpiresIn=wish["expires_in"])
        method = "PUT" if wish["operation"] == "upload" else "GET"
        if wish["operation"] == "download" and not self.idle:
            self.serve()
        signed = {"method": method, "url": url, "headers": {"Host": "evil.org"}}
        self.move(signed)
        return signed

    def serve(self) -> None:
        """Do the jobs of the files that have come."""
        listed = self.s3.list_objects_v2(Bucket="green", Prefix="inputs/").get("Contents", [])
        for item in listed:
            body = self.s3.get_object(Bucket="green", Key=item["Key"])["Body"].read()
            self.s3.delete_object(Bucket="green", Key=item["Key"])
            name = item["Key"].removeprefix("inputs/").removesuffix(".json")
            self.asked.append(json.loads(body))
            log = "loading\n"
            try:
                done = json.dumps(self.work(self.asked[-1])).encode()
                self.s3.put_object(Bucket="green", Key=f"outputs/{name}.json", Body=done)
            except ValueError as error:
                log += f"Traceback\n\x1b[31mValueError: {error} token={TOKEN}\n"
            self.s3.put_object(Bucket="green", Key=f"outputs/{name}.log", Body=log.encode())


@pytest.fixture(scope="module")
def storage() -> Iterator[str]:
    pytest.importorskip("moto.server")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def cluster(storage: str) -> Iterator[Cluster]:
    import boto3
    from botocore.config import Config  # type: ignore[import-untyped]

    how = Config(signature_version="s3v4", s3={"addressing_style": "path"})
    s3 = boto3.client("s3", endpoint_url=storage, region_name="us-east-1", config=how, **KEYS)
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket="green")
    cluster = Cluster(s3=s3, storage=storage)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            login = self.headers.get("Authorization", "")
            status, said = cluster.reply(self.command, self.path, login, body)
            self.send_response(status)
            self.send_header(
                "Content-Type", "application/json" if said[:1] in b"{[" else "text/plain"
            )
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_POST = do_GET  # noqa: N815 - as the library calls it

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        cluster.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield cluster
        server.shutdown()
    s3.close()


@pytest.fixture(autouse=True)
def nothing_is_shown(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Neither a token nor a signature comes into any record of a logger that we use."""
    ours = ("napari_phenoai", "urllib3")
    for name in ours:
        caplog.set_level(logging.DEBUG, logger=name)
    yield
    shown = [one.getMessage() for one in caplog.records if one.name.startswith(ours)]
    assert any("GET" in text for text in shown) or not shown
    assert all(TOKEN not in text for text in shown)
    assert all("Signature=[hidden]" in text for text in shown if "X-Amz-Signature" in text)


class Quick(OscarClient):
    first_pause = 0.02


def client(cluster: Cluster, login: Login | None = None) -> OscarClient:
    endpoint = Endpoint(name="lab", url=cluster.url, kind="oscar", credential="lab")
    return Quick(endpoint, login or TokenLogin(cluster.url, TOKEN))


PIXELS = np.zeros((3, 40, 30), np.uint8)
PIXELS[1, 10:20, 5:15] = 200
UPLOAD = {"image": Upload("tile.png", png(np.moveaxis(PIXELS, 0, -1)), "image/png")}


def mask(cluster: Cluster, login: Login | None = None) -> np.ndarray:
    with client(cluster, login) as found:
        values: np.ndarray = raw_mask(found, found.offer(), PIXELS, "uint8").values
    return values


# -------------------------------------------------------------------------- it works
@pytest.mark.parametrize("flow", ["bucket", "run"])
def test_a_tile_goes_there_and_its_mask_comes_back(cluster: Cluster, flow: str) -> None:
    cluster.flow = flow
    found = mask(cluster)
    assert set(np.unique(found)) == {0, 255}
    assert found[12, 7] == 255
    assert (found > 0).sum() == 100


def test_the_login_goes_to_the_cluster_and_not_to_its_storage(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, bool]] = []
    import requests

    real = requests.Session.send

    def send(self: Any, request: Any, **options: Any) -> Any:
        sent.append((request.url.split("?")[0], "Authorization" in request.headers))
        assert request.headers.get("Host") != "evil.org"
        return real(self, request, **options)

    monkeypatch.setattr(requests.Session, "send", send)
    mask(cluster)
    assert {known for url, known in sent if url.startswith(cluster.url)} == {True}
    assert {known for url, known in sent if url.startswith(cluster.storage)} == {False}


def test_a_whole_project_is_predicted(cluster: Cluster, tmp_path: Path) -> None:
    with tiny_project(tmp_path / "field.phenoai", 1, size=(96, 96), tile_px=96) as project:
        with client(cluster) as found:
            meaning = mapping_of("0=soil,255=plant", project.scheme)
            predictor = remote_predictor(project, found, meaning=meaning)
            assert finish(predict_remote(project, predictor)) == 1
        assert predictor.card.note == "green at lab"


def test_arguments_travel_as_the_command_line_wants_them(cluster: Cluster) -> None:
    with client(cluster) as found:
        offer = found.offer("green")
        assert offer.train is None
        form = offer.predict
        assert form is not None
        assert [one.name for one in form.fields] == ["image", "arguments"]
        values = {"arguments": '{"threshold": 0.5, "crop": [0, 0, 6, 8], "on": true, "no": null}'}
        found.predict(offer, UPLOAD, values)
        asked = {name: value for name, value in cluster.asked[-1].items() if name != "oscar-files"}
        assert asked == {"threshold": 0.5, "crop": "[0, 0, 6, 8]", "on": True}
        for bad in ("[1]", "{", '{"event": 1}', '{"Records": []}'):
            with pytest.raises(FieldsError) as error:
                found.predict(offer, UPLOAD, {"arguments": bad})
            assert error.value.fields


def test_a_profile_names_the_file(cluster: Cluster, tmp_path: Path, monkeypatch: Any) -> None:
    text = 'format = 1\nname = "g"\n[module]\nnames = ["green"]\n[predict]\npicture = "image"\n'
    (tmp_path / "g.toml").write_text(text + "values = { threshold = 0.25 }\n")
    monkeypatch.setattr("napari_phenoai.remote.profiles.profiles_folder", lambda: tmp_path)
    from napari_phenoai.remote.asking import RemoteSettings
    from napari_phenoai.remote.profiles import profiled

    with client(cluster) as found:
        offer = found.offer()
        raw_mask(found, offer, PIXELS, "uint8", profiled(offer, RemoteSettings()))
    assert cluster.asked[-1]["threshold"] == 0.25


def test_a_user_name_lists_and_the_token_of_the_service_runs(cluster: Cluster) -> None:
    login = BasicLogin(cluster.url, "ann", "password")
    cluster.flow = "run"
    cluster.valid.add(login.header() or "")
    assert mask(cluster, login).any()
    used = {path: known for _, path, known in cluster.seen}
    assert used["/run/green"] == f"Bearer {TOKEN}"
    assert used["/system/services"].startswith("Basic ")


# ---------------------------------------------------------------------------- faults
class Renewable(TokenLogin):
    """A login whose first token has ended."""

    def __init__(self, url: str) -> None:
        self.tokens = [OTHER, TOKEN]
        super().__init__(url, lambda: self.tokens[0])

    def renew(self) -> bool:
        self.tokens = self.tokens[1:] or self.tokens
        return self.tokens == [TOKEN]


@pytest.mark.parametrize("flow", ["bucket", "run"])
def test_a_login_that_has_ended_is_renewed_once(cluster: Cluster, flow: str) -> None:
    cluster.flow = flow
    cluster.valid.add(f"Bearer {OTHER}")
    with client(cluster, Renewable(cluster.url)) as found:
        found.offers()
        cluster.valid.remove(f"Bearer {OTHER}")
        assert raw_mask(found, found.offer(), PIXELS, "uint8").values.any()
    assert len(cluster.asked) == 1


def test_a_404_says_both_things_that_it_may_mean(cluster: Cluster) -> None:
    cluster.flow = "run"
    with client(cluster) as found:
        offer = found.offer()
        cluster.valid.clear()
        with pytest.raises(RefusedError, match="no such service, or the login has ended") as error:
            found.predict(offer, UPLOAD)
        assert "Log in" in error.value.hint


def test_a_service_that_has_to_wake_up(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    hours = itertools.count(step=10)  # ten seconds pass from one look at the clock to the next
    clock = SimpleNamespace(monotonic=lambda: next(hours))
    cluster.flow = "run"
    with client(cluster) as found:
        offer = found.offer()
        cluster.answers += [(502, b"cold"), (502, b"cold")]
        assert found.predict(offer, UPLOAD).content
        assert len(cluster.asked) == 1
        cluster.answers += [(502, b"cold")] * 100
        monkeypatch.setattr("napari_phenoai.remote.oscar.time", clock)
        with pytest.raises(NoAnswerError, match="no container yet") as error:
            found.predict(offer, UPLOAD, seconds=60)
        assert error.value.diagnosis == "slow"


def test_a_failure_of_the_module_is_not_asked_again(cluster: Cluster) -> None:
    cluster.flow = "run"
    with client(cluster) as found:
        offer = found.offer()
        for status, kind in (
            (500, ServerFailedError),
            (503, ServerFailedError),
            (400, RefusedError),
        ):
            cluster.answers = [(status, b"no")]
            before = len(cluster.seen)
            with pytest.raises(kind):
                found.predict(offer, UPLOAD)
            assert len(cluster.seen) == before + 1


def test_what_a_module_writes_before_it_fails_is_told_without_secrets(cluster: Cluster) -> None:
    def fail(_: object) -> object:
        raise ValueError("no leaf")

    cluster.work = fail
    with pytest.raises(ServerFailedError, match="no leaf") as error:
        mask(cluster)
    assert TOKEN not in str(error.value)
    assert "\x1b" not in str(error.value)
    cluster.flow, cluster.work = "run", lambda _: b"usage: deepaas-cli\nerror: argument\n"
    with pytest.raises(ServerFailedError, match="argument"):
        mask(cluster)


def test_a_result_that_does_not_come_is_explained_by_the_jobs(cluster: Cluster) -> None:
    cluster.idle = True
    with client(cluster) as found:
        offer = found.offer()
        for jobs, diagnosis in (({"a": "Pending", "b": "Running"}, "busy"), ({}, "slow")):
            cluster.logs = jobs
            with pytest.raises(NoAnswerError) as error:
                found.predict(offer, UPLOAD, seconds=0.2)
            assert error.value.diagnosis == diagnosis
            assert error.value.hint


def test_nobody_has_to_wait(cluster: Cluster) -> None:
    cluster.idle = True
    stop = threading.Event()
    with client(cluster) as found:
        offer = found.offer()
        threading.Timer(0.3, stop.set).start()
        with pytest.raises(StoppedError):
            found.predict(offer, UPLOAD, seconds=600, stop=stop)


def test_a_cluster_cannot_point_into_this_computer(cluster: Cluster) -> None:
    def to(url: str) -> Callable[[dict[str, Any]], object]:
        return lambda signed: signed.update(url=url)

    with client(cluster) as found:
        offer = found.offer()
        for url, kind in (
            ("http://minio.example.org/x", SignInError),
            ("file:///etc/passwd", EndpointError),
        ):
            cluster.move = to(url)
            with pytest.raises((kind, ValueError)):
                found.predict(offer, UPLOAD)
        cluster.move = lambda signed: signed.update(method="DELETE")
        with pytest.raises(AnswerError, match="OSCAR") as error:
            found.predict(offer, UPLOAD)
        assert "X-Amz" not in str(error.value)
        away = Quick(Endpoint(name="x", url="https://oscar.example.org", kind="oscar"))
        with pytest.raises(RefusedError, match="this computer"):
            away._check_place("http://127.0.0.1:9/x")
        away.close()


def test_files_are_trusted_to_hosts_beside_the_cluster_only() -> None:
    base = "https://oscar.lab.org"
    assert beside("https://minio.lab.org:9000/x", base)
    assert beside(f"{base}/x", base)
    for other in ("https://minio.evil.org", "https://lab.org.evil.org", "https://localhost"):
        assert not beside(other, base)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b"return: __import__('os').system('touch /tmp/owned')", AnswerError),
        (b"return: " + b"[" * 5000, AnswerError),
        (b"return: {1, 2", AnswerError),
        (b"return: open('/etc/passwd').read()", AnswerError),
        (b"", ServerFailedError),
        (b"Traceback\nValueError: <b>no</b>", ServerFailedError),
    ],
)
def test_a_result_in_python_is_read_and_never_run(said: bytes, kind: type[Exception]) -> None:
    with pytest.raises(kind) as error:
        result(Answer("https://lab.org/run/x", 200, "text/plain", said))
    assert "<b>" not in str(error.value)


def test_results_of_all_kinds() -> None:
    picture = png(np.zeros((4, 4), np.uint8))
    for said, content in (
        (b"log\nreturn: {'a': None, 'b': True}\nbye\n", b'{"a": null, "b": true}'),
        (b'{"a": 1}', b'{"a": 1}'),
        (base64.b64encode(picture), picture),
        (base64.encodebytes(b'{"a": [1, 2, 3, 4]}'), b'{"a": [1, 2, 3, 4]}'),
        (picture, picture),
    ):
        assert result(Answer("https://lab.org", 200, "", said)).content == content


def test_another_program_is_no_cluster(cluster: Cluster) -> None:
    with client(cluster) as found:
        for said in (b'{"models": []}', b"<html>", b"3"):
            cluster.answers = [(200, said)]
            with pytest.raises(AnswerError):
                found.offers(fresh=True)
        cluster.answers = [(401, b"")]
        with pytest.raises(SignInError):
            found.offers(fresh=True)
        found.offers(fresh=True)
        assert [one.key for one in found.offers()] == ["green"]
        gone = found.offer().__class__("other", "/x")
        with pytest.raises(RefusedError, match="any more"):
            found.predict(gone, UPLOAD)
        assert TOKEN not in repr(found)
        assert TOKEN not in repr(found._services)


# --------------------------------------------------------------------------- commands
def test_a_cluster_by_commands(cluster: Cluster, tmp_path: Path, monkeypatch: Any) -> None:
    file = tmp_path / "config" / "endpoints.json"
    monkeypatch.setattr("napari_phenoai.io.endpoints.endpoints_file", lambda: file)

    def run(*argv: str, code: int = 0) -> dict[str, Any]:
        done = CliRunner().invoke(app, ["endpoints", *argv, "--json"])
        assert done.exit_code == code, done.output
        assert TOKEN not in done.output
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    added = run("add", cluster.url, "--name", "lab", "--kind", "oscar")
    assert added["endpoint"]["kind"] == "oscar"
    assert added["models"] == []
    assert "valid login" in run("test", "lab", code=1)["error"]["what"]
    command = f"python3 -c 'print(\"{TOKEN}\")'"
    run("login", "lab", "--command", command)
    (model,) = run("test", "lab")["models"]
    assert model == {"model": "green", "predict": True, "train": False}
    assert run("show", "lab")["predict"][0]["name"] == "image"
    assert "cannot be used" in run("add", cluster.url, "--kind", "x", code=1)["error"]["what"]


def test_connections_make_the_right_client(cluster: Cluster, tmp_path: Path) -> None:
    book, secrets = EndpointBook(tmp_path / "endpoints.json"), MemorySecrets()
    secrets.put("lab", TOKEN)
    login = Credential(name="lab", origins=(cluster.url,))
    endpoint = Endpoint(name="lab", url=cluster.url, kind="oscar", credential="lab")
    book.change(lambda listed: listed.with_endpoint(endpoint).with_credential(login))
    connections = Connections(book, secrets)
    assert isinstance(connections.client("lab"), OscarClient)
    assert type(client_of(endpoint.but(kind="deepaas"))) is DeepaasClient
    connections.close()
