"""Pixel tools on a window of 2048 x 2048 px, against bare calls of scikit-image and scipy.

Run with ``OMP_NUM_THREADS=1 python benchmarks/bench_tools.py``; as a test, it only checks that
every tool can be measured. Times are of the processor, so other work on the machine counts little.
"""

from __future__ import annotations

import argparse
import json
import time
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_phenoai.core import editing
from napari_phenoai.core.editing import Canvas, Mark, Tool, Wire, use
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.instances import Objects, survey
from napari_phenoai.core.object_table import ObjectTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

SIZE_PX = 2048
RUNS = 5


class Scene:
    """Round blobs on a grid, some touching, with image, prediction and ids."""

    def __init__(self, size_px: int) -> None:
        rng = np.random.default_rng(0)
        step = 64
        middles = np.stack(np.mgrid[step // 2 : size_px : step, step // 2 : size_px : step], -1)
        middles = (middles.reshape(-1, 2) + rng.integers(-12, 13, (middles.size // 2, 2))).tolist()
        ids = np.zeros((size_px, size_px), np.uint32)
        y, x = np.mgrid[-34:35, -34:35]
        for number, (row, column) in enumerate(middles, start=2):
            mask = y**2 + x**2 <= rng.integers(18, 34) ** 2
            box, own, _ = Mark(row - 34, column - 34, mask).on(_blank(size_px))
            part = ids[box]
            part[own & (part == 0)] = number
        self.ids = np.where(ids == 0, 1, ids).astype(np.uint32)
        self.classes = np.where(self.ids > 1, 2 + self.ids % 3, 1).astype(np.uint8)
        specks = rng.random(ids.shape) < 0.0005
        self.specked = np.where(specks, rng.integers(1, 5, ids.shape), self.classes).astype(
            np.uint8
        )
        noise = rng.integers(0, 30, (3, *ids.shape), dtype=np.uint8)
        self.pixels = (self.classes * 50 + noise).astype(np.uint8)
        self.middle = tuple(middles[len(middles) // 2 + int(len(middles) ** 0.5) // 2])
        self.tile = Tile("bench", 0, 0, size_px, size_px)

    def canvas(self, labels: NDArray[np.unsignedinteger], *, objects: bool = False) -> Canvas:
        whole = self.tile.shape
        return Canvas(
            self.tile,
            whole,
            labels,
            objects=objects,
            background=1,
            locked=frozenset({4}) if not objects else frozenset(),
            pixels=self.pixels,
            prediction=self.classes,
        )


def _blank(size_px: int) -> Canvas:
    tile = Tile("bench", 0, 0, size_px, size_px)
    return Canvas(tile, tile.shape, np.zeros(tile.shape, np.uint8))


def milliseconds(call: Callable[[], object], runs: int) -> float:
    """Return the median processor time of a call; the first one warms up."""
    call()
    taken = []
    for _ in range(runs):
        start = time.thread_time()
        call()
        taken.append(time.thread_time() - start)
    return round(float(np.median(taken)) * 1000, 1)


def tools(scene: Scene) -> dict[str, tuple[Tool, Canvas]]:
    """Return what a person does, by name."""
    classes, specked = scene.canvas(scene.classes), scene.canvas(scene.specked)
    objects = scene.canvas(scene.ids, objects=True)
    y, x = scene.middle
    across = ((y - 60, x - 3), (y + 2, x), (y + 60, x + 4))
    patches = editing.Patches(10)
    table = ObjectTable(dict.fromkeys(np.unique(scene.ids).tolist(), 2))
    return {
        "wand, one object": (editing.Wand(y, x, 3, 30), classes),
        "wand, the whole background": (editing.Wand(*_ground(scene), 3, 30), classes),
        "wand, not contiguous": (editing.Wand(y, x, 3, 30, contiguous=False), classes),
        "threshold, Otsu, whole window": (editing.Threshold(3, channel=0), classes),
        "brush, 50 px": (editing.Paint(across, 3, 50), classes),
        "outline": (editing.Enclose((*across, (y, x + 200)), 3), classes),
        "superpixel brush, blocks known": (editing.PatchBrush(across, 3, patches, 8), classes),
        "replace, whole window": (editing.Replace(2, 3), classes),
        "replace, one region": (editing.Replace(int(scene.classes[y, x]), 1, (y, x)), classes),
        "delete": (editing.Delete((y, x)), objects),
        "prediction, one region": (editing.CopyPrediction((y, x)), specked),
        "prediction, whole window": (editing.CopyPrediction(), specked),
        "fill holes, whole window": (editing.FillHoles(), specked),
        "remove specks, whole window": (editing.RemoveSpecks(20), specked),
        "remove specks, ids": (editing.RemoveSpecks(20), objects),
        "grow, one object": (editing.Grow(3, (y, x)), objects),
        "grow, whole window": (editing.Grow(3), objects),
        "shrink, one object": (editing.Shrink(3, (y, x)), objects),
        "shrink, whole window": (editing.Shrink(3), objects),
        "smooth, one object": (editing.Smooth(3, (y, x)), objects),
        "smooth, whole window": (editing.Smooth(3), classes),
        "smooth, whole window, ids": (editing.Smooth(3), objects),
        "cut, classes": (editing.Cut(across), classes),
        "cut, ids": (editing.Cut(across), objects),
        "split, one object": (editing.Split((y, x)), objects),
        "merge": (editing.Merge(((y, x), (y + 200, x + 10))), objects),
        "renumber, whole window": (editing.Renumber(), objects),
        "part all, slider moved": (editing.PartAll(table, 0.7), objects),
        "pieces, whole window": (editing.Pieces(), objects),
    }


def bare(scene: Scene) -> dict[str, Callable[[], object]]:
    """Return what one would call without this package, by the name of the tool."""
    from skimage import filters, measure, morphology, segmentation

    y, x = scene.middle
    grey, classes, ids = scene.pixels[0], scene.classes, scene.ids
    front = classes > 1
    return {
        "wand, one object": lambda: segmentation.flood(grey, (y, x), tolerance=30),
        "wand, the whole background": lambda: segmentation.flood(
            grey, _ground(scene), tolerance=30
        ),
        "threshold, Otsu, whole window": lambda: grey >= filters.threshold_otsu(grey),
        "fill holes, whole window": lambda: ndimage.binary_fill_holes(front),
        "remove specks, whole window": lambda: morphology.remove_small_objects(
            scene.specked > 1, max_size=19, connectivity=2
        ),
        "grow, whole window": lambda: segmentation.expand_labels(np.where(ids == 1, 0, ids), 3),
        "grow, one object": lambda: ndimage.binary_dilation(ids == ids[y, x], morphology.disk(3)),
        "shrink, one object": lambda: ndimage.binary_erosion(ids == ids[y, x], morphology.disk(3)),
        "smooth, whole window": lambda: filters.rank.majority(classes, morphology.disk(3)),
        "renumber, whole window": lambda: measure.label(ids, background=1, connectivity=2),
        "split, one object": lambda: _watershed(ids == ids[y, x]),
        "instances, whole window": lambda: _watershed(front),
    }


def others(scene: Scene) -> dict[str, Callable[[], object]]:
    """Return what is no tool by itself."""
    canvas = scene.canvas(scene.classes)
    y, x = scene.middle
    wire = Wire(canvas, y, x)
    wire.path(y + 60, x + 60)
    block = survey(lambda tile: scene.classes[tile.slices], scene.tile, scene.tile.shape, {2, 3, 4})
    found = Objects([block])
    return {
        "livewire, anchor": lambda: Wire(canvas, y, x),
        "livewire, path to the cursor": lambda: wire.path(y + 60, x + 60),
        "superpixels of one block": lambda: editing.Patches(10).block(canvas, 0, 0),
        "instances, whole window": lambda: survey(
            lambda tile: scene.classes[tile.slices], scene.tile, scene.tile.shape, {2, 3, 4}
        ),
        "instances, slider moved": lambda: Objects([block], neck=0.7),
        "instances, ids of the window": lambda: found.ids(block),
    }


def _ground(scene: Scene) -> tuple[int, int]:
    y, x = np.unravel_index(int(np.argmax(scene.classes == 1)), scene.classes.shape)
    return int(y), int(x)


def _watershed(mask: NDArray[np.bool_]) -> object:
    from skimage.feature import peak_local_max
    from skimage.segmentation import watershed

    distance = ndimage.distance_transform_edt(mask)
    markers = np.zeros(mask.shape, int)
    peaks = peak_local_max(distance, min_distance=8, labels=mask)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return watershed(-distance, markers, mask=mask)


def measured(size_px: int = SIZE_PX, runs: int = RUNS) -> Iterator[dict[str, object]]:
    """Yield name, milliseconds of ours and of the bare call, one row per tool."""
    scene = Scene(size_px)
    reference = bare(scene)
    calls: dict[str, Callable[[], object]] = {
        name: partial(use, tool, canvas) for name, (tool, canvas) in tools(scene).items()
    }
    calls |= others(scene)
    for name, call in calls.items():
        row: dict[str, object] = {"what": name, "ours_ms": milliseconds(call, runs)}
        if name in reference:
            row["bare_ms"] = milliseconds(reference[name], min(runs, 2))
        yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=SIZE_PX)
    parser.add_argument("--runs", type=int, default=RUNS)
    asked = parser.parse_args()
    for row in measured(asked.size, asked.runs):
        print(json.dumps(row), flush=True)


def test_every_tool_can_be_measured() -> None:
    rows = list(measured(256, 1))
    assert len(rows) > len(editing.__all__) / 2
    assert all("ours_ms" in row for row in rows)


if __name__ == "__main__":
    main()
