"""The doctor finds what is broken, and makes the ledger anew."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.ids import new_id
from napari_phenoai.core.progress import finish
from napari_phenoai.core.records import (
    ModelCard,
    QueueItem,
    Review,
    RoundRecord,
    Snapshot,
    SnapshotItem,
)
from napari_phenoai.errors import NewerFormatError
from napari_phenoai.io.doctor import check_project, rebuild_ledger
from napari_phenoai.io.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TILE = Tile("a", 0, 0, 32, 32)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    pixels = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    with Project.create(tmp_path / "field.phenoai", ["soil", "plant"]) as made:
        finish(made.add_image(tmp_path / "a.png"))
        labels = np.ones(TILE.shape, np.uint8)
        made.labels("a").write(TILE, labels)
        review = made.reviews.add(
            Review(
                id=new_id(),
                image="a",
                y=0,
                x=0,
                height=32,
                width=32,
                verdict="accepted",
                scheme_version=1,
            ),
            labels,
        )
        assert review.mask is not None
        item = SnapshotItem(review=review.id, mask=review.mask, role="train")
        snapshot = made.snapshots.add(Snapshot(scheme=made.scheme, items=(item,)))
        card = ModelCard(
            id="forest-1",
            family="forest",
            channels=3,
            dtype="uint8",
            class_ids=(1, 2),
            class_names=("soil", "plant"),
            scheme_version=1,
            snapshot=snapshot,
        )
        with made.models.stage() as folder:
            (folder / "weights.safetensors").write_bytes(b"weights")
            made.models.commit(folder, card)
        made.rounds.add(
            RoundRecord(
                id=new_id(), kind="training", model=card.id, served=card.id, snapshot=snapshot
            )
        )
        made.ledger.set_queue("r1", [QueueItem(tile=TILE.key, position=0)])
        yield made


def only(path: Path, pattern: str) -> Path:
    (found,) = path.glob(pattern)
    return found


def test_a_sound_project_has_no_findings(project: Project) -> None:
    assert [
        finding for finding in check_project(project.path) if "disk of" not in finding.what
    ] == []


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-6])


def damaged_training(root: Path) -> None:
    (root / "trainings").mkdir()
    (root / "trainings" / "one.json").write_text('{"id": "one"')


BREAKS: dict[str, Callable[[Path], object]] = {
    "any more": lambda root: (root.parent / "a.png").unlink(),
    "images/a.json": lambda root: cut(root / "images" / "a.json"),
    "review": lambda root: cut(only(root, "reviews/2*/*.json")),
    "of review": lambda root: only(root, "reviews/masks/*/*.tif").unlink(),
    "labels": lambda root: cut(only(root, "labels/*/0/c/*/*")),
    "weights": lambda root: cut(root / "models" / "forest-1" / "weights.safetensors"),
    "which serves": lambda root: shutil.rmtree(root / "models" / "forest-1"),
    "has no card.json": lambda root: (root / "models" / "half").mkdir(),
    "of round": lambda root: only(root, "snapshots/*").unlink(),
    "snapshot": lambda root: cut(only(root, "snapshots/*")),
    "reviews of the snapshot": lambda root: only(root, "reviews/2*/*.json").unlink(),
    "belongs to no image": lambda root: (root / "images" / "b.ome.zarr").mkdir(),
    "belong to no image": lambda root: (root / "labels" / "b.ome.zarr").mkdir(),
    "training on a server": damaged_training,
    "no project": lambda root: (root / "project.json").unlink(),
    "ledger.sqlite": lambda root: (root / "ledger.sqlite").write_bytes(b"junk" * 500),
}


@pytest.mark.parametrize("words", BREAKS)
def test_what_is_broken_is_named_with_a_remedy(project: Project, words: str) -> None:
    project.close()
    for part in project.path.glob("ledger.sqlite-*"):
        part.unlink()
    BREAKS[words](project.path)
    findings = check_project(project.path)
    assert any(words in finding.what for finding in findings), findings
    assert all(finding.hint for finding in findings)
    assert [finding.level for finding in findings] == sorted(finding.level for finding in findings)


def test_old_leftovers_are_named(project: Project) -> None:
    path = project.path / "labels" / ".x.0123.partial"
    path.touch()
    assert not [one for one in check_project(project.path) if one.path == path]
    os.utime(path, (time.time() - 9999,) * 2)
    assert [one.level for one in check_project(project.path) if one.path == path] == ["warning"]


def index_of(project: Project) -> set[tuple[str, str]]:
    kinds = ("image", "review", "model", "round")
    return {(kind, name) for kind in kinds for name in project.ledger.indexed(kind)}


def listed(project: Project) -> None:
    project.images()
    project.reviews.all()
    project.models.cards()
    project.rounds.all()


@pytest.mark.parametrize("damage", ["none", "index", "file", "missing"])
def test_the_ledger_is_made_anew_from_the_files(project: Project, damage: str) -> None:
    listed(project)
    before = index_of(project)
    assert len(before) == 4
    ledger = project.path / "ledger.sqlite"
    project.close()
    if damage == "index":
        with closing(sqlite3.connect(ledger)) as db, db:
            db.execute("UPDATE records SET record = '{}'")
    elif damage == "file":
        ledger.write_bytes(b"junk" * 3000)
    elif damage == "missing":
        ledger.unlink()
    with Project.open(project.path) as fresh:
        assert rebuild_ledger(fresh) == 4
        assert index_of(fresh) == before
        assert len(fresh.reviews.all()) == 1
        queue = [] if damage in ("file", "missing") else [QueueItem(tile=TILE.key, position=0)]
        assert fresh.ledger.queue() == queue
        fresh.ledger.set_setting("a", "b")
    assert len(list(project.path.glob("ledger.damaged-*.sqlite"))) == (damage == "file")


def test_a_newer_ledger_is_never_set_aside(project: Project) -> None:
    ledger = project.path / "ledger.sqlite"
    project.close()
    with closing(sqlite3.connect(ledger)) as db:
        db.execute("PRAGMA user_version = 99")
    with Project.open(project.path) as fresh:
        with pytest.raises(NewerFormatError):
            rebuild_ledger(fresh)
        assert len(fresh.reviews.all()) == 1
    with closing(sqlite3.connect(ledger)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (99,)


def test_the_index_is_never_believed_against_the_files(project: Project) -> None:
    listed(project)
    path = only(project.path, "images/a.json")
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "group": "plot 7"}))
    with Project.open(project.path) as fresh:
        assert fresh.image("a").group == "plot 7"
