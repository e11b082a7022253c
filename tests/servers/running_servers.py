"""Real servers on this machine: DEEPaaS with our modules, and one that breaks the protocol."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import keyring
import keyring.backend
import keyring.errors
import pytest

from napari_phenoai.core.endpoints import Endpoint

if TYPE_CHECKING:
    from tests.servers.free_ports import free_port
    from tests.servers.oidc_providers import node_folder, provider, real, stand_in
else:
    from free_ports import free_port
    from oidc_providers import node_folder, provider, real, stand_in

__all__ = ["node_folder", "provider", "real", "stand_in"]

MODULES = Path(__file__).resolve().parent
MODELS = ("good", "bad")
START_SECONDS = 180


@dataclass
class Running:
    """A server that was started."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def end(self) -> None:
        """Stop it and its workers; a frozen one would not hear SIGTERM."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def endpoint(self, **changes: Any) -> Endpoint:
        return Endpoint(name="lab", url=self.url, **changes)

    def logged(self, words: str) -> str:
        """Return what it wrote in its log, with `words`: it may write them after it answered."""
        until = time.monotonic() + START_SECONDS
        while words not in (text := self.log.read_text(errors="replace")):
            assert time.monotonic() < until, text[-2000:]
            time.sleep(0.02)
        return text

    @contextmanager
    def holding(self) -> Iterator[Callable[[], None]]:
        """Hold up whatever the module ``good`` begins until the block ends.

        The function that it gives waits until the module has begun something.
        """
        gate = self.log.parent / "hold"
        gate.mkdir()

        def begun() -> None:
            until = time.monotonic() + START_SECONDS
            while not any(gate.iterdir()):
                assert time.monotonic() < until, self.log.read_text(errors="replace")[-2000:]
                time.sleep(0.02)

        try:
            yield begun
        finally:
            gate.rename(gate.with_name(f"held-{time.time_ns()}"))


def named(folder: Path, modules: Mapping[str, str]) -> Path:
    """Return a folder on whose account deepaas-run finds `modules`."""
    names = folder / "names" / "phenoai_test-0.dist-info"
    names.mkdir(parents=True)
    (names / "METADATA").write_text("Metadata-Version: 2.1\nName: phenoai-test\nVersion: 0\n")
    listed = "".join(f"{name} = {module}\n" for name, module in modules.items())
    (names / "entry_points.txt").write_text(f"[deepaas.v2.model]\n{listed}")
    return names.parent


def start_deepaas(
    folder: Path,
    *options: str,
    models: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Running:
    """Start deepaas-run with modules by name, by default those that answer in all shapes."""
    if os.name == "nt":
        pytest.skip("deepaas-run is started and stopped as on Linux and macOS")
    program = Path(sys.executable).with_name("deepaas-run")
    if find_spec("deepaas") is None or not (program.exists() or shutil.which("deepaas-run")):
        pytest.skip('no deepaas-run here: pip install "deepaas>=2.6"')
    names = named(folder, models or {name: f"phenoai_test_{name}" for name in MODELS})
    environment = {
        **os.environ,
        "PYTHONPATH": f"{MODULES}{os.pathsep}{names}",
        "PYTHONWARNINGS": "ignore",
        "XDG_CACHE_HOME": str(folder / "cache"),
        "TMPDIR": str(folder),
        "OMP_NUM_THREADS": "1",
        "PHENOAI_HOME": str(folder / "home"),
        **(variables or {}),
    }
    said = ""
    for _ in range(3):  # a port that is free now may be taken before the server takes it
        server = _launched(program, folder, options, environment)
        if _answers(server):
            return server
        server.end()
        said = server.log.read_text(errors="replace")[-2000:]
        if "in use" not in said:
            break
    raise RuntimeError(f"deepaas-run did not start: {said}")


def _launched(
    program: Path, folder: Path, options: Sequence[str], environment: Mapping[str, str]
) -> Running:
    port, log = free_port(), folder / "server.log"
    line = [str(program), "--listen-ip", "127.0.0.1", "--listen-port", str(port), *options]
    with log.open("wb") as out:
        process = subprocess.Popen(
            line, stdout=out, stderr=out, env=environment, cwd=folder, start_new_session=True
        )
    base = next((options[i + 1] for i, name in enumerate(options) if name == "--base-path"), "")
    return Running(f"http://127.0.0.1:{port}{base}", process, log)


def _answers(server: Running) -> bool:
    """Wait until a server that was started answers; False if it does not."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.process.poll() is None:
        with suppress(OSError), urlopen(f"{server.url}/v2/models/", timeout=30) as answer:  # noqa: S310
            answer.read()
            return True
        time.sleep(0.1)
    return False


@pytest.fixture(scope="session")
def unused_port() -> Callable[[], int]:
    """Return what finds a port where nothing listens."""
    return free_port


@pytest.fixture
def ours_named(tmp_path: Path) -> Path:
    """Return a folder that, on PYTHONPATH, lets deepaas-run find our own module."""
    return named(tmp_path, {"phenoai": "napari_phenoai.server.api"})


@pytest.fixture(scope="session")
def starting() -> Callable[..., Running]:
    """Return what starts a server, see `start_deepaas`; it has to be ended."""
    return start_deepaas


@pytest.fixture(scope="session")
def deepaas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that all tests share: none of them may hurt it."""
    server = start_deepaas(tmp_path_factory.mktemp("deepaas"))
    yield server
    server.end()


@pytest.fixture(scope="module")
def deepaas_alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server for the tests of one module."""
    server = start_deepaas(tmp_path_factory.mktemp("deepaas"))
    yield server
    server.end()


@pytest.fixture
def own_deepaas(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start a server that the test may break, with options of deepaas-run."""
    started: list[Running] = []

    def start(*options: str) -> Running:
        folder = tmp_path / f"server{len(started)}"
        folder.mkdir()
        started.append(start_deepaas(folder, *options))
        return started[-1]

    yield start
    for server in started:
        server.end()


@dataclass
class Raw:
    """A server that answers each connection by a function of its own."""

    url: str
    requests: list[bytes] = field(default_factory=list)
    received: int = 0


def read_request(connection: socket.socket, raw: Raw, *, body: bool = True) -> bytes:
    """Read a request: its head, and as much of a body as it announces."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return data
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    raw.requests.append(head)
    lines = [line.split(b":", 1) for line in head.lower().split(b"\r\n")]
    length = next((int(line[1]) for line in lines if line[0] == b"content-length"), 0)
    raw.received = len(rest)
    while body and raw.received < length:
        piece = connection.recv(1 << 20)
        if not piece:
            break
        raw.received += len(piece)
    return head


def reply(
    body: bytes = b"{}",
    *,
    status: str = "200 OK",
    kind: str = "application/json",
    headers: str = "",
    length: int | None = None,
) -> bytes:
    size = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\n{headers}"
    return f"{head}Connection: close\r\n\r\n".encode() + body


def silence(connection: socket.socket, raw: Raw) -> None:
    """Listen until the other side goes away, and never answer."""
    while connection.recv(1 << 16):
        pass


@contextmanager
def raw_server(answer: Callable[[socket.socket, Raw], object]) -> Iterator[Raw]:
    """Serve connections with `answer`, which is given each one and the server."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(16)
    listener.settimeout(0.1)
    raw = Raw(f"http://127.0.0.1:{listener.getsockname()[1]}")
    ending = threading.Event()
    open_ones: list[socket.socket] = []

    def one(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            answer(connection, raw)

    def serve() -> None:
        while not ending.is_set():
            with suppress(TimeoutError):
                connection, _ = listener.accept()
                connection.settimeout(300)
                open_ones.append(connection)
                workers.append(threading.Thread(target=one, args=(connection,), daemon=True))
                workers[-1].start()

    workers: list[threading.Thread] = []
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield raw
    finally:
        ending.set()
        thread.join()
        for connection in open_ones:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for worker in workers:
            worker.join(30)
        for connection in open_ones:
            connection.close()
        listener.close()


@pytest.fixture
def raw() -> Iterator[Callable[[Callable[[socket.socket, Raw], object]], Raw]]:
    """Start raw servers: ``raw(answer)``, or ``raw(raw.reply(...))`` for one fixed answer."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def start(answer: Callable[[socket.socket, Raw], object] | bytes) -> Raw:
            if isinstance(answer, bytes):
                fixed = answer

                def answer(connection: socket.socket, raw: Raw) -> None:
                    read_request(connection, raw)
                    connection.sendall(fixed)

            return stack.enter_context(raw_server(answer))

        start.reply = reply  # type: ignore[attr-defined]
        start.read = read_request  # type: ignore[attr-defined]
        start.silence = silence  # type: ignore[attr-defined]
        yield start


class KeptSecrets(keyring.backend.KeyringBackend):
    """A keyring in memory."""

    priority = -1  # never found by itself, only taken by name or by hand

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise keyring.errors.PasswordDeleteError("not there")


@pytest.fixture
def own_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KeptSecrets]:
    """Give the test a list of servers and a keyring of its own; returns the keyring."""
    monkeypatch.setattr(
        "napari_phenoai.io.endpoints.endpoints_file", lambda: tmp_path / "endpoints.json"
    )
    before, ring = keyring.get_keyring(), KeptSecrets()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


@pytest.fixture(scope="session")
def own_certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A server with a certificate of its own, and the file that makes it trusted."""
    import ssl

    program = shutil.which("openssl")
    if program is None:
        pytest.skip("no openssl here to make a certificate")
    folder = tmp_path_factory.mktemp("certificate")
    key, file = folder / "key.pem", folder / "cert.pem"
    line = [program, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    line += [
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=127.0.0.1",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
    ]
    line += ["-keyout", str(key), "-out", str(file)]
    subprocess.run(line, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)

    def answer(connection: socket.socket, raw: Raw) -> None:
        with suppress(ssl.SSLError), context.wrap_socket(connection, server_side=True) as safe:
            read_request(safe, raw)
            safe.sendall(reply(b"[]"))

    with raw_server(answer) as server:
        yield file, server.url.replace("http:", "https:")
