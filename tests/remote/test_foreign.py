"""A module that nobody has described, in a style of its own, on a real server: by its form only."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.mapping import ValueMapping
from napari_phenoai.core.progress import finish
from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.errors import FieldsError, LabelError
from napari_phenoai.loop.remote_form import keep_form
from napari_phenoai.loop.remote_work import Wish, propose_there
from napari_phenoai.remote.asking import RemoteSettings, picture_field, raw_mask
from napari_phenoai.remote.deepaas import DeepaasClient
from napari_phenoai.remote.predictor import RemotePredictor, remote_card
from napari_phenoai.remote.training import look, submit
from napari_phenoai.testing.project import tiny_project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.servers.running_servers import Running

SCHEME = ClassScheme.of(["soil", "blade", "stalk"])
SAID = ValueMapping(pairs={0: 1}, names={"leaf": 2, "stem": 3}, confirmed=True)
FAST = {"backend": "fast"}


@pytest.fixture(scope="module")
def server(
    starting: Callable[..., Running], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("herbarium")
    models = {"herbarium": "phenoai_test_herbarium"}
    found = starting(folder, "--model-name", "herbarium", models=models)
    yield found
    found.end()


@pytest.fixture
def client(server: Running) -> Iterator[DeepaasClient]:
    with DeepaasClient(server.endpoint()) as client:
        yield client


def sheet(*, leaf: bool = True) -> np.ndarray:
    pixels = np.zeros((3, 40, 60), np.uint8)
    pixels[0, 6:20, 8:30] = 220 if leaf else 0
    pixels[1, 22:38, 32:50] = 255
    return pixels


def classes(*, leaf: bool = True) -> np.ndarray:
    found = np.ones((40, 60), np.uint8)
    found[6:20, 8:30] = 2 if leaf else 1
    found[22:38, 32:50] = 3
    return found


def told(server: Running) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((server.log.parent / "told.json").read_text())
    return found


def test_the_form_says_what_it_takes(client: DeepaasClient) -> None:
    offer = client.offer()
    assert offer.predict is not None
    assert offer.train is not None
    assert picture_field(offer) == "scan"
    kinds = {item.name: item.kind for item in offer.predict.fields}
    assert kinds == {
        "regions": "file", "scan": "file", "backend": "choice", "confidence": "number",
        "scales": "list", "organs": "list", "anchors": "raw", "shrink": "integer",
        "since": "text", "tiling": "raw", "Accept-Language": "text",
    }  # fmt: skip
    sure = offer.predict["confidence"]
    assert (sure.low, sure.high, sure.default) == (0.05, 0.95, 0.25)
    assert [item.name for item in offer.train.fields if item.required] == [
        "sheets", "passes", "organs"
    ]  # fmt: skip


def test_all_kinds_of_values_reach_the_model(client: DeepaasClient, server: Running) -> None:
    values = {
        **FAST, "confidence": "0.5", "scales": "1, 0.25", "organs": "stem", "shrink": 4,
        "since": "2026-05-01T10:00:00", "Accept-Language": "de",
    }  # fmt: skip
    raw_mask(client, client.offer(), sheet(), "uint8", RemoteSettings(values))
    found = told(server)
    assert found["scales"] == [1.0, 0.25]
    assert (found["organs"], found["shrink"], found["confidence"]) == (["stem"], 4, 0.5)
    assert found["since"] == "2026-05-01 10:00:00"
    assert found["Accept-Language"] == "de"
    assert found["anchors"] == [[8, 16], [32, 64]], "what nobody fills in is the server's own"


@pytest.mark.parametrize(
    ("name", "value"),
    [("backend", ""), ("confidence", 0.99), ("scales", "1,2,3,4"), ("organs", "petal"),
     ("anchors", "[[1, 2]]"), ("tiling", "{}"), ("since", "yesterday")],
)  # fmt: skip
def test_what_does_not_fit_is_said_of_its_field(
    client: DeepaasClient, name: str, value: object
) -> None:
    settings = RemoteSettings({**FAST, name: value})
    with pytest.raises(FieldsError) as caught:
        raw_mask(client, client.offer(), sheet(), "uint8", settings)
    assert list(caught.value.fields) == [name]


@pytest.mark.parametrize("accept", ["application/json", "application/zip"])
def test_its_answers_become_classes_tile_after_tile(client: DeepaasClient, accept: str) -> None:
    """What it calls 1 in the second tile is what it called 2 in the first."""
    offer = client.offer()
    card = remote_card(offer, "lab", SCHEME, channels=3, dtype="uint8")
    settings = RemoteSettings(FAST, accept=accept)
    predictor = RemotePredictor(client, offer, card, SAID, settings)
    for leaf in (True, False):
        found = predictor.labels(sheet(leaf=leaf))
        assert (found == classes(leaf=leaf)).mean() > 0.96
        assert set(np.unique(found)) == set(np.unique(classes(leaf=leaf)))
    unsaid = ValueMapping(pairs={0: 1}, names={"leaf": 2}, confirmed=True)
    with pytest.raises(LabelError, match="stem"):
        RemotePredictor(client, offer, card, unsaid, settings).labels(sheet())


def test_its_training_is_asked_for_by_its_form(client: DeepaasClient) -> None:
    offer = client.offer()
    with pytest.raises(FieldsError) as caught:
        submit(client, offer, {"passes": 0})
    assert set(caught.value.fields) == {"sheets", "passes", "organs"}
    run = submit(client, offer, {"sheets": "/data", "passes": 3, "organs": "stem", "rate": 0.1})
    assert run.args["organs"] == ["stem"]
    while (state := look(client, offer, run.uuid)).state == "running":
        time.sleep(0.05)
    assert state.output == {"passes": 3, "organs": ["stem"], "rate": 0.1}


def test_work_that_had_to_wait_for_the_server_takes_what_the_project_keeps(
    client: DeepaasClient, server: Running, tmp_path: Path
) -> None:
    meaning = ValueMapping(pairs={0: 1}, names={"leaf": 2, "stem": 1}, confirmed=True)
    kept: list[Tile] = []
    with tiny_project(tmp_path / "field.phenoai", 1) as project:
        keep_form(project, "lab", "herbarium", "predict", {**FAST, "organs": ["leaf", "stem"],
                                                           "scales": [0.75]})  # fmt: skip
        tile = Tile(project.images()[0].id, 0, 0, 64, 64)
        wish = Wish("lab", values=None, meaning=meaning)
        work = propose_there(
            project, lambda _: client, wish, [tile], lambda *one: kept.append(one[0])
        )
        finish(work)
    assert kept == [tile]
    assert told(server)["scales"] == [0.75]
