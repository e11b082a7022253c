"""Retraining: the model gets better, and a worse one never serves."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.ports import Sample, TrainSettings
from napari_phenoai.core.progress import Progress, Work, finish
from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.errors import DiskError, InputError, JobError, ModelError
from napari_phenoai.io.project import Project
from napari_phenoai.jobs.job import Job, JobState
from napari_phenoai.jobs.process import process_work
from napari_phenoai.loop.child import command
from napari_phenoai.loop.evaluation import evaluate
from napari_phenoai.loop.models import (
    export_model,
    import_model,
    load_predictor,
    promote,
    roll_back,
)
from napari_phenoai.loop.retrain import due, is_due, retrain
from napari_phenoai.loop.review import decide
from napari_phenoai.loop.snapshots import samples_of, take_snapshot
from napari_phenoai.testing.fakes import BlurPredictor, toy_card

if TYPE_CHECKING:
    from napari_phenoai.core.records import ModelCard

FAST = TrainSettings(family="forest", extra={"trees": 12, "pixels": 4000})


def test_a_round_is_recorded_whole(field: Any) -> None:
    project = field.project
    field.review(6)
    heard: list[Progress] = []
    record = finish(retrain(project, FAST, author="ann"), heard.append)
    assert (record.kind, record.tiles, record.heldout, record.author) == ("training", 6, 2, "ann")
    assert record.minutes == pytest.approx(3)
    assert record.served == record.model == project.rounds.served()
    assert record.gate is not None
    assert record.gate.reason.startswith("First model: Dice 0.")
    assert record.evaluation is not None
    assert (record.evaluation.dice or 0) > 0.6
    card = project.models.verify(record.model or "")
    assert (card.class_names, card.channels, card.snapshot) == (
        ("soil", "plant"),
        3,
        record.snapshot,
    )
    assert {item.role for item in project.snapshots.get(record.snapshot or "").items} == {
        "train",
        "heldout",
    }
    stages = [progress.data.get("stage") for progress in heard if progress.data]
    assert [s for i, s in enumerate(stages) if s not in stages[:i]] == [
        "snapshot",
        "train",
        "evaluate",
        "done",
    ]
    done = [progress.fraction or 0 for progress in heard[1:]]
    assert done == sorted(done)
    epochs = [p.data for p in heard if "epoch" in p.data]
    assert {"loss", "heldout_dice"} <= set(epochs[-1])
    with Project.open(project.path) as again:
        assert again.rounds.all() == [record]


@pytest.mark.parametrize("rounds", [1, 3])
def test_a_poisoned_round_never_serves(make_field: Any, rounds: int) -> None:
    field = make_field(5, size=(288, 288), tile_px=96)
    project = field.project
    field.review(10)
    good = finish(retrain(project, FAST))
    for _ in range(rounds):
        field.review(12, inverted=True)
        bad = finish(retrain(project, FAST))
        assert bad.served == good.model, bad.gate
        assert bad.gate is not None
        assert bad.gate.reason.startswith("Worse")
    assert {card.id for card in project.models.cards()} >= {good.model, bad.model}
    assert project.rounds.served() == good.model


@pytest.mark.slow
def test_a_poisoned_network_never_serves(make_field: Any) -> None:
    pytest.importorskip("torch")
    field = make_field(5, size=(192, 192), tile_px=96)
    settings = TrainSettings(family="unet", pretrained=False, steps=4, batch=2, crop_px=64)
    field.review(5)
    finish(retrain(field.project, FAST))
    good = field.project.rounds.served()
    field.review(6, inverted=True)
    bad = finish(retrain(field.project, settings))
    assert bad.served == good, bad.gate
    assert field.project.models.card(bad.model or "").family == "unet"


def test_more_tiles_make_it_better_or_it_does_not_serve(field: Any) -> None:
    field.review(3)
    first = finish(retrain(field.project, FAST))
    field.review(12)
    second = finish(retrain(field.project, FAST))
    assert second.before == first.model
    assert second.evaluation_before is not None
    assert second.evaluation is not None
    assert second.evaluation_before.tiles == second.evaluation.tiles == 3
    assert second.gate is not None
    assert (second.served == second.model) == second.gate.serve
    if second.gate.difference is not None:
        assert second.gate.serve or second.gate.difference < 0
        assert not second.gate.serve or second.gate.difference >= -0.01


def _files(project: Project) -> list[tuple[Path, int]]:
    """Return the files of models and predictions, and when each was written."""
    found = [
        path for name in ("models", "predictions") for path in project.path.glob(f"{name}/**/*")
    ]
    return sorted((path, path.stat().st_mtime_ns) for path in found)


def test_any_model_can_be_promoted_and_rolled_back_at_once(field: Any) -> None:
    project = field.project
    field.review(8)
    first = finish(retrain(project, FAST)).model
    second = finish(retrain(project, FAST)).model
    assert first
    assert second
    with pytest.raises(InputError, match="serves already"):
        promote(project, project.rounds.served() or "")
    promote(project, first) if project.rounds.served() == second else None
    record = promote(project, second, "ann")
    assert (record.kind, record.before, record.served) == ("promoted", first, second)
    assert load_predictor(project).card.id == second
    before = _files(project)
    back = roll_back(project)
    assert _files(project) == before, "nothing is trained, copied or predicted for it"
    assert (back.kind, back.served, project.rounds.served()) == ("rolled back", first, first)
    with pytest.raises(ModelError, match="no model 'other'"):
        promote(project, "other")


def test_rolling_back_goes_further_back_each_time(field: Any) -> None:
    project = field.project
    field.review(4)
    with pytest.raises(InputError, match="No other model"):
        roll_back(project)
    models = []
    for seed in range(3):
        settings = TrainSettings(family="forest", seed=seed, extra={"trees": 8, "pixels": 2000})
        model = finish(retrain(project, settings)).model
        assert model
        models.append(model)
        if project.rounds.served() != model:
            promote(project, model)
    assert roll_back(project).served == models[1]
    assert roll_back(project).served == models[0]
    with pytest.raises(InputError, match="No other model"):
        roll_back(project)
    promote(project, models[2])
    assert roll_back(project).served == models[0]


def test_a_model_goes_to_another_project_and_serves_there(make_field: Any, tmp_path: Path) -> None:
    here, there = make_field(3), make_field(1)
    here.review(4)
    model = finish(retrain(here.project, FAST)).model
    assert model
    folder = export_model(here.project, model, tmp_path / "out")
    record = import_model(there.project, folder, "ann")
    assert (record.kind, record.model, record.served) == ("imported", model, None)
    assert there.project.rounds.served() is None
    assert promote(there.project, model).served == model
    assert load_predictor(there.project).card.id == model
    with pytest.raises(ModelError, match="already"):
        import_model(there.project, folder)
    with pytest.raises(DiskError, match="cannot be written"):
        export_model(here.project, model, tmp_path / "out")
    with pytest.raises(ModelError, match="cannot be read"):
        import_model(there.project, tmp_path)
    there.project.update_scheme(there.project.scheme.renamed(2, "weed"))
    with pytest.raises(InputError, match="2 plant; the project has 1 soil, 2 weed"):
        import_model(there.project, folder)


def test_images_of_different_kinds_do_not_train_together(field: Any, tmp_path: Path) -> None:
    field.review(2)
    grey = np.zeros((64, 64), np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    record = finish(field.project.add_image(tmp_path / "grey.png"))
    tile = Tile(record.id, 0, 0, 64, 64)
    decide(field.project, tile, "corrected", labels=grey + 1)
    with pytest.raises(InputError, match=r"differ: .* 3 channel.* 1 channel"):
        finish(retrain(field.project, FAST))


def test_a_cancel_at_any_step_leaves_nothing_half_made(field: Any) -> None:
    project = field.project
    field.review(6)
    steps = sum(1 for _ in retrain(project, FAST)) - 1
    models, rounds = len(project.models.cards()), len(project.rounds.all())
    for stop in (1, 2, steps // 2, steps - 1, steps):
        work = retrain(project, FAST)
        for _ in range(stop):
            next(work)
        work.close()
        assert (len(project.models.cards()), len(project.rounds.all())) == (models, rounds)
        assert len(list((project.path / "models").iterdir())) == models


def test_nothing_to_learn_from(field: Any) -> None:
    with pytest.raises(InputError, match="no reviewed tile"):
        finish(retrain(field.project, FAST))
    assert not list((field.project.path / "snapshots").iterdir())
    field.review(2)
    with pytest.raises(InputError, match="no model family"):
        finish(retrain(field.project, TrainSettings(family="tree")))


def test_a_failing_trainer_leaves_nothing(field: Any) -> None:
    class Failing:
        def train(self, *_: object) -> Work[ModelCard]:
            yield Progress(0, 1)
            raise ModelError("The loss is no number.", hint="Lower the learning rate.")

    field.review(3)
    with pytest.raises(ModelError, match="no number"):
        finish(retrain(field.project, FAST, trainer=Failing()))
    assert not list((field.project.path / "models").iterdir())
    assert field.project.rounds.all() == []


# ------------------------------------------------------------------ what it sees


def test_classes_added_merged_and_renamed_reach_the_training(field: Any) -> None:
    project = field.project
    old = field.review(2)[0]
    scheme = project.scheme.added("bud").added("weed").renamed(2, "leaf")
    project.update_scheme(scheme)
    item = field.queue(3)[0]
    labels = field.mask(item.where)
    labels[:8], labels[8:16] = 3, 4
    new = decide(project, item.where, "corrected", labels=labels, item=item)
    project.update_scheme(project.scheme.merged(4, 2))
    _, snapshot = take_snapshot(project)
    by_tile = {sample.tile: sample for sample in samples_of(project, snapshot)}
    assert snapshot.scheme.names == ("soil", "leaf", "bud")
    assert by_tile[old.tile].checked == (1, 2)
    assert by_tile[new.tile].checked == (1, 2, 3)
    core = by_tile[new.tile].labels
    assert set(np.unique(core)) <= {0, 1, 2, 3}
    assert (core == 3).sum() == 8 * 64
    record = finish(retrain(project, FAST))
    card = project.models.card(record.model or "")
    assert (card.class_ids, card.class_names) == ((1, 2, 3), ("soil", "leaf", "bud"))


def test_samples_have_a_margin_of_real_pixels_and_no_labels_there(field: Any) -> None:
    field.review(3)
    _, snapshot = take_snapshot(field.project)
    for sample in samples_of(field.project, snapshot):
        source = field.project.source(sample.tile.image)
        top, left = min(32, sample.tile.y), min(32, sample.tile.x)
        core = (slice(top, top + 64), slice(left, left + 64))
        np.testing.assert_array_equal(sample.pixels[:, *core], source.read(sample.tile))
        np.testing.assert_array_equal(sample.labels[core], field.mask(sample.tile))
        outside = sample.labels.copy()
        outside[core] = 0
        assert not outside.any()
        assert sample.pixels.shape[1:] == sample.labels.shape


def test_heldout_tiles_win_over_neighbours_that_came_from_elsewhere(field: Any) -> None:
    project = field.project
    held = next(item for item in field.queue(6) if item.role == "heldout")
    decide(project, held.where, "corrected", labels=field.mask(held.where), item=held)
    where = held.where
    smaller = Tile(where.image, where.y, where.x, 60, 60)
    beside = held.but(tile=smaller.key, role="train")
    decide(project, beside.where, "corrected", labels=np.ones((60, 60), np.uint8), item=beside)
    with pytest.raises(InputError, match="no reviewed tile"):
        take_snapshot(project)


def test_evaluation_counts_only_what_is_known() -> None:
    pixels = np.zeros((1, 40, 40), np.uint8)
    pixels[:, :, 20:] = 255
    labels = np.zeros((40, 40), np.uint8)
    labels[10:20, 5:10], labels[10:20, 30:35] = 1, 2

    scheme = ClassScheme.of(["soil", "leaf"])
    sample = Sample(pixels, labels, (1, 2), Tile("i", 0, 0, 40, 40), "heldout")
    empty = Sample(pixels, labels * 0, (1, 2), Tile("i", 0, 0, 40, 40), "heldout")
    predictor = BlurPredictor(toy_card(context_px=3))
    evaluation, counts = evaluate(predictor, [sample, empty], scheme)
    assert counts.tolist() == [[[50, 0], [0, 50]], [[0, 0], [0, 0]]]
    assert evaluation.dice == 1.0
    unchecked = Sample(pixels, labels, (1,), Tile("i", 0, 0, 40, 40))
    assert evaluate(predictor, [unchecked], scheme)[1].sum() == 50


def test_a_training_is_due_after_enough_new_tiles(field: Any) -> None:
    project = field.project
    project.update(train_after=4)
    field.review(3)
    assert not due(project)
    field.review(1)
    assert due(project)
    finish(retrain(project, FAST))
    assert not due(project)
    field.review(3)
    assert not due(project)
    reviews = field.review(1)
    assert due(project)
    assert not is_due([review.but(role="heldout") for review in reviews], (), 1)
    assert not is_due([review.but(verdict="rejected") for review in reviews], (), 1)


# ------------------------------------------------------------------------ child


def test_the_child_trains_and_tells(field: Any, tmp_path: Path) -> None:
    field.review(6)
    heard: list[Progress] = []
    log = tmp_path / "training.log"
    work = process_work(command(field.project.path, FAST, author="ann"), log=log)
    result = finish(work, heard.append)
    (record,) = field.project.rounds.all()
    assert json.loads(record.model_dump_json()) == result
    assert record.author == "ann"
    assert any(progress.data.get("epoch") for progress in heard)


def test_the_child_says_what_is_wrong(field: Any) -> None:
    with pytest.raises(JobError, match="no reviewed tile"):
        finish(process_work(command(field.project.path, FAST)))
    argv = [sys.executable, "-m", "napari_phenoai.loop.child", str(field.project.path)]
    with pytest.raises(JobError, match="are not known"):
        finish(process_work([*argv, "--settings", '{"speed": 3}']))
    with pytest.raises(JobError, match="is no project"):
        finish(process_work([*argv[:3], "/nowhere"]))


ENDLESS = TrainSettings(family="forest", extra={"trees": 1_000_000, "pixels": 60_000})


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a child all the time to end that it needs on a busy machine."""
    monkeypatch.setattr("napari_phenoai.jobs.process._GRACE_SECONDS", 60)


def started(field: Any) -> tuple[Job[dict[str, Any]], list[Progress]]:
    job = Job("Training", process_work(command(field.project.path, ENDLESS)))
    heard: list[Progress] = []
    job.progressed.connect(heard.append)
    job.start()
    deadline = time.monotonic() + 240
    while not any("epoch" in p.data for p in heard) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert any("epoch" in p.data for p in heard), job.error
    return job, heard


def child_of(path: Path) -> int:
    found = [re.search(r"(\d+)-[0-9a-f]+$", item.name) for item in (path / "models").glob(".*")]
    (match,) = [match for match in found if match]
    return int(match[1])


@pytest.mark.usefixtures("patient")
def test_cancelling_the_child_ends_it_and_leaves_nothing(field: Any) -> None:
    field.review(6)
    job, _ = started(field)
    job.cancel()
    assert job.join(120)
    assert job.state is JobState.CANCELLED
    assert list((field.project.path / "models").iterdir()) == []
    assert field.project.rounds.all() == []


@pytest.mark.usefixtures("patient")
def test_killing_the_child_is_told_and_the_next_training_works(field: Any) -> None:
    field.review(6)
    job, _ = started(field)
    os.kill(child_of(field.project.path), signal.SIGKILL)
    assert job.join(120)
    assert job.state is JobState.FAILED
    assert "killed (signal 9), often because memory ran out" in str(job.error)
    assert finish(process_work(command(field.project.path, FAST)))["model"]
    with Project.open(field.project.path) as again:
        assert len(list((again.path / "models").iterdir())) == 1, "left-overs are removed"


def test_the_child_dies_with_its_parent(field: Any) -> None:
    field.review(6)
    code = """
import sys, time
from napari_phenoai.core.ports import TrainSettings
from napari_phenoai.jobs.process import process_work
from napari_phenoai.loop.child import command
slow = TrainSettings(family="forest", extra={"trees": 1_000_000, "pixels": 60_000})
for progress in process_work(command(sys.argv[1], slow)):
    if "epoch" in progress.data:
        print("training", flush=True)
        time.sleep(600)
"""
    argv = [sys.executable, "-c", code, str(field.project.path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "training\n"
        pid = child_of(field.project.path)
        parent.kill()
    deadline = time.monotonic() + 120
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()
    assert list((field.project.path / "models").iterdir()) == []
