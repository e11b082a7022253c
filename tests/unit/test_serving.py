"""What a server may use, and how its trainings are told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from napari_phenoai.core.ids import new_id
from napari_phenoai.errors import InputError, ModelError
from napari_phenoai.io.models import ModelStore
from napari_phenoai.io.processes import ProcessMark
from napari_phenoai.io.serving import ServerSettings
from napari_phenoai.server.jobs import Request, Yard
from napari_phenoai.server.shelf import Shelf
from napari_phenoai.testing.fakes import toy_card
from napari_phenoai.testing.project import tiny_project

if TYPE_CHECKING:
    from napari_phenoai.core.records import ModelCard


def put(root: Path, name: str, family: str = "forest") -> ModelCard:
    store = ModelStore(root)
    with store.stage() as folder:
        (folder / "weights.safetensors").write_bytes(name.encode())
        return store.commit(folder, toy_card().but(id=name, family=family))


def test_settings_travel_through_the_environment(tmp_path: Path) -> None:
    settings = ServerSettings(
        models=(tmp_path / "a", tmp_path / "b"),
        model="m",
        home=tmp_path,
        storage="s3://bucket",
        storage_options={"secret": "hush"},
        device="cpu",
        precision="fp32",
        delete_uploads=True,
    )
    assert ServerSettings.from_environment(settings.environment()) == settings
    assert "hush" not in repr(settings)
    assert ServerSettings.from_environment({}).models == ()
    with pytest.raises(InputError, match="no storage"):
        ServerSettings.from_environment({}).open_storage()


@pytest.mark.parametrize("text", ["{", "[1]", "hush hush"])
def test_options_that_are_no_object_are_not_shown(text: str) -> None:
    with pytest.raises(InputError, match="PHENOAI_STORAGE_OPTIONS") as error:
        ServerSettings.from_environment({"PHENOAI_STORAGE_OPTIONS": text})
    assert "hush" not in str(error.value)


def test_models_are_found_only_in_the_folders_of_the_server(tmp_path: Path) -> None:
    put(tmp_path / "many", "one")
    put(tmp_path / "many", "far", "remote")
    put(tmp_path / "single", "two")
    put(tmp_path / "single", "other")
    put(tmp_path / "home" / "models", "three")
    put(tmp_path / "elsewhere", "four")
    places = (tmp_path / "many", tmp_path / "single" / "two")
    shelf = Shelf(ServerSettings(models=places, home=tmp_path / "home"))
    assert set(shelf.models()) == {"one", "two", "three"}
    assert shelf.default() == "three", "the newest"
    assert shelf.model("two").folder == tmp_path / "single" / "two"
    for wanted in ("four", "other", "far", "../elsewhere/four", str(tmp_path / "elsewhere/four")):
        with pytest.raises(ModelError, match="has no model"):
            shelf.model(wanted)
    (tmp_path / "many" / "one" / "weights.safetensors").write_bytes(b"changed")
    with pytest.raises(ModelError, match="damaged"):
        shelf.predictor("one")
    empty = Shelf(ServerSettings(home=tmp_path / "none"))
    with pytest.raises(ModelError, match="is empty"):
        empty.model()


def test_the_served_model_of_a_project_is_the_usual_one(tmp_path: Path) -> None:
    from napari_phenoai.loop.models import promote

    with tiny_project(tmp_path / "field.phenoai", 1) as project:
        put(project.models.root, "first")
        put(project.models.root, "second")
        promote(project, "first")
        settings = ServerSettings(models=(project.path,), home=tmp_path / "home")
        assert Shelf(settings).default() == "first"
        named = ServerSettings(models=(project.path,), home=tmp_path / "home", model="second")
        assert Shelf(named).default() == "second"


def test_a_training_begins_once_and_is_told(tmp_path: Path) -> None:
    yard, job = Yard(tmp_path / "jobs"), new_id()
    place = yard.begin(job, Request(bundle="sets/one"))
    with pytest.raises(InputError, match="started before"):
        yard.begin(job, Request(bundle="sets/two"))
    assert yard.job(job).request().bundle == "sets/one"
    standing = yard.job(job).standing()
    assert (standing.state, standing.message) == ("running", "starting")
    place.add_row({"epoch": 1, "loss": 0.5})
    with (place.path / "curve.jsonl").open("a") as file:
        file.write('{"epoch": 2, "lo')
    assert place.curve() == [{"epoch": 1, "loss": 0.5}], "half a line is left out"
    dead = ProcessMark.of().but(pid=2**22 - 3, started=1.0)
    place.write(standing.but(owner=dead))
    assert yard.job(job).standing().state == "lost"
    place.write(standing.but(owner=dead.but(host="another")))
    assert yard.job(job).standing().state == "running", "another machine cannot be asked"
    assert "owner" not in json.dumps(standing.public)
    (tmp_path / "jobs" / "foreign").mkdir()
    assert [one.job for one in yard.newest(5)] == [job]
    for name in ("../x", "", "a/b", "short", "x" * 65):
        with pytest.raises(InputError, match="cannot be the id"):
            yard.begin(name, Request(bundle="a"))
    with pytest.raises(InputError, match="knows no training"):
        yard.job("nothing-here")
