"""A project's training on a real server of ours, from its tiles to the model that serves."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from napari_phenoai.cli.app import app
from napari_phenoai.core.ports import TrainSettings
from napari_phenoai.core.progress import finish
from napari_phenoai.core.remote_training import RemoteTraining, state_words
from napari_phenoai.errors import InputError, JobError
from napari_phenoai.io.project import Project
from napari_phenoai.io.trainings import TrainingStore
from napari_phenoai.loop.predict import predict_project
from napari_phenoai.loop.queueing import refresh_queue
from napari_phenoai.loop.remote_patience import Pace
from napari_phenoai.loop.remote_predict import predict_remote, remote_predictor
from napari_phenoai.loop.remote_train import (
    begin_training,
    cancel_training,
    follow_training,
    outcome,
)
from napari_phenoai.loop.retrain import retrain
from napari_phenoai.loop.review import decide, propose
from napari_phenoai.remote.deepaas import DeepaasClient
from napari_phenoai.testing.project import tiny_project

if TYPE_CHECKING:
    from napari_phenoai.core.progress import Progress
    from napari_phenoai.core.records import RoundRecord

FOREST = TrainSettings(family="forest", seed=3)
SMALL = {"decoder": (32, 16, 16, 8, 8), "epochs": 3}
UNET = TrainSettings(
    family="unet", pretrained=False, steps=45, batch=2, crop_px=32, seed=3, extra=SMALL
)
SLOW = replace(UNET, steps=100_000, extra={**SMALL, "epochs": 4000, "patience": 100_000})
QUICK = Pace(first=0.2, most=1.0, told=0.3, tick=0.05, unreachable=0.5)
MODULE = {"phenoai": "napari_phenoai.server.api"}
WAIT_SECONDS = 240


@dataclass
class Lab:
    """A project, and a server of ours that takes its data."""

    project: Project
    server: Any
    start: Callable[[], Any]
    clients: list[DeepaasClient] = field(default_factory=list)

    def connect(self, name: str) -> DeepaasClient:
        assert name == "lab", "a server is known by its name only"
        self.clients.append(DeepaasClient(self.server.endpoint()))
        return self.clients[-1]

    def begin(self, settings: TrainSettings = FOREST, **how: Any) -> RemoteTraining:
        return begin_training(self.project, self.connect("lab"), settings, author="ann", **how)

    def follow(
        self, training: RemoteTraining, on_progress: Callable[[Progress], object] | None = None
    ) -> RemoteTraining:
        work = follow_training(self.project, self.connect, training.id, QUICK)
        return finish(work, on_progress)

    def now(self, training: RemoteTraining) -> RemoteTraining:
        return TrainingStore(self.project.path).get(training.id)

    def until_running(self, training: RemoteTraining) -> RemoteTraining:
        """Follow it until its server trains, then leave it."""
        work = follow_training(self.project, self.connect, training.id, QUICK)
        until = time.monotonic() + WAIT_SECONDS
        for progress in work:
            assert time.monotonic() < until
            if self.now(training).state == "running" and "epoch" in progress.data:
                break
        work.close()
        return self.now(training)

    def posts(self) -> int:
        """Return how many trainings its server was asked for."""
        folder = self.server.log.parent / "home" / "jobs"
        return len(list(folder.iterdir())) if folder.is_dir() else 0


def reviewed(project: Project, scenes: Path, count: int) -> None:
    masks = {path.stem: np.asarray(Image.open(path)) + 1 for path in scenes.glob("masks/*.png")}
    names = {image.id: Path(image.name).stem for image in project.images()}
    for item in finish(refresh_queue(project, count=count))[:count]:
        tile = item.where
        labels = masks[names[tile.image]][tile.slices].astype(np.uint8)
        proposal = propose(project, tile)
        how: dict[str, Any] = {"labels": labels, "proposal": proposal, "item": item}
        decide(project, tile, "corrected", seconds=10, author="ann", **how)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Sums in the same order as the server, which has one thread as well."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def starting_ours(starting: Any) -> Iterator[Callable[..., Any]]:
    """Start servers of ours in a folder, again on the same address if wanted."""
    started: list[Any] = []

    def start(folder: Path, variables: Mapping[str, str], *options: str) -> Any:
        folder.mkdir(parents=True, exist_ok=True)
        line = ("--model-name", "phenoai", "--workers", "2", *options)
        names = folder / f"names{len(started)}"
        names.mkdir()
        server = starting(
            names,
            *line,
            models=MODULE,
            variables={
                "PHENOAI_DEVICE": "cpu",
                "PHENOAI_NICE": "0",
                "PHENOAI_HOME": str(folder / "home"),
                **variables,
            },
        )
        server.log = folder / "x"
        started.append(server)
        return server

    yield start
    for server in started:
        server.end()


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with tiny_project(tmp_path / "field.phenoai", 3, size=(160, 560), tile_px=96) as project:
        project.update(id="field")  # fixes what is drawn by chance
        reviewed(project, tmp_path / "field-scenes", 8)
        yield project


@pytest.fixture
def lab(
    project: Project,
    tmp_path: Path,
    starting_ours: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Lab]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def start() -> Any:
        return starting_ours(tmp_path / "server", {"PHENOAI_UPLOADS": "1"})

    lab = Lab(project, start(), start)
    yield lab
    for client in lab.clients:
        client.close()


def round_of(lab: Lab, training: RemoteTraining) -> RoundRecord:
    (record,) = [one for one in lab.project.rounds.all() if one.id == training.round]
    return record


@pytest.mark.parametrize("settings", [FOREST, UNET], ids=["forest", "unet"])
def test_a_training_there_gives_the_metrics_of_one_here(lab: Lab, settings: TrainSettings) -> None:
    seen: list[Progress] = []
    training = lab.follow(lab.begin(settings), seen.append)
    assert outcome(training).state == "done", training.what
    record = round_of(lab, training)
    assert record.evaluation is not None
    assert record.evaluation.dice is not None
    assert record.model == training.model
    assert record.gate is not None
    assert record.served == (training.model if record.gate.serve else None)
    assert training.there == pytest.approx(record.evaluation.dice, abs=1e-3)
    card = lab.project.models.verify(training.model)
    assert (card.snapshot, card.author) == (training.snapshot, "ann")
    assert (lab.project.models.folder(card.id) / "metrics.csv").is_file()
    # Curves and progress came while it ran, in order and each point once.
    points = [json.dumps(dict(one.data)) for one in seen if "epoch" in one.data]
    epochs = [int(json.loads(point)["epoch"]) for point in points]
    assert len(points) == len(set(points)) >= 1
    assert epochs == sorted(epochs)
    shares = [one.fraction or 0 for one in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    # The same snapshot and seed here.
    here = finish(retrain(lab.project, settings))
    assert here.snapshot == record.snapshot
    assert here.evaluation is not None
    assert record.evaluation.dice == pytest.approx(here.evaluation.dice, abs=1e-3)
    assert record.evaluation.iou == pytest.approx(here.evaluation.iou, abs=1e-3)
    assert here.evaluation_before is not None, "the model from there was the one to beat"
    assert here.evaluation_before.model == training.model
    assert not list(TrainingStore(lab.project.path).folder.glob(".*.files"))
    text = json.dumps([one.model_dump(mode="json") for one in (training,)])
    assert lab.server.url not in text, "no address is in the project"


def predicted(project: Project, model: str) -> list[np.ndarray]:
    """Return what was predicted of each image, by name."""
    images = sorted(project.images(), key=lambda image: image.name)
    return [np.asarray(project.predictions(image.id, model).levels[0]) for image in images]


def curves(project: Project, model: str) -> list[dict[str, float]]:
    """Return the points of the curves of a model, without what the clock says."""
    words = {"True": 1.0, "False": 0.0}
    with (project.models.folder(model) / "metrics.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    timed = [name for name in rows[0] if "second" in name]
    kept = [{k: v for k, v in row.items() if v and k not in timed} for row in rows]
    return [{k: words[v] if v in words else float(v) for k, v in row.items()} for row in kept]


@pytest.mark.parametrize(("settings", "rounds"), [(FOREST, 2), (UNET, 1)], ids=["forest", "unet"])
def test_rounds_over_the_wire_end_as_rounds_here(
    lab: Lab, tmp_path: Path, settings: TrainSettings, rounds: int
) -> None:
    """Review, train, judge, predict, and once more: there, and beside it in a copy here."""
    served: list[str] = []
    for number in range(rounds):
        twin_path = shutil.copytree(lab.project.path, tmp_path / f"twin{number}.phenoai")
        training = outcome(lab.follow(lab.begin(settings)))
        there = round_of(lab, training)
        with Project.open(twin_path) as twin:
            here = finish(retrain(twin, settings))
            finish(predict_project(twin, here.model, device="cpu", engine="torch"))
            assert (there.snapshot, there.before) == (here.snapshot, here.before)
            assert there.evaluation is not None
            assert here.evaluation is not None
            assert there.evaluation.tiles == here.evaluation.tiles >= 1
            assert there.evaluation.dice == pytest.approx(here.evaluation.dice, abs=1e-3)
            assert there.evaluation.iou == pytest.approx(here.evaluation.iou, abs=1e-3)
            assert there.gate is not None
            assert here.gate is not None
            assert there.gate.serve is here.gate.serve
            ours, theirs = curves(twin, here.model or ""), curves(lab.project, training.model)
            assert len(ours) == len(theirs) >= 1
            for one, other in zip(ours, theirs, strict=True):
                assert other == pytest.approx(one, abs=1e-3)
            expected = predicted(twin, here.model or "")
        served.append(lab.project.rounds.served() or "")
        assert (served[-1] == training.model) is there.gate.serve
        # It predicts there, chosen because it serves here.
        predictor = remote_predictor(lab.project, lab.connect("lab"))
        assert predictor.card.settings["values"] == {"model": served[-1]}
        assert finish(predict_remote(lab.project, predictor)) == 6
        if there.gate.serve:
            found = predicted(lab.project, predictor.card.id)
            for mask, mask_there in zip(expected, found, strict=True):
                # Tiles there have less round them than the blocks here.
                assert np.mean(mask != mask_there) < 5e-3
        if number + 1 < rounds:
            assert there.gate.serve, "the first one serves, and is the one to beat"
            reviewed(lab.project, tmp_path / "field-scenes", 4)
    assert lab.posts() == rounds


def phenoai(*argv: object) -> dict[str, Any]:
    """Run the command line and return what it prints as JSON."""
    result = CliRunner().invoke(app, [*map(str, argv), "--json"])
    found: dict[str, Any] = json.loads(result.stdout.strip().splitlines()[-1])
    return found


@pytest.mark.skipif(os.name == "nt", reason="signals as on Linux and macOS")
def test_a_killed_program_goes_on_where_it_was(lab: Lab) -> None:
    phenoai("endpoints", "add", lab.server.url, "--name", "lab")
    line = [sys.executable, "-m", "napari_phenoai.cli", "train", str(lab.project.path)]
    line += ["--on", "lab", "--family", "forest", "--seed", "3", "--author", "ann"]
    store = TrainingStore(lab.project.path)

    def run_until(there: Callable[[], bool]) -> None:
        """Start the command, or go on, and kill it as soon as `there`.

        Never while nobody can know whether its request has left: that is another test.
        """
        argv = [*line[:5], "--resume"] if store.all() else line
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + WAIT_SECONDS
        while process.poll() is None:
            assert time.monotonic() < until
            process.send_signal(signal.SIGSTOP)
            if there() and state() != "submitting asked":
                break
            process.send_signal(signal.SIGCONT)
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def state() -> str:
        found = store.all()
        return found[0].state + (" asked" if found[0].asked else "") if found else ""

    bundle = lab.server.log.parent / "home" / "storage" / "bundles"
    run_until(lambda: state() != "")  # before anything was sent
    run_until(lambda: any(bundle.rglob("*.tif")))  # in the middle of sending
    run_until(lambda: state().startswith("running"))
    run_until(lambda: state().startswith("fetching"))
    if store.all()[0].open:
        told = phenoai("jobs", lab.project.path, "--watch")["jobs"][0]
        assert (told["kind"], told["state"]) == ("train-remote", "done")
    (training,) = store.all()
    assert training.state == "done", training.what
    assert lab.posts() == 1, "it was asked for once"
    assert round_of(lab, training).model == training.model
    assert [card.id for card in lab.project.models.cards()] == [training.model]
    assert phenoai("train", lab.project.path, "--resume") == {"trainings": []}


def test_a_request_of_unknown_fate_is_looked_for_and_never_sent_again(lab: Lab) -> None:
    # Killed right after the request: it was heard.
    training = lab.until_running(lab.begin())
    store = TrainingStore(lab.project.path)
    heard = store.save(training.but(state="submitting", uuid="", others=()))
    assert lab.follow(heard).state == "done"
    assert lab.now(training).uuid == training.uuid
    # Killed right before it left: nothing is found, and nothing is sent.
    second = lab.begin()
    values = {**training.values, "job": second.id}
    sure = store.save(second.but(asked=True, values=values))
    ended = lab.follow(sure)
    assert (ended.state, lab.posts()) == ("submit-unknown", 1)
    with pytest.raises(JobError, match="Nobody knows whether"):
        outcome(ended)
    told = phenoai("jobs", lab.project.path)["jobs"]
    assert [one["message"] for one in told] == ["perhaps started", "done"]
    assert lab.follow(ended).state == "submit-unknown"
    assert lab.posts() == 1


def test_a_server_that_was_started_anew_has_lost_it(lab: Lab) -> None:
    training = lab.until_running(lab.begin(SLOW))
    lab.server.end()
    work = follow_training(lab.project, lab.connect, training.id, QUICK)
    until = time.monotonic() + WAIT_SECONDS
    for progress in work:
        assert time.monotonic() < until
        if "no answer since" in progress.message:
            break
    work.close()
    silent = lab.now(training)
    assert (silent.state, silent.unreachable is not None) == ("running", True)
    assert "lab does not answer since" in state_words(silent)
    assert "does not answer" in phenoai("jobs", lab.project.path)["jobs"][0]["message"]
    lab.server = lab.start()
    ended = lab.follow(training)
    assert (ended.state, ended.unreachable) == ("lost", None)
    assert lab.posts() == 1, "nothing is started again by itself"
    with pytest.raises(JobError, match="is lost"):
        outcome(ended)
    assert lab.project.rounds.all() == []


def test_without_a_network_a_training_waits(lab: Lab) -> None:
    lab.server.end()
    training = lab.begin()
    assert (training.state, training.way) == ("submitting", "any")
    work = follow_training(lab.project, lab.connect, training.id, QUICK)
    until = time.monotonic() + WAIT_SECONDS
    while "no answer since" not in next(work).message:
        assert time.monotonic() < until
    work.close()
    assert (lab.now(training).state, lab.now(training).asked) == ("submitting", False)
    lab.server = lab.start()
    ended = outcome(lab.follow(training))
    assert (ended.state, ended.module, ended.way) == ("done", "phenoai", "phenoai")
    assert lab.posts() == 1


def test_a_training_is_stopped_by_whoever_wants(lab: Lab) -> None:
    training = lab.until_running(lab.begin(SLOW))
    ended = cancel_training(lab.project, lab.connect, training.id)
    assert ended.state == "cancelled"
    assert outcome(lab.now(training)).state == "cancelled"
    with pytest.raises(JobError, match="cancelled already"):
        cancel_training(lab.project, lab.connect, training.id)
    # Another process wants it to stop while this one follows.
    second = lab.begin(SLOW)

    def stop_once(progress: Progress) -> None:
        if "epoch" in progress.data and lab.now(second).state == "running":
            with suppress(JobError):
                cancel_training(lab.project, lab.connect, second.id)

    assert lab.follow(second, stop_once).state == "cancelled"
    # Before it was sent there is nothing to stop over there.
    third = lab.begin()
    assert cancel_training(lab.project, lab.connect, third.id).state == "cancelled"
    assert lab.posts() == 2
    assert not list(TrainingStore(lab.project.path).folder.glob(".*.stop"))


def test_a_model_that_the_server_lacks_is_no_start(lab: Lab) -> None:
    with pytest.raises(InputError, match="has no model nobody"):
        lab.begin(base="nobody")
    assert TrainingStore(lab.project.path).all() == []


def left_until_its_end(lab: Lab) -> RemoteTraining:
    """Start a training, and look away until its server has a model."""
    training = lab.begin()
    work = follow_training(lab.project, lab.connect, training.id, QUICK, only_start=True)
    assert finish(work).state == "running"
    standing = lab.server.log.parent / "home" / "jobs" / training.id / "standing.json"
    until = time.monotonic() + WAIT_SECONDS
    while not standing.is_file() or json.loads(standing.read_text())["state"] != "done":
        assert time.monotonic() < until
        time.sleep(0.1)
    return lab.now(training)


def test_a_training_that_had_ended_before_a_restart_is_not_lost(lab: Lab) -> None:
    training = left_until_its_end(lab)
    lab.server.end()
    lab.server = lab.start()
    ended = outcome(lab.follow(training))
    assert (ended.state, ended.uuid, lab.posts()) == ("done", training.uuid, 1)
    assert round_of(lab, ended).model == ended.model


def test_weights_that_were_changed_are_not_taken(lab: Lab) -> None:
    training = left_until_its_end(lab)
    (weights,) = (lab.server.log.parent / "home").glob("models/*/weights.safetensors")
    data = weights.read_bytes()
    weights.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    ended = lab.follow(training)
    assert ended.state == "unreadable"
    assert "not those of the training" in ended.what
    assert lab.project.models.cards() == []
    assert lab.project.rounds.all() == []
    assert not list(lab.project.path.glob("models/.staging*"))
