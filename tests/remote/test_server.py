"""Our own module in a real DEEPaaS server: the same pixels and the same metrics as here."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest
from PIL import Image
from typer.testing import CliRunner

from napari_phenoai.cli.app import app
from napari_phenoai.core.endpoints import Endpoint
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.ids import new_id, sha256_bytes
from napari_phenoai.core.ports import TrainSettings
from napari_phenoai.core.progress import finish
from napari_phenoai.errors import EndpointError, LabelError, ModelError, ServerFailedError
from napari_phenoai.io.images import open_image
from napari_phenoai.io.project import Project
from napari_phenoai.io.storage import Storage
from napari_phenoai.loop.bundles import send_bundle
from napari_phenoai.loop.evaluation import evaluate
from napari_phenoai.loop.models import load_predictor, promote
from napari_phenoai.loop.predict import predict_project
from napari_phenoai.loop.queueing import refresh_queue
from napari_phenoai.loop.remote_predict import mapping_of, predict_remote, remote_predictor
from napari_phenoai.loop.retrain import retrain
from napari_phenoai.loop.review import decide, propose
from napari_phenoai.loop.snapshots import samples_of
from napari_phenoai.ml.families import load_model
from napari_phenoai.remote.answers import read_answer
from napari_phenoai.remote.deepaas import DeepaasClient
from napari_phenoai.remote.picture_files import picture_upload
from napari_phenoai.remote.training import cancel, look, submit
from napari_phenoai.remote.upload import Upload
from napari_phenoai.testing.project import tiny_project

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_phenoai.core.records import RoundRecord
    from napari_phenoai.remote.spec import Offer

SEED = 3
WAIT_SECONDS = 240
GREY = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010800000000"
    "3a7e9b550000000a49444154789c636000000002000148afa4710000000049454e44ae426082"
)
FOREST = TrainSettings(family="forest", seed=SEED)


@dataclass
class Lab:
    """A project with a model, and a server that has that model and a storage."""

    project: Project
    record: RoundRecord
    storage: Path
    server: Any
    scenes: Path

    @property
    def model(self) -> str:
        return self.record.model or ""


def reviewed(project: Project, scenes: Path, count: int) -> None:
    masks = {path.stem: np.asarray(Image.open(path)) + 1 for path in scenes.glob("masks/*.png")}
    names = {image.id: Path(image.name).stem for image in project.images()}
    for item in finish(refresh_queue(project, count=count))[:count]:
        tile = item.where
        labels = masks[names[tile.image]][tile.slices].astype(np.uint8)
        proposal = propose(project, tile)
        decide(
            project,
            tile,
            "corrected",
            labels=labels,
            proposal=proposal,
            seconds=10,
            author="ann",
            item=item,
        )


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, starting: Any) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    with tiny_project(folder / "field.phenoai", 3, size=(160, 560), tile_px=96) as project:
        project.update(id="field")  # fixes what is drawn by chance
        scenes = folder / "field-scenes"
        reviewed(project, scenes, 10)
        record = finish(retrain(project, FOREST))
        finish(predict_project(project))
        storage = folder / "storage"
        storage.mkdir()
        place = folder / "server"
        place.mkdir()
        server = starting(
            place,
            "--model-name",
            "phenoai",
            "--workers",
            "2",
            models={"phenoai": "napari_phenoai.server.api"},
            variables={
                "PHENOAI_MODELS": str(project.path),
                "PHENOAI_STORAGE": str(storage),
                "PHENOAI_DEVICE": "cpu",
                "PHENOAI_NICE": "0",
                "PHENOAI_DELETE_UPLOADS": "1",
            },
        )
        yield Lab(project, record, storage, server, scenes)
        server.end()


@pytest.fixture
def client(lab: Lab) -> Iterator[DeepaasClient]:
    with DeepaasClient(lab.server.endpoint()) as client:
        yield client


def picture(lab: Lab, number: int = 0) -> Upload:
    return Upload("x.png", (lab.scenes / f"images/scene_{number}.png").read_bytes(), "image/png")


def ours(lab: Lab, number: int = 0) -> np.ndarray:
    (image,) = [one for one in lab.project.images() if one.name == f"scene_{number}.png"]
    return np.asarray(lab.project.predictions(image.id, lab.model).levels[0])


def told(client: DeepaasClient, offer: Offer, **values: object) -> dict[str, Any]:
    answer = client.predict(offer, {}, values, accept="application/json")
    found: dict[str, Any] = json.loads(answer.content)["predictions"]
    return found


@pytest.mark.parametrize("accept", ["image/png", "application/json", "application/zip"])
def test_a_picture_gets_the_same_classes_as_here(
    lab: Lab, client: DeepaasClient, accept: str
) -> None:
    offer = client.offer()
    assert offer.key == "phenoai"
    answer = client.predict(offer, {"image": picture(lab)}, accept=accept)
    mask = read_answer(answer, (160, 560))
    first = 1 if accept != "application/zip" else None
    if first is None:  # one mask per class, in the order of their names
        numbers = {"soil": 1, "plant": 2}
        table = np.array([0, *(numbers[mask.names[n]] for n in sorted(mask.names))])
        np.testing.assert_array_equal(table[mask.values], ours(lab))
    else:
        np.testing.assert_array_equal(mask.values, ours(lab))
    assert set(np.unique(ours(lab))) == {1, 2}


def test_a_tile_of_one_pixel_and_a_model_by_name(lab: Lab, client: DeepaasClient) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (1, 1)).save(buffer, "PNG")
    upload = Upload("x.png", buffer.getvalue(), "image/png")
    answer = client.predict(client.offer(), {"image": upload}, {"model": lab.model})
    assert Image.open(io.BytesIO(answer.content)).size == (1, 1)
    left = [path.name for path in lab.server.log.parent.iterdir() if path.name.startswith("tmp")]
    assert left == [], "uploads are removed when that is wanted"


@pytest.mark.parametrize(
    ("model", "data", "said"),
    [
        ("../../etc", GREY, "has no model '../../etc'"),
        ("", GREY, "wants 3 channels, the image has 1"),
        ("", b"no picture at all", "does not begin like"),
        ("", b"", "No image has come|is empty"),
    ],
)
def test_the_reason_of_a_failure_is_told(
    client: DeepaasClient, model: str, data: bytes, said: str
) -> None:
    upload = Upload("x.png", data, "image/png")
    for accept in ("image/png", "application/json"):
        values = {"model": model} if model else {}
        answer = client.predict(client.offer(), {"image": upload}, values, accept=accept)
        with pytest.raises(ServerFailedError, match=said):
            read_answer(answer, (160, 560))


def test_what_the_server_says_of_itself(lab: Lab, client: DeepaasClient) -> None:
    answer = client.http.get(client.url(f"{client.offer().path}/"))
    said = json.loads(answer.content)["phenoai"]
    assert said["default"] == lab.model
    card = lab.project.models.card(lab.model)
    assert said["models"][0]["classes"] == {"1": "soil", "2": "plant"}
    assert said["models"][0]["weights_sha256"] == card.weights_sha256
    assert str(lab.storage) not in answer.text


def trained(
    client: DeepaasClient,
    offer: Offer,
    values: dict[str, object],
) -> Any:
    run = submit(client, offer, values)
    until = time.monotonic() + WAIT_SECONDS
    while (state := look(client, offer, run.uuid)).state == "running":
        assert time.monotonic() < until
        time.sleep(0.2)
    return state


def test_a_training_gives_the_same_model_as_here(lab: Lab, client: DeepaasClient) -> None:
    offer = client.offer()
    snapshot = lab.project.snapshots.get(lab.record.snapshot or "")
    storage = Storage(str(lab.storage))
    finish(send_bundle(lab.project, snapshot, storage.inside("sets/one")))
    job = new_id()
    values = {"bundle": "sets/one", "job": job, "family": "forest", "seed": SEED}
    state = trained(client, offer, values)
    assert state.state == "done", state.message
    output = state.output

    # The metrics, told by the server, are those of the training here.
    here, there = lab.record.evaluation, output["evaluation"]
    assert here is not None
    assert (here.dice or 0) > 0.6, "there is something to compare"
    assert there["dice"] == pytest.approx(here.dice, abs=1e-3)
    assert there["iou"] == pytest.approx(here.iou, abs=1e-3)
    assert there["tiles"] == here.tiles >= 1
    # Its progress and curves stay readable.
    standing = told(client, offer, job=job)
    assert (standing["state"], standing["done"], standing["model"]) == ("done", 1, output["model"])
    assert standing["curve"][-1]["epoch"] >= 1
    # The weights come back in the download, and through the storage.
    answer = client.predict(offer, {}, {"job": job}, accept="application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert sha256_bytes(files["weights.safetensors"]) == output["weights_sha256"]
    assert output["weights_sha256"] == lab.project.models.card(lab.model).weights_sha256
    stored = lab.storage / output["weights"]
    assert (stored / "weights.safetensors").read_bytes() == files["weights.safetensors"]
    sums = (stored / "sha256sums.txt").read_text()
    assert f"{output['weights_sha256']}  weights.safetensors" in sums
    # Measured here, they are as good as the server says.
    model = load_model(stored, device="cpu")
    assert model.card.snapshot == lab.record.snapshot
    heldout = [s for s in samples_of(lab.project, snapshot) if s.role == "heldout"]
    again, _ = evaluate(model, heldout, snapshot.scheme)
    assert again.dice == pytest.approx(there["dice"], abs=1e-9)
    # The new model predicts at once, by its name.
    answer = client.predict(offer, {"image": picture(lab)}, {"model": output["model"]})
    np.testing.assert_array_equal(read_answer(answer, (160, 560)).values, ours(lab))

    again_state = trained(client, offer, values)
    assert again_state.state == "failed"
    assert "was started before" in again_state.message


def test_a_cancelled_training_leaves_no_process_behind(lab: Lab, client: DeepaasClient) -> None:
    offer, job = client.offer(), new_id()
    snapshot = lab.project.snapshots.get(lab.record.snapshot or "")
    finish(send_bundle(lab.project, snapshot, Storage(str(lab.storage)).inside("sets/one")))
    # It does not end by itself, however late this process gets its turn.
    endless = {"family": "forest", "extra": json.dumps({"trees": 1_000_000})}
    run = submit(client, offer, {"bundle": "sets/one", "job": job, **endless})

    def children() -> list[psutil.Process]:
        found = psutil.process_iter(["cmdline"])
        return [one for one in found if job in " ".join(one.info["cmdline"] or [])]

    until = time.monotonic() + WAIT_SECONDS
    while not (children() and told(client, offer, job=job).get("state") == "running"):
        assert time.monotonic() < until, "its progress is readable meanwhile"
        time.sleep(0.05)
    cancel(client, offer, run.uuid)
    while children():
        assert time.monotonic() < until
        time.sleep(0.05)
    assert told(client, offer, job=job)["state"] == "lost"
    assert not list((lab.server.log.parent / "home" / "models").glob(".staging*"))
    answer = client.predict(offer, {}, {"job": job}, accept="application/zip")
    with pytest.raises(ServerFailedError, match="has no model: it is lost"):
        read_answer(answer, (1, 1))


@pytest.mark.skipif(os.name == "nt", reason="signals as on Linux and macOS")
def test_one_command_starts_a_server_and_ends_it_whole(
    lab: Lab, tmp_path: Path, ours_named: Path, unused_port: Callable[[], int]
) -> None:
    port = unused_port()
    line = [sys.executable, "-m", "napari_phenoai.cli", "serve", str(lab.project.path)]
    line += ["--port", str(port), "--home", str(tmp_path / "home"), "--workers", "1"]
    variables = {"PYTHONPATH": str(ours_named), "XDG_CACHE_HOME": str(tmp_path)}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(line, env={**os.environ, **variables}, stdout=log, stderr=log)
    try:
        with DeepaasClient(Endpoint(name="lab", url=f"http://127.0.0.1:{port}")) as client:
            until = time.monotonic() + WAIT_SECONDS
            offer = None
            while offer is None:
                assert time.monotonic() < until, (tmp_path / "log").read_text()
                assert process.poll() is None, (tmp_path / "log").read_text()
                with suppress(EndpointError):
                    offer = client.offer()
                time.sleep(0.2)
            assert offer.train is None, "there is no storage to train from"
            answer = client.predict(offer, {"image": picture(lab)})
            np.testing.assert_array_equal(read_answer(answer, (160, 560)).values, ours(lab))
        below = psutil.Process(process.pid).children(recursive=True)
        assert len(below) >= 2
    finally:
        process.terminate()
        assert process.wait(WAIT_SECONDS) == 0
    _, alive = psutil.wait_procs(below, timeout=WAIT_SECONDS)
    assert not alive


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"bundle": "../../etc"}, "no place in the storage"),
        ({"bundle": "file:///etc"}, "no place in the storage"),
        ({"bundle": "sets/none"}, "is not there"),
        ({"bundle": "sets/one", "job": "../x"}, "cannot be the id"),
        ({"bundle": "sets/one", "base": "nobody"}, "has no model 'nobody'"),
    ],
)
def test_what_a_training_refuses(
    lab: Lab, client: DeepaasClient, values: dict[str, object], said: str
) -> None:
    state = trained(client, client.offer(), {"family": "forest", **values})
    assert state.state == "failed"
    assert said in state.message
    assert str(lab.storage) not in state.message


def test_an_unknown_training_is_told(client: DeepaasClient) -> None:
    assert "knows no training" in told(client, client.offer(), job="nothing-here")["message"]


def phenoai(*argv: object) -> dict[str, Any]:
    """Run the command line and return what it prints as JSON."""
    result = CliRunner().invoke(app, [*map(str, argv), "--json"])
    found: dict[str, Any] = json.loads(result.stdout.strip().splitlines()[-1])
    return found


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lab: Lab) -> None:
    """Put the server on a list of its own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert "endpoints" not in phenoai("endpoints", "add", lab.server.url, "--name", "my lab")


def predicted(lab: Lab, model: str, number: int = 0) -> np.ndarray:
    (image,) = [one for one in lab.project.images() if one.name == f"scene_{number}.png"]
    return np.asarray(lab.project.predictions(image.id, model).levels[0])


@pytest.mark.usefixtures("saved")
def test_whole_images_on_a_server_are_as_predicted_here(lab: Lab) -> None:
    told = phenoai("predict", lab.project.path, "--on", "my lab")
    assert (told["tiles"], told["server"]) == (6, "my lab")
    for number in range(3):
        np.testing.assert_array_equal(predicted(lab, told["model"], number), ours(lab, number))
    assert phenoai("predict", lab.project.path, "--on", "my lab")["tiles"] == 0
    with Project.open(lab.project.path) as project:
        card = project.models.verify(told["model"])
        assert (card.family, card.class_names) == ("remote", ("soil", "plant"))
        assert card.settings["values"] == {"model": lab.model}
        assert card.settings["weights_sha256"] == project.models.card(lab.model).weights_sha256
        assert lab.server.url not in card.model_dump_json()
        with pytest.raises(ModelError, match="lies on a server"):
            load_predictor(project, card.id)
        with pytest.raises(ModelError, match="lies on a server"):
            promote(project, card.id)
    error = phenoai("predict", lab.project.path, "--on", "my lab", "--value", "model=x")["error"]
    assert "has no model 'x'" in error["what"]


@pytest.mark.usefixtures("saved")
def test_a_foreign_model_needs_to_be_told_once_what_its_values_mean(lab: Lab, deepaas: Any) -> None:
    phenoai("endpoints", "add", deepaas.url, "--name", "other")
    line = ["predict", lab.project.path, "--on", "other", "--model", "good"]
    line += ["--value", "shape=binary", "--image", "scene_1.png"]
    error = phenoai(*line)["error"]
    assert "the values 0, 255" in error["what"]
    assert error["hint"].endswith("--classes-as 0=soil,255=plant")
    wrong = phenoai(*line, "--classes-as", "0=soil,255=tree")["error"]
    assert "'255=tree' does not say" in wrong["what"]
    told = phenoai(*line, "--classes-as", "0=plant,255=soil")
    assert told["tiles"] == 2
    pixels = np.asarray(Image.open(lab.scenes / "images" / "scene_1.png"))
    expected = np.where(pixels[..., 0] > 127, 1, 2)
    np.testing.assert_array_equal(predicted(lab, told["model"], 1), expected)
    again = phenoai(*line)
    assert (again["model"], again["tiles"]) == (told["model"], 0), "the meaning is remembered"


def test_a_prediction_on_a_server_is_stopped_and_goes_on(lab: Lab, deepaas: Any) -> None:
    meaning = mapping_of("0=soil, *=Plant", lab.project.scheme)
    values = {"shape": "index"}
    with DeepaasClient(deepaas.endpoint()) as client:
        predictor = remote_predictor(
            lab.project, client, offer="good", values=values, meaning=meaning
        )
        images = ["scene_2.png"]
        work = predict_remote(lab.project, predictor, images)
        while next(work).message != f"{predictor.device} predicts tile 2":
            pass
        with deepaas.holding() as begun:
            next(work)
            begun()
            work.close()  # returns while the server is at work: nobody waits for it
        assert predicted(lab, predictor.card.id, 2)[:, :512].all()
        assert not predicted(lab, predictor.card.id, 2)[:, 512:].any()
        assert finish(predict_remote(lab.project, predictor, images)) == 1
        assert predicted(lab, predictor.card.id, 2).all()
        other = remote_predictor(lab.project, client, offer="good", values={}, meaning=meaning)
        assert other.card.id != predictor.card.id


def test_a_value_without_a_meaning_is_an_error(lab: Lab, deepaas: Any) -> None:
    meaning = mapping_of("0=unlabelled,1=plant", lab.project.scheme)
    with DeepaasClient(deepaas.endpoint()) as client:
        values = {"shape": "binary"}
        predictor = remote_predictor(
            lab.project, client, offer="good", values=values, meaning=meaning
        )
        with pytest.raises(LabelError, match="value 255"):
            finish(predict_remote(lab.project, predictor, ["scene_2.png"]))


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_pixels_travel_exactly(tmp_path: Path, channels: int, dtype: str) -> None:
    pixels = (np.random.default_rng(0).random((channels, 9, 7)) * 250).astype(dtype)
    upload = picture_upload(pixels, dtype, "tiff-exact")
    assert isinstance(upload.source, bytes)
    (tmp_path / "upload").write_bytes(upload.source)
    source = open_image(tmp_path / "upload")
    assert (source.shape, str(source.dtype)) == ((1, channels, 9, 7), dtype)
    np.testing.assert_array_equal(source.read(Tile("i", 0, 0, 9, 7)), pixels)
