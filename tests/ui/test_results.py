"""The Results dock: predict, count, take out."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import numpy as np
import tifffile

from napari_phenoai.core.traits import class_traits
from napari_phenoai.ui.results import ResultsDock

if TYPE_CHECKING:
    from pathlib import Path

    import napari
    from pytestqt.qtbot import QtBot

    from napari_phenoai.io.project import Project
    from napari_phenoai.ui.session import Session

Opened = tuple["napari.Viewer", "Session"]


def _dock(opened: Opened, qtbot: QtBot, path: Path) -> tuple[ResultsDock, Project]:
    viewer, session = opened
    viewer.window._qt_window.resize(1366, 768)
    viewer.window._qt_window.show()
    _, dock = viewer.window.add_plugin_dock_widget("napari-phenoai", "Results")
    assert isinstance(dock, ResultsDock)
    assert session.open_project(path)
    assert session.project is not None
    assert session.learner is not None
    session.learner.set_auto(auto=False)
    qtbot.waitUntil(dock.predict_button.isEnabled, timeout=60_000)
    return dock, session.project


def test_all_images_are_predicted_and_the_numbers_are_right(
    session: Opened, qtbot: QtBot, worked_project: Path
) -> None:
    dock, project = _dock(session, qtbot, worked_project)
    image = project.images()[0]
    project.set_pixel_um(image.id, 1500.0)
    dock.predict_all()
    assert not dock.predict_button.isEnabled()
    qtbot.waitUntil(dock.predict_button.isEnabled, timeout=60_000)
    qtbot.waitUntil(lambda: not session[1].jobs, timeout=60_000)
    qtbot.waitUntil(
        lambda: bool(dock.tree.lines()) and "*" not in dock.tree.lines()[0][0], timeout=60_000
    )
    served = project.rounds.served()
    assert served is not None
    people = project.labels(image.id).levels[0][...]
    predicted = project.predictions(image.id, served).levels[0][...]
    best = np.where(people > 0, people, predicted).reshape(image.plane).astype(np.uint8)
    plant = class_traits(best, project.scheme, 1500.0)[1]
    name, class_name, cover, area, objects = dock.tree.lines()[0]
    assert (name, class_name) == (image.name, "plant")
    assert plant.cover is not None
    assert cover == f"{100 * plant.cover:.1f} %"
    assert plant.area_mm2 is not None
    assert area.endswith("cm²")
    assert float(area.split()[0]) == float(f"{plant.area_mm2 / 100:.4g}")
    assert objects == str(plant.objects)


def test_unknown_is_shown_as_unknown(session: Opened, qtbot: QtBot, worked_project: Path) -> None:
    dock, _ = _dock(session, qtbot, worked_project)
    qtbot.waitUntil(lambda: bool(dock.tree.lines()), timeout=60_000)
    assert all(line[0].endswith(" *") for line in dock.tree.lines())
    assert all(line[3].endswith(" px") for line in dock.tree.lines())
    assert dock.note.isVisibleTo(dock)


def test_masks_and_table_are_taken_out(
    session: Opened, qtbot: QtBot, worked_project: Path, tmp_path: Path
) -> None:
    dock, project = _dock(session, qtbot, worked_project)
    qtbot.waitUntil(lambda: not session[1].jobs, timeout=60_000)
    dock.source_box.setCurrentIndex(dock.source_box.findData("labels"))
    dock.save_masks(tmp_path / "masks")
    table = tmp_path / "traits.csv"
    dock.save_table(table)
    qtbot.waitUntil(lambda: table.exists() and not session[1].jobs, timeout=60_000)
    image = project.images()[0]
    mask = tifffile.imread(tmp_path / "masks" / f"{image.id}.tif")
    people = project.labels(image.id).levels[0][...].reshape(image.plane)
    np.testing.assert_array_equal(mask == 1, people == 2)
    np.testing.assert_array_equal(mask == 255, people == 0)
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    assert len(rows) == 4
    assert int(rows[1]["area_px"]) == int((people == 2).sum())


def test_without_a_project_nothing_can_be_pressed(session: Opened) -> None:
    viewer, _ = session
    _, dock = viewer.window.add_plugin_dock_widget("napari-phenoai", "Results")
    assert isinstance(dock, ResultsDock)
    buttons = (dock.predict_button, dock.count_button, dock.masks_button, dock.csv_button)
    assert not any(button.isEnabled() for button in buttons)
    assert "Open a project" in dock.state.text()
