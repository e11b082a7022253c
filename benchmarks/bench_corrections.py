"""Gestures of a simulated person who corrects objects with the pixel tools until all are exact.

Run with ``python benchmarks/bench_corrections.py FOLDER``, a folder with ``images`` and
``masks`` (or ``masks_instances``) of object ids. It prints one line per start: how many gestures
each tool took. As a test, it does so on a drawn field.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_phenoai.core.instances import objects_of
from napari_phenoai.testing.corrections import corrected, same_objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

Pair = tuple["NDArray[Any]", "NDArray[Any]"]


def _mask_start(neck: float) -> Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]:
    def start(_: NDArray[Any], truth: NDArray[Any]) -> NDArray[Any]:
        return objects_of(np.where(truth > 0, 2, 1).astype(np.uint8), {2}, neck=neck)[0]

    return start


def _saturation(image: NDArray[Any], _: NDArray[Any]) -> NDArray[Any]:
    """Return what stands out by colour, or by brightness in a grey image, parted at its necks."""
    from skimage.filters import threshold_otsu

    colours = image.reshape(*image.shape[:2], -1)[..., :3].astype(float)
    strong = colours.max(axis=-1) - colours.min(axis=-1)
    if not strong.any():
        strong = colours[..., 0]
    front = ndimage.median_filter(strong, 5) > threshold_otsu(strong)
    front = ndimage.binary_fill_holes(front)
    return objects_of(np.where(front, 2, 1).astype(np.uint8), {2}, neck=0.8)[0]


STARTS: dict[str, Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]] = {
    "true mask, connected regions": _mask_start(0),
    "true mask, parted at 0.8": _mask_start(0.8),
    "Otsu's threshold, parted at 0.8": _saturation,
}


def measured(pairs: Sequence[Pair]) -> Iterator[dict[str, object]]:
    """Yield, for each start, gestures per tool over all images, and whether all are exact."""
    for name, start in STARTS.items():
        gestures: Counter[str] = Counter()
        began = time.perf_counter()
        exact = painted = objects = first = 0
        for image, truth in pairs:
            there = start(image, truth)
            done = corrected(there, truth)
            exact += same_objects(done.ids, truth)
            painted += sum(done.painted_px)
            objects += len(np.unique(truth[truth > 0]))
            first += len(np.unique(there[there > 0]))
            gestures.update(done.gestures)
        yield {
            "start": name,
            "images": len(pairs),
            "exact": exact,
            "objects": objects,
            "objects at the start": first,
            "gestures": dict(sorted(gestures.items())),
            "gestures in all": sum(gestures.values()),
            "painted px": painted,
            "seconds": round(time.perf_counter() - began, 1),
        }


def read(folder: Path, limit: int | None, shrink: int) -> list[Pair]:
    """Return images and their ids; each is shrunk by taking every `shrink`-th pixel."""
    from skimage.io import imread

    ids = folder / "masks_instances"
    masks = sorted((ids if ids.is_dir() else folder / "masks").glob("*"))[:limit]
    pairs = []
    for mask in masks:
        image = next((folder / "images").glob(f"{mask.stem}.*"))
        step = (slice(None, None, shrink),) * 2
        pairs.append((np.asarray(imread(image))[step], np.asarray(imread(mask))[step]))
    return pairs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, help="only the first images")
    parser.add_argument("--shrink", type=int, default=1)
    asked = parser.parse_args()
    for row in measured(read(asked.folder, asked.limit, asked.shrink)):
        print(json.dumps(row), flush=True)


def test_all_starts_end_with_the_truth() -> None:
    rng = np.random.default_rng(5)
    noise = ndimage.gaussian_filter(rng.normal(size=(80, 90)), 4)
    truth, _ = objects_of(np.where(noise > 0, 2, 1).astype(np.uint8), {2}, neck=0.9)
    image = np.where(truth > 0, 200, 40) + rng.integers(0, 20, truth.shape)
    rows = list(measured([(image.astype(np.uint8), truth)]))
    assert [row["exact"] for row in rows] == [1, 1, 1]
    assert all(row["gestures in all"] for row in rows)
    for row in rows:
        gestures = row["gestures"]
        assert isinstance(gestures, dict)
        assert set(gestures) <= {"delete", "split", "cut", "merge", "paint"}
        assert sum(gestures.values()) == row["gestures in all"]


if __name__ == "__main__":
    main()
