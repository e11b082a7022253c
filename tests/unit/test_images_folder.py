"""Which images a path means, what they are, and what bad input gets."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from napari_phenoai.core.ports import ImageSource
from napari_phenoai.errors import ImageError
from napari_phenoai.io.images import describe_image, image_uris, needs_conversion, open_image

GREY = np.zeros((8, 9), np.uint8)


def png(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(GREY).save(path)
    return str(path)


def test_a_folder_gives_its_images_as_people_count(tmp_path: Path) -> None:
    for name in ("leaf10.png", "leaf2.PNG", "leaf1.png", ".hidden.png", "Thumbs.db", "notes.txt"):
        png(tmp_path / f"{Path(name).stem}.png")
        (tmp_path / f"{Path(name).stem}.png").rename(tmp_path / name)
    png(tmp_path / "deeper" / "no.png")
    zarr.create_group(str(tmp_path / "leaf3.ome.zarr"))
    names = [Path(uri).name for uri in image_uris(tmp_path)]
    assert names == ["leaf1.png", "leaf2.PNG", "leaf3.ome.zarr", "leaf10.png"]


def test_patterns(tmp_path: Path) -> None:
    for name in ("a/1.png", "b/2.png", "b/3.jpg"):
        png(tmp_path / name)
    assert image_uris(tmp_path / "*" / "*.png") == [
        str(tmp_path / "a" / "1.png"),
        str(tmp_path / "b" / "2.png"),
    ]


def test_a_name_with_brackets_is_a_name_first(tmp_path: Path) -> None:
    assert image_uris(png(tmp_path / "leaf [1].png")) == [str(tmp_path / "leaf [1].png")]


def test_one_image_stands_for_itself(tmp_path: Path) -> None:
    zarr.create_group(str(tmp_path / "leaf"))
    assert image_uris(tmp_path / "leaf") == [str(tmp_path / "leaf")]
    assert image_uris("https://a.b/c.zarr") == ["https://a.b/c.zarr"]
    assert image_uris((tmp_path / "leaf").as_uri()) == [str(tmp_path / "leaf")]


def test_nothing_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="holds no images"):
        image_uris(tmp_path)
    with pytest.raises(ImageError, match=r"gone.*does not exist"):
        image_uris(tmp_path / "gone")


def test_describe(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(
        path,
        np.zeros((3, 2, 70, 80), np.uint16),
        ome=True,
        tile=(32, 32),
        metadata={"axes": "ZCYX", "PhysicalSizeX": 2.0, "PhysicalSizeY": 2.0},
    )
    info = describe_image(path)
    assert asdict(info) == {
        "uri": str(path),
        "kind": "TIFF",
        "axes": "ZCYX",
        "shape": (3, 2, 70, 80),
        "dtype": "uint16",
        "levels": ((3, 2, 70, 80),),
        "chunk": (32, 32),
        "pixel_um": 2.0,
        "channels": (),
        "memory_bytes": 3 * 2 * 70 * 80 * 2,
        "converts": False,
    }


def test_images_fill_the_port(tmp_path: Path) -> None:
    assert isinstance(open_image(png(tmp_path / "a.png")), ImageSource)


def test_big_plain_files_need_conversion(tmp_path: Path) -> None:
    small = np.broadcast_to(np.uint8(0), (4096, 4096))
    large = np.broadcast_to(np.uint8(0), (4097, 4097))
    path = tmp_path / "a.tif"
    cases: list[tuple[Any, dict[str, Any], bool]] = [
        (small, {"tile": (512, 512), "compression": "zlib"}, False),
        (small, {"compression": "zlib"}, False),
        (large, {"tile": (512, 512), "compression": "zlib"}, True),
        (large, {"compression": "zlib"}, True),
    ]
    for pixels, options, expected in cases:
        tifffile.imwrite(path, pixels, **options)
        assert needs_conversion(open_image(path)) is expected, options


def test_one_huge_strip_needs_conversion(tmp_path: Path) -> None:
    deep = np.broadcast_to(np.float32(0), (4000, 4000, 2))
    options: dict[str, Any] = {
        "photometric": "minisblack",
        "planarconfig": "contig",
        "compression": "zlib",
    }
    tifffile.imwrite(tmp_path / "one.tif", deep, rowsperstrip=4000, **options)
    tifffile.imwrite(tmp_path / "many.tif", deep, rowsperstrip=16, **options)
    assert needs_conversion(open_image(tmp_path / "one.tif"))
    assert not needs_conversion(open_image(tmp_path / "many.tif"))


def test_a_large_pyramid_needs_none(tmp_path: Path) -> None:
    options: dict[str, Any] = {"tile": (512, 512), "compression": "zlib", "metadata": None}
    with tifffile.TiffWriter(tmp_path / "p.tif") as file:
        file.write(np.broadcast_to(np.uint8(0), (8192, 4096)), subifds=1, **options)
        file.write(np.broadcast_to(np.uint8(0), (4096, 2048)), subfiletype=1, **options)
    assert not needs_conversion(open_image(tmp_path / "p.tif"))


def test_an_ome_zarr_is_never_converted(tmp_path: Path) -> None:
    group = zarr.create_group(str(tmp_path / "a.zarr"))
    group.create_array("0", shape=(9000, 9000), chunks=(512, 512), dtype="uint8")
    scales = {"axes": [{"name": "y"}, {"name": "x"}], "datasets": [{"path": "0"}]}
    group.update_attributes({"ome": {"version": "0.5", "multiscales": [scales]}})
    assert not needs_conversion(open_image(tmp_path / "a.zarr"))


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a"])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"this is a text file, whatever its name", "does not begin like"),
        (b"\x89PNG\r\n\x1a\n and then nothing good", "cannot be read as PNG"),
        (b"\xff\xd8\xff\xe0 and then nothing good", "cannot be read as JPEG"),
        (b"II*\0 and then nothing good", "holds no image"),
        (b"II*\0\x08\0\0\0", "holds no image"),
    ],
)
def test_bad_files_are_named_with_a_remedy(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageError, match=says) as caught:
        open_image(tmp_path / name)
    assert str(tmp_path / name) in caught.value.what
    assert caught.value.hint


def test_the_content_counts_not_the_name(tmp_path: Path) -> None:
    png(tmp_path / "leaf.png")
    (tmp_path / "leaf.png").rename(tmp_path / "leaf.jpg")
    assert open_image(tmp_path / "leaf.jpg").kind == "PNG"


def test_missing_files_and_plain_folders(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.png does not exist"):
        open_image(tmp_path / "gone.png")
    with pytest.raises(ImageError, match="is a folder"):
        open_image(tmp_path)


def test_importing_is_light() -> None:
    code = (
        "import sys, napari_phenoai.io.images\n"
        "heavy = {'zarr', 'tifffile', 'pyvips', 'dask', 'fsspec', 'aiohttp', 'torch', 'napari'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
