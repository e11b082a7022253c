"""The manifest, and what napari makes of it: menus, readers, writer, samples, settings."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import npe2
import numpy as np
import pytest
import tifffile
from npe2 import PluginManifest
from PIL import Image

from napari_phenoai.errors import LabelError
from napari_phenoai.ui.docks import DOCKS, dock_of, find_dock, show_dock
from napari_phenoai.ui.preferences import PLUGIN, preferences, remember_reader

if TYPE_CHECKING:
    import napari
    from pytestqt.qtbot import QtBot

    from napari_phenoai.ui.session import Session

Opened = tuple["napari.Viewer", "Session"]


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_distribution(PLUGIN)


def test_the_manifest_is_valid_and_all_it_names_is_there(manifest: PluginManifest) -> None:
    path = Path(__file__).parents[2] / "src" / "napari_phenoai" / "napari.yaml"
    run = [sys.executable, "-m", "npe2", "validate", str(path)]
    subprocess.run(run, check=True, capture_output=True, timeout=300)
    manifest.validate_imports()
    for command in manifest.contributions.commands or ():
        module, _, name = str(command.python_name).partition(":")
        assert callable(getattr(importlib.import_module(module), name)), command.id


def test_no_reader_claims_zarr_or_what_napari_reads_well(manifest: PluginManifest) -> None:
    patterns = [
        p for reader in manifest.contributions.readers or () for p in reader.filename_patterns
    ]
    assert "*.phenoai" in patterns
    plain = {"*", "*.tif", "*.tiff", "*.png", "*.jpg", "*.jpeg", "*.zarr", "*.ome.zarr"}
    assert not plain & set(patterns)


def test_every_setting_has_a_title_and_none_is_a_secret(manifest: PluginManifest) -> None:
    pages = manifest.contributions.configurations
    assert list(pages) == ["work", "keyboard"]
    for page in pages.values():
        assert all(item.title for item in page.properties.values())
        assert not [name for name in page.properties if "token" in name or "password" in name]


def test_settings_are_read_where_napari_keeps_them(session: Opened) -> None:
    from napari.settings import get_plugin_settings

    assert preferences().train_after == 6
    work = get_plugin_settings(PLUGIN).work
    work.train_after, work.author = 9, "ana"
    try:
        assert preferences().train_after == 9
        assert preferences().signature == "ana"
        with pytest.raises(ValueError, match="500"):
            work.train_after = 501
    finally:
        work.train_after, work.author = 6, ""


@pytest.mark.parametrize("name", DOCKS)
def test_every_dock_opens(session: Opened, qtbot: QtBot, name: str) -> None:
    viewer, _ = session
    viewer.window._qt_window.show()
    qtbot.wait(100)
    before = set(sys.modules)
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, name)
    slow = {"torch", "sklearn", "segment_anything", "requests", "keyring", "matplotlib.pyplot"}
    assert not slow & (set(sys.modules) - before), "nobody waits for these"
    assert find_dock(viewer, name) is widget
    assert widget is not None
    qtbot.wait(300)
    dock = dock_of(widget)
    assert dock is not None
    assert dock.windowTitle() == name


def test_docks_share_one_place_and_the_queue_is_below(session: Opened, qtbot: QtBot) -> None:
    viewer, _ = session
    window = viewer.window._qt_window
    window.show()
    docks = {name: dock_of(show_dock(viewer, name)) for name in DOCKS}
    qtbot.wait(300)
    beside = {dock.windowTitle() for dock in window.tabifiedDockWidgets(docks["Learning"])}
    assert {"Workbench", "Project", "Results"} <= beside
    assert window.dockWidgetArea(docks["Queue"]).name == "BottomDockWidgetArea"
    assert show_dock(viewer, "Learning") is find_dock(viewer, "Learning")
    assert len(viewer.window.dock_widgets) == len(DOCKS)


def test_the_menus_are_really_there(session: Opened, qtbot: QtBot) -> None:
    viewer, _ = session
    window = viewer.window
    found = {
        "File": _words(window.file_menu),
        "Layers": _words(window.layers_menu),
        "Plugins": _words(window.plugins_menu),
    }
    assert "File > IO Utilities > PhenoAI > New project... (PhenoAI)" in found["File"]
    assert "File > IO Utilities > PhenoAI > Open project... (PhenoAI)" in found["File"]
    assert "File > Open Sample > PhenoAI > Rosettes on soil" in found["File"]
    assert "Layers > Segment > PhenoAI > Train now (PhenoAI)" in found["Layers"]
    assert "Layers > Annotate > PhenoAI > Workbench (PhenoAI)" in found["Layers"]
    measure = "Layers > Measure > PhenoAI > Measure area and cover of each label (PhenoAI)"
    assert measure in found["Layers"]
    for name in DOCKS:
        assert f"Plugins > PhenoAI > {name} (PhenoAI)" in found["Plugins"]


def _words(menu: object, above: str = "") -> list[str]:
    from qtpy.QtWidgets import QMenu

    assert isinstance(menu, QMenu)
    menu.aboutToShow.emit()
    title = f"{above}{menu.title().replace('&', '')} > "
    found = []
    for action in menu.actions():
        inner = action.menu()
        text = action.text().replace("&", "")
        found += _words(inner, title) if isinstance(inner, QMenu) else [title + text]
    return found


def test_a_command_from_the_palette_gets_the_viewer(session: Opened, qtbot: QtBot) -> None:
    from napari._app_model import get_app_model

    viewer, _ = session
    get_app_model().commands.execute_command("napari-phenoai.new_project").result()
    dock = find_dock(viewer, "Project")
    assert dock is not None
    assert dock.pages.currentIndex() == 0  # type: ignore[attr-defined]


def test_a_project_folder_opens_in_the_workbench(
    session: Opened, qtbot: QtBot, worked_project: Path
) -> None:
    viewer, found = session
    assert viewer.open(worked_project, plugin=PLUGIN) == []
    assert found.project is not None
    assert found.project.path == worked_project
    assert find_dock(viewer, "Workbench") is not None


def test_a_dropped_project_is_opened_without_a_question(
    session: Opened, qtbot: QtBot, worked_project: Path
) -> None:
    viewer, found = session
    remember_reader()
    viewer.window._qt_viewer._qt_open([str(worked_project)], stack=False)
    assert found.project is not None


def test_a_project_is_read_without_a_viewer(worked_project: Path) -> None:
    layers = npe2.read([str(worked_project)], stack=False, plugin_name=PLUGIN)
    assert [layer[-1] for layer in layers] == ["image", "image"]
    assert np.shape(layers[0][0]) == (160, 192, 3)


def test_a_large_tiff_is_opened_lazily(session: Opened, tmp_path: Path) -> None:
    viewer, _ = session
    pixels = np.random.default_rng(0).integers(0, 255, (600, 700, 3), np.uint8)
    path = tmp_path / "field.ome.tif"
    tifffile.imwrite(path, pixels, tile=(256, 256), photometric="rgb")
    (layer,) = viewer.open(path, plugin=PLUGIN)
    assert layer.rgb
    assert not isinstance(layer.data, np.ndarray)
    np.testing.assert_array_equal(np.asarray(layer.data), pixels)


def test_channels_become_layers_with_the_size_of_a_pixel(session: Opened, tmp_path: Path) -> None:
    viewer, _ = session
    pixels = np.arange(2 * 40 * 50, dtype=np.uint16).reshape(2, 40, 50)
    path = tmp_path / "cells.ome.tif"
    about = {
        "axes": "CYX",
        "PhysicalSizeX": 0.5,
        "PhysicalSizeY": 0.5,
        "Channel": {"Name": ["a", "b"]},
    }
    tifffile.imwrite(path, pixels, metadata=about)
    layers = viewer.open(path, plugin=PLUGIN)
    assert [layer.name for layer in layers] == ["cells.ome.tif a", "cells.ome.tif b"]
    np.testing.assert_array_equal(np.asarray(layers[1].data), pixels[1])
    np.testing.assert_allclose(layers[0].scale, [0.5, 0.5])


def test_a_zarr_folder_is_left_to_others(tmp_path: Path) -> None:
    from napari_phenoai.plugin.readers import folder_reader, image_reader

    (tmp_path / "a.zarr").mkdir()
    assert folder_reader(str(tmp_path / "a.zarr")) is None
    assert folder_reader([str(tmp_path)]) is None
    assert image_reader(["a.svs", "b.svs"]) is None


def _read_tiff(path: Path) -> np.ndarray:
    return tifffile.imread(path)


def _read_png(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


def _read_zarr(path: Path) -> np.ndarray:
    import zarr

    return np.asarray(zarr.open_group(path, mode="r")["0"])


@pytest.mark.parametrize(
    ("name", "read"),
    [("mask.tif", _read_tiff), ("mask.png", _read_png), ("mask.zarr", _read_zarr)],
)
@pytest.mark.parametrize("largest", [3, 255, 4000])
def test_labels_keep_their_values(
    session: Opened, tmp_path: Path, name: str, read: object, largest: int
) -> None:
    assert callable(read)
    viewer, _ = session
    labels = np.random.default_rng(0).integers(0, largest + 1, (90, 700))
    labels[0, 0] = largest
    layer = viewer.add_labels(labels, scale=(0.5, 0.5))
    path = tmp_path / name
    for _ in range(2):
        assert viewer.layers.save(str(path), plugin=PLUGIN) == [str(path)]
    np.testing.assert_array_equal(read(path), layer.data)
    assert [item.name for item in tmp_path.iterdir()] == [name]


def test_an_indexed_png_has_the_colours_of_the_layer(session: Opened, tmp_path: Path) -> None:
    viewer, _ = session
    layer = viewer.add_labels(np.array([[0, 1], [2, 3]]))
    layer.save(str(tmp_path / "mask.png"), plugin=PLUGIN)
    with Image.open(tmp_path / "mask.png") as image:
        assert image.mode == "P"
        shown = np.array(image.convert("RGB"))[0, 1] / 255
    np.testing.assert_allclose(shown, layer.get_color(1)[:3], atol=0.01)


def test_labels_that_do_not_fit_are_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    from napari_phenoai.plugin.writers import write_labels

    path = tmp_path / "mask.png"
    path.write_bytes(b"old")
    with pytest.raises(LabelError, match="one plane"):
        write_labels(str(path), np.zeros((3, 4, 4), np.uint8), {})
    with pytest.raises(LabelError, match="negative"):
        write_labels(str(path), np.full((4, 4), -1), {})
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("key", ["rosettes", "lesions", "roots"])
def test_samples_come_with_their_exact_truth(session: Opened, key: str) -> None:
    viewer, _ = session
    image, truth = viewer.open_sample(PLUGIN, key)
    assert image.rgb
    assert truth.data.shape == image.data.shape[:2]
    assert set(np.unique(truth.data)) == set(truth.metadata["classes"])


def test_the_sample_field_opens_as_a_project(
    session: Opened, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_phenoai.ui.sample_field.sample_folder", lambda: tmp_path)
    viewer, found = session
    (layer,) = viewer.open_sample(PLUGIN, "sample_field")
    assert not layer.visible
    qtbot.waitUntil(lambda: found.project is not None, timeout=60_000)
    assert found.project is not None
    assert len(found.project.images()) >= 4


def test_areas_of_a_layer_become_its_features(session: Opened, qtbot: QtBot) -> None:
    from napari_phenoai.plugin.measure import measure_layer

    viewer, _ = session
    labels = np.zeros((20, 30), int)
    labels[:5, :4], labels[10:, :] = 7, 9
    layer = viewer.add_labels(labels, scale=(2, 2))
    measure_layer(viewer)
    qtbot.waitUntil(lambda: len(layer.features) == 2, timeout=60_000)
    table = layer.features
    assert table["index"].tolist() == [7, 9]
    assert table["area_px"].tolist() == [20, 300]
    assert table["area"].tolist() == [80.0, 1200.0]
    np.testing.assert_allclose(table["cover"], [20 / 600, 0.5])
