"""Modules that are not ours, known by their profiles: predictions and trainings on real servers."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from tests.servers.profiles_here import YOLO_HERE
from typer.testing import CliRunner

from napari_phenoai.cli.app import app
from napari_phenoai.core.forms import Form, FormField
from napari_phenoai.core.ports import TrainSettings
from napari_phenoai.core.progress import finish
from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.errors import InputError, RefusedError
from napari_phenoai.io.storages import SavedStorage, StorageBook
from napari_phenoai.io.trainings import TrainingStore
from napari_phenoai.loop.profile_data import foreign_mask, outlines_text, taught, zipped
from napari_phenoai.loop.queueing import refresh_queue
from napari_phenoai.loop.remote_patience import Pace
from napari_phenoai.loop.remote_predict import mapping_of, predict_remote, remote_predictor
from napari_phenoai.loop.remote_train import begin_training, follow_training
from napari_phenoai.loop.review import decide, propose
from napari_phenoai.loop.snapshots import take_snapshot
from napari_phenoai.remote.asking import RemoteSettings, picture_field
from napari_phenoai.remote.deepaas import DeepaasClient
from napari_phenoai.remote.picture_files import picture_upload
from napari_phenoai.remote.profiles import profile_of, profiled, profiles, read_profile
from napari_phenoai.remote.spec import Offer
from napari_phenoai.testing.project import tiny_project

if TYPE_CHECKING:
    from napari_phenoai.core.remote_training import RemoteTraining
    from napari_phenoai.io.project import Project

OTHERS = Path(
    os.environ.get("PHENOAI_REMOTE", Path(__file__).resolve().parents[3] / "shared" / "remote")
)
QUICK = Pace(first=0.2, most=1.0, told=0.3, tick=0.05, unreachable=0.5)
DEMO = """
format = 1
name = "demo"
title = "Demonstration"
means = "binary"
[module]
names = ["phenoai-demo"]
[predict]
picture = "image"
accept = "image/png"
model = "model"
values = { min_area = 1 }
[train]
layout = "zip"
put = "data/{set}.zip"
argument = "dataset"
told = "{set}.zip"
values = { epoch_seconds = 0.1, epochs = 2 }
[train.back]
source = "output"
key = "run"
file = "models/{run}.zip"
"""
ANGERS = """
format = 1
name = "angers"
[module]
names = ["angerslike"]
[predict]
picture = "demo-image"
accept = "application/json"
values = { jsonstr = "of the profile", multi = [3, 4] }
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the person's settings."""
    folder = tmp_path / "config" / "napari-phenoai" / "profiles"
    folder.mkdir(parents=True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("napari_phenoai.remote.profiles.profiles_folder", lambda: folder)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with tiny_project(tmp_path / "field.phenoai", 2, size=(160, 280), tile_px=96) as project:
        reviewed(project, tmp_path / "field-scenes", 6)
        yield project


def reviewed(project: Project, scenes: Path, count: int) -> None:
    masks = {path.stem: np.asarray(Image.open(path)) + 1 for path in scenes.glob("masks/*.png")}
    names = {image.id: Path(image.name).stem for image in project.images()}
    for item in finish(refresh_queue(project, count=count))[:count]:
        labels = masks[names[item.where.image]][item.where.slices].astype(np.uint8)
        how: dict[str, Any] = {"labels": labels, "proposal": propose(project, item.where)}
        decide(project, item.where, "corrected", seconds=9, author="ann", item=item, **how)


@pytest.fixture
def serving(starting: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Start one module, from a folder of its own if wanted; return its client."""
    started: list[Any] = []

    def start(
        name: str, module: str, source: Path | None = None, **variables: str
    ) -> DeepaasClient:
        folder = tmp_path / f"server-{name}"
        folder.mkdir()
        more: dict[str, str] = dict(variables)
        if source is not None:
            if not source.is_dir():
                pytest.skip(f"{source} is not here; set PHENOAI_REMOTE to a folder with it")
            more["PYTHONPATH"] = f"{source}{os.pathsep}{folder / 'names'}"
        line = ("--model-name", name, "--workers", "1")
        server = starting(folder, *line, models={name: module}, variables=more)
        client = DeepaasClient(server.endpoint())
        started.extend((client, server))
        return client

    yield start
    for one in started:
        one.close() if isinstance(one, DeepaasClient) else one.end()


def stored(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir(exist_ok=True)
    StorageBook().change(lambda now: now.having(SavedStorage(server="lab", url=str(folder))))
    return folder


def trained(project: Project, client: DeepaasClient, **extra: object) -> RemoteTraining:
    settings = TrainSettings(seed=3, extra=extra)
    training = begin_training(project, client, settings, author="ann")
    return finish(follow_training(project, lambda _: client, training.id, QUICK))


# --------------------------------------------------------------------------- recognising
def offer(key: str, predict: tuple[str, ...] = (), train: tuple[str, ...] = ()) -> Offer:
    forms = [
        Form(tuple(FormField(name, "text") for name in names)) if names else None
        for names in (predict, train)
    ]
    return Offer(key, f"/v2/models/{key}", *forms)


def test_modules_are_known_by_name_or_by_their_arguments(settings: Path) -> None:
    assert [one.name for one in profiles()] == ["blossom", "yolo"]
    for found, name in (
        (offer("UC-hereariim-DEEP-OC-blossom"), "blossom"),
        (offer("x", ("image",), ("noyau", "batch_size", "epoch", "loss_function")), "blossom"),
        (offer("ai4os-yolo-torch"), "yolo"),
        (
            offer(
                "litter-yolo",
                ("files", "task_type", "iou", "conf"),
                ("data", "epochs", "imgsz", "mask_ratio"),
            ),
            "yolo",
        ),
    ):
        profile = profile_of(found)
        assert profile is not None
        assert profile.name == name
    for other in (offer("x", ("image",)), offer("x"), offer("x", ("files",), ("data",))):
        assert profile_of(other) is None


def test_a_person_s_own_profile_goes_first(settings: Path) -> None:
    (settings / "mine.toml").write_text(YOLO_HERE)
    assert [one.name for one in profiles()] == ["yolo", "blossom"]
    assert profiles()[0].module.names == ("yolo",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("format = 1", "name"),
        ("no toml", "no profile"),
        ("format = 2\nname = 'x'\n[module]", "format"),
        ("format = 1\nname = '../x'\n[module]", "name"),
        (DEMO.replace('put = "data/{set}.zip"', 'put = "../{set}.zip"'), "inside"),
        (DEMO.replace('put = "data/{set}.zip"', 'put = "/etc/{set}.zip"'), "inside"),
        (DEMO.replace('put = "data/{set}.zip"', 'put = "file:///etc"'), "inside"),
        (DEMO + "\nsurprise = 1\n", "surprise"),
        (DEMO.replace('accept = "image/png"', 'command = "rm -rf"'), "command"),
    ],
)
def test_a_profile_that_is_none_is_named(settings: Path, text: str, words: str) -> None:
    file = settings / "mine.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=words) as error:
        profiles()
    assert str(file) in error.value.what
    assert error.value.hint
    with pytest.raises(InputError):
        read_profile(settings / "not there.toml")


def test_what_a_person_sets_goes_before_the_profile(settings: Path) -> None:
    (settings / "demo.toml").write_text(DEMO)
    form = Form(
        (FormField("image", "file"), FormField("min_area", "integer")), ("image/png", "a/b")
    )
    known = Offer("phenoai-demo", "/x", form)
    plain = profiled(known, RemoteSettings())
    assert plain == RemoteSettings({"min_area": 1}, "image", "png", "image/png")
    mine = profiled(known, RemoteSettings({"min_area": 7}, accept="a/b", seconds=5))
    assert (mine.values, mine.accept, mine.seconds) == ({"min_area": 7}, "a/b", 5)
    other = Offer("phenoai-demo", "/x", Form((FormField("photo", "file"),)))
    assert profiled(other, RemoteSettings()) == RemoteSettings()


# --------------------------------------------------------------------------- what is sent
def test_only_whole_tiles_for_training_leave(project: Project) -> None:
    _, snapshot = take_snapshot(project)
    roles = [item.role for item in snapshot.items]
    assert {"train", "heldout"} == set(roles)
    tiles = list(taught(project, snapshot))
    assert len(tiles) == roles.count("train")
    packed = zipped(iter(tiles), snapshot.scheme, "binary", images="images", masks="masks")
    assert packed == zipped(iter(tiles), snapshot.scheme, "binary", images="images", masks="masks")
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        names = archive.namelist()
        assert len(names) == 2 * len(tiles)
        picture = Image.open(io.BytesIO(archive.read(names[0])))
        mask = np.asarray(Image.open(io.BytesIO(archive.read(names[1]))))
    assert picture.mode == "RGB"
    assert (mask == np.where(tiles[0].labels == snapshot.scheme.background, 0, 255)).all()
    bare = snapshot.but(items=tuple(one for one in snapshot.items if one.role == "heldout"))
    with pytest.raises(InputError, match="wholly labelled"):
        list(taught(project, bare))


def test_values_in_the_language_of_the_module() -> None:
    scheme = ClassScheme.of(["soil", "leaf", "stem"])
    labels = np.array([[1, 2, 3]], np.uint8)
    assert foreign_mask(labels, scheme, "order").tolist() == [[0, 1, 2]]
    assert foreign_mask(labels, scheme, "ids").tolist() == [[1, 2, 3]]
    assert foreign_mask(labels, scheme, "binary").tolist() == [[0, 255, 255]]


def test_outlines_paint_what_they_were_made_of() -> None:
    from napari_phenoai.remote.polygons import read_outlines

    mask = np.zeros((64, 48), np.uint8)
    mask[4:30, 5:20], mask[40:60, 8:40], mask[62, 1] = 1, 2, 1
    items = []
    for line in outlines_text(mask).splitlines():
        number, *shares = line.split()
        items.append({"class": int(number), "polygon": [float(share) for share in shares]})
    assert [item["class"] for item in items] == [0, 1]
    painted = read_outlines(items, mask.shape)
    assert painted is not None
    same = (painted.values == mask).mean()
    assert same > 0.96


# ------------------------------------------------------------------------ on real servers
def test_blossom_predicts_without_a_word(
    project: Project, settings: Path, serving: Callable[..., DeepaasClient]
) -> None:
    client = serving("blossom", "phenoai_test_blossom")
    meaning = mapping_of("0=soil,255=plant", project.scheme)
    predictor = remote_predictor(project, client, meaning=meaning)
    assert finish(predict_remote(project, predictor)) > 0
    image = project.images()[0]
    found = project.predictions(image.id, predictor.card.id)
    assert found is not None
    pixels = project.source(image.id).read(project.reviews.all()[0].tile)
    assert set(np.unique(predictor.labels(pixels))) <= set(project.scheme.ids)


def test_blossom_trains_when_it_has_seen_the_data(
    project: Project, settings: Path, serving: Callable[..., DeepaasClient], tmp_path: Path
) -> None:
    client = serving("blossom", "phenoai_test_blossom")
    with pytest.raises(InputError, match="storage"):
        begin_training(project, client, TrainSettings())
    store = stored(tmp_path)
    training = begin_training(project, client, TrainSettings(learning_rate=0.01), author="ann")
    with pytest.raises(RefusedError, match="when it starts") as error:
        finish(follow_training(project, lambda _: client, training.id, QUICK))
    assert "restart" in error.value.hint
    (sent,) = (store / "data" / "images").iterdir()
    assert client.trainings(client.offer()) == []
    before = sent.stat().st_mtime_ns
    ended = finish(follow_training(project, lambda _: client, training.id, QUICK))
    assert sent.stat().st_mtime_ns == before, "nothing is sent twice"
    (run,) = client.trainings(client.offer())
    assert (run.args["learning_rate"], run.args["loss_function"]) == ("0.01", "weighted_loss")
    assert ended.state == "unreadable"
    assert "data/output" in ended.what
    assert "data/models" in ended.hint
    assert project.rounds.served() is None


def test_yolo_trains_and_its_new_weights_predict(
    project: Project, settings: Path, serving: Callable[..., DeepaasClient], tmp_path: Path
) -> None:
    store = stored(tmp_path)
    (settings / "yolo.toml").write_text(YOLO_HERE.replace("MOUNT", str(store)))
    client = serving("yolo", "phenoai_test_yolo")
    ended = trained(project, client, epochs=4)
    assert ended.state == "done", ended.what
    assert ended.values["epochs"] == 4
    assert ended.values["seed"] == 3
    (record,) = project.rounds.all()
    assert record.model == ended.model
    assert record.evaluation is not None
    assert record.evaluation.dice is not None
    assert record.evaluation.dice > 0.3
    assert project.rounds.served() is None, "a model that stays elsewhere never serves by itself"
    card = next(card for card in project.models.cards() if card.id == ended.model)
    run = card.settings["values"]["model"]  # type: ignore[index]
    again = remote_predictor(project, client, values=dict(card.settings["values"]))  # type: ignore[call-overload]
    assert again.card.settings["values"]["model"] == run  # type: ignore[index]
    (folder,) = [path for path in store.iterdir() if path.name.startswith("phenoai-")]
    about = json.loads((folder / "data.yaml").read_text())
    assert about["names"] == {"0": "plant"}


def test_the_demo_module_learns_through_a_storage(
    project: Project, settings: Path, serving: Callable[..., DeepaasClient], tmp_path: Path
) -> None:
    store = stored(tmp_path)
    (settings / "demo.toml").write_text(DEMO)
    tools = tmp_path / "tools"
    tools.mkdir()
    rclone = tools / "rclone"  # of rclone the module needs no more than this
    rclone.write_text('#!/bin/sh\nmkdir -p "$(dirname "$3")" && cp "$2" "$3"\n')
    rclone.chmod(0o755)
    client = serving(
        "phenoai-demo",
        "phenoai_demo.api",
        OTHERS / "demo_module" / "src",
        PATH=f"{tools}{os.pathsep}{os.environ['PATH']}",
        PHENOAI_DEMO_HOME=str(tmp_path / "demo"),
        PHENOAI_DEMO_REMOTE=str(store),
    )
    ended = trained(project, client)
    assert ended.state == "done", ended.what
    assert isinstance(ended.output, dict)
    assert ended.output["images"] == len(list(taught(project, take_snapshot(project)[1])))
    card = next(card for card in project.models.cards() if card.id == ended.model)
    assert card.settings["values"] == {"model": ended.output["run"]}
    assert (store / "models" / f"{ended.output['run']}.zip").is_file()
    assert project.rounds.all()[0].evaluation is not None


def test_a_module_of_angers_gets_what_its_profile_says(
    settings: Path, serving: Callable[..., DeepaasClient]
) -> None:
    client = serving("angerslike", "angerslike", OTHERS / "test_servers" / "angers_style")
    known = client.offer()
    with pytest.raises(InputError, match="not clear"):
        picture_field(known, "unknown")
    (settings / "angers.toml").write_text(ANGERS)
    how = profiled(known, RemoteSettings())
    upload = picture_upload(np.zeros((3, 8, 8), np.uint8))
    name = picture_field(known, how.picture_field)
    answer = client.predict(known, {name: upload}, how.values, accept=how.accept)
    said: Mapping[str, str] = json.loads(answer.content)["predictions"]["kw"]
    assert name == "demo-image"
    assert "tile.png" in said["demo-image"]
    assert said["jsonstr"] == '"of the profile"', "as JSON in text, like its default"
    assert said["accept"] == "application/json"


def test_a_profile_for_another_version_is_told_before_anything_is_sent(
    project: Project, settings: Path, serving: Callable[..., DeepaasClient], tmp_path: Path
) -> None:
    store = stored(tmp_path)
    text = YOLO_HERE.replace('argument = "data"', 'argument = "dataset"')
    (settings / "yolo.toml").write_text(text)
    client = serving("yolo", "phenoai_test_yolo")
    with pytest.raises(InputError, match="no argument dataset") as error:
        begin_training(project, client, TrainSettings())
    assert "profile" in error.value.hint
    assert list(store.iterdir()) == []
    assert TrainingStore(project.path).all() == []


def test_the_command_lists_profiles(settings: Path) -> None:
    (settings / "demo.toml").write_text(DEMO)
    result = CliRunner().invoke(app, ["endpoints", "profiles", "--json"])
    told = json.loads(result.stdout)
    assert [item["name"] for item in told["profiles"]] == ["demo", "blossom", "yolo"]
    assert told["folder"] == str(settings)
    (settings / "demo.toml").write_text("x")
    result = CliRunner().invoke(app, ["endpoints", "profiles"])
    assert result.exit_code == 1
    assert "demo.toml is no profile" in result.stderr
