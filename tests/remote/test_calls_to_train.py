"""Modules that nobody has described: asked to train by their form, followed like any training."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from napari_phenoai.cli.app import app
from napari_phenoai.core.endpoints import Endpoint
from napari_phenoai.core.progress import finish
from napari_phenoai.errors import InputError, JobError, RefusedError
from napari_phenoai.io.trainings import TrainingStore
from napari_phenoai.loop.remote_begin import begin_call, open_trainings
from napari_phenoai.loop.remote_patience import Pace
from napari_phenoai.loop.remote_train import cancel_training, follow_training, outcome
from napari_phenoai.loop.remote_ways import taking_of
from napari_phenoai.remote.deepaas import DeepaasClient
from napari_phenoai.testing.project import tiny_project

if TYPE_CHECKING:
    from napari_phenoai.io.project import Project

QUICK = Pace(first=0.1, most=0.5, told=0.2, tick=0.05, unreachable=0.5)


@pytest.fixture
def project(tmp_path: Path, own_servers: Any) -> Iterator[Project]:
    with tiny_project(tmp_path / "field.phenoai", 1) as project:
        yield project


@pytest.fixture
def client(deepaas: Any) -> Iterator[DeepaasClient]:
    with DeepaasClient(deepaas.endpoint()) as client:
        yield client


def follow(project: Project, client: DeepaasClient, training: Any, **how: Any) -> Any:
    return finish(follow_training(project, lambda _: client, training.id, QUICK, **how))


def test_the_form_is_sent_and_nothing_of_the_project(
    project: Project, client: DeepaasClient
) -> None:
    taking = taking_of(client, client.offer("good"))
    assert (taking.takes_tiles, taking.fixed) == (False, frozenset())
    training = begin_call(project, client, {"data": "roots", "delay": 0.5}, module="good")
    assert open_trainings(project)[0] == [training], "this person wanted it"
    # Left once the server has it, and taken up again, as after a restart of the program.
    running = follow(project, client, training, only_start=True)
    assert (running.state, bool(running.uuid)) == ("running", True)
    ended = outcome(follow(project, client, training))
    assert (ended.state, ended.uuid) == ("done", running.uuid)
    assert (ended.output, ended.model) == ({"done": True}, "")
    there = [item for item in client.trainings(client.offer("good")) if item.uuid == ended.uuid]
    assert there[0].args["data"] == "roots"
    assert project.snapshots.ids() == []
    assert project.rounds.all() == []
    assert open_trainings(project) == ([], [])


def test_what_the_server_says_of_a_value_is_kept_with_it(
    project: Project, client: DeepaasClient
) -> None:
    training = begin_call(project, client, {"data": "nowhere"}, module="good")
    ended = follow(project, client, training)
    assert ended.state == "failed"
    assert list(ended.fields) == ["data"]
    assert "no such data" in ended.fields["data"][0].replace("<b>", "").replace("</b>", "")
    with pytest.raises(JobError):
        outcome(ended)


def test_it_is_stopped_over_there(project: Project, client: DeepaasClient) -> None:
    training = begin_call(project, client, {"delay": 100}, module="good")
    follow(project, client, training, only_start=True)
    assert cancel_training(project, lambda _: client, training.id).state == "cancelled"


def test_what_cannot_be_kept_or_asked_is_refused_at_once(
    project: Project, client: DeepaasClient, raw: Any
) -> None:
    secret = {"name": "key", "in": "query", "type": "string", "format": "password"}
    file = {"name": "data", "in": "formData", "type": "file", "required": True}
    paths = {
        "/v2/models/shut/train/": {"post": {"parameters": [secret]}},
        "/v2/models/filed/train/": {"post": {"parameters": [file]}},
        "/v2/models/still/predict/": {"post": {"parameters": []}},
    }
    server = raw(raw.reply(json.dumps({"paths": paths}).encode()))
    with DeepaasClient(Endpoint(name="odd", url=server.url)) as odd:
        with pytest.raises(InputError, match="key is a secret"):
            begin_call(project, odd, {"key": "s3cret"}, module="shut")
        with pytest.raises(RefusedError, match="wants the file data"):
            begin_call(project, odd, {}, module="filed")
        with pytest.raises(RefusedError, match="does not train"):
            begin_call(project, odd, {}, module="still")
    assert TrainingStore(project.path).all() == []


def test_a_terminal_does_the_same(project: Project, deepaas: Any, tmp_path: Path) -> None:
    def phenoai(*argv: object, code: int = 0) -> dict[str, Any]:
        result = CliRunner().invoke(app, [*map(str, argv), "--json"])
        assert result.exit_code == code, result.output
        found: dict[str, Any] = json.loads(result.stdout.strip().splitlines()[-1])
        return found

    phenoai("endpoints", "add", deepaas.url, "--name", "lab")
    line = ["train", project.path, "--on", "lab", "--module", "good", "--value", "data=roots"]
    told = phenoai(*line, "--call")["training"]
    assert (told["state"], told["wishes"], told["output"]) == (
        "done",
        {"data": "roots"},
        {"done": True},
    )
    assert "not known how good" in phenoai(*line, code=1)["error"]["what"]
    result = CliRunner().invoke(app, ["train", str(project.path), "--call"])
    assert result.exit_code == 2
    assert "--on" in result.output
