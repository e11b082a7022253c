"""Trainings on a real DEEPaaS server: each ends in a state, none is started twice."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from napari_phenoai.core.endpoints import Endpoint
from napari_phenoai.core.forms import Form, FormField
from napari_phenoai.errors import FieldsError, LostAnswerError, NoAnswerError, RefusedError
from napari_phenoai.remote.deepaas import DeepaasClient
from napari_phenoai.remote.spec import Offer
from napari_phenoai.remote.training import RunState, cancel, look, submit
from napari_phenoai.remote.transport import Limits

ID = "0123456789abcdef0123456789abcdef"
OFFER = Offer("m", "/v2/models/m", train=Form((FormField("epochs", "integer"),)))


@pytest.fixture
def client(deepaas_alone: Any) -> Iterator[DeepaasClient]:
    with DeepaasClient(deepaas_alone.endpoint()) as client:
        yield client


def ended(client: DeepaasClient, offer: Offer, uuid: str) -> RunState:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        state = look(client, offer, uuid)
        if state.state != "running":
            return state
        time.sleep(0.1)
    raise AssertionError("the training does not end")


def test_a_training_that_ends_well(client: DeepaasClient, deepaas_alone: Any) -> None:
    offer = client.offer("good")
    with deepaas_alone.holding():
        run = submit(client, offer, {"delay": "0.1", "data": "a b&c.zip"})
        assert look(client, offer, run.uuid).state == "running"
    assert ended(client, offer, run.uuid) == RunState("done", "", {"done": True})
    (listed,) = [item for item in client.trainings(offer) if item.uuid == run.uuid]
    assert listed.args["data"] == "a b&c.zip"
    assert cancel(client, offer, run.uuid).state == "done"


def test_a_training_that_fails_tells_why_as_plain_text(client: DeepaasClient) -> None:
    offer = client.offer("bad")
    run = submit(client, offer, {"kind": "value_error"})
    assert ended(client, offer, run.uuid) == RunState("failed", "bad pixel 42")


def test_running_and_waiting_trainings_are_cancelled(client: DeepaasClient) -> None:
    offer = client.offer("good")
    first = submit(client, offer, {"delay": 600})
    second = submit(client, offer, {"delay": 600})
    assert cancel(client, offer, second.uuid).state == "cancelled"
    assert cancel(client, offer, first.uuid).state == "cancelled"
    assert look(client, offer, first.uuid).state == "lost"
    assert ended(client, offer, submit(client, offer, {}).uuid).state == "done"


def test_a_result_that_the_server_cannot_tell(client: DeepaasClient) -> None:
    offer = client.offer("bad")
    run = submit(client, offer, {"kind": "set"})
    assert ended(client, offer, run.uuid).state == "unreadable"
    # Its whole list is broken now, which must not keep the next training from starting.
    assert (
        ended(client, offer, submit(client, offer, {"kind": "value_error"}).uuid).state == "failed"
    )
    assert cancel(client, offer, run.uuid).state == "cancelled"
    assert client.trainings(offer)


def test_an_id_that_the_server_does_not_know(client: DeepaasClient) -> None:
    offer = client.offer("good")
    assert look(client, offer, ID).state == "lost"
    assert cancel(client, offer, ID).state == "lost"


def test_what_is_not_sent_at_all(client: DeepaasClient) -> None:
    offer = client.offer("good")
    before = len(client.trainings(offer))
    with pytest.raises(FieldsError):
        submit(client, offer, {"delay": "soon"})
    with pytest.raises(RefusedError, match="does not train"):
        submit(client, Offer("m", "/v2/models/m"), {})
    with_file = Form((FormField("data", "file", required=True),))
    with pytest.raises(RefusedError, match="wants the file data"):
        submit(client, Offer("m", "/v2/models/m", train=with_file), {})
    assert len(client.trainings(offer)) == before


def listing(raw: Any, found: list[dict[str, Any]], posts: list[bytes]) -> Any:
    """Return a server that takes a training, hangs up, and lists it afterwards."""

    def answer(connection: Any, raw_: Any) -> None:
        head = raw.read(connection, raw_)
        if head.startswith(b"POST"):
            posts.append(head)
            return
        listed = found if posts else []
        connection.sendall(raw.reply(json.dumps(listed).encode()))

    return raw(answer)


@pytest.mark.parametrize(
    ("found", "known"),
    [
        ([{"uuid": ID, "status": "running", "args": {"epochs": 3, "x": 1}}], True),
        ([{"uuid": ID, "status": "running", "args": {"epochs": 4}}], False),
        ([], False),
        (
            [{"uuid": ID[:-1] + end, "status": "running", "args": {"epochs": 3}} for end in "12"],
            False,
        ),
    ],
)
def test_a_lost_answer_is_looked_for_and_nothing_is_sent_again(
    raw: Any, found: list[dict[str, Any]], known: bool
) -> None:
    posts: list[bytes] = []
    server = listing(raw, found, posts)
    with DeepaasClient(Endpoint(name="lab", url=server.url)) as client:
        if known:
            assert submit(client, OFFER, {"epochs": 3}).uuid == ID
        else:
            with pytest.raises(LostAnswerError, match="Nobody knows") as error:
                submit(client, OFFER, {"epochs": 3})
            assert "before you start another" in error.value.hint
    assert len(posts) == 1


def test_a_server_that_freezes_when_a_training_is_cancelled(
    raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen: list[bool] = []

    def answer(connection: Any, raw_: Any) -> None:
        if frozen:
            raw.silence(connection, raw_)
            return
        raw.read(connection, raw_)
        frozen.append(True)
        # The first question is answered, however long that takes: only now is time short.
        monkeypatch.setattr("napari_phenoai.remote.training._ASK", Limits(read_seconds=0.4))
        body = json.dumps({"uuid": ID, "status": "running"}).encode()
        connection.sendall(raw.reply(body))

    server = raw(answer)
    with DeepaasClient(Endpoint(name="lab", url=server.url)) as client:
        with pytest.raises(NoAnswerError, match="since the training was cancelled") as error:
            cancel(client, OFFER, ID)
    assert error.value.diagnosis == "frozen"
