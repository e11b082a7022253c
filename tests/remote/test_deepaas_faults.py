"""What misbehaving modules on a real DEEPaaS server look like from here."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from napari_phenoai.core.endpoints import Endpoint
from napari_phenoai.core.forms import Form, FormField
from napari_phenoai.errors import (
    AnswerError,
    NoAnswerError,
    RefusedError,
    ServerFailedError,
)
from napari_phenoai.remote.answers import read_answer
from napari_phenoai.remote.calls import StoppedError
from napari_phenoai.remote.deepaas import _PROBE, DeepaasClient
from napari_phenoai.remote.picture_files import picture_upload
from napari_phenoai.remote.spec import Offer
from napari_phenoai.remote.transport import Limits

TILE = np.zeros((3, 16, 16), np.uint8)


def predict(client: DeepaasClient, kind: str, **options: Any) -> Any:
    accept = "application/json"
    return client.predict(client.offer("bad"), {}, {"kind": kind}, accept=accept, **options)


@pytest.fixture
def client(deepaas: Any) -> Iterator[DeepaasClient]:
    with DeepaasClient(deepaas.endpoint()) as client:
        yield client


@pytest.fixture(autouse=True)
def patient_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a server that is only slow here for none that stands still."""
    monkeypatch.setattr("napari_phenoai.remote.deepaas._PROBE", Limits(60, 60, 120))


@pytest.mark.parametrize("kind", ["value_error", "set"])
def test_a_model_that_raises_gives_no_reason(client: DeepaasClient, kind: str) -> None:
    with pytest.raises(ServerFailedError, match="500") as error:
        predict(client, kind)
    assert "does not say why" in error.value.hint
    assert "trouble" not in error.value.what
    assert client.check() > 0


def test_a_failure_inside_of_a_success(client: DeepaasClient) -> None:
    answer = predict(client, "status")
    with pytest.raises(ServerFailedError, match="no plant") as error:
        read_answer(answer, (16, 16))
    assert "abc123secret" not in str(error.value)


def test_an_answer_that_holds_no_mask(client: DeepaasClient) -> None:
    for kind in ("words", "huge"):
        answer = predict(client, kind)
        with pytest.raises(AnswerError, match="no mask"):
            read_answer(answer, (16, 16))


def test_values_that_are_no_numbers(client: DeepaasClient) -> None:
    mask = read_answer(predict(client, "nan"), (2, 2))
    np.testing.assert_array_equal(mask.values, [[0, 0], [1, 1]])


def test_a_model_that_predicts_not_and_one_that_is_not_there(client: DeepaasClient) -> None:
    from dataclasses import replace

    offer = replace(client.offer("good"), path="/v2/models/gone")
    with pytest.raises(RefusedError, match="nothing there"):
        client.predict(offer, {"image": picture_upload(TILE)})
    with pytest.raises(RefusedError, match="does not predict"):
        client.predict(replace(offer, predict=None), {})


def test_an_upload_larger_than_the_server_takes(own_deepaas: Any) -> None:
    server = own_deepaas("--client-max-size", "20000")
    noise = np.random.default_rng(0).integers(0, 255, (3, 300, 300), np.uint8)
    with DeepaasClient(server.endpoint()) as client:
        with pytest.raises(RefusedError, match="too large"):
            client.predict(client.offer("good"), {"image": picture_upload(noise)})
        client.predict(client.offer("good"), {"image": picture_upload(TILE)})


def test_silence_is_slow_at_first(client: DeepaasClient, deepaas: Any) -> None:
    offer, files = client.offer("good"), {"image": picture_upload(TILE)}
    with deepaas.holding(), pytest.raises(NoAnswerError, match="slow") as error:
        client.predict(offer, files, seconds=1)
    assert error.value.diagnosis == "slow"
    client.predict(offer, files)


def test_a_lost_worker_is_stuck_and_a_dead_server_down(own_deepaas: Any) -> None:
    server = own_deepaas()
    with DeepaasClient(server.endpoint()) as client:
        with pytest.raises(NoAnswerError) as error:
            predict(client, "http_error", seconds=2)
        assert error.value.diagnosis in {"slow", "stuck"}
        with pytest.raises(NoAnswerError) as error:
            predict(client, "value_error", seconds=2)
        assert error.value.diagnosis == "stuck"
        assert "restart" in error.value.hint
        ending = threading.Timer(1, server.end)
        ending.start()
        with pytest.raises(Exception) as died:  # noqa: PT011 - cut off, or down
            predict(client, "value_error", seconds=120)
        ending.join()
        assert "Error" in type(died.value).__name__
        assert getattr(died.value, "hint", "")


def test_a_training_makes_the_server_busy(own_deepaas: Any) -> None:
    server = own_deepaas()
    with DeepaasClient(server.endpoint()) as client:
        offer = client.offer("good")
        url = f"{server.url}/v2/models/good/train/"
        params = [("delay", "600"), ("data", "set<b>1</b>.zip")]
        client.http.post(url, accept="application/json", params=params)
        assert [item.status for item in client.trainings(offer)] == ["running"]
        with pytest.raises(NoAnswerError, match="busy: 1 training") as error:
            client.predict(offer, {"image": picture_upload(TILE)}, seconds=1)
        assert error.value.diagnosis == "busy"
        assert "data=set1.zip" in error.value.what


def test_a_server_that_is_frozen(raw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_phenoai.remote.deepaas._PROBE", Limits(read_seconds=0.5))
    assert _asked(raw(raw.silence)).diagnosis == "frozen"


@pytest.mark.parametrize("models", ["silent", "late"])
def test_a_server_that_is_overloaded_is_not_called_frozen(
    raw: Any, models: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose modules cannot describe themselves now, and one that answers late."""
    monkeypatch.setattr("napari_phenoai.remote.deepaas._PROBE", _PROBE)

    def answer(connection: Any, server: Any) -> None:
        line = raw.read(connection, server).split(b"\r\n")[0]
        if b"/predict/" in line or (models == "silent" and b"/models/ " in line):
            raw.silence(connection, server)
        if models == "late":
            time.sleep(6)
        connection.sendall(raw.reply(b"[]"))

    assert _asked(raw(answer)).diagnosis == "slow"


def test_nobody_has_to_wait_while_it_is_looked_after(raw: Any) -> None:
    stop = threading.Event()

    def answer(connection: Any, server: Any) -> None:
        if b"/predict/" not in raw.read(connection, server):
            stop.set()  # now it is looked after
        raw.silence(connection, server)

    with pytest.raises(StoppedError):
        _asked(raw(answer), stop)


def test_trainings_that_run_for_ever_may_have_crashed(raw: Any) -> None:
    def answer(connection: Any, server: Any) -> None:
        line = raw.read(connection, server).split(b"\r\n")[0]
        if b"/predict/" in line:
            raw.silence(connection, server)
        run = json.dumps([{"uuid": "0" * 32, "status": "running", "args": {}}]).encode()
        connection.sendall(raw.reply(run))

    server = raw(answer)
    with DeepaasClient(Endpoint(name="lab", url=server.url)) as client:
        for crashed in (False, True):
            error = _asked(server, client=client)
            assert error.diagnosis == "busy"
            assert ("crashed" in error.hint) == crashed


def _asked(
    server: Any, stop: threading.Event | None = None, client: DeepaasClient | None = None
) -> NoAnswerError:
    """Return the error of a prediction that is not answered for half a second."""
    field = FormField("image", "file", is_picture=True)
    offer, files = Offer("m", "/v2/models/m", Form((field,))), {"image": picture_upload(TILE)}
    client = client or DeepaasClient(Endpoint(name="lab", url=server.url))
    with pytest.raises(NoAnswerError) as error:
        client.predict(offer, files, seconds=0.5, stop=stop)
    return error.value
