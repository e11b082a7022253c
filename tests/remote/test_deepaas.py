"""The client against a real DEEPaaS server: what it offers, and predictions in all shapes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.mapping import ValueMapping, propose
from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.errors import FieldsError, InputError, RefusedError
from napari_phenoai.remote.addresses import base_url
from napari_phenoai.remote.asking import RemoteSettings, raw_mask
from napari_phenoai.remote.calls import Call, StoppedError
from napari_phenoai.remote.deepaas import DeepaasClient
from napari_phenoai.remote.picture_files import picture_upload
from napari_phenoai.remote.predictor import RemotePredictor, remote_card
from napari_phenoai.testing.contracts import PredictorContract

SCHEME = ClassScheme.of(["soil", "plant"])
INDEX = ValueMapping(pairs={0: 1, 1: 2}, confirmed=True)


@pytest.fixture
def client(deepaas: Any) -> Iterator[DeepaasClient]:
    with DeepaasClient(deepaas.endpoint()) as client:
        yield client


def tile(size: tuple[int, int] = (40, 56)) -> np.ndarray:
    """A dark picture with a bright rectangle."""
    pixels = np.full((3, *size), 20, np.uint8)
    pixels[:, 5:20, 10:30] = 220
    return pixels


def truth(size: tuple[int, int] = (40, 56)) -> np.ndarray:
    return np.where(tile(size)[0] > 127, 2, 1).astype(np.uint8)


def predictor(client: DeepaasClient, **settings: Any) -> RemotePredictor:
    offer = client.offer("good")
    card = remote_card(offer, "lab", SCHEME, channels=3, dtype="uint8")
    mapping = settings.pop("mapping", INDEX)
    return RemotePredictor(client, offer, card, mapping, RemoteSettings(**settings))


def test_what_a_server_offers(client: DeepaasClient) -> None:
    keys = [offer.key for offer in client.offers()]
    assert [key for key in keys if key != "phenoai"] == ["good", "bad"], "ours may be installed"
    form = client.offer("good").predict
    assert form is not None
    assert [item.kind for item in form.fields[:6]] == [
        "file", "choice", "number", "integer", "list", "integer",
    ]  # fmt: skip
    assert form["image"].required
    assert form["flip"].kind == "flag"
    assert form["key"].secret
    assert (form["factor"].low, form["factor"].high) == (1, 4)
    assert form.answers == ("application/json", "image/png", "application/zip")
    assert client.check() > 0


def test_names_that_modules_give_themselves_are_only_shown_and_plain(client: DeepaasClient) -> None:
    entry = client.models()[0]
    assert (entry.id, entry.name) == ("0", "Good module")
    assert entry.description == "Finds bright pixels."
    assert client.entry(client.offer("good")).href == "/v2/models/good"


def test_a_server_below_a_path_and_without_training(own_deepaas: Any) -> None:
    server = own_deepaas("--base-path", "/deepaas", "--notrain-endpoint")
    assert base_url(f"{server.url}/v2/models/") == server.url
    with DeepaasClient(server.endpoint()) as client:
        offer = client.offer("good")
        assert offer.train is None
        assert offer.path == "/deepaas/v2/models/good"
        np.testing.assert_array_equal(predictor(client).labels(tile()), truth())
        with pytest.raises(RefusedError, match="402"):
            client.trainings(offer)


ALL = ["index", "objects", "palette", "jpeg", "wide", "sixteen", "binary", "colours"]


@pytest.mark.parametrize("accept", ["application/json", "image/png", "application/zip"])
@pytest.mark.parametrize("shape", ALL)
def test_every_kind_of_picture_comes_back_as_classes(
    client: DeepaasClient, shape: str, accept: str
) -> None:
    settings = RemoteSettings(values={"shape": shape}, accept=accept)
    mask = raw_mask(client, client.offer("good"), tile(), "uint8", settings)
    mapping = propose(mask.distinct, SCHEME, {} if shape == "colours" else mask.names).confirm()
    np.testing.assert_array_equal(mapping.apply(mask.values), truth())
    assert bool(mask.notes) == (shape in {"jpeg", "wide"})


@pytest.mark.parametrize("shape", ["uri", "nested", "chances", "outlines", "yolo"])
def test_every_kind_of_json_comes_back_as_classes(client: DeepaasClient, shape: str) -> None:
    settings = RemoteSettings(values={"shape": shape}, accept="application/json")
    mask = raw_mask(client, client.offer("good"), tile(), "uint8", settings)
    np.testing.assert_array_equal(
        propose(mask.distinct, SCHEME).confirm().apply(mask.values), truth()
    )


def test_one_mask_per_class_in_a_zip_is_matched_by_name(client: DeepaasClient) -> None:
    settings = RemoteSettings(values={"shape": "layers"}, accept="application/zip")
    mask = raw_mask(client, client.offer("good"), tile(), "uint8", settings)
    mapping = propose(mask.distinct, SCHEME, mask.names)
    assert "names" in mapping.reason
    np.testing.assert_array_equal(mapping.apply(mask.values), truth())


def test_no_object_is_an_empty_mask_and_an_empty_answer_is_none(client: DeepaasClient) -> None:
    offer = client.offer("good")
    settings = RemoteSettings(values={"shape": "none"}, accept="application/json")
    mask = raw_mask(client, offer, tile(), "uint8", settings)
    assert mask.distinct == (0,)
    assert "nothing" in mask.notes[0]


def test_values_arrive_as_they_were_meant(client: DeepaasClient) -> None:
    import json

    values = {
        "crop": "0, 0,60,80", "flip": True, "delay": "0", "factor": 3.0,
        "note": "é & ü = 1?", "key": "not in an address",
    }  # fmt: skip
    files = {"image": picture_upload(tile())}
    answer = client.predict(client.offer("good"), files, values, accept="application/json")
    told = json.loads(answer.content)["predictions"]["told"]
    assert told["crop"] == "[0, 0, 60, 80]"
    assert (told["flip"], told["delay"], told["factor"]) == ("True", "0.0", "3")
    assert (told["note"], told["key"]) == ("é & ü = 1?", "not in an address")


def test_a_secret_value_is_not_in_the_address(client: DeepaasClient, deepaas: Any) -> None:
    values = {"key": "hush-hush-hush", "note": "loud"}
    client.predict(client.offer("good"), {"image": picture_upload(tile())}, values)
    assert "hush" not in deepaas.logged("note=loud")


def test_wrong_values_are_named_before_anything_is_sent(client: DeepaasClient) -> None:
    offer = client.offer("good")
    with pytest.raises(FieldsError) as caught:
        client.predict(offer, {}, {"factor": 9, "flip": "perhaps", "colour": 1, "crop": "1,x"})
    assert set(caught.value.fields) == {"factor", "flip", "colour", "crop"}
    with pytest.raises(FieldsError, match="image: A file must be chosen"):
        client.predict(offer, {})
    with pytest.raises(InputError, match="does not answer in video/mp4"):
        client.predict(offer, {"image": picture_upload(tile())}, accept="video/mp4")


def test_what_the_server_refuses_lands_beside_its_field(client: DeepaasClient) -> None:
    from dataclasses import replace

    from napari_phenoai.core.forms import Form

    offer = client.offer("good")
    assert offer.predict is not None
    loose = [replace(item, low=None, high=None) for item in offer.predict.fields]
    offer = replace(offer, predict=Form(tuple(loose), offer.predict.answers))
    with pytest.raises(FieldsError) as caught:
        client.predict(offer, {"image": picture_upload(tile())}, {"factor": 9})
    assert "less than or equal to 4" in caught.value.fields["factor"][0]


def test_progress_of_an_upload_reaches_the_end(client: DeepaasClient) -> None:
    told: list[tuple[int, int]] = []
    upload = picture_upload(np.random.default_rng(0).integers(0, 255, (3, 512, 512), np.uint8))
    client.predict(
        client.offer("good"), {"image": upload}, on_progress=lambda *now: told.append(now)
    )
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1] > 500_000


@pytest.fixture
def posted(client: DeepaasClient, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of the addresses that the client posts to."""
    addresses: list[str] = []
    post = client.http.post

    def noted(url: str, **options: Any) -> Any:
        addresses.append(url)
        return post(url, **options)

    monkeypatch.setattr(client.http, "post", noted)
    return addresses


@pytest.mark.parametrize("waits", [True, False])
def test_one_request_at_a_time_even_when_nobody_waits_for_the_first(
    deepaas: Any, client: DeepaasClient, posted: list[str], waits: bool
) -> None:
    one, stop, stopped = predictor(client), threading.Event(), threading.Event()
    stopped.set()
    with deepaas.holding() as begun:
        first = Call(lambda: one.labels(tile(), stop))
        begun()
        if not waits:
            stop.set()
            with pytest.raises(StoppedError, match="Stopped"):
                first.result()
        # The next one waits in the lane, and can be stopped there.
        with pytest.raises(StoppedError):
            one.labels(tile(), stopped)
        assert len(posted) == 1
    np.testing.assert_array_equal(one.labels(tile()), truth())
    assert len(posted) == 2
    if waits:
        np.testing.assert_array_equal(first.result(), truth())


def test_tiles_as_work_keep_nothing_after_a_stop(deepaas: Any) -> None:
    tiles = [Tile("leaf", 0, x, 40, 56) for x in (0, 1, 2)]
    with DeepaasClient(deepaas.endpoint()) as client:
        kept: dict[Tile, np.ndarray] = {}
        done = list(predictor(client).work(tiles, lambda _: tile(), kept.__setitem__))
        assert list(kept) == tiles
        assert {step.total for step in done} == {3}
        np.testing.assert_array_equal(kept[tiles[1]], truth())
        kept.clear()
        with deepaas.holding() as begun:
            work = predictor(client).work(tiles, lambda _: tile(), kept.__setitem__)
            next(work)
            next(work)
            begun()
            work.close()
        predictor(client).labels(tile())
        assert not kept


def test_a_mapping_that_nobody_confirmed_is_not_used(client: DeepaasClient) -> None:
    with pytest.raises(InputError, match="confirmed"):
        predictor(client, mapping=propose([0, 1], SCHEME))


@pytest.mark.usefixtures("deepaas")
class TestRemotePredictor(PredictorContract):
    """A model on a server does what every predictor does."""

    @pytest.fixture
    def predictor(self, client: DeepaasClient) -> RemotePredictor:
        # The discs of the contract's samples are bright by a fifth: the level is low.
        return predictor(client, values={"level": 50})
