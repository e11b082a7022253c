"""The list of trainings that a person has begun: among the settings, until they end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_phenoai.core.remote_training import RemoteTraining
from napari_phenoai.io.own_trainings import OwnTrainings
from napari_phenoai.io.trainings import TrainingStore

if TYPE_CHECKING:
    import pytest


def training(number: int = 0, server: str = "lab") -> RemoteTraining:
    return RemoteTraining(
        id=f"training{number:05}", server=server, module="m", way="phenoai", snapshot="s"
    )


def test_a_training_is_known_until_it_ends(tmp_path: Path) -> None:
    own = OwnTrainings(tmp_path / "settings" / "trainings.json")
    assert not own.has(training())
    own.add(training())
    own.add(training(1, "other"))
    assert OwnTrainings(own.path).has(training())
    assert not own.has(training(server="other")), "the server is part of it"
    own.forget(training())
    assert not own.has(training())
    assert own.has(training(1, "other"))


def test_the_list_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_phenoai.io.own_trainings._MOST", 3)
    own = OwnTrainings(tmp_path / "trainings.json")
    for number in range(5):
        own.add(training(number))
    assert [own.has(training(number)) for number in range(5)] == [False, False, True, True, True]


def test_settings_that_cannot_be_used_mean_that_the_person_is_asked(tmp_path: Path) -> None:
    own = OwnTrainings(tmp_path / "trainings.json")
    own.path.write_text("{")
    own.add(training())
    assert not own.has(training())
    assert own.path.read_text() == "{", "what is damaged is left for whoever mends it"
    (tmp_path / "file").write_text("")
    nowhere = OwnTrainings(tmp_path / "file" / "trainings.json")
    nowhere.add(training())
    assert not nowhere.has(training())


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    store = TrainingStore(tmp_path)
    assert store.damaged() == []
    store.save(training())
    (store.folder / "broken.json").write_text('{"id": ')
    (store.folder / "renamed.json").write_text(training().model_dump_json())
    assert [one.id for one in store.all()] == ["training00000"]
    assert [path.name for path, _ in store.damaged()] == ["broken.json", "renamed.json"]
    assert all(str(path) in error.what for path, error in store.damaged())
