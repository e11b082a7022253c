"""What stands before a server, and is not to be taken for its word on a training."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from napari_phenoai.core.endpoints import Endpoint
from napari_phenoai.core.forms import Form
from napari_phenoai.core.progress import finish
from napari_phenoai.core.remote_training import RemoteTraining
from napari_phenoai.errors import EndpointError, RefusedError, SignInError
from napari_phenoai.io.trainings import TrainingStore
from napari_phenoai.loop.remote_patience import Pace
from napari_phenoai.loop.remote_train import follow_training
from napari_phenoai.remote.deepaas import DeepaasClient
from napari_phenoai.remote.spec import Offer
from napari_phenoai.remote.training import look
from napari_phenoai.testing.project import tiny_project

if TYPE_CHECKING:
    from pathlib import Path

UUID = "0" * 32
OFFER = Offer("m", "/v2/models/m", Form(()), Form(()))
PATHS: dict[str, Any] = {
    "/v2/models/m/predict/": {"post": {"parameters": []}},
    "/v2/models/m/train/": {"get": {}, "post": {"parameters": []}},
}
SPEC = json.dumps({"paths": PATHS}).encode()
TRAINING = RemoteTraining(
    id="a-training-of-mine", server="lab", module="m", way="call", state="running",
    uuid=UUID, snapshot="x",
)  # fmt: skip
QUICK = Pace(first=0.02, most=0.05, told=0.05, tick=0.01, unreachable=600)


class Door:
    """Says what stands before a server: its own answers, until it is told otherwise."""

    def __init__(self, raw: Any) -> None:
        self.raw, self.closed = raw, b""
        self.train = raw.reply(b"{}", status="404 Not Found")
        self.server = raw(self.answer)
        self.client = DeepaasClient(Endpoint(name="lab", url=self.server.url))

    def answer(self, connection: Any, kept: Any) -> None:
        head = self.raw.read(connection, kept)
        if self.closed:
            connection.sendall(self.closed)
        elif b"swagger" in head:
            connection.sendall(self.raw.reply(SPEC))
        elif UUID.encode() in head:
            connection.sendall(self.train)
        else:
            connection.sendall(self.raw.reply(b'{"models": []}'))


@pytest.fixture
def door(raw: Any) -> Door:
    return Door(raw)


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        ("404 Not Found", "text/plain", b"404 page not found"),
        ("404 Not Found", "text/html", b"<h1>No such deployment</h1>"),
    ],
)
def test_a_gateway_whose_server_is_away_does_not_lose_a_training(
    door: Door, status: str, kind: str, body: bytes
) -> None:
    """Deployments that are starting anew answer 404 to everything."""
    door.closed = door.raw.reply(body, status=status, kind=kind)
    with pytest.raises(RefusedError, match="nothing there"):
        look(door.client, OFFER, UUID)
    door.closed = b""
    assert look(door.client, OFFER, UUID).state == "lost", "that is the server's own word"


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_a_login_that_ended_meanwhile_is_named(door: Door, status: str) -> None:
    door.train = door.raw.reply(b"<p>log in</p>", status=status, kind="text/html")
    with pytest.raises(SignInError, match="wants a valid login") as error:
        look(door.client, OFFER, UUID)
    assert "Log in again" in error.value.hint


@pytest.mark.parametrize("status", ["302 Found", "429 Too Many", "502 Bad Gateway"])
def test_other_answers_are_asked_for_again(door: Door, status: str) -> None:
    door.train = door.raw.reply(b"", status=status)
    with pytest.raises(EndpointError) as error:
        look(door.client, OFFER, UUID)
    assert not isinstance(error.value, SignInError)


def test_a_training_that_tells_nothing_new_for_long_may_have_crashed(
    door: Door, tmp_path: Path
) -> None:
    run = {"uuid": UUID, "status": "running", "args": {}}
    door.train = door.raw.reply(json.dumps(run).encode())
    with tiny_project(tmp_path / "field.phenoai", 1) as project:
        TrainingStore(project.path).save(TRAINING)
        pace = replace(QUICK, news=0.2)
        work = follow_training(project, lambda _: door.client, TRAINING.id, pace)
        messages = [next(work).message]
        while "crashed" not in messages[-1]:
            messages.append(next(work).message)
        assert any("waits for its turn" in message for message in messages[:-1])
        assert "may freeze that server" in messages[-1]
        assert TrainingStore(project.path).get(TRAINING.id).state == "running"
        run["status"] = "done"
        door.train = door.raw.reply(json.dumps(run).encode())
        assert finish(work).state == "done"


def test_a_training_is_followed_through_all_of_it_and_who_follows_hears_of_it(
    door: Door, tmp_path: Path
) -> None:
    """A lost login, a gateway without its server, then the end: nothing is sent again."""
    heard: list[EndpointError | None] = [None]
    run = {"uuid": UUID, "status": "done", "output": {"result": 1}, "args": {}}
    login = door.raw.reply(b"", status="401 No")
    away = door.raw.reply(b"", status="404 No", kind="text/plain")
    well = door.raw.reply(json.dumps(run).encode())
    seen: list[str] = []
    with tiny_project(tmp_path / "field.phenoai", 1) as project:
        store = TrainingStore(project.path)
        store.save(TRAINING)
        door.train = login
        work = follow_training(
            project, lambda _: door.client, TRAINING.id, QUICK, heard=heard.append
        )
        for _ in work:
            if isinstance(heard[-1], SignInError) and not seen:
                seen.append("login")
                door.closed = away
            elif isinstance(heard[-1], RefusedError) and seen == ["login"]:
                seen.append("away")
                assert store.get(TRAINING.id).state == "running"
                door.closed, door.train = b"", well
        assert store.get(TRAINING.id).state == "done"
    assert seen == ["login", "away"]
    assert heard[-1] is None, "all was well in the end"
    assert not [head for head in door.server.requests if head.startswith(b"POST")]
