"""OpenID providers on this machine: a real one where node is, and one that is stricter still."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets as random
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote
from urllib.request import Request, urlopen

import pytest

if TYPE_CHECKING:
    from tests.servers.free_ports import free_port
else:
    from free_ports import free_port

CLIENT = "phenoai-test"
REALM = "/auth/realms/lab"
NODE_FILES = Path(__file__).resolve().parent / "oidc"
NODE_VERSION = "9.13.3"


@dataclass
class StandIn:
    """A provider as strict as the strictest: it replaces refresh tokens and notices old ones."""

    url: str = ""
    codes: dict[str, dict[str, Any]] = field(default_factory=dict)
    refresh: dict[str, str] = field(default_factory=dict)
    old: set[str] = field(default_factory=set)
    access: set[str] = field(default_factory=set)
    answers: list[tuple[int, object]] = field(default_factory=list)
    document: dict[str, object] = field(default_factory=dict)
    begun: dict[str, object] = field(default_factory=dict)
    seconds: float = 3600
    slow: threading.Event = field(default_factory=threading.Event)
    seen: list[dict[str, str]] = field(default_factory=list)

    @property
    def issuer(self) -> str:
        return self.url + REALM

    def say(self, user_code: str, answer: str = "yes") -> None:
        self.codes[user_code]["answer"] = answer

    def reply(self, path: str, sent: dict[str, str]) -> tuple[int, object]:
        self.seen.append({**sent, "path": path})
        if path.endswith("openid-configuration"):
            urls = {
                "token_endpoint": f"{self.issuer}/token",
                "device_authorization_endpoint": f"{self.issuer}/device",
                "revocation_endpoint": f"{self.issuer}/revoke",
            }
            return 200, {"issuer": self.issuer, **urls, **self.document}
        if self.answers:
            return self.answers.pop(0)
        if path.endswith("/device"):
            return self._begin(sent)
        if path.endswith("/revoke"):
            self.refresh.pop(sent["token"], None)
            return 200, {}
        kind = sent.get("grant_type", "")
        return self._renew(sent) if kind == "refresh_token" else self._give(sent)

    def _begin(self, sent: dict[str, str]) -> tuple[int, object]:
        if sent.get("client_id") != CLIENT:
            return 401, {"error": "invalid_client", "error_description": "<b>who?</b>"}
        code, typed = random.token_urlsafe(8), random.token_hex(3).upper()
        self.codes[typed] = {**sent, "device_code": code}
        page = f"{self.url}/device"
        return 200, {
            "device_code": code,
            "user_code": typed,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={typed}",
            "expires_in": 600,
            "interval": 1,
            **self.begun,
        }

    def _give(self, sent: dict[str, str]) -> tuple[int, object]:
        found = [one for one in self.codes.values() if one["device_code"] == sent["device_code"]]
        if not found:
            return 400, {"error": "invalid_grant"}
        made = hashlib.sha256(sent["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(made).rstrip(b"=").decode()
        if challenge != found[0]["code_challenge"] or sent.get("client_id") != CLIENT:
            return 400, {"error": "invalid_grant", "error_description": "PKCE"}
        said = found[0].get("answer", "")
        if said != "yes":
            error = {"": "authorization_pending", "no": "access_denied"}.get(said, said)
            return 400, {"error": error}
        found[0]["device_code"] = ""
        return 200, self.tokens("family")

    def _renew(self, sent: dict[str, str]) -> tuple[int, object]:
        token = sent["refresh_token"]
        if token in self.old:
            self.refresh.clear()
        family = self.refresh.pop(token, None)
        if family is None:
            return 400, {"error": "invalid_grant"}
        self.slow.wait(0.3)
        self.old.add(token)
        return 200, self.tokens(family)

    def tokens(self, family: str) -> dict[str, object]:
        access, refresh = f"access-{random.token_hex(8)}", "refresh-" + random.token_hex(900)
        self.access.add(access)
        self.refresh[refresh] = family
        return {
            "access_token": access,
            "refresh_token": refresh,
            "token_type": "Bearer",
            "expires_in": self.seconds,
        }


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    provider = StandIn()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.answer(dict(parse_qsl(body)))

        def answer(self, sent: dict[str, str]) -> None:
            if self.path == "/v2/thing":
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                answer: tuple[int, object] = (200 if token in provider.access else 401, {})
            else:
                answer = provider.reply(self.path, sent)
            status, said = answer
            data = said.encode() if isinstance(said, str) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield provider
        server.shutdown()


@dataclass
class Real:
    """The provider of node."""

    issuer: str
    url: str

    def say(self, user_code: str, answer: str = "yes") -> None:
        address = f"{self.url}/test/say?user_code={quote(user_code)}&answer={answer}"
        urlopen(Request(address, method="POST"), timeout=60).close()  # noqa: S310


@pytest.fixture(scope="session")
def node_folder() -> Path:
    """A folder with oidc-provider: named by ``PHENOAI_OIDC``, or installed into the cache."""
    if not shutil.which("node"):
        pytest.skip("no node here to run a real OpenID provider")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = Path(os.environ.get("PHENOAI_OIDC", cache / f"phenoai-tests/oidc-{NODE_VERSION}"))
    if not (folder / "node_modules" / "oidc-provider").is_dir():
        if not shutil.which("npm"):
            pytest.skip("no npm here to install a real OpenID provider")
        folder.mkdir(parents=True, exist_ok=True)
        line = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]
        line += [str(folder), f"oidc-provider@{NODE_VERSION}"]
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(line, capture_output=True, check=False, timeout=300)
        if not (folder / "node_modules" / "oidc-provider").is_dir():
            pytest.skip("oidc-provider cannot be installed without a network")
    return folder


@pytest.fixture(scope="session")
def real(node_folder: Path) -> Iterator[Real]:
    port = free_port()
    line = ["node", str(NODE_FILES / "provider.mjs"), str(port), str(node_folder)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"up"
        yield Real(f"http://127.0.0.1:{port}{REALM}", f"http://127.0.0.1:{port}")
        process.kill()


@pytest.fixture(params=["real", "stand-in"])
def provider(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param.replace("-", "_"))
