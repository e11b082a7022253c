"""The command line: one JSON object, exit codes, reasons with hints, clean stops."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from napari_phenoai.cli.app import app
from napari_phenoai.core.progress import finish
from napari_phenoai.core.records import JobRecord
from napari_phenoai.io.project import Project
from napari_phenoai.loop.queueing import refresh_queue
from napari_phenoai.testing.project import tiny_project, write_scenes


def run(*argv: object, code: int = 0) -> dict[str, Any]:
    """Run a command with --json and return the one object that it prints."""
    result = CliRunner().invoke(app, [*map(str, argv), "--json"])
    assert result.exit_code == code, result.output
    (line,) = result.stdout.splitlines()
    told: dict[str, Any] = json.loads(line)
    return told


def phenoai(*argv: object, **options: Any) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "napari_phenoai.cli", *map(str, argv)]
    return subprocess.run(line, capture_output=True, text=True, timeout=300, check=False, **options)


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    write_scenes(tmp_path / "scenes", 4, size=(96, 128))
    return tmp_path / "scenes"


@pytest.fixture
def project(tmp_path: Path, scenes: Path) -> Path:
    """A project of four scenes whose masks have been imported."""
    path = tmp_path / "field.phenoai"
    assert run("create", path, "--classes", "soil, plant", "--tile", 64)["classes"] == [
        "soil",
        "plant",
    ]
    assert len(run("add", path, scenes / "images")["added"]) == 4
    return path


def test_the_whole_loop_by_commands(project: Path, scenes: Path, tmp_path: Path) -> None:
    assert run("add", project, scenes / "images")["added"] == []
    items = run("queue", project, "--n", 6)["items"]
    assert [item["role"] for item in items].count("heldout") == 2
    told = run("review", project, "--masks", scenes / "masks", "--author", "ann")
    assert len(told["reviews"]) == 4 * 4
    assert told["heldout"] == 4
    assert run("review", project, "--masks", scenes / "masks")["reviews"] == []
    record = run("train", project, "--family", "forest", "--seed", 1)
    assert record["served"] == record["model"]
    assert record["evaluation"]["dice"] > 0.6
    listed = run("models", project)
    assert [(row["id"], row["served"]) for row in listed["models"]] == [(record["model"], True)]
    assert listed["models"][0]["dice"] == record["evaluation"]["dice"]
    again = run("models", project, "promote", record["model"], code=1)
    assert "serves already" in again["error"]["what"]
    exported = run("models", project, "export", record["model"], "--to", tmp_path)["exported"]
    assert (Path(exported) / "weights.safetensors").exists()
    assert run("predict", project, "--tile", "scene_0@0,5,5,20,20")["tiles"] == 1
    assert run("predict", project)["tiles"] == 3
    assert run("predict", project, "--image", "scene_1.png")["tiles"] == 0
    facts = run("info", project)
    assert (facts["images"], facts["models"], facts["heldout"]) == (4, 1, 4)
    kinds = [job["kind"] for job in run("jobs", project)["jobs"]]
    assert kinds == ["predict", "predict", "predict", "train"]
    assert {job["state"] for job in run("jobs", project, "--watch")["jobs"]} == {"done"}
    files = run("export", project, "--to", tmp_path / "results")["files"]
    assert all(Path(path).exists() for path in files)
    assert sum(path.endswith(".csv") for path in files) == 1


def test_facts_of_an_image(scenes: Path) -> None:
    facts = run("info", scenes / "images" / "scene_0.png")
    assert facts["shape_zcyx"] == [1, 3, 96, 128]


def test_people_get_plain_lines(project: Path) -> None:
    result = CliRunner().invoke(app, ["queue", str(project), "--n", "3"])
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 3
    assert "random look" in result.stdout
    assert "No model yet" in CliRunner().invoke(app, ["models", str(project)]).stdout
    assert "No work has been run" in CliRunner().invoke(app, ["jobs", str(project)]).stdout


@pytest.mark.parametrize(
    ("argv", "what"),
    [
        (["info", "/no/such/place"], "/no/such/place does not exist"),
        (["queue", "{scenes}"], "is no project"),
        (["create", "{project}", "--classes", "a,b"], "is not empty"),
        (["create", "{scenes}/new", "--classes", "soil"], "1 class names are too few"),
        (["add", "{project}", "{scenes}/nothing.png"], "nothing.png does not exist"),
        (["train", "{project}", "--family", "forest"], "no reviewed tile to learn from"),
        (["train", "{project}", "--family", "tree"], "no model family 'tree'"),
        (["predict", "{project}"], "No model serves yet"),
        (["queue", "{project}", "--strategy", "best"], "no strategy 'best'"),
        (["models", "{project}", "rollback"], "No other model served before"),
        (["models", "{project}", "promote", "x"], "no model 'x'"),
        (["review", "{project}", "--masks", "{scenes}"], "no image in the project"),
        (["jobs", "{project}", "--cancel", "zz"], "no job 'zz'"),
    ],
)
def test_failures_say_what_and_how_to_go_on(
    project: Path, scenes: Path, argv: list[str], what: str
) -> None:
    if argv[0] == "review":
        (scenes / "masks" / "stranger.png").write_bytes(
            (scenes / "masks" / "scene_0.png").read_bytes()
        )
    filled = [part.format(project=project, scenes=scenes) for part in argv]
    error = run(*filled, code=1)["error"]
    assert what in error["what"]
    assert error["hint"]
    result = CliRunner().invoke(app, filled)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.strip().splitlines() == [error["what"], error["hint"]]


def test_wrong_usage_is_two(project: Path) -> None:
    for argv in (["queue"], ["nonsense"], ["queue", project, "--n", "0"], ["create", "x"]):
        assert CliRunner().invoke(app, list(map(str, argv))).exit_code == 2
    result = phenoai("queue", project, "--n", "many", "--json")
    assert result.returncode == 2
    assert "error" in json.loads(result.stdout)
    assert "--n" in result.stderr


HELP = """
import runpy, sys
sys.argv = ["phenoai", "--help"]
try:
    runpy.run_module("napari_phenoai.cli", run_name="__main__", alter_sys=True)
finally:
    slow = {"PIL", "dask", "keyring", "napari", "qtpy", "requests", "scipy", "skimage", "sklearn"}
    slow |= {"tifffile", "torch", "zarr"}
    print(*sorted(slow & set(sys.modules)), file=sys.stderr)
"""


def test_help_waits_for_nothing_slow_and_version_is_plain() -> None:
    line = [sys.executable, "-c", HELP]
    result = subprocess.run(line, capture_output=True, text=True, timeout=300, check=True)
    assert "simulate" in result.stdout
    assert result.stderr.strip() == ""
    assert phenoai("--version").stdout.count(".") >= 2


ENDLESS = """
import dataclasses, runpy
from napari_phenoai.jobs import process
from napari_phenoai.loop import child
process._GRACE_SECONDS = 60  # what a busy machine may need
command = child.command
def endless(folder, settings, **how):
    return command(folder, dataclasses.replace(settings, extra={"trees": 1_000_000}), **how)
child.command = endless
runpy.run_module("napari_phenoai.cli", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_is_clean_and_says_how_to_go_on(
    project: Path, scenes: Path, number: signal.Signals
) -> None:
    run("review", project, "--masks", scenes / "masks")
    line = [sys.executable, "-c", ENDLESS, "train", str(project), "--family", "forest", "--json"]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(line, **options) as child:  # type: ignore[call-overload]
        with Project.open(project) as opened:
            deadline = time.monotonic() + 240
            while not opened.ledger.jobs() and time.monotonic() < deadline:
                time.sleep(0.02)
            os.kill(child.pid, number)
            out, err = child.communicate(timeout=240)
            assert child.returncode == 1
            assert json.loads(out)["error"]["what"] == "Stopped."
            assert "Run the same command again" in err
            (job,) = opened.ledger.jobs()
            assert job.state == "cancelled"
            assert opened.models.cards() == []
            assert not list(opened.path.glob("models/.*"))


def test_a_job_can_be_stopped_by_its_id(project: Path) -> None:
    with Project.open(project) as opened:
        job = JobRecord(id="j1", kind="train", title="Training", pid=os.getpid())
        opened.ledger.save_job(job)
        told = run("jobs", project, "--cancel", "j1")
        assert told["jobs"][0]["state"] == "running"
        assert any("j1" in key for key in ["stop-job:j1"] if opened.ledger.get_setting(key))


def test_doctor_finds_the_installation_and_the_project(project: Path) -> None:
    assert run("doctor", project)["facts"]["numpy"]
    (project / "images" / "broken.json").write_text("{")
    result = CliRunner().invoke(app, ["doctor", str(project), "--json"])
    problems = json.loads(result.stdout)["problems"]
    assert any("broken.json" in problem["what"] for problem in problems)
    run("doctor", project, "--rebuild", code=result.exit_code)


def test_what_the_queue_command_chose_is_what_the_window_shows(tmp_path: Path) -> None:
    with tiny_project(tmp_path / "p.phenoai", 3) as project:
        chosen = run("queue", project.path, "--n", 5, "--seed", 4)["items"]
        assert [item.tile for item in project.ledger.queue()] == [item["tile"] for item in chosen]
        finish(refresh_queue(project, count=5, seed=4))
        assert [item.tile for item in project.ledger.queue()] == [item["tile"] for item in chosen]


def test_a_stop_that_python_lost_is_heard_at_the_next_step() -> None:
    code = (
        "import os, signal, sys, weakref\n"
        "from napari_phenoai.cli.output import reporting\n"
        "from napari_phenoai.cli.stopping import obey_signals\n"
        "from napari_phenoai.core.progress import Progress\n"
        "class Thing: pass\n"
        "def work():\n"
        "    thing = Thing()\n"
        "    dying = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.SIGINT))\n"
        "    del thing  # the exception that is raised here gets lost\n"
        "    print('went on', file=sys.stderr)\n"
        "    yield Progress(1, 2, 'half')\n"
        "    print('not stopped', file=sys.stderr)\n"
        "obey_signals()\n"
        "with reporting(as_json=True) as out:\n"
        "    out.run(work(), 'Working')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert "went on" in done.stderr
    assert "not stopped" not in done.stderr
    assert json.loads(done.stdout)["error"]["what"] == "Stopped."
