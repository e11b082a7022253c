"""Conversion to an OME-Zarr pyramid: exact, bounded, whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import itertools
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
import yaozarrs
import zarr
import zarr.storage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.progress import Progress, finish
from napari_phenoai.errors import DiskError, ImageError
from napari_phenoai.io.images import convert_image, describe_image, open_image
from napari_phenoai.io.images.pyramid import halved

if TYPE_CHECKING:
    from numpy.typing import NDArray

RGB = np.random.default_rng(3).integers(0, 256, (700, 1100, 3), dtype=np.uint8)


def whole(path: Path) -> NDArray[Any]:
    image = open_image(path)
    planes = range(image.shape[0])
    return np.stack([image.read(Tile("i", 0, 0, *image.shape[2:], z=z)) for z in planes])


def levels(path: Path) -> list[NDArray[Any]]:
    return [level.compute() for level in open_image(path).levels]  # type: ignore[attr-defined]


def check_pyramid(path: Path, expected: NDArray[Any]) -> None:
    """Check validity, pixels of all levels, and that nothing lies beside."""
    yaozarrs.validate_zarr_store(str(path))
    found = levels(path)
    np.testing.assert_array_equal(found[0], expected)
    for larger, smaller in itertools.pairwise(found):
        np.testing.assert_array_equal(smaller, np.stack([halved(plane) for plane in larger]))
    assert max(found[-1].shape[2:]) <= 512
    assert all(level.dtype == expected.dtype for level in found)


def test_rgb_png(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "leaf.png")
    seen: list[Progress] = []
    out = finish(convert_image(tmp_path / "leaf.png", tmp_path / "leaf.ome.zarr"), seen.append)
    assert out == tmp_path / "leaf.ome.zarr"
    check_pyramid(out, np.moveaxis(RGB, 2, 0)[None])
    info = describe_image(out)
    assert (info.kind, info.channels) == ("OME-Zarr 0.5", ("red", "green", "blue"))
    assert (info.chunk, len(info.levels), info.converts) == ((512, 512), 3, False)
    done = [progress.fraction or 0 for progress in seen]
    assert done == sorted(done)
    assert done[-1] == pytest.approx(1)
    assert sorted(child.name for child in tmp_path.iterdir()) == ["leaf.ome.zarr", "leaf.png"]


def test_metadata(tmp_path: Path) -> None:
    metadata = {"unit": "mm", "axes": "YX"}
    pixels = np.arange(600 * 600, dtype=np.uint16).reshape(600, 600)
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, imagej=True, resolution=(10, 10), metadata=metadata
    )
    out = finish(convert_image(tmp_path / "a.tif", tmp_path / "a.ome.zarr"))
    attributes: Any = zarr.open_group(str(out), mode="r").attrs.asdict()
    (scales,) = attributes["ome"]["multiscales"]
    first, second = (level["coordinateTransformations"] for level in scales["datasets"])
    assert first == [{"type": "scale", "scale": [1.0, 100.0, 100.0]}]
    assert second == [
        {"type": "scale", "scale": [1.0, 200.0, 200.0]},
        {"type": "translation", "translation": [0.0, 50.0, 50.0]},
    ]
    assert [axis.get("unit") for axis in scales["axes"]] == [None, "micrometer", "micrometer"]
    (channel,) = attributes["ome"]["omero"]["channels"]
    assert channel["color"] == "FFFFFF"
    window = channel["window"]
    assert window["min"] == 0
    assert window["max"] == 65535
    assert 0 <= window["start"] < window["end"] <= 65535
    source = attributes["phenoai"]["source"]
    assert source["name"] == "a.tif"
    assert source["sha256"] == hashlib.sha256((tmp_path / "a.tif").read_bytes()).hexdigest()
    assert str(tmp_path) not in str(attributes)
    assert open_image(out).pixel_um == 100


CASES: dict[str, tuple[NDArray[Any], dict[str, Any]]] = {
    "stack": (np.arange(3 * 600 * 520).reshape(3, 600, 520).astype(np.uint16), {}),
    "channels": (
        np.random.default_rng(0).normal(size=(5, 600, 700)).astype(np.float32),
        {"metadata": {"axes": "CYX"}, "ome": True},
    ),
    "channels and depth": (
        np.random.default_rng(0).integers(-9, 9, (2, 3, 530, 99)).astype(np.int16),
        {"metadata": {"axes": "ZCYX"}, "ome": True},
    ),
    "small": (np.arange(20 * 30).reshape(20, 30).astype(np.uint16), {}),
}


@pytest.mark.parametrize("name", CASES)
def test_tiff_of_every_shape(tmp_path: Path, name: str) -> None:
    pixels, options = CASES[name]
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack", **options)
    expected = whole(tmp_path / "a.tif")
    check_pyramid(finish(convert_image(tmp_path / "a.tif", tmp_path / "a.zarr")), expected)


@pytest.mark.parametrize("tag", range(1, 9))
def test_the_orientation_is_applied_while_streaming(tmp_path: Path, tag: int) -> None:
    exif = Image.Exif()
    exif[274] = tag
    Image.fromarray(RGB[:630]).save(tmp_path / "a.png", exif=exif)
    expected = whole(tmp_path / "a.png")
    out = finish(convert_image(tmp_path / "a.png", tmp_path / "a.zarr"))
    check_pyramid(out, expected)
    assert open_image(out).orientation == 1


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.integers(1, 1300),
    columns=st.integers(1, 1300),
    tag=st.integers(1, 8),
    tiled=st.booleans(),
)
def test_any_size_and_orientation(
    tmp_path_factory: pytest.TempPathFactory, rows: int, columns: int, tag: int, tiled: bool
) -> None:
    folder = tmp_path_factory.mktemp("any")
    pixels = np.random.default_rng(rows).integers(0, 256, (rows, columns), dtype=np.uint8)
    options: dict[str, Any] = {"tile": (128, 256)} if tiled else {"rowsperstrip": 33}
    tag_274 = (274, 3, 1, tag, True)
    path = folder / "a.tif"
    tifffile.imwrite(path, pixels, compression="zlib", extratags=[tag_274], **options)
    expected = whole(path)
    check_pyramid(finish(convert_image(path, folder / "a.zarr")), expected)


def test_one_huge_strip_is_streamed(tmp_path: Path) -> None:
    pixels = np.zeros((3000, 2000, 3), np.uint8)
    pixels[::5, ::3] = 77, 88, 99
    path = tmp_path / "a.tif"
    options: dict[str, Any] = {"photometric": "rgb", "compression": "zlib", "rowsperstrip": 3000}
    tifffile.imwrite(path, np.stack([pixels, pixels[::-1]]), **options)
    image = open_image(path)
    assert image.stream is not None
    expected = np.stack([np.moveaxis(p, 2, 0) for p in (pixels, pixels[::-1])])
    check_pyramid(finish(convert_image(path, tmp_path / "a.zarr")), expected)


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_cancelling_leaves_nothing(tmp_path: Path, steps: int) -> None:
    Image.fromarray(RGB).save(tmp_path / "leaf.png")
    work = convert_image(tmp_path / "leaf.png", tmp_path / "leaf.zarr")
    for _ in range(steps):
        next(work)
    work.close()
    assert [child.name for child in tmp_path.iterdir()] == ["leaf.png"]


def test_a_truncated_source_leaves_nothing(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "leaf.png")
    data = (tmp_path / "leaf.png").read_bytes()
    (tmp_path / "leaf.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(ImageError, match=r"leaf\.png"):
        finish(convert_image(tmp_path / "leaf.png", tmp_path / "leaf.zarr"))
    assert [child.name for child in tmp_path.iterdir()] == ["leaf.png"]


def test_a_full_disk_is_a_disk_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(RGB).save(tmp_path / "leaf.png")
    written = 0
    write = zarr.storage.LocalStore.set

    async def full(self: Any, key: str, value: Any) -> None:
        nonlocal written
        written += 1
        if written > 6:
            raise OSError(errno.ENOSPC, "No space left on device")
        await write(self, key, value)

    monkeypatch.setattr(zarr.storage.LocalStore, "set", full)
    with pytest.raises(DiskError, match=r"leaf\.zarr .*disk is full") as caught:
        finish(convert_image(tmp_path / "leaf.png", tmp_path / "leaf.zarr"))
    assert "Free some space" in caught.value.hint
    assert [child.name for child in tmp_path.iterdir()] == ["leaf.png"]


def test_a_destination_that_exists_is_kept(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "leaf.png")
    (tmp_path / "leaf.zarr").mkdir()
    (tmp_path / "leaf.zarr" / "precious").write_text("x")
    with pytest.raises(ImageError, match=r"leaf\.zarr exists already"):
        finish(convert_image(tmp_path / "leaf.png", tmp_path / "leaf.zarr"))
    assert (tmp_path / "leaf.zarr" / "precious").exists()


def test_a_destination_in_a_new_folder(tmp_path: Path) -> None:
    Image.fromarray(RGB[:50, :50]).save(tmp_path / "leaf.png")
    out = finish(convert_image(tmp_path / "leaf.png", tmp_path / "new" / "leaf.zarr"))
    assert open_image(out).shape == (1, 3, 50, 50)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize("layout", [{"rowsperstrip": 10_000}, {"tile": (512, 512)}])
def test_memory_stays_bounded(tmp_path: Path, layout: dict[str, Any]) -> None:
    pixels = np.zeros((10_000, 12_000, 3), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", compression="zlib", **layout)
    code = (
        "import sys; from pathlib import Path\n"
        "from napari_phenoai.core.progress import finish\n"
        "from napari_phenoai.io.images import convert_image\n"
        "finish(convert_image(sys.argv[1], Path(sys.argv[2])))\n"
        "status = Path('/proc/self/status').read_text()\n"
        "print(status.split('VmHWM:')[1].split()[0])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a.tif"), str(tmp_path / "a.zarr")]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert int(shown) * 1024 < 700 * 2**20
    assert open_image(tmp_path / "a.zarr").shape == (1, 3, 10_000, 12_000)
