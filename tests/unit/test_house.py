"""The house: light imports, the manifest, the layers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = "{'torch', 'napari', 'qtpy', 'zarr', 'skimage', 'sklearn', 'matplotlib', 'dask', 'pyvips'}"
HEADLESS = ("core", "io", "loop", "jobs", "ml", "remote", "testing")


def _run(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)


def test_importing_the_package_is_light() -> None:
    _run(f"import sys, napari_phenoai; assert not {HEAVY} & set(sys.modules)")


def test_the_command_line_starts_without_heavy_packages() -> None:
    code = f"import sys, napari_phenoai.cli; loaded = {HEAVY} & set(sys.modules)"
    _run(code + "; assert not loaded, loaded")


@pytest.mark.parametrize("package", HEADLESS)
def test_headless_packages_import_no_window_system(package: str) -> None:
    code = f"""
import importlib, pkgutil, sys, napari_phenoai.{package} as package
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not module.name.endswith(("contracts", "strategies")):
        importlib.import_module(module.name)
loaded = {{"napari", "qtpy", "PyQt6", "magicgui"}} & set(sys.modules)
assert not loaded, loaded
"""
    _run(code)


def test_the_base_install_needs_no_torch() -> None:
    code = """
import sys
sys.modules.update({name: None for name in ("torch", "torchvision", "segmentation_models_pytorch")})
from napari_phenoai.errors import MissingExtraError
from napari_phenoai.ml.families import families, trainer_for
import napari_phenoai.loop.queueing, napari_phenoai.loop.review, napari_phenoai.loop.retrain
trainer_for("forest")
try:
    trainer_for("unet")
except MissingExtraError as error:
    assert "napari-phenoai[torch]" in error.hint
else:
    raise AssertionError("unet without torch")
"""
    _run(code)


def test_the_manifest_at_the_top_is_the_packages_own() -> None:
    top = ROOT / "napari.yaml"
    assert top.is_symlink()
    assert top.resolve() == ROOT / "src" / "napari_phenoai" / "napari.yaml"
