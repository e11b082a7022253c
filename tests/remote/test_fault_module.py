"""The faults of public modules, one after the other, each on a real server of its own kind."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from napari_phenoai.errors import (
    AnswerError,
    FieldsError,
    NoAnswerError,
    ServerFailedError,
)
from napari_phenoai.remote.answers import read_answer
from napari_phenoai.remote.deepaas import DeepaasClient
from napari_phenoai.remote.training import cancel, look, submit
from napari_phenoai.remote.transport import Limits

OTHERS = Path(
    os.environ.get("PHENOAI_REMOTE", Path(__file__).resolve().parents[3] / "shared" / "remote")
)
KEY = "phenoai-faults"
Start = Callable[..., DeepaasClient]


@pytest.fixture(scope="module")
def starting_faults(starting: Any, tmp_path_factory: Any) -> Iterator[Start]:
    source = OTHERS / "demo_module" / "src"
    if not source.is_dir():
        pytest.skip(f"{source} is not here; set PHENOAI_REMOTE to a folder with it")
    started: list[Any] = []

    def start() -> DeepaasClient:
        folder = tmp_path_factory.mktemp("faults")
        more = {"PYTHONPATH": f"{source}{os.pathsep}{folder / 'names'}"}
        line = ("--model-name", KEY, "--workers", "1")
        server = starting(folder, *line, models={KEY: "phenoai_demo.faults"}, variables=more)
        client = DeepaasClient(server.endpoint())
        started.extend((client, server))
        return client

    yield start
    for one in started:
        one.close() if isinstance(one, DeepaasClient) else one.end()


@pytest.fixture(scope="module")
def client(starting_faults: Start) -> DeepaasClient:
    """A server that these tests share: their faults do not outlast the request."""
    return starting_faults()


def predict(client: DeepaasClient, kind: str, **values: object) -> Any:
    offer = client.offer(KEY)
    wish = "application/json"
    return client.predict(offer, {}, {"kind": kind, **values}, accept=wish, seconds=60)


@pytest.mark.parametrize(
    "kind",
    [
        "value_error",
        "multiline_error",
        "http_400_exc",
        "http_base_exc",
        "not_implemented",
        "attribute_error",
        "set",
        "bytes",
        "unpicklable_result",
    ],
)
def test_a_failure_that_the_worker_survives(client: DeepaasClient, kind: str) -> None:
    with pytest.raises(ServerFailedError, match="500") as error:
        predict(client, kind)
    assert "does not say why" in error.value.hint
    assert predict(client, "none").status == 200


@pytest.mark.parametrize(
    ("kind", "values"), [("nan", {}), ("huge", {"size": 200_000}), ("none", {})]
)
def test_a_success_that_holds_no_mask(
    client: DeepaasClient, kind: str, values: dict[str, object]
) -> None:
    with pytest.raises(AnswerError):
        read_answer(predict(client, kind, **values), (16, 16))


def test_values_that_the_form_does_not_have_are_not_sent(client: DeepaasClient) -> None:
    for wrong in ({"kind": "no such"}, {"delay": "soon"}, {"unknown": 1}):
        with pytest.raises(FieldsError) as error:
            client.predict(client.offer(KEY), {}, {"kind": "none", **wrong}, seconds=20)
        assert error.value.fields


@pytest.mark.parametrize("kind", ["http_400", "unpicklable_error", "exit"])
def test_a_worker_that_is_lost_is_told_from_a_server_that_is_gone(
    starting_faults: Start, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_phenoai.remote.deepaas._PROBE", Limits(60, 60, 120))
    client = starting_faults()
    offer = client.offer(KEY)
    found = []
    for _ in range(2):
        with pytest.raises(NoAnswerError) as error:
            client.predict(offer, {}, {"kind": kind}, accept="application/json", seconds=1.5)
        found.append(error.value.diagnosis)
        assert error.value.hint
    assert found[-1] == "stuck"
    assert client.check() > 0, "it still answers questions"


def ended(client: DeepaasClient, uuid: str) -> Any:
    until = time.monotonic() + 120
    while (state := look(client, client.offer(KEY), uuid)).state == "running":
        assert time.monotonic() < until
        time.sleep(0.2)
    return state


@pytest.mark.parametrize(
    ("kind", "state", "words"),
    [
        ("value_error", "failed", "bad pixel 42"),
        ("multiline_error", "failed", "first line second line"),
        ("not_implemented", "failed", "later"),
        ("attribute_error", "failed", "no attribute"),
        ("none", "done", ""),
        ("nan", "done", ""),
        ("set", "unreadable", ""),
        ("bytes", "unreadable", ""),
    ],
)
def test_how_trainings_end(client: DeepaasClient, kind: str, state: str, words: str) -> None:
    run = submit(client, client.offer(KEY), {"kind": kind})
    found = ended(client, run.uuid)
    assert found.state == state
    assert words in found.message
    if state == "unreadable":  # else the list of all trainings stays unreadable, too
        cancel(client, client.offer(KEY), run.uuid)
    assert client.trainings(client.offer(KEY)) is not None


def test_a_training_that_crashed_runs_for_ever_and_its_end_has_a_name(
    starting_faults: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = starting_faults()
    offer = client.offer(KEY)
    run = submit(client, offer, {"kind": "exit"})
    for _ in range(5):
        assert look(client, offer, run.uuid).state == "running"
        time.sleep(0.2)
    ask, asked = client.http.ask, []

    def patient_at_first(method: str, url: str, **options: Any) -> Any:
        asked.append(method)
        limits = Limits(read_seconds=3 if "DELETE" in asked else 60)
        return ask(method, url, **{**options, "limits": limits})

    monkeypatch.setattr(client.http, "ask", patient_at_first)
    found: str
    try:
        found = cancel(client, offer, run.uuid).state
    except NoAnswerError as error:  # as most often: the whole server stands still
        found = f"{error.diagnosis}: {error.hint}"
    assert found == "cancelled" or (found.startswith("frozen") and "restart" in found)
