"""A network can be loaded in a window that is drawn in software, without a crash."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

_CODE = """
import sys
import napari
from qtpy.QtWidgets import QApplication
from napari_phenoai.ml.families import trainer_for
viewer = napari.Viewer(show=False)
viewer.window._qt_window.show()
for _ in range(20):
    QApplication.processEvents()
trainer_for("unet")
import segmentation_models_pytorch
print("alive", "triton" in sys.modules)
viewer.close()
"""


@pytest.mark.skipif(find_spec("torch") is None, reason="needs the extra torch")
def test_a_network_and_a_software_window_live_in_one_process() -> None:
    run = [sys.executable, "-c", _CODE]
    result = subprocess.run(run, check=False, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr[-2000:]
    assert "alive" in result.stdout
