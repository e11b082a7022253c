"""A minute of work in a real window while a network trains: how long does it ever stand still?

Run with ``tools/with-display .venv/bin/python benchmarks/bench_window.py`` while nothing else
runs. The gaps of the event loop are measured once without and once with a training in its child
process, so that the two can be compared, and in three ways:

- ``clock``: how long the loop stood still, whatever the reason;
- ``main_thread``: processor time of the main thread in that gap, which other programs on the
  machine and threads of this process do not change much;
- ``without_drawing``: the same without the drawing of the canvas, which software does slowly.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtTest import QTest

from napari_phenoai.core.ports import TrainSettings
from napari_phenoai.testing.project import tiny_project
from napari_phenoai.ui.docks import show_dock
from napari_phenoai.ui.session import session_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari

    from napari_phenoai.ui.session import Session

BEAT_MS = 5


class Pulse:
    """Notes how long the event loop lets a timer of 5 ms wait, in seconds.

    Parameters
    ----------
    canvas : QOpenGLWidget
        Its drawing, from ``paintGL`` to the composed window, is counted apart.
    """

    def __init__(self, canvas: Any) -> None:
        self.gaps: list[tuple[float, float, float]] = []
        self._drawing = 0.0
        self._composing = 0.0
        self._canvas = canvas
        self._paint = canvas.paintGL
        canvas.paintGL = self._paint_gl
        canvas.aboutToCompose.connect(self._compose)
        canvas.frameSwapped.connect(self._swapped)
        self._last = (time.perf_counter(), time.thread_time())
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(BEAT_MS)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def _paint_gl(self) -> None:
        began = time.thread_time()
        self._paint()
        self._drawing += time.thread_time() - began

    def _compose(self) -> None:
        self._composing = time.thread_time()

    def _swapped(self) -> None:
        if self._composing:
            self._drawing += time.thread_time() - self._composing
        self._composing = 0.0

    def _beat(self) -> None:
        now = (time.perf_counter(), time.thread_time())
        clock, own = now[0] - self._last[0], now[1] - self._last[1]
        self.gaps.append((clock, own, own - self._drawing))
        self._last, self._drawing = now, 0.0

    def stop(self) -> dict[str, Any]:
        self._timer.stop()
        self._canvas.paintGL = self._paint
        self._canvas.aboutToCompose.disconnect(self._compose)
        self._canvas.frameSwapped.disconnect(self._swapped)
        names = ("clock", "main_thread", "without_drawing")
        columns = zip(names, np.array(self.gaps).T, strict=True)
        return {"beats": len(self.gaps), **{name: _summary(column) for name, column in columns}}


def _summary(gaps: Any) -> dict[str, Any]:
    return {
        "longest_ms": round(1000 * float(gaps.max()), 1),
        "p99_ms": round(1000 * float(np.percentile(gaps, 99)), 1),
        "over_100_ms": int((gaps > 0.1).sum()),
        "over_50_ms": int((gaps > 0.05).sum()),
    }


class Hands:
    """Works on one tile after the other with real mouse and key events."""

    def __init__(self, viewer: napari.Viewer, session: Session) -> None:
        self.viewer = viewer
        self.session = session
        self.canvas = viewer.window._qt_viewer.canvas.native  # noqa: SLF001 - its only way
        self.decided = 0
        self.waited: list[float] = []

    def wait(self, condition: Callable[[], object], seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                sys.exit("The window did not get where it should.")
            QTest.qWait(5)

    def ready(self) -> bool:
        desk, layers = self.session.desk, self.viewer.layers
        if desk is None or "PhenoAI tile" not in layers:
            return False
        return layers["PhenoAI tile"].data is desk.labels and layers["PhenoAI tile"].visible

    def key(self, name: str) -> None:
        QTest.keyClick(self.canvas, getattr(Qt.Key, f"Key_{name}"))

    def stroke(self, rng: np.random.Generator) -> None:
        size = self.canvas.size()
        at = rng.uniform(0.25, 0.75, 2)
        QTest.mousePress(self.canvas, Qt.MouseButton.LeftButton, pos=self._point(at, size))
        for _ in range(12):
            at = np.clip(at + rng.normal(0, 0.02, 2), 0.2, 0.8)
            QTest.mouseMove(self.canvas, self._point(at, size))
            QTest.qWait(15)
        QTest.mouseRelease(self.canvas, Qt.MouseButton.LeftButton, pos=self._point(at, size))

    def work(self, seconds: float) -> dict[str, Any]:
        """Paint, undo, toggle, zoom and decide for so many seconds."""
        rng = np.random.default_rng(0)
        self.decided, self.waited, pulse = 0, [], Pulse(self.canvas)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.wait(self.ready)
            for name in rng.permutation(["1", "2"]):
                self.key(str(name))
                self.stroke(rng)
                QTest.qWait(300)
            self.key(str(rng.choice(["Z", "O", "O", "H", "D", "Home"])))
            QTest.qWait(200)
            self.key("Home")
            self.key("S" if rng.random() < 0.3 else "Return")
            self.decided += 1
            self.wait_for_tile()
            QTest.qWait(300)
        waited = {"median": np.median(self.waited), "longest": max(self.waited)}
        ready = {name: round(1000 * float(value)) for name, value in waited.items()}
        return {**pulse.stop(), "tiles": self.decided, "next_tile_ready_ms": ready}

    def wait_for_tile(self) -> None:
        """Wait until the tile on the desk can be painted, and note how long that took."""
        began = time.perf_counter()
        self.wait(self.ready)
        self.waited.append(time.perf_counter() - began)

    def _point(self, share: Any, size: Any) -> QPoint:
        return QPoint(round(size.width() * share[1]), round(size.height() * share[0]))


def open_window(path: Path) -> tuple[napari.Viewer, Session, Hands]:
    """Open a viewer of a laptop's size with the docks of a session at work."""
    import napari

    viewer = napari.Viewer(show=True)
    viewer.window.resize(1366, 768)
    for name in ("Workbench", "Learning", "Queue"):
        show_dock(viewer, name)
    session = session_of(viewer)
    session.open_project(path)
    if session.learner is None:
        sys.exit("The project did not open.")
    session.learner.set_auto(auto=False)
    hands = Hands(viewer, session)
    hands.wait(hands.ready)
    return viewer, session, hands


def start_training(session: Session, hands: Hands) -> None:
    """Start a training that does not end, and wait until it learns."""
    seen: list[Any] = []
    hands.wait(lambda: not session.background.busy and not session.jobs)
    session.train(TrainSettings(family="unet", pretrained=False, minutes=30, steps=100_000))
    if session.training is not None:
        session.training.progressed.connect(seen.append)
    hands.wait(lambda: any("loss" in progress.data for progress in seen), 120)


def measure(folder: Path, seconds: float, images: int, picture: Path | None) -> dict[str, Any]:
    """Work without and with a training, then stop it."""
    path = folder / "field.phenoai"
    tiny_project(path, images, size=(1024, 1024), tile_px=256).close()
    viewer, session, hands = open_window(path)
    result = {"alone": hands.work(seconds)}
    start_training(session, hands)
    result["training"] = hands.work(seconds)
    result["still_training"] = session.training is not None
    if picture:
        viewer.screenshot(str(picture), canvas_only=False)
    began = time.perf_counter()
    session.cancel_training()
    hands.wait(lambda: session.training is None)
    result["cancel_seconds"] = round(time.perf_counter() - began, 2)
    viewer.close()
    session.close_project()
    return result


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--images", type=int, default=12)
    parser.add_argument("--picture", type=Path, help="save the window here at the end")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), wanted.seconds, wanted.images, wanted.picture)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
