"""Converting large plain files to OME-Zarr: seconds and peak memory of a process, on Linux.

Run with ``python benchmarks/bench_convert.py [FILE ...]``. Without files, an RGB BigTIFF of
40,000 x 40,000 px is made first (5 GB; ``--size`` for another), in tiles of 512 px, or in strips
with ``--strips``. As a test, it only checks that a conversion can be measured.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from napari_phenoai.io.images import open_image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SIZE_PX = 40_000
TILE_PX = 512

_CHILD = """
import sys, time
from pathlib import Path
from napari_phenoai.core.progress import finish
from napari_phenoai.io.images import convert_image
def peak():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) // 1024
before, start = peak(), time.perf_counter()
finish(convert_image(sys.argv[1], Path(sys.argv[2])))
print(time.perf_counter() - start, before, peak())
"""


def write_bigtiff(path: Path, size_px: int, *, strips: bool) -> None:
    """Write an RGB image that compresses about as well as a photo of leaves, part by part."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 200, (32, 32, 3), dtype=np.uint8)
    fine = rng.integers(0, 12, (TILE_PX, TILE_PX, 3), dtype=np.uint8)
    tile = coarse.repeat(16, axis=0).repeat(16, axis=1) + fine
    layout: dict[str, Any] = {"rowsperstrip": 64} if strips else {"tile": (TILE_PX, TILE_PX)}
    tifffile.imwrite(
        path,
        _parts(tile, size_px, strips=strips),
        shape=(size_px, size_px, 3),
        dtype=np.uint8,
        photometric="rgb",
        bigtiff=True,
        **layout,
    )


def _parts(tile: NDArray[np.uint8], size_px: int, *, strips: bool) -> Iterator[NDArray[np.uint8]]:
    across = -(-size_px // TILE_PX)
    if not strips:
        for number in range(across**2):
            yield np.roll(tile, 37 * number, axis=number % 2)
        return
    row = np.concatenate([np.roll(tile, 37 * number, axis=0) for number in range(across)], axis=1)
    for top in range(0, size_px, 64):
        start = top % TILE_PX
        yield np.ascontiguousarray(row[start : start + min(64, size_px - top), :size_px])


def convert(source: Path, folder: Path) -> dict[str, object]:
    """Convert one file in a child process; return seconds and megabytes."""
    out = folder / "out.ome.zarr"
    command = [sys.executable, "-c", _CHILD, str(source), str(out)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    seconds, before, peak = done.stdout.split()
    shape = open_image(out).shape
    return {
        "file": source.name,
        "px": list(shape[-2:]),
        "seconds": round(float(seconds), 1),
        "mb_before": int(before),
        "peak_mb": int(peak),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--size", type=int, default=SIZE_PX)
    parser.add_argument("--strips", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="phenoai-convert-") as name:
        folder = Path(name)
        if not asked.files:
            asked.files = [folder / "big.tif"]
            write_bigtiff(asked.files[0], asked.size, strips=asked.strips)
        for number, source in enumerate(asked.files):
            place = folder / str(number)
            place.mkdir()
            print(json.dumps(convert(source, place)), flush=True)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_a_conversion_can_be_measured(tmp_path: Path) -> None:
    for strips in (False, True):
        write_bigtiff(tmp_path / "big.tif", 1100, strips=strips)
        measured = convert(tmp_path / "big.tif", tmp_path)
        assert measured["px"] == [1100, 1100]
        assert measured["peak_mb"]
        (tmp_path / "out.ome.zarr").rename(tmp_path / f"out{strips}")


if __name__ == "__main__":
    main()
