"""The demonstration leaves a project to open, a report to read, and numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.progress import Progress, finish
from napari_phenoai.errors import InputError
from napari_phenoai.io.project import Project
from napari_phenoai.loop.demo import DemoResult, run_demo
from napari_phenoai.loop.outcome import Plan
from napari_phenoai.ml.recipe import recipe_for
from napari_phenoai.testing.project import write_scenes


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    write_scenes(folder, 5, size=(256, 256))
    return folder


@pytest.fixture(scope="module")
def demo(data: Path, tmp_path_factory: pytest.TempPathFactory) -> DemoResult:
    destination = tmp_path_factory.mktemp("demo") / "here"
    return finish(run_demo(destination, data=data, rounds=2, model="forest"))


def test_the_project_is_ready_to_be_opened(demo: DemoResult) -> None:
    with Project.open(demo.project) as project:
        served = project.rounds.served()
        assert served == demo.result.rounds[-1].served_model
        assert any(item.state == "waiting" for item in project.ledger.queue())
        for record in project.images():
            whole = Tile(record.id, 0, 0, *record.plane)
            assert project.predictions(record.id, served).has(whole)


def test_report_and_numbers_lie_beside(demo: DemoResult) -> None:
    assert demo.report.read_text(encoding="utf-8").count("<img") == 4
    content = json.loads((demo.report.parent / "result.json").read_text())
    assert len(content["rounds"]) == 2
    assert content["rounds"][-1]["dice"] > 0.5


def test_run_again_it_is_there_at_once(demo: DemoResult, data: Path) -> None:
    again = run_demo(demo.report.parent, data=data, rounds=2, model="forest")
    seen: list[Progress] = []
    assert finish(again, seen.append) == demo
    assert seen == []
    with pytest.raises(InputError, match="other data or settings"):
        finish(run_demo(demo.report.parent, data=data, rounds=3, model="forest"))


def test_what_an_interrupted_demo_left_is_replaced(tmp_path: Path) -> None:
    write_scenes(tmp_path / "own", 5, size=(256, 256))
    work = run_demo(tmp_path / "out", data=tmp_path / "own", rounds=1, model="forest")
    next(work)
    work.close()
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert "demo.json" in left
    again = run_demo(tmp_path / "out", data=tmp_path / "own", rounds=1, model="forest")
    assert next(again).done <= 0.02
    again.close()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="is not empty"):
        finish(run_demo(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_data_without_the_two_folders_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data" / "images").mkdir(parents=True)
    with pytest.raises(InputError, match=r"no folder .*masks.*Put the images"):
        finish(run_demo(tmp_path / "out", data=tmp_path / "data"))


def test_a_network_of_the_demonstration_learns_something_on_any_machine() -> None:
    busy = Plan(rounds=2, steps_per_round=(90, 180), minutes_per_round=(1, 2), hurry=False)
    assert busy.settings(2).extra == {"least_steps": 60}
    assert recipe_for(busy.settings(2), 6, 128).least_steps == 60
    kept_to = Plan(rounds=1, steps_per_round=(90,), minutes_per_round=(1,))
    assert recipe_for(kept_to.settings(1), 6, 128).least_steps == 0
    forest = Plan(rounds=1, steps_per_round=(90,), model="forest", hurry=False)
    assert not forest.settings(1).extra
