"""Predicting all images elsewhere, chosen in the window: on an OSCAR cluster, on a Dask cluster."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from tests.remote.test_oscar import OTHER, TOKEN, cluster, storage

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.progress import finish
from napari_phenoai.io.own_cluster import OwnCluster
from napari_phenoai.io.project import Project
from napari_phenoai.loop.predict import predict_project
from napari_phenoai.testing.project import tiny_project
from napari_phenoai.ui.docks import show_dock
from napari_phenoai.ui.results import ResultsDock
from napari_phenoai.ui.servers import ServersDock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from qtpy.QtWidgets import QAbstractButton
    from tests.remote.test_oscar import Cluster
    from tests.servers.running_servers import KeptSecrets
    from tests.ui.conftest import Hands

__all__ = ["cluster", "storage"]

LONG = 240
_mouse: Any = QTest


def click(button: QAbstractButton) -> None:
    assert button.isEnabled()
    _mouse.mouseClick(button, Qt.MouseButton.LeftButton)


def results_of(hands: Hands) -> ResultsDock:
    dock = show_dock(hands.viewer, "Results")
    assert isinstance(dock, ResultsDock)
    return dock


@pytest.mark.parametrize("flow", ["bucket", "run"])
def test_an_oscar_cluster_is_added_and_predicts_all_images(
    own_servers: KeptSecrets,
    open_workbench: Callable[[Path], Hands],
    cluster: Cluster,
    tmp_path: Path,
    flow: str,
) -> None:
    """Over its buckets, or in one call, through what a person clicks."""
    cluster.flow = flow
    path = tmp_path / "field.phenoai"
    with tiny_project(path, 2):
        pass
    hands = open_workbench(path)
    dock = show_dock(hands.viewer, "Servers")
    assert isinstance(dock, ServersDock)
    page, form = dock.servers, dock.servers.login_form
    _mouse.keyClicks(page.url_edit, cluster.url)
    page.oscar_box.setChecked(True)
    click(page.add_button)
    hands.wait(lambda: page.chosen is not None, LONG)
    name = str(page.chosen)
    hands.wait(lambda: dock.desk.states[name].health == "wrong", LONG)
    item = page.list.item(0)
    assert item is not None
    assert "wants a login" in item.text()
    click(page.login_button)
    form.kind_box.setCurrentIndex(form.kind_box.findData("token"))
    _mouse.keyClicks(form.secret_edit, TOKEN)
    click(form.keep_button)
    hands.wait(lambda: dock.desk.states[name].health == "well", LONG)
    assert "green: predicts" in page.details.text()
    # The place is chosen where results are.
    results = results_of(hands)
    hands.wait(lambda: results.where.box.findData(f"server:{name}") >= 0, LONG)
    results.where.box.setCurrentIndex(results.where.box.findData(f"server:{name}"))
    hands.wait(results.predict_button.isEnabled, LONG)
    click(results.predict_button)
    answer = dock.predict.answer
    hands.wait(lambda: answer.mapping.isVisibleTo(dock.predict), LONG)
    assert sorted(answer.mapping.boxes) == [0, 255]
    hands.wait(lambda: not dock.predict.work.running, LONG)
    click(answer.mapping.confirm_button)
    hands.wait(lambda: hands.session.shown_model is not None, LONG)
    hands.wait(lambda: not dock.predict.work.running and not hands.session.jobs, LONG)
    project, model = hands.session.project, hands.session.shown_model
    assert project is not None
    assert model is not None
    for image in project.images():
        stored = project.predictions(image.id, model).levels[0][...].reshape(image.plane)
        rows, columns = image.plane
        pixels = project.source(image.id).read(Tile(image.id, 0, 0, rows, columns)).astype(int)
        green = 2 * pixels[1] - pixels[0] - pixels[2] > 40
        assert np.array_equal(stored, np.where(green, 2, 1))
        assert green.any()
    assert cluster.asked, "the service did it"
    texts = [one.read_bytes() for one in path.rglob("*") if one.is_file()]
    assert not any(TOKEN.encode() in text or OTHER.encode() in text for text in texts)
    dock.desk.close()


@pytest.fixture(scope="module")
def workers() -> Iterator[str]:
    """The address of a scheduler with two workers in processes of their own."""
    distributed = pytest.importorskip("distributed", reason="needs the extra cluster")
    how = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    with distributed.LocalCluster(**how, dashboard_address=None) as made:
        yield str(made.scheduler_address).removeprefix("tcp://")


def test_a_dask_cluster_predicts_all_images_as_this_computer_does(
    own_servers: KeptSecrets,
    open_workbench: Callable[[Path], Hands],
    worked_project: Path,
    workers: str,
) -> None:
    copy = worked_project.with_name("copy.phenoai")
    shutil.copytree(worked_project, copy)
    hands = open_workbench(worked_project)
    hands.wait(lambda: hands.session.standing.served is not None, LONG)
    results = results_of(hands)
    assert not results.where.address_edit.isVisibleTo(results)
    results.where.box.setCurrentIndex(results.where.box.findText("Dask cluster"))
    assert results.where.address_edit.isVisibleTo(results)
    results.where.address_edit.clear()
    _mouse.keyClicks(results.where.address_edit, workers)
    click(results.predict_button)
    hands.wait(lambda: bool(hands.session.jobs), LONG)
    hands.wait(lambda: results._predicting is None and not hands.session.jobs, LONG)
    project, served = hands.session.project, hands.session.standing.served
    assert project is not None
    assert served is not None
    hands.settle()
    assert OwnCluster().read() == f"dask://{workers}"
    with Project.open(copy) as local:
        finish(predict_project(local))
        for image in project.images():
            there = project.predictions(image.id, served.id).levels[0][...]
            here = local.predictions(image.id, served.id).levels[0][...]
            assert np.array_equal(there, here)
            assert there.any()
    hands.wait(lambda: bool(results.tree.lines()), LONG)
