"""While a training runs in its child process, the window lives on."""

from __future__ import annotations

import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import QTimer

from napari_phenoai.core.ports import TrainSettings
from napari_phenoai.ui import plot_view
from napari_phenoai.ui.docks import show_dock
from napari_phenoai.ui.learning import LearningDock

if TYPE_CHECKING:
    from pathlib import Path

    import napari
    from pytestqt.qtbot import QtBot

    from napari_phenoai.ui.session import Session

Opened = tuple["napari.Viewer", "Session"]

_BEAT_MS = 5


class Pulse:
    """Counts how often the event loop has come round to a timer of 5 ms."""

    def __init__(self) -> None:
        self.beats = 0
        self._timer = QTimer()
        self._timer.setInterval(_BEAT_MS)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def _beat(self) -> None:
        self.beats += 1

    def stop(self) -> None:
        """Count no more."""
        self._timer.stop()


@pytest.mark.slow
@pytest.mark.parametrize("family", ["unet", "forest"])
def test_the_window_neither_trains_nor_draws_curves_and_lives_between_them(
    session: Opened,
    qtbot: QtBot,
    worked_project: Path,
    monkeypatch: pytest.MonkeyPatch,
    family: str,
) -> None:
    """How long it stands still at most is measured by a benchmark; here is why it does not."""
    if family == "unet" and find_spec("segmentation_models_pytorch") is None:
        pytest.skip("needs the extra torch")
    drawing: list[threading.Thread] = []
    render = plot_view.render

    def noted(*args: Any, **options: Any) -> Any:
        drawing.append(threading.current_thread())
        return render(*args, **options)

    monkeypatch.setattr(plot_view, "render", noted)
    monkeypatch.setattr(
        "napari_phenoai.ml.families.trainer_for", lambda _: pytest.fail("it is trained here")
    )
    viewer, found = session
    viewer.window._qt_window.resize(1366, 768)
    viewer.window._qt_window.show()
    dock = show_dock(viewer, "Learning")
    assert isinstance(dock, LearningDock)
    assert found.open_project(worked_project)
    assert found.learner is not None
    found.learner.set_auto(auto=False)
    qtbot.waitUntil(lambda: bool(dock.curves.quality.spots), timeout=60_000)
    qtbot.waitUntil(lambda: not found.jobs, timeout=60_000)
    pulse = Pulse()
    settings = TrainSettings(family=family, pretrained=False, minutes=2, batch=2, crop_px=64)
    found.train(settings)
    drawn: list[int] = []
    dock.curves.loss.drawn.connect(lambda: drawn.append(pulse.beats))
    qtbot.waitUntil(lambda: len(drawn) > 1 or found.training is None, timeout=240_000)
    pulse.stop()
    assert drawing
    assert threading.main_thread() not in drawing
    assert len(drawn) > 1 or family == "forest"
    assert drawn == sorted(set(drawn)), "between two drawings the window could do nothing else"
    assert pulse.beats > 0
    found.cancel_training()
    qtbot.waitUntil(lambda: found.training is None, timeout=60_000)
