"""The Project dock: a new project, images in, pixel size and classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent

from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.io.project import Project
from napari_phenoai.testing.project import write_scenes
from napari_phenoai.ui.project import ProjectDock
from napari_phenoai.ui.thumbnails import thumbnail

if TYPE_CHECKING:
    from pathlib import Path

    import napari
    from pytestqt.qtbot import QtBot

    from napari_phenoai.ui.session import Session

Opened = tuple["napari.Viewer", "Session"]


def _dock(opened: Opened, project: Path | None = None) -> ProjectDock:
    viewer, session = opened
    viewer.window._qt_window.resize(1366, 768)
    viewer.window._qt_window.show()
    _, dock = viewer.window.add_plugin_dock_widget("napari-phenoai", "Project")
    assert isinstance(dock, ProjectDock)
    if project is not None:
        assert session.open_project(project)
    return dock


def _names(dock: ProjectDock) -> list[str]:
    return [row.record.name for row in dock.list.images.images]


def _drop(dock: ProjectDock, *paths: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    dock.dropEvent(
        QDropEvent(
            QPointF(5, 5),
            Qt.DropAction.CopyAction,
            data,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )


def test_a_new_project_needs_only_images_and_class_names(
    session: Opened, qtbot: QtBot, tmp_path: Path
) -> None:
    write_scenes(tmp_path, 3, size=(300, 320))
    dock = _dock(session)
    form = dock.form
    assert dock.pages.currentIndex() == 0
    assert not form.create_button.isEnabled()
    _drop(dock, tmp_path / "images")
    assert form.path == tmp_path / "images.phenoai"
    qtbot.waitUntil(lambda: form.tile_px == 128, timeout=60_000)
    form.classes.setText("soil, plant")
    assert form.create_button.isEnabled()
    form.create_button.click()
    qtbot.waitUntil(lambda: len(_names(dock)) == 3, timeout=60_000)
    project = session[1].project
    assert project is not None
    assert project.path == tmp_path / "images.phenoai"
    assert project.scheme.names == ("soil", "plant")
    assert project.spec.tile_px == 128
    assert dock.pages.currentIndex() == 1


def test_a_long_file_name_does_not_widen_the_dock(
    session: Opened, qtbot: QtBot, tmp_path: Path
) -> None:
    dock = _dock(session)
    before = dock.minimumSizeHint().width()
    place = tmp_path / f"{'0123456789' * 12}.tif"
    dock.form.set_images([str(place)])
    assert dock.minimumSizeHint().width() == before
    assert dock.form.images.toolTip() == str(place)
    assert dock.form.images.whole() == place.name


def test_a_new_project_can_be_one_of_single_objects(
    session: Opened, qtbot: QtBot, tmp_path: Path
) -> None:
    write_scenes(tmp_path, 1, size=(300, 320))
    dock = _dock(session)
    form = dock.form
    assert form.kind.currentText().startswith("Classes"), "unless something else is chosen"
    _drop(dock, tmp_path / "images")
    form.classes.setText("glass, seed")
    form.kind.setFocus()
    keyboard: Any = qtbot
    keyboard.keyClick(form.kind, Qt.Key.Key_Down)
    assert form.instances
    form.create_button.click()
    qtbot.waitUntil(lambda: len(_names(dock)) == 1, timeout=60_000)
    project = session[1].project
    assert project is not None
    assert project.spec.has_objects
    assert "single objects" in dock.page.title.text()


def test_a_folder_that_is_taken_is_told_beside_the_form(
    session: Opened, qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file.txt").write_text("mine")
    dock = _dock(session)
    dock.form.folder.setText(str(tmp_path / "taken"))
    dock.form.classes.setText("soil, plant")
    dock.form.create_button.click()
    qtbot.waitUntil(lambda: "taken" in dock.form.problem.text(), timeout=60_000)
    assert session[1].project is None
    assert dock.form.create_button.isEnabled()


def test_dropped_files_are_added_and_bad_ones_are_told(
    session: Opened, qtbot: QtBot, worked_project: Path, tmp_path: Path
) -> None:
    errors: list[Exception] = []
    session[1].error_raised.connect(errors.append)
    scenes = write_scenes(tmp_path / "more", 2, seed=40)
    broken = tmp_path / "text.png"
    broken.write_text("this is no picture")
    dock = _dock(session, worked_project)
    qtbot.waitUntil(lambda: len(_names(dock)) == 2, timeout=60_000)
    _drop(dock, scenes[0][0], broken, scenes[1][0])
    qtbot.waitUntil(lambda: len(_names(dock)) == 4, timeout=60_000)
    qtbot.waitUntil(lambda: bool(errors), timeout=60_000)
    assert "text.png" in str(errors[0])


def test_a_dropped_project_is_opened(session: Opened, qtbot: QtBot, worked_project: Path) -> None:
    dock = _dock(session)
    _drop(dock, worked_project)
    qtbot.waitUntil(lambda: len(_names(dock)) == 2, timeout=60_000)


def test_pixel_size_and_group_are_kept(session: Opened, qtbot: QtBot, worked_project: Path) -> None:
    dock = _dock(session, worked_project)
    project = session[1].project
    assert project is not None
    qtbot.waitUntil(lambda: len(_names(dock)) == 2, timeout=60_000)
    assert "? µm" in dock.list.images.images[0].words
    dock.list.selectAll()
    dock.details.pixel.setValue(12.5)
    dock.details.pixel.editingFinished.emit()
    dock.details.group.setText("block 1")
    dock.details.group.editingFinished.emit()
    qtbot.waitUntil(
        lambda: {(r.pixel_um, r.group) for r in project.images()} == {(12.5, "block 1")},
        timeout=60_000,
    )
    qtbot.waitUntil(lambda: "12.5 µm" in dock.list.images.images[0].words, timeout=60_000)
    assert len(dock.list.selected) == 2


def test_thumbnails_and_progress_of_the_work_are_shown(
    session: Opened, qtbot: QtBot, worked_project: Path
) -> None:
    dock = _dock(session, worked_project)
    qtbot.waitUntil(lambda: len(_names(dock)) == 2, timeout=60_000)
    qtbot.waitUntil(lambda: not dock.list.images.without_thumbnail(), timeout=60_000)
    assert "3 tiles reviewed" in dock.list.images.images[0].words
    picture = dock.list.images.index(0).data(Qt.ItemDataRole.DecorationRole)
    assert picture.width() == 56


def test_classes_are_renamed_added_and_coloured(
    session: Opened, qtbot: QtBot, worked_project: Path
) -> None:
    dock = _dock(session, worked_project)
    project = session[1].project
    assert project is not None
    item = dock.classes.list.item(1)
    assert item is not None
    item.setText("rosette")
    dock.classes.new_name.setText("flower")
    dock.classes.add_button.click()
    assert project.scheme.names == ("soil", "rosette", "flower")
    dock.classes.recolour(3, "#123456")
    assert project.scheme.named("flower").colour == "#123456"
    assert dock.classes.list.count() == 3


def test_a_class_is_merged_and_taken_out_again(
    session: Opened, qtbot: QtBot, worked_project: Path
) -> None:
    dock = _dock(session, worked_project)
    project = session[1].project
    assert project is not None
    classes = dock.classes
    classes.new_name.setText("flower")
    classes.add_button.click()

    def offered() -> list[str]:
        classes.merge_menu.aboutToShow.emit()
        return [action.text() for action in classes.merge_menu.actions()]

    classes.list.setCurrentRow(0)
    assert offered() == ["Select a class that is not the background"]
    classes.list.setCurrentRow(2)
    assert offered() == ["flower counts as soil", "flower counts as plant"]
    classes.merge_menu.actions()[1].trigger()
    assert list(project.scheme.names) == ["soil", "plant"]
    assert project.scheme.resolved(np.array([3], np.uint8)) == [2]
    assert "Take flower out of plant again" in offered()
    classes.merge_menu.actions()[-1].trigger()
    assert list(project.scheme.names) == ["soil", "plant", "flower"]


def test_a_class_name_that_exists_is_refused_in_words(
    session: Opened, qtbot: QtBot, worked_project: Path
) -> None:
    errors: list[Exception] = []
    session[1].error_raised.connect(errors.append)
    dock = _dock(session, worked_project)
    item = dock.classes.list.item(1)
    assert item is not None
    item.setText("soil")
    assert "already" in str(errors[0])
    shown = dock.classes.list.item(1)
    assert shown is not None
    assert shown.text() == "plant"


def test_the_class_list_follows_the_project(session: Opened, worked_project: Path) -> None:
    dock = _dock(session, worked_project)
    session[1].change_scheme(ClassScheme.of(["soil", "plant"]).added("weed"))
    assert dock.classes.list.count() == 3


@pytest.mark.parametrize(("dtype", "channels"), [("uint8", 3), ("uint16", 2), ("float32", 1)])
def test_thumbnails_of_any_image(tmp_path: Path, dtype: str, channels: int) -> None:
    import tifffile

    from napari_phenoai.io.images import open_image

    pixels = np.random.default_rng(0).random((channels, 200, 300)) * 250
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, pixels.astype(dtype), photometric="minisblack", metadata={"axes": "CYX"})
    picture = thumbnail(open_image(path), 60)
    assert picture.shape == (40, 60, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 5


def test_adding_goes_on_after_a_cancel(tmp_path: Path) -> None:
    from napari_phenoai.core.progress import finish
    from napari_phenoai.ui.adding import add_images

    write_scenes(tmp_path, 3)
    with Project.create(tmp_path / "p.phenoai", ["soil", "plant"]) as project:
        work = add_images(project, [str(tmp_path / "images")])
        while len(project.images()) < 1:
            next(work)
        work.close()
        assert len(project.images()) in (1, 2)
        added = finish(add_images(project, [str(tmp_path / "images"), str(tmp_path / "gone")]))
        assert len(project.images()) == 3
        assert len(added.images) == 3
        problem = added.summary()
        assert problem is not None
        assert "gone" in problem.what
