"""The commands for projects of objects."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_phenoai.cli.app import app
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.records import ModelCard, RoundRecord
from napari_phenoai.io.project import Project
from napari_phenoai.testing.project import tiny_project

if TYPE_CHECKING:
    from pathlib import Path

runner = CliRunner()


def run(*words: object) -> dict[str, object]:
    done = runner.invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.fixture
def predicted(tmp_path: Path) -> Path:
    """One scene in which two squares were predicted that a neck joins."""
    path = tmp_path / "field.phenoai"
    card = ModelCard(
        id="forest-1", family="forest", channels=3, dtype="uint8", class_ids=(1, 2),
        class_names=("soil", "plant"), scheme_version=1,
    )  # fmt: skip
    with tiny_project(path, 1, instances=True) as made:
        with made.models.stage() as folder:
            (folder / "weights.safetensors").write_bytes(b"weights")
            made.models.commit(folder, card)
        made.rounds.add(RoundRecord(id="r1", kind="training", model=card.id, served=card.id))
        (image,) = made.images()
        classes = np.ones(image.plane, np.uint8)
        classes[20:41, 20:41] = classes[20:41, 45:66] = classes[29:32, 41:45] = 2
        made.predictions(image.id, card.id).write(Tile(image.id, 0, 0, *image.plane), classes)
    return path


def test_a_project_of_objects_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "cells.phenoai"
    made = run("create", folder, "--classes", "ground,cell", "--instances", "--json")
    assert made["kind"] == "instance"
    assert run("info", folder, "--json")["kind"] == "instance"
    with Project.open(folder) as project:
        assert project.spec.has_objects


def test_objects_are_parted_and_exported(predicted: Path, tmp_path: Path) -> None:
    name = "scene_0"
    assert run("objects", predicted, "--json")["objects"] == {name: 2}
    assert run("objects", predicted, "--neck", 0.05, "--json")["objects"] == {name: 1}
    found = run("objects", predicted, "--neck", 0.8, "--smallest", 500, "--json")
    assert found["objects"] == {name: 0}
    assert found["smallest_px"] == 500
    run("objects", predicted, "--smallest", 10, "--json")
    files = run("export", predicted, "--to", tmp_path / "out", "--json")["files"]
    names = {str(file).rsplit("/", maxsplit=1)[-1] for file in files}  # type: ignore[attr-defined]
    assert names == {f"{name}.tif", f"{name}_objects.tif", "traits.csv", "objects.csv"}


def test_a_project_of_classes_is_told_so(tmp_path: Path) -> None:
    with tiny_project(tmp_path / "plain.phenoai", 1) as plain:
        path = plain.path
    done = runner.invoke(app, ["objects", str(path)])
    assert done.exit_code == 1
    assert "classes and no objects" in done.output
