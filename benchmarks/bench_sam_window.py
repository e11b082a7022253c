"""From a click on the canvas to its outline, in a real window, against the bare decoder.

Run with ``tools/with-display .venv/bin/python benchmarks/bench_sam_window.py`` while nothing else
runs: a vit_b with random weights, which costs what a trained one does; ``--checkpoint`` takes a
real one. The embedding of the tile is in the cache. A click is timed by the clock from the press
of the button until the outline is in its layer; the bare decoder is timed by the same clock in
the same run, in turns with the clicks and with as many threads.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from qtpy.QtCore import QEventLoop, QPoint, Qt
from qtpy.QtTest import QTest

from bench_sam import bare, prompter_of
from napari_phenoai.core.prompts import Prompts
from napari_phenoai.ml.sam.cache import EmbeddingCache
from napari_phenoai.testing.project import tiny_project
from napari_phenoai.ui.docks import show_dock
from napari_phenoai.ui.session import session_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari

    from napari_phenoai.ml.sam.prompter import Prompter


class Clicker:
    """Clicks on the tile of a window and waits for the outline."""

    def __init__(self, viewer: napari.Viewer, dock: Any) -> None:
        self.viewer = viewer
        self.session: Any = session_of(viewer)
        self.bench = dock.bench
        self.prompting = dock.bench.prompts.prompting
        self.canvas = viewer.window._qt_viewer.canvas.native  # noqa: SLF001 - its only way

    def wait(self, condition: Callable[[], object], seconds: float = 300) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                sys.exit("The window did not get where it should.")
            QTest.qWait(5)

    def rest(self) -> None:
        """Wait until nothing runs."""
        self.wait(lambda: not self.session.background.busy and not self.session.jobs)

    def point(self, row: float, column: float) -> QPoint:
        """Return where a pixel of the tile is drawn."""
        layer = self.bench.layers.stack.tile
        world = np.array(layer.translate) + np.array([row, column]) * np.array(layer.scale)
        camera, size = self.viewer.scene.camera, np.array(self.viewer.canvas.size)
        y, x = (world - np.array(camera.center[-2:])) * camera.zoom + size / 2
        return QPoint(round(float(x)), round(float(y)))

    def click(self, row: int, column: int) -> float:
        """Click a pixel; return the seconds until its outline is drawn."""
        self.prompting.drop()
        place, loop = self.point(row, column), QEventLoop()
        QTest.mouseMove(self.canvas, place)
        QTest.qWait(50)

        def hear() -> None:
            if self.prompting.shown:
                loop.quit()

        self.prompting.changed.connect(hear)
        began = time.perf_counter()
        QTest.mouseClick(self.canvas, Qt.MouseButton.LeftButton, pos=place)
        if not self.prompting.shown:
            loop.exec()
        took = time.perf_counter() - began
        self.prompting.changed.disconnect(hear)
        return took


def opened(path: Path, prompter: Prompter, size_px: int) -> Clicker:
    """Open a window on a tile of which the network has the embedding."""
    import napari

    tiny_project(path, 1, size=(size_px, size_px), tile_px=size_px).close()
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1366, 768)
    clicker = Clicker(viewer, show_dock(viewer, "Workbench"))
    session = clicker.session
    session.open_project(path)
    clicker.wait(lambda: session.desk is not None and clicker.bench.layers.tile is not None)
    prompting = clicker.prompting
    prompting.network.prompter = prompter
    prompting.embeddings.cache = EmbeddingCache(path.with_name("cache"))
    clicker.bench.tools.choose("point")
    clicker.wait(lambda: prompting.prepared)
    clicker.rest()
    return clicker


def timed(
    clicker: Clicker, prompter: Prompter, size_px: int, runs: int
) -> list[tuple[float, float]]:
    """Return seconds of clicks and of the bare decoder, in turns."""
    tile = clicker.session.desk.tile
    features = torch.from_numpy(clicker.prompting.embeddings.get(tile).features)[None]
    rng, found = np.random.default_rng(0), []
    for _ in range(runs + 2):
        row, column = (int(place) for place in rng.integers(0, size_px, 2))
        clicks = Prompts().clicked(tile.y + row, tile.x + column)
        took = clicker.click(row, column)
        began = time.perf_counter()
        bare(prompter.network, features, tile, clicks, full=True)
        found.append((took, time.perf_counter() - began))
    return found[2:]


def measured(prompter: Prompter, size_px: int, runs: int) -> dict[str, object]:
    """Measure, and close the window."""
    with tempfile.TemporaryDirectory() as folder:
        clicker = opened(Path(folder) / "clicks.phenoai", prompter, size_px)
        pairs = timed(clicker, prompter, size_px, runs)
        clicker.session.close_project()
        clicker.rest()
        clicker.viewer.close()
    window, alone = (statistics.median(column) for column in zip(*pairs, strict=True))
    return {
        "tile_px": size_px,
        "threads": torch.get_num_threads(),
        "click_to_mask_ms": round(1000 * window, 1),
        "bare_decoder_ms": round(1000 * alone, 1),
        "ratio": round(window / alone, 3),
        "ratio_of_pairs": round(statistics.median(one / other for one, other in pairs), 3),
    }


def main() -> None:
    """Print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--runs", type=int, default=25)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    prompter = prompter_of(options.checkpoint)
    print(json.dumps(measured(prompter, options.size, options.runs)), flush=True)


if __name__ == "__main__":
    main()
