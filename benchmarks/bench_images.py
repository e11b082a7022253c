"""How long a tile of 512 px takes, against a bare read by zarr or tifffile.

Run with ``python benchmarks/bench_images.py``; as a test, it only checks that
every format can be measured.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
import zarr

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.progress import finish
from napari_phenoai.io.images import convert_image, open_image

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TILE_PX = 512


def scene(size_px: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return an RGB image that compresses about as well as a photo of leaves."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 200, (size_px // 32, size_px // 32, 3), dtype=np.uint8)
    fine = rng.integers(0, 12, (size_px, size_px, 3), dtype=np.uint8)
    return coarse.repeat(32, axis=0).repeat(32, axis=1) + fine


def tiles(size_px: int, count: int) -> list[Tile]:
    """Return tiles at random places, off the grid of chunks."""
    places = np.random.default_rng(1).integers(0, size_px - TILE_PX, (count, 2)).tolist()
    return [Tile("bench", y, x, TILE_PX, TILE_PX) for y, x in places]


def seconds(read: Callable[[Tile], object], wanted: Sequence[Tile]) -> float:
    """Return the median time of a read; the first one warms up."""
    taken = []
    read(wanted[0])
    for tile in wanted:
        start = time.perf_counter()
        read(tile)
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def compare(folder: Path, size_px: int = 4096, count: int = 40) -> list[tuple[str, float, float]]:
    """Return format, seconds of our read and seconds of the bare read."""
    pixels, wanted, rows = scene(size_px), tiles(size_px, count), []
    layouts: dict[str, dict[str, Any]] = {
        "TIFF, tiles, deflate": {"tile": (512, 512), "compression": "zlib"},
        "TIFF, tiles 256": {"tile": (256, 256)},
        "TIFF, strips, LZW": {"rowsperstrip": 32, "compression": "lzw"},
        "TIFF, contiguous": {},
    }
    for name, options in layouts.items():
        path = folder / "a.tif"
        tifffile.imwrite(path, pixels, photometric="rgb", **options)
        with tifffile.TiffFile(path) as file, file.aszarr() as store:
            bare: Any = zarr.open_array(store, mode="r")
            ours = seconds(open_image(path).read, wanted)
            rows.append((name, ours, seconds(lambda tile, a=bare: a[tile.slices], wanted)))  # type: ignore[misc]
    out = finish(convert_image(folder / "a.tif", folder / "a.ome.zarr"))
    plain: Any = zarr.open_array(str(out / "0"), mode="r")
    ours = seconds(open_image(out).read, wanted)
    rows.append(("OME-Zarr", ours, seconds(lambda tile: plain[:, *tile.slices], wanted)))
    return rows


def test_every_format_can_be_measured(tmp_path: Path) -> None:
    assert all(ours > 0 and bare > 0 for _, ours, bare in compare(tmp_path, 1024, 2))


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        rows = compare(Path(folder))
    print(f"{'read of 512 x 512 x 3 px':24} {'ours':>9} {'bare':>9} {'ratio':>6}")
    for name, ours, bare in rows:
        print(f"{name:24} {ours * 1e3:6.2f} ms {bare * 1e3:6.2f} ms {ours / bare:6.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
