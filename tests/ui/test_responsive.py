"""While a training runs in its child process, the window never stands still."""

from __future__ import annotations

import time
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import QTimer

from napari_phenoai.core.ports import TrainSettings
from napari_phenoai.ui.docks import show_dock
from napari_phenoai.ui.learning import LearningDock

if TYPE_CHECKING:
    from pathlib import Path

    import napari
    from pytestqt.qtbot import QtBot

    from napari_phenoai.ui.session import Session

Opened = tuple["napari.Viewer", "Session"]

_BEAT_MS = 5
_LONGEST_GAP = 0.1


class Pulse:
    """Notes how long the event loop lets a timer of 5 ms wait.

    Time in which other processes had the processor is left out, as far as can be
    told: a gap counts no more than the processor time that this process used in it.
    """

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self._last = (time.perf_counter(), time.process_time())
        self._timer = QTimer()
        self._timer.setInterval(_BEAT_MS)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def _beat(self) -> None:
        now = (time.perf_counter(), time.process_time())
        self.gaps.append(min(now[0] - self._last[0], now[1] - self._last[1]))
        self._last = now

    def stop(self) -> float:
        """Stop, and return the longest gap in seconds."""
        self._timer.stop()
        return max(self.gaps)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["unet", "forest"])
def test_no_gap_while_a_training_draws_its_curve(
    session: Opened, qtbot: QtBot, worked_project: Path, family: str
) -> None:
    if family == "unet" and find_spec("segmentation_models_pytorch") is None:
        pytest.skip("needs the extra torch")
    viewer, found = session
    viewer.window._qt_window.resize(1366, 768)
    viewer.window._qt_window.show()
    dock = show_dock(viewer, "Learning")
    assert isinstance(dock, LearningDock)
    assert found.open_project(worked_project)
    assert found.learner is not None
    found.learner.set_auto(auto=False)
    qtbot.waitUntil(lambda: bool(dock.curves.quality.spots), timeout=20_000)
    qtbot.waitUntil(lambda: not found.jobs, timeout=20_000)
    pulse = Pulse()
    settings = TrainSettings(family=family, pretrained=False, minutes=2, batch=2, crop_px=64)
    found.train(settings)
    drawn = []
    dock.curves.loss.drawn.connect(lambda: drawn.append(1))
    qtbot.waitUntil(lambda: len(drawn) > 1 or found.training is None, timeout=60_000)
    longest = pulse.stop()
    assert longest < _LONGEST_GAP, f"the window stood still for {1000 * longest:.0f} ms"
    assert len(drawn) > 1 or family == "forest"
    began = time.monotonic()
    found.cancel_training()
    qtbot.waitUntil(lambda: found.training is None, timeout=5_000)
    assert time.monotonic() - began < 2.5
