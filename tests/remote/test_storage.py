"""Storages as they are: WebDAV on wsgidav, S3 on moto, folders; what breaks off goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.servers.storage_servers import SECRET, s3_server, webdav_server
from typer.testing import CliRunner

from napari_phenoai.cli.app import app
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.ids import new_id
from napari_phenoai.core.ports import Sample, TrainSettings
from napari_phenoai.core.progress import finish
from napari_phenoai.core.records import Review, Snapshot, SnapshotItem
from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.errors import EndpointError, InputError, PhenoError, SignInError
from napari_phenoai.io.bundle import read_bundle, write_bundle
from napari_phenoai.io.storage import Storage
from napari_phenoai.io.storages import SavedStorage, StorageBook
from napari_phenoai.loop.remote_patience import Pace
from napari_phenoai.loop.remote_storage import opened, storage_for
from napari_phenoai.loop.remote_train import begin_training, follow_training, outcome
from napari_phenoai.loop.review import decide, propose
from napari_phenoai.remote.credentials import KeyringSecrets, MemorySecrets
from napari_phenoai.remote.deepaas import DeepaasClient
from napari_phenoai.testing.project import tiny_project
from napari_phenoai.testing.scenes import rosettes

SCHEME = ClassScheme.of(["soil", "plant"])


@dataclass
class Served:
    """A storage on a server of its own."""

    url: str
    options: dict[str, object]
    wrong: dict[str, object]
    files: Callable[[], dict[str, int]]


@pytest.fixture(scope="module")
def webdav(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("webdav")

    def files() -> dict[str, int]:
        found = [path for path in folder.rglob("*") if path.is_file()]
        return {path.relative_to(folder).as_posix(): path.stat().st_size for path in found}

    login: dict[str, object] = {"user": "ann", "password": SECRET}
    with webdav_server(folder) as url:
        yield Served(f"webdav+{url}", login, {**login, "password": "wrong"}, files)


@pytest.fixture(scope="module")
def s3(unused_port: Callable[[], int]) -> Iterator[Served]:
    with s3_server() as (endpoint, client):

        def files() -> dict[str, int]:
            found = client.list_objects_v2(Bucket="lab").get("Contents", [])
            return {one["Key"].removeprefix("data/"): one["Size"] for one in found}

        login: dict[str, object] = {"key": "ann", "secret": SECRET, "endpoint_url": endpoint}
        closed = {**login, "endpoint_url": f"http://127.0.0.1:{unused_port()}"}
        yield Served("s3://lab/data", login, closed, files)


@pytest.fixture
def folder(tmp_path: Path) -> Served:
    place = tmp_path / "storage"
    place.mkdir()

    def files() -> dict[str, int]:
        found = [path for path in place.rglob("*") if path.is_file()]
        return {path.relative_to(place).as_posix(): path.stat().st_size for path in found}

    return Served(str(place), {}, {}, files)


@pytest.fixture(params=["folder", "webdav", "s3"])
def served(request: pytest.FixtureRequest) -> Served:
    found: Served = request.getfixturevalue(request.param)
    return found


def pairs(count: int) -> list[tuple[Review, Sample]]:
    made = []
    for number in range(count):
        rng = np.random.default_rng(number)
        tile = Tile("leaf", 0, 32 * number, 24, 32)
        review = Review(
            id=new_id(number + 1.0),
            image="leaf",
            y=0,
            x=tile.x,
            height=24,
            width=32,
            verdict="corrected",
            role="train",
            mask="f" * 64,
            scheme_version=1,
        )
        pixels = rng.integers(0, 255, (3, 40, 48), dtype=np.uint8)
        labels = rng.integers(0, 3, (40, 48), dtype=np.uint8)
        made.append((review, Sample(pixels, labels, (1, 2), tile, "train")))
    return made


def snapshot_of(tiles: list[tuple[Review, Sample]]) -> Snapshot:
    items = [SnapshotItem(review=r.id, mask=r.mask or "", role=r.role) for r, _ in tiles]
    return Snapshot(scheme=SCHEME, items=tuple(items))


class Counting(Storage):
    """Notes what is written, and breaks off when it has written `left` files."""

    left = 10_000

    def put(self, name: str, data: bytes) -> None:
        if self.left == 0:
            raise EndpointError("The network is gone.", hint="Plug it in.")
        self.left -= 1
        self.__dict__.setdefault("names", []).append(name)
        super().put(name, data)


def test_files_come_back_as_they_were(served: Served, tmp_path: Path) -> None:
    place = Storage(served.url, served.options).inside(f"t{new_id()}/a")
    assert place.size("x/y.bin") is None
    assert place.sizes() == {}
    data = bytes(range(256)) * 5000
    place.put("x/y.bin", data)
    place.put("x/z.txt", b"1")
    place.put("x/z.txt", b"two")
    assert (place.size("x/y.bin"), place.get("x/z.txt", 10)) == (len(data), b"two")
    assert place.size("x") is None, "a folder is no file"
    assert place.sizes() == {"x/y.bin": len(data), "x/z.txt": 3}
    assert not [name for name in served.files() if name.endswith(".part")]
    with pytest.raises(EndpointError, match="more than 2 bytes"):
        place.get("x/z.txt", 2)
    with pytest.raises(EndpointError, match="is not there"):
        place.get("x/none", 2)
    # A download goes on where it broke off.
    target = tmp_path / "y.bin"
    (tmp_path / "y.bin.part").write_bytes(data[:700_000])
    place.fetch("x/y.bin", target, len(data))
    assert target.read_bytes() == data
    assert not (tmp_path / "y.bin.part").exists()
    with pytest.raises(EndpointError, match="has not the 5 bytes"):
        place.fetch("x/y.bin", tmp_path / "other", 5)
    assert not list(tmp_path.glob("other*"))


def test_a_bundle_that_broke_off_goes_on(served: Served) -> None:
    tiles = pairs(4)
    name = f"bundles/b{new_id()}"
    breaking = Counting(served.url, served.options, below=name)
    breaking.left = 5
    with pytest.raises(EndpointError, match="network"):
        finish(write_bundle(breaking, snapshot_of(tiles), tiles))
    place = Storage(served.url, served.options).inside(name)
    with pytest.raises(EndpointError, match=r"manifest\.json cannot be read: it is not there"):
        finish(read_bundle(place))
    again = Counting(served.url, served.options, below=name)
    finish(write_bundle(again, snapshot_of(tiles), tiles))
    written = again.__dict__["names"]
    assert len(written) == 4 * 3 + 2 - 5, "what was there is not sent again"
    assert written[-1] == "manifest.json"
    found = finish(read_bundle(place))
    for (_, sent), came in zip(tiles, found.samples, strict=True):
        np.testing.assert_array_equal(came.pixels, sent.pixels)


def test_bundles_of_one_folder_share_their_files(served: Served) -> None:
    tiles = pairs(3)
    name = f"bundles/c{new_id()}"
    first = Counting(served.url, served.options, below=name)
    finish(write_bundle(first, snapshot_of(tiles[:2]), tiles[:2], manifest="sets/one.json"))
    second = Counting(served.url, served.options, below=name)
    finish(write_bundle(second, snapshot_of(tiles), tiles, manifest="sets/two.json"))
    assert len(second.__dict__["names"]) == 3 + 2, "only the new tile is sent"
    for manifest, count in (("sets/one.json", 2), ("sets/two.json", 3)):
        assert len(finish(read_bundle(second, manifest)).samples) == count


@pytest.mark.parametrize("kind", ["webdav", "s3"])
def test_no_key_is_in_any_message(kind: str, request: pytest.FixtureRequest) -> None:
    served: Served = request.getfixturevalue(kind)
    place = Storage(served.url, served.wrong)
    for attempt in (lambda: place.put("a.txt", b"1"), lambda: place.get("a.txt", 5), place.sizes):
        with pytest.raises(EndpointError) as error:
            attempt()
        said = f"{error.value} {error.value!r} {place!r} {place}"
        assert SECRET not in said
        assert "127.0.0.1" not in said


def test_a_wrong_password_is_no_broken_network(webdav: Served) -> None:
    with pytest.raises(SignInError, match="permission was denied"):
        Storage(webdav.url, webdav.wrong).put("a.txt", b"1")


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a//b", "..", "", "a/../../b"])
def test_no_name_leads_out(served: Served, name: str) -> None:
    place = Storage(served.url, served.options)
    attempts: list[Callable[[], object]] = [
        lambda: place.put(name, b"1"),
        lambda: place.size(name),
    ]
    for attempt in attempts:
        with pytest.raises(InputError, match="no place in the storage"):
            attempt()


# --- the user's list


def test_keys_are_in_the_keyring_and_not_in_the_list(webdav: Served, tmp_path: Path) -> None:
    book, secrets = StorageBook(tmp_path / "storages.json"), MemorySecrets()
    saved = SavedStorage(
        server="my lab", url=webdav.url, options={"user": "ann"}, secrets=("password",)
    )
    book.change(lambda listed: listed.having(saved))
    assert storage_for("other", book, secrets) is None
    with pytest.raises(SignInError, match="not in the keyring"):
        storage_for("my lab", book, secrets)
    secrets.put(saved.login, json.dumps({"password": SECRET, "user": "eve"}))
    place = storage_for("my lab", book, secrets)
    assert place is not None
    place.put("list.txt", b"1")
    assert SECRET not in book.path.read_text()
    assert SECRET not in repr(saved) + repr(place)
    book.change(lambda listed: listed.without("my lab"))
    assert storage_for("my lab", book, secrets) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "webdav+http://storage.example.org/lab"},
        {"url": "s3://lab", "options": {"endpoint_url": "http://storage.example.org"}},
        {
            "url": "s3://lab",
            "options": {"client_kwargs": {"endpoint_url": "http://storage.example.org"}},
        },
    ],
)
def test_keys_do_not_travel_unencrypted(changes: dict[str, Any]) -> None:
    secrets = MemorySecrets()
    saved = SavedStorage(server="lab", secrets=("password",), **changes)
    secrets.put(saved.login, json.dumps({"password": SECRET}))
    with pytest.raises(PhenoError) as error:
        opened(saved, secrets)
    assert SECRET not in str(error.value)
    assert isinstance(error.value, SignInError)


def phenoai(*argv: str, typed: str = "") -> dict[str, Any]:
    """Run the command line and return what it prints as JSON."""
    result = CliRunner().invoke(app, [*argv, "--json"], input=typed)
    found: dict[str, Any] = json.loads(result.stdout.strip().splitlines()[-1])
    return found


def test_a_storage_is_set_up_in_one_command(
    webdav: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    kept: dict[str, str] = {}
    monkeypatch.setattr(KeyringSecrets, "put", lambda _, name, text: kept.update({name: text}))
    monkeypatch.setattr(KeyringSecrets, "get", lambda _, name: kept.get(name))
    monkeypatch.setattr(KeyringSecrets, "forget", lambda _, name: kept.pop(name, None))
    assert "no server called" in phenoai("storage", "lab", webdav.url)["error"]["what"]
    phenoai("endpoints", "add", "http://127.0.0.1:9", "--name", "lab", "--no-check")
    assert phenoai("storage", "lab") == {"storage": None}
    line = ["storage", "lab", webdav.url, "--option", "user=ann", "--secret", "password"]
    error = phenoai(*line, typed="wrong\n")["error"]
    assert "permission was denied" in error["what"]
    assert (phenoai("storage", "lab")["storage"], kept) == (None, {})
    told = phenoai(*line, typed=f"{SECRET}\n")["storage"]
    assert (told["url"], told["secrets"]) == (webdav.url, ["password"])
    assert SECRET not in json.dumps(told)
    place = storage_for("lab")
    assert place is not None
    place.put("told.txt", b"1")
    assert "told.txt" in webdav.files()
    assert phenoai("storage", "lab", "--remove") == {"storage": None}
    assert kept == {}


# --- a whole training over a storage


@pytest.mark.parametrize("kind", ["webdav", "s3"])
def test_a_training_over_a_storage_of_both(
    kind: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    starting: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served: Served = request.getfixturevalue(kind)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    secret = "password" if kind == "webdav" else "secret"
    monkeypatch.setenv("PHENOAI_SECRET_STORAGE_LAB", json.dumps({secret: SECRET}))
    options = {name: value for name, value in served.options.items() if name != secret}
    saved = SavedStorage(server="lab", url=served.url, options=options, secrets=(secret,))
    StorageBook().change(lambda listed: listed.having(saved))
    place = tmp_path / "server"
    place.mkdir()
    server = starting(
        place,
        *("--model-name", "phenoai", "--workers", "2"),
        models={"phenoai": "napari_phenoai.server.api"},
        variables={
            "PHENOAI_STORAGE": served.url,
            "PHENOAI_STORAGE_OPTIONS": json.dumps(served.options),
            "PHENOAI_NICE": "0",
        },
    )
    try:
        with tiny_project(tmp_path / "field.phenoai", 2) as project:
            for number, image in enumerate(project.images()):
                truth = rosettes(number, image.plane, spacing_px=80).classes
                for x in (0, 64, 128):
                    tile = Tile(image.id, 32, x, 64, 64)
                    labels = np.ascontiguousarray(truth[tile.slices])
                    proposal = propose(project, tile)
                    how: dict[str, Any] = {"labels": labels, "proposal": proposal}
                    decide(project, tile, "corrected", seconds=9, author="ann", **how)
            with DeepaasClient(server.endpoint()) as client:
                settings = TrainSettings(family="forest", extra={"trees": 10})
                training = begin_training(project, client, settings, author="ann")
                pace = Pace(first=0.2, most=1, told=0.3)
                work = follow_training(project, lambda _: client, training.id, pace)
                training = outcome(finish(work))
            weights = project.models.verify(training.model).weights_sha256
            record = project.rounds.all()[-1]
            assert (record.id, record.model) == (training.round, training.model)
            text = "".join(path.read_text() for path in project.path.glob("trainings/*.json"))
    finally:
        server.end()
    names = served.files()
    assert f"models/{training.model}/weights.safetensors" in names
    assert any(name.startswith("bundles/") and "/sets/" in name for name in names)
    assert len(weights) == 64
    assert SECRET not in text + server.log.read_text(errors="replace")
    assert "127.0.0.1" not in text, "neither server nor storage can be read in the project"
