"""Prediction on a Dask cluster: the same pixels, whoever is lost on the way."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.loop.conftest import FAST
from typer.testing import CliRunner

from napari_phenoai.cli.app import app
from napari_phenoai.core.progress import finish
from napari_phenoai.errors import InputError, JobError, ModelError, ProjectError
from napari_phenoai.io.project import Project
from napari_phenoai.jobs.cluster import cluster_work, scheduler_of
from napari_phenoai.loop.models import load_predictor
from napari_phenoai.loop.predict import predict_project
from napari_phenoai.loop.retrain import retrain
from napari_phenoai.loop.shares import Share, predict_share, shares_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

distributed = pytest.importorskip("distributed", reason="needs the extra cluster")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Return a scheduler and two workers in processes of their own."""
    made = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with made:
        yield made


def address(cluster: Any) -> str:
    return str(cluster.scheduler_address).replace("tcp://", "dask://")


def refuse(share: Share) -> int:
    """Fail as a machine does that does not see the model."""
    raise ModelError(f"No model for {share.uri}.", hint="Look for it.")


def stumble(_: Share) -> int:
    """Fail as a machine does with another version."""
    raise RuntimeError("no such thing here")


def nap(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def wait_for(path: str) -> None:
    """Keep a worker busy until a file is there."""
    while not os.path.exists(path):  # noqa: PTH110 - on a worker, which gets text
        time.sleep(0.05)


def held(free: object, path: str, share: Share) -> int:
    """Predict a share; all but the one with the blocks `free` wait until a file is there."""
    if share.blocks != free:
        wait_for(path)
    return predict_share(share)


@pytest.fixture
def trained(field: Any) -> Project:
    """Return the project of a field with a model that serves."""
    field.review(6)
    finish(retrain(field.project, FAST))
    project: Project = field.project
    return project


def pixels_of(project: Project) -> list[NDArray[np.uint8]]:
    model = project.rounds.served()
    assert model is not None
    stores = [project.predictions(image.id, model) for image in project.images()]
    return [
        np.asarray(level)
        for store in stores
        for level in (*store.levels, *store.uncertainty_levels)
    ]


def in_pieces(shares: list[Share]) -> list[Share]:
    return [
        Share(one.uri, one.store, one.image, one.scheme, one.choice, (block,))
        for one in shares
        for block in one.blocks
    ]


def test_two_workers_one_of_them_killed_give_the_same_pixels(
    trained: Project, cluster: Any, tmp_path: Path
) -> None:
    shares = in_pieces(shares_of(trained, load_predictor(trained)))
    assert len(shares) >= 4
    held_up = tmp_path / "go on"
    predict = partial(held, shares[0].blocks, str(held_up))
    workers = [worker.process.pid for worker in cluster.workers.values()]
    work = cluster_work(address(cluster), predict, shares, weight=lambda share: share.area_px)
    killed = False
    counts: list[int] = []
    try:
        while True:
            progress = next(work)
            assert progress.done <= (progress.total or 0)
            if not killed and progress.done:
                os.kill(workers[0], signal.SIGKILL)
                held_up.touch()
                killed = True
    except StopIteration as end:
        counts = end.value
    assert killed
    assert len(counts) == len(shares)
    found = pixels_of(trained)
    model = trained.rounds.served()
    for image in trained.images():
        assert model is not None
        store = trained.predictions(image.id, model)
        assert (
            store.missing(
                [
                    tile
                    for s in shares
                    for b in s.blocks
                    for tile in b.tiles
                    if tile.image == image.id
                ]
            )
            == []
        )
    assert shares_of(trained, load_predictor(trained)) == []
    assert finish(predict_project(trained)) == 0
    for part, again in zip(found, _afresh(trained), strict=True):
        np.testing.assert_array_equal(part, again)


def _afresh(project: Project) -> list[NDArray[np.uint8]]:
    """Return what a prediction in this process gives from nothing."""
    shutil.rmtree(project.path / "predictions")
    with Project.open(project.path) as again:
        finish(predict_project(again))
        return pixels_of(again)


def test_what_a_worker_says_is_said_here(trained: Project, cluster: Any) -> None:
    shares = shares_of(trained, load_predictor(trained))
    with pytest.raises(ModelError, match="No model for") as refused:
        finish(cluster_work(address(cluster), refuse, shares))
    assert refused.value.hint == "Look for it."
    with pytest.raises(JobError, match=r"RuntimeError: no such thing here.*same version"):
        finish(cluster_work(address(cluster), stumble, shares))


def test_a_worker_that_does_not_see_the_folder_says_so(trained: Project) -> None:
    (first, *_) = shares_of(trained, load_predictor(trained))
    lost = Share("x", "/nowhere/p/predictions/a/b.ome.zarr", *_rest(first))
    with pytest.raises(ProjectError, match=r"not there on this machine.*same path"):
        predict_share(lost)


def _rest(share: Share) -> tuple[Any, ...]:
    return share.image, share.scheme, share.choice, share.blocks


def test_results_come_in_order_and_a_stop_is_heard(cluster: Any, tmp_path: Path) -> None:
    waits = [0.2, 0.0, 0.1]
    assert finish(cluster_work(address(cluster), nap, waits)) == waits
    assert finish(cluster_work(address(cluster), nap, [])) == []
    free = tmp_path / "free"
    work = cluster_work(address(cluster), wait_for, [str(free)] * 3)
    for progress in work:
        if "parts" in progress.message:
            break
    work.close()  # returns although the workers are busy
    free.touch()


def test_addresses_and_what_is_wrong_with_them() -> None:
    assert scheduler_of("dask://host:8786") == "tcp://host:8786"
    for wrong in ("host:8786", "dask://", "http://host"):
        with pytest.raises(InputError, match="dask://host:8786"):
            scheduler_of(wrong)


def test_no_scheduler_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_phenoai.jobs.cluster._CONNECT_SECONDS", 1)
    with pytest.raises(JobError, match=r"no Dask scheduler.*dask scheduler"):
        finish(cluster_work("dask://127.0.0.1:9", nap, [1.0]))


def test_the_command_predicts_on_a_cluster(trained: Project, cluster: Any) -> None:
    path, images = trained.path, len(trained.images())
    trained.close()

    def predict(on: str, code: int) -> dict[str, Any]:
        result = CliRunner().invoke(app, ["predict", str(path), "--on", on, "--json"])
        assert result.exit_code == code, result.output
        told: dict[str, Any] = json.loads(result.stdout)
        return told

    assert predict(address(cluster), 0)["tiles"] == images
    with Project.open(path) as again:
        assert shares_of(again, load_predictor(again)) == []
    assert "dask://host:8786" in predict("elsewhere", 1)["error"]["hint"]
