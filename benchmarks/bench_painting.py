"""Painting anywhere on labels of 100,000 x 100,000 px, in a real window, against napari's brush.

Run with ``tools/with-display .venv/bin/python benchmarks/bench_painting.py``; nothing else should
run. Strokes are real mouse events at random places, each after a move of the camera, so each needs
another window. The reference is a labels layer in memory, as large as the window, in the same
process.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from datetime import date
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("NAPARI_CONFIG", str(Path(tempfile.mkdtemp()) / "settings.yaml"))

import numpy as np
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.progress import finish
from napari_phenoai.io.ome import mode_2x2
from napari_phenoai.io.project import Project
from napari_phenoai.testing.large import large_image
from napari_phenoai.ui.docks import show_dock
from napari_phenoai.ui.session import session_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import napari
    from napari.layers import Labels

    from napari_phenoai.core.edits import Edit
    from napari_phenoai.io.journal import Journal
    from napari_phenoai.io.labels import LabelStore

MOVES = 16
CHUNK = 512
WARM_UP = 5
REST_SECONDS = 2.0
GREY = 120
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton


class Mouse:
    """Strokes as a person makes them: press, moves, release; each event is timed.

    napari holds a movement back for up to 5 ms, so it is timed where it is handled at last:
    ``moves`` are the seconds of each, from the canvas down to the painted pixels, and
    ``drawn`` those from sending it until the window has been drawn.
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        self.viewer = viewer
        canvas = viewer.window._qt_viewer.canvas  # noqa: SLF001 - its only way
        self._process = partial(type(canvas)._process_mouse_event, canvas)  # noqa: SLF001
        canvas._process_mouse_event = self._timed  # noqa: SLF001
        self.canvas = canvas.native
        self.held = False
        self.moves: list[float] = []
        self.drawn: list[float] = []
        self.released = 0.0

    def stroke(self, rng: np.random.Generator, length_px: float) -> None:
        """Draw a bent line of about this length round the middle of the view."""
        height, width = self.viewer.canvas.size
        start = np.array([width, height]) / 2 + rng.uniform(-60, 60, 2)
        turn = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.25, MOVES))
        steps = np.stack([np.cos(turn), np.sin(turn)], axis=1) * length_px / MOVES
        points = np.clip(start + np.cumsum(steps, axis=0), 5, np.array([width, height]) - 5)
        self._send(QEvent.Type.MouseMove, start, NONE)
        self._send(QEvent.Type.MouseButtonPress, start, LEFT)
        self.held = True
        for point in points:
            began = time.perf_counter()
            self._send(QEvent.Type.MouseMove, point, LEFT)
            QApplication.processEvents()
            self.drawn.append(time.perf_counter() - began)
            time.sleep(0.004)
        self.held = False
        self.released = time.perf_counter()
        self._send(QEvent.Type.MouseButtonRelease, points[-1], NONE)

    def _timed(self, callbacks: Any, event: Any) -> None:
        began = time.perf_counter()
        self._process(callbacks, event)
        if self.held:
            self.moves.append(time.perf_counter() - began)

    def _send(self, kind: Any, at: Any, held: Any) -> None:
        point = QPointF(*map(float, at))
        button = NONE if kind == QEvent.Type.MouseMove else LEFT
        place = self.canvas.mapToGlobal(point)
        event = QMouseEvent(kind, point, place, button, held, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(self.canvas, event)


def wait(condition: Callable[[], object], seconds: float = 60) -> float:
    """Let the window live until `condition` holds; return how long that took."""
    began = time.perf_counter()
    while not condition():
        if time.perf_counter() - began > seconds:
            sys.exit("The window did not get where it should.")
        QApplication.processEvents()
        time.sleep(0.001)
    return time.perf_counter() - began


def wait_for(seconds: float) -> None:
    """Let the window live for a while, as it does before a person has found the button."""
    end = time.perf_counter() + seconds
    wait(lambda: time.perf_counter() >= end)


def tell(what: str) -> None:
    """Say on the error stream how far it is."""
    print(what, file=sys.stderr, flush=True)


def milliseconds(values: list[float]) -> dict[str, float]:
    p50, p95, most = np.percentile(np.array(values) * 1000, [50, 95, 100])
    return {"p50_ms": round(p50, 2), "p95_ms": round(p95, 2), "longest_ms": round(most, 2)}


def memory_mb() -> float:
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


class Disk:
    """Notes when an edit is recorded and when it is written, and which chunk files it changed.

    What is recorded has been flushed: no crash and no power cut takes it back.
    """

    def __init__(self, store: LabelStore, journal: Journal) -> None:
        self.store = store
        self.recorded: dict[str, float] = {}
        self._record = journal.record
        journal.record = self.record  # type: ignore[method-assign]
        self.done: dict[str, float] = {}
        self.edits: list[tuple[str, Tile, set[tuple[int, int]]]] = []
        self._apply = store.apply
        self._seen: dict[Path, int] = {}
        store.apply = self.apply  # type: ignore[method-assign]

    def record(self, edit: Edit, **options: Any) -> int:
        number = self._record(edit, **options)
        self.recorded[edit.id] = time.perf_counter()
        return number

    def apply(self, edit: Edit, **options: Any) -> int:
        number = self._apply(edit, **options)
        self.done[edit.id] = time.perf_counter()
        self.edits.append((edit.id, edit.tile, self.touched(edit)))
        return number

    def written(self) -> set[tuple[int, int]]:
        """Return the chunks of full resolution whose file has changed since the last time."""
        now = {path: path.stat().st_mtime_ns for path in self.files()}
        changed = {path for path, at in now.items() if self._seen.get(path) != at}
        self._seen = now
        return {(int(path.parent.name), int(path.name)) for path in changed}

    def files(self) -> Iterator[Path]:
        return (path for path in (self.store.path / "0" / "c").rglob("*") if path.is_file())

    @staticmethod
    def touched(edit: Edit) -> set[tuple[int, int]]:
        rows, columns = np.nonzero(edit.changed)
        chunks = zip((rows + edit.tile.y) // CHUNK, (columns + edit.tile.x) // CHUNK, strict=True)
        return {(int(row), int(column)) for row, column in chunks}

    def wrong_levels(self) -> int:
        """Count the pixels of lower levels that do not follow from the level below them."""
        levels, wrong = self.store.levels, 0
        for _, tile, _ in self.edits:
            y, x = tile.y // CHUNK * CHUNK, tile.x // CHUNK * CHUNK
            y1, x1 = -(-tile.y1 // CHUNK) * CHUNK, -(-tile.x1 // CHUNK) * CHUNK
            for fine, coarse in list(pairwise(levels))[:4]:
                pixels = np.asarray(fine[y:y1, x:x1])
                height, width = (size // 2 * 2 for size in pixels.shape)
                expected = mode_2x2(pixels[:height, :width])
                y, x, y1, x1 = y // 2, x // 2, y1 // 2, x1 // 2
                found = np.asarray(coarse[y : y + height // 2, x : x + width // 2])
                wrong += int((found != expected).sum())
        return wrong


class FirstFrame:
    """Notes when the canvas has drawn a frame whose middle shows the image.

    Looked at in the drawn pixels themselves, at the end of each drawing: the image is of one
    grey, which nothing else in the window has.
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        self.at: float | None = None
        self.busy = 0.0
        self._canvas = viewer.window._qt_viewer.canvas._scene_canvas  # noqa: SLF001
        self._canvas.events.draw.connect(self._on_draw, position="last")

    def _on_draw(self, _: object) -> None:
        from vispy.gloo import read_pixels

        if self.at is None:
            width, height = self._canvas.physical_size
            colour = read_pixels((width // 2, height // 2, 1, 1)).ravel()[:3].astype(int)
            if np.abs(colour - GREY).max() < 8:
                self.at, self.busy = time.perf_counter(), time.thread_time()
                self._canvas.events.draw.disconnect(self._on_draw)


def open_project(folder: Path, size: int) -> tuple[napari.Viewer, dict[str, float]]:
    """Open a large image in a window at rest; measure from that call on.

    ``first_picture_s``: until the first frame with the image has been drawn.
    ``first_picture_busy_s``: the processor time of the main thread in it.
    ``sharp_picture_s``: until all blocks of the view are there as well, and labels over it.
    ``first_tile_s``: until a tile can be painted.
    """
    import napari

    image = large_image(folder / "large.ome.zarr", (size, size), patches=[(0, 0, 1024)])
    with Project.create(folder / "large.phenoai", ["soil", "plant", "weed"]) as project:
        finish(project.add_image(str(image)))
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1366, 768)
    dock = show_dock(viewer, "Workbench")
    session = session_of(viewer)
    wait(lambda: not session.background.busy)
    layers, frame = dock.bench.layers, FirstFrame(viewer)
    wait_for(REST_SECONDS)
    began, busy = time.perf_counter(), time.thread_time()
    session.open_project(folder / "large.phenoai")
    wait(lambda: layers.scene is not None)
    pyramid = layers.scene.picture.channels[0].pyramid
    wait(lambda: frame.at is not None and not pyramid.pending)
    sharp, first = time.perf_counter() - began, (frame.at or 0.0) - began
    if session.learner is not None:
        session.learner.set_auto(auto=False)
    wait(lambda: session.desk is not None and not session.jobs)
    tile = time.perf_counter() - began
    seconds = {"first_picture_s": first, "first_picture_busy_s": frame.busy - busy}
    seconds |= {"sharp_picture_s": sharp, "first_tile_s": tile}
    return viewer, {name: round(value, 2) for name, value in seconds.items()}


class Painter:
    """Paints at random places in the mode "paint anywhere"."""

    def __init__(self, viewer: napari.Viewer, size: int, seed: int) -> None:
        self.viewer, self.size = viewer, size
        self.rng = np.random.default_rng(seed)
        self.dock = show_dock(viewer, "Workbench")
        self.session = session_of(viewer)
        self.layers = self.dock.bench.layers
        self.session.paint_anywhere()
        wait(lambda: self.layers.window.shown)
        assert self.session.painting is not None
        assert self.session.project is not None
        self.painting = self.session.painting
        project = self.session.project
        self.disk = Disk(project.labels(str(self.painting.image)), project.journal)

    def go(self) -> float:
        """Look somewhere else; return how long it took until one could paint there."""
        y, x = self.rng.uniform(2000, self.size - 2000, 2)
        camera = self.viewer.scene.camera
        camera.zoom = 1.0
        camera.center = (0, y, x)
        return wait(lambda: self.layers.window.shown and self._there(y, x))

    def paint(self, strokes: int, brush_px: int) -> dict[str, Any]:
        """Paint so many strokes, each somewhere else."""
        self.dock.bench.tools.set_size(brush_px)
        mouse, switches, recorded, durable, unequal = Mouse(self.viewer), [], [], [], 0
        memory = [memory_mb()]
        self.disk.written()
        for number in range(strokes + WARM_UP):
            if number == WARM_UP:
                memory, mouse.moves, mouse.drawn = [memory_mb()], [], []
            switches.append(self.go())
            self.dock.bench.tools.choose_class(2 + number % 2)
            known = len(self.disk.edits)
            mouse.stroke(self.rng, max(400, brush_px * 1.5))
            wait(
                lambda known=known: (
                    len(self.disk.edits) > known and not self.painting.writer.waiting
                )
            )
            name, _, touched = self.disk.edits[-1]
            recorded.append(self.disk.recorded[name] - mouse.released)
            durable.append(self.disk.done[name] - mouse.released)
            unequal += self.disk.written() != touched
            memory.append(memory_mb())
            if number % 20 == 0:
                tell(f"{brush_px} px brush: {number} of {strokes + WARM_UP} strokes")
        return {
            "brush_px": brush_px,
            "strokes": strokes,
            "move": milliseconds(mouse.moves),
            "move_and_draw": milliseconds(mouse.drawn),
            "mouse_up_to_recorded": milliseconds(recorded[WARM_UP:]),
            "mouse_up_to_durable": milliseconds(durable[WARM_UP:]),
            "camera_to_paintable": milliseconds(switches[WARM_UP:]),
            "memory_growth_mb": round(max(memory) - memory[0], 1),
            "strokes_with_other_chunks_written_than_touched": unequal,
        }

    def levels(self) -> dict[str, Any]:
        """Look at the lower levels two seconds after a stroke."""
        self.go()
        known = len(self.disk.edits)
        Mouse(self.viewer).stroke(self.rng, 400)
        wait(lambda: len(self.disk.edits) > known)
        end = self.disk.done[self.disk.edits[-1][0]] + 2.0
        wait_for(end - time.perf_counter())
        return {"wrong_level_pixels_after_2_s": self.disk.wrong_levels()}

    def pan(self, seconds: float) -> dict[str, float]:
        """Pan and zoom without rest; how long does one turn of the event loop take?"""
        turns, end, number = [], time.perf_counter() + seconds, 0
        camera = self.viewer.scene.camera
        while time.perf_counter() < end:
            began = time.perf_counter()
            number += 1
            camera.center = (0, self.size / 2 + 13 * number, self.size / 2 - 17 * number)
            camera.zoom = 1.05 ** (20 * np.sin(number / 40) - 20)
            QApplication.processEvents()
            turns.append(time.perf_counter() - began)
            time.sleep(0.005)
        return milliseconds(turns)

    def _there(self, y: float, x: float) -> bool:
        window = self.painting.window
        spot = Tile(str(self.painting.image), int(y), int(x), 1, 1)
        return window is not None and not self.painting.reading and window.tile.intersects(spot)


def reference(viewer: napari.Viewer, strokes: int, brush_px: int) -> dict[str, Any]:
    """Paint into a plain labels layer in memory, alone in the window."""
    layer: Labels = viewer.add_labels(np.zeros((2048, 2048), np.uint8))
    layer.mode, layer.brush_size = "paint", brush_px
    camera, rng, mouse = viewer.scene.camera, np.random.default_rng(1), Mouse(viewer)
    for number in range(strokes + WARM_UP):
        if number == WARM_UP:
            mouse.moves, mouse.drawn = [], []
        camera.zoom = 1.0
        camera.center = (0, *rng.uniform(600, 1400, 2))
        QApplication.processEvents()
        layer.selected_label = 1 + number % 2
        mouse.stroke(rng, max(400, brush_px * 1.5))
        QApplication.processEvents()
    viewer.layers.remove(layer)
    return {"move": milliseconds(mouse.moves), "move_and_draw": milliseconds(mouse.drawn)}


def measure(folder: Path, size: int, strokes: int, brushes: list[int]) -> dict[str, Any]:
    """Measure all of it in one window."""
    viewer, result = open_project(folder, size)
    session, answer = session_of(viewer), dict[str, Any](result, date=str(date.today()))
    tell(json.dumps(result))
    painter = Painter(viewer, size, seed=0)
    answer["anywhere"] = []
    for brush in brushes:
        answer["anywhere"].append(painter.paint(strokes, brush))
        tell(json.dumps(answer["anywhere"][-1]))
    answer |= painter.levels()
    answer["pan_and_zoom"] = painter.pan(6.0)
    session.close_project()
    wait(lambda: not session.background.busy and not len(viewer.layers))
    answer["memory"] = [reference(viewer, strokes, brush) for brush in brushes]
    for ours, plain in zip(answer["anywhere"], answer["memory"], strict=True):
        ours["move_p95_to_reference"] = round(ours["move"]["p95_ms"] / plain["move"]["p95_ms"], 2)
    session.close()
    viewer.close()
    return answer


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--strokes", type=int, default=200)
    parser.add_argument("--brush", type=int, nargs="+", default=[50, 500])
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), wanted.size, wanted.strokes, wanted.brush)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
