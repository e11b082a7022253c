"""TIFF files of every layout give the pixels that were put in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import pyvips
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_phenoai.core.geometry import Tile
from napari_phenoai.errors import ImageError, InputError
from napari_phenoai.io.images import describe_image, open_image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_phenoai.io.images import LazyImage

Y, X = 83, 119


def noise(*shape: int, dtype: str = "uint8") -> NDArray[Any]:
    rng = np.random.default_rng(sum(shape))
    if dtype.startswith("float"):
        return rng.normal(size=shape).astype(dtype)
    return rng.integers(0, min(np.iinfo(dtype).max, 60_000), shape).astype(dtype)


def yxs(pixels: NDArray[Any]) -> NDArray[Any]:
    """Bring ``(..., y, x, c)`` to ``(z, c, y, x)``."""
    return np.moveaxis(pixels, -1, -3).reshape(-1, pixels.shape[-1], Y, X)


GREY, RGB = noise(Y, X), noise(Y, X, 3)
LAYOUTS: dict[str, tuple[NDArray[Any], dict[str, Any], NDArray[Any]]] = {
    "contiguous": (GREY, {}, GREY[None, None]),
    "one strip, deflate": (GREY, {"compression": "zlib", "rowsperstrip": Y}, GREY[None, None]),
    "strips": (
        GREY,
        {"rowsperstrip": 7, "compression": "lzw", "predictor": True},
        GREY[None, None],
    ),
    "tiles": (GREY, {"tile": (32, 48)}, GREY[None, None]),
    "tiles, zstd": (GREY, {"tile": (16, 64), "compression": "zstd"}, GREY[None, None]),
    "BigTIFF": (GREY, {"bigtiff": True, "tile": (32, 32)}, GREY[None, None]),
    "big endian": (noise(Y, X, dtype="uint16"), {"byteorder": ">"}, noise(1, 1, Y, X)[:0]),
    "big endian, strips": (
        noise(Y, X, dtype="uint16"),
        {"byteorder": ">", "compression": "zlib"},
        noise(1, 1, Y, X)[:0],
    ),
    "16 bit": (noise(Y, X, dtype="uint16"), {"tile": (32, 32)}, GREY[:0]),
    "32 bit": (noise(Y, X, dtype="uint32"), {}, GREY[:0]),
    "signed": (noise(Y, X, dtype="int16"), {"compression": "zlib"}, GREY[:0]),
    "float": (noise(Y, X, dtype="float32"), {"compression": "zlib", "predictor": True}, GREY[:0]),
    "half float": (noise(Y, X, dtype="float16"), {}, GREY[:0]),
    "RGB": (RGB, {"photometric": "rgb"}, yxs(RGB)),
    "RGB tiles": (RGB, {"photometric": "rgb", "tile": (32, 32), "compression": "zlib"}, yxs(RGB)),
    "RGB planar": (
        np.moveaxis(RGB, 2, 0),
        {"photometric": "rgb", "planarconfig": "separate", "rowsperstrip": 20},
        yxs(RGB),
    ),
    "RGB planar tiles": (
        np.moveaxis(RGB, 2, 0),
        {"photometric": "rgb", "planarconfig": "separate", "tile": (32, 32), "compression": "lzw"},
        yxs(RGB),
    ),
    "RGBA": (
        noise(Y, X, 4),
        {"photometric": "rgb", "extrasamples": ["unassalpha"]},
        yxs(noise(Y, X, 4))[:, :3],
    ),
    "grey and alpha": (
        noise(Y, X, 2),
        {"photometric": "minisblack", "planarconfig": "contig", "extrasamples": ["unassalpha"]},
        yxs(noise(Y, X, 2))[:, :1],
    ),
    "5 channels": (
        noise(Y, X, 5, dtype="uint16"),
        {"photometric": "minisblack", "planarconfig": "contig", "tile": (32, 32)},
        yxs(noise(Y, X, 5, dtype="uint16")),
    ),
    "white is 0": (GREY, {"photometric": "miniswhite"}, 255 - GREY[None, None]),
    "pages": (noise(6, Y, X), {"photometric": "minisblack"}, noise(6, Y, X)[:, None]),
    "pages of RGB": (
        noise(4, Y, X, 3),
        {"photometric": "rgb", "compression": "zlib"},
        yxs(noise(4, Y, X, 3)),
    ),
    "bare pages": (
        noise(5, Y, X),
        {"photometric": "minisblack", "metadata": None, "compression": "zlib"},
        noise(5, Y, X)[:, None],
    ),
    "OME ZCYX": (
        noise(3, 2, Y, X),
        {"ome": True, "metadata": {"axes": "ZCYX"}, "photometric": "minisblack"},
        noise(3, 2, Y, X),
    ),
    "OME CZYX": (
        noise(2, 3, Y, X),
        {"ome": True, "metadata": {"axes": "CZYX"}, "tile": (32, 32), "photometric": "minisblack"},
        noise(2, 3, Y, X).transpose(1, 0, 2, 3),
    ),
    "OME time": (
        noise(4, 2, Y, X),
        {"ome": True, "metadata": {"axes": "TCYX"}, "photometric": "minisblack"},
        noise(4, 2, Y, X),
    ),
    "ImageJ ZCYX": (
        noise(3, 2, Y, X, dtype="uint16"),
        {"imagej": True, "metadata": {"axes": "ZCYX"}},
        noise(3, 2, Y, X, dtype="uint16"),
    ),
    "ImageJ RGB": (RGB, {"imagej": True}, yxs(RGB)),
}


def layout(name: str, folder: Path) -> tuple[LazyImage, NDArray[Any]]:
    pixels, options, expected = LAYOUTS[name]
    path = folder / "image.tif"
    if not path.exists():
        tifffile.imwrite(path, pixels, **options)
    return open_image(path), expected if expected.size else pixels[None, None]


windows = st.tuples(*(st.integers(0, 10_000) for _ in range(5)))


def tile_in(shape: tuple[int, ...], numbers: tuple[int, ...]) -> Tile:
    z, y, x, height, width = numbers
    top, left = y % shape[2], x % shape[3]
    size = 1 + height % (shape[2] - top), 1 + width % (shape[3] - left)
    return Tile("image", top, left, *size, z=z % shape[0])


@pytest.mark.parametrize("name", LAYOUTS)
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(numbers=windows)
def test_a_tile_is_the_slice_of_what_was_written(
    name: str, tmp_path: Path, numbers: tuple[int, ...]
) -> None:
    image, expected = layout(name, tmp_path)
    assert image.shape == expected.shape
    tile = tile_in(image.shape, numbers)
    pixels = image.read(tile)
    np.testing.assert_array_equal(pixels, expected[tile.z, :, tile.y : tile.y1, tile.x : tile.x1])
    assert pixels.dtype == image.dtype
    assert pixels.dtype.isnative
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable


@pytest.mark.parametrize("name", ["contiguous", "RGB tiles", "OME CZYX", "RGBA"])
def test_levels_for_viewers_hold_the_same_pixels(name: str, tmp_path: Path) -> None:
    image, expected = layout(name, tmp_path)
    level: Any = image.levels[0]
    np.testing.assert_array_equal(level.compute(), expected)
    np.testing.assert_array_equal(level[0, 0, 5:40, ::3].compute(), expected[0, 0, 5:40, ::3])


@pytest.mark.parametrize("subifds", [True, False])
def test_pyramids_are_found_in_both_forms(tmp_path: Path, subifds: bool) -> None:
    levels = [noise(512 >> k, 384 >> k, 3) for k in range(3)]
    with tifffile.TiffWriter(tmp_path / "p.tif") as file:
        options: dict[str, Any] = {"photometric": "rgb", "tile": (64, 64), "metadata": None}
        file.write(levels[0], subifds=2 if subifds else 0, **options)
        for level in levels[1:]:
            file.write(level, subfiletype=1, **options)
    image = open_image(tmp_path / "p.tif")
    assert [planes.shape[2:] for planes in image.pyramid] == [(512, 384), (256, 192), (128, 96)]
    for k, level in enumerate(levels):
        found: Any = image.levels[k]
        np.testing.assert_array_equal(found.compute()[0], np.moveaxis(level, 2, 0))


def test_jpeg_in_tiff_comes_as_rgb(tmp_path: Path) -> None:
    y, x = np.mgrid[:300, :400]
    smooth = np.stack([y // 2, x // 2, (y + x) // 3], axis=2).astype(np.uint8)
    path = tmp_path / "j.tif"
    options: dict[str, Any] = {"compression": "jpeg", "Q": 95, "tile": True, "pyramid": True}
    pyvips.Image.new_from_array(smooth).tiffsave(
        str(path), tile_width=128, tile_height=128, **options
    )
    image = open_image(path)
    assert len(image.pyramid) > 1
    pixels = np.moveaxis(image.read(Tile("i", 60, 70, 200, 300)), 0, 2).astype(int)
    assert np.abs(pixels - smooth[60:260, 70:370]).max() < 12


def test_palette_becomes_rgb(tmp_path: Path) -> None:
    table = np.random.default_rng(0).integers(0, 2**16, (3, 256)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "p.tif", GREY, photometric="palette", colormap=table)
    image = open_image(tmp_path / "p.tif")
    assert image.channels == ("red", "green", "blue")
    expected = (table >> 8).astype(np.uint8)[:, GREY]
    np.testing.assert_array_equal(image.read(Tile("i", 0, 0, Y, X)), expected)


def test_one_bit_becomes_black_and_white(tmp_path: Path) -> None:
    bits = noise(Y, X) > 128
    tifffile.imwrite(tmp_path / "b.tif", bits, photometric="minisblack")
    pixels = open_image(tmp_path / "b.tif").read(Tile("i", 0, 0, Y, X))
    np.testing.assert_array_equal(pixels[0], np.where(bits, 255, 0).astype(np.uint8))


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    ink = np.zeros((4, 4, 4), np.uint8)
    ink[0, 0] = 0, 0, 0, 0
    ink[0, 1] = 255, 0, 0, 0
    ink[0, 2] = 0, 0, 0, 255
    tifffile.imwrite(tmp_path / "c.tif", ink, photometric="separated")
    pixels = open_image(tmp_path / "c.tif").read(Tile("i", 0, 0, 1, 3))
    assert pixels[:, 0].T.tolist() == [[255, 255, 255], [0, 255, 255], [0, 0, 0]]


@pytest.mark.parametrize("tag", range(1, 9))
def test_the_orientation_tag_is_obeyed(tmp_path: Path, tag: int) -> None:
    tifffile.imwrite(tmp_path / "o.tif", GREY, extratags=[(274, 3, 1, tag, True)])
    image = open_image(tmp_path / "o.tif")
    turns: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.T,
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].T,
        8: np.rot90,
    }
    expected = turns[tag](GREY)
    assert image.shape[2:] == expected.shape
    np.testing.assert_array_equal(image.read(Tile("i", 3, 5, 40, 50))[0], expected[3:43, 5:55])


OME_5 = {"axes": "YX", "PhysicalSizeX": 5.0, "PhysicalSizeY": 5.0}
SIZES: dict[str, tuple[dict[str, Any], float | None]] = {
    "OME in µm": ({"ome": True, "metadata": OME_5}, 5.0),
    "OME in mm": (
        {"ome": True, "metadata": {**OME_5, "PhysicalSizeXUnit": "mm", "PhysicalSizeYUnit": "mm"}},
        5000.0,
    ),
    "OME, not square": ({"ome": True, "metadata": {**OME_5, "PhysicalSizeY": 7.0}}, None),
    "OME without": ({"ome": True, "metadata": {"axes": "YX"}}, None),
    "ImageJ in micron": (
        {"imagej": True, "resolution": (4, 4), "metadata": {"unit": "micron"}},
        0.25,
    ),
    "ImageJ in mm": ({"imagej": True, "resolution": (20, 20), "metadata": {"unit": "mm"}}, 50.0),
    "ImageJ in pixels": (
        {"imagej": True, "resolution": (20, 20), "metadata": {"unit": "pixel"}},
        None,
    ),
    "300 dpi": ({"resolution": (300, 300), "resolutionunit": "INCH"}, None),
    "600 dpi": ({"resolution": (600, 600), "resolutionunit": "INCH"}, None),
    "microscope": ({"resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER"}, 0.5),
    "no unit": ({"resolution": (20_000, 20_000), "resolutionunit": "NONE"}, None),
    "nothing": ({}, None),
}


@pytest.mark.parametrize("name", SIZES)
def test_pixel_size(name: str, tmp_path: Path) -> None:
    options, expected = SIZES[name]
    tifffile.imwrite(tmp_path / "s.tif", GREY, **options)
    found = open_image(tmp_path / "s.tif").pixel_um
    assert found == (None if expected is None else pytest.approx(expected))


def test_channel_names_of_ome(tmp_path: Path) -> None:
    metadata = {"axes": "CYX", "Channel": {"Name": ["near infrared", "red edge"]}}
    tifffile.imwrite(
        tmp_path / "c.ome.tif", noise(2, Y, X), metadata=metadata, photometric="minisblack"
    )
    assert open_image(tmp_path / "c.ome.tif").channels == ("near infrared", "red edge")


def test_time_and_depth_together_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "series.ome.tif"
    tifffile.imwrite(path, noise(2, 3, Y, X), metadata={"axes": "TZYX"}, photometric="minisblack")
    with pytest.raises(ImageError, match=r"series\.ome\.tif") as caught:
        open_image(path)
    assert "t: 2, z: 3" in caught.value.what
    assert "time point" in caught.value.hint


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "c.tif", GREY.astype(np.complex64))
    with pytest.raises(ImageError, match="complex64"):
        open_image(tmp_path / "c.tif")


def read_all(path: Path) -> None:
    image = open_image(path)
    for z in range(image.shape[0]):
        image.read(Tile("i", 0, 0, *image.shape[2:], z=z))


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.99])
@pytest.mark.parametrize(
    "name", ["contiguous", "tiles, zstd", "strips", "bare pages", "RGB planar"]
)
def test_a_truncated_file_is_an_error_that_names_it(
    tmp_path: Path, name: str, share: float
) -> None:
    layout(name, tmp_path)
    path = tmp_path / "image.tif"
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ImageError) as caught:
        read_all(path)
    assert "image.tif" in caught.value.what
    assert caught.value.hint


def test_a_stack_cut_between_two_pages_is_an_error(tmp_path: Path) -> None:
    layout("bare pages", tmp_path)
    path = tmp_path / "image.tif"
    with tifffile.TiffFile(path) as file:
        end = file.pages[2].offset
    path.write_bytes(path.read_bytes()[:end])
    with pytest.raises(ImageError, match=r"image\.tif"):
        open_image(path)


def test_damaged_pixels_are_an_error_on_reading(tmp_path: Path) -> None:
    image, _ = layout("tiles, zstd", tmp_path)
    path = tmp_path / "image.tif"
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        offset = file.pages[0].dataoffsets[3]
    data[offset : offset + 40] = bytes(40)
    path.write_bytes(data)
    with pytest.raises(ImageError, match=r"image\.tif"):
        image.read(Tile("i", 0, 0, Y, X))


def test_a_file_that_went_away_is_an_error_on_reading(tmp_path: Path) -> None:
    image, _ = layout("tiles", tmp_path)
    (tmp_path / "image.tif").unlink()
    with pytest.raises(ImageError, match=r"image\.tif"):
        image.read(Tile("i", 0, 0, 1, 1))


@pytest.mark.parametrize(
    "tile", [Tile("i", -1, 0, 5, 5), Tile("i", 0, X - 4, 5, 5), Tile("i", 0, 0, 5, 5, z=1)]
)
def test_a_tile_outside_is_refused(tmp_path: Path, tile: Tile) -> None:
    image, _ = layout("tiles", tmp_path)
    with pytest.raises(InputError, match="leaves the image"):
        image.read(tile)


@pytest.mark.parametrize("name", ["contiguous", "tiles, zstd", "one strip, deflate"])
def test_many_threads_read_the_same_pixels(tmp_path: Path, name: str) -> None:
    image, expected = layout(name, tmp_path)
    rng = np.random.default_rng(1)
    tiles = [tile_in(image.shape, tuple(rng.integers(0, 9999, 5).tolist())) for _ in range(200)]
    with ThreadPoolExecutor(8) as pool:
        for tile, pixels in zip(tiles, pool.map(image.read, tiles), strict=True):
            np.testing.assert_array_equal(pixels[0], expected[0, 0][tile.slices])


def test_the_fingerprint_follows_the_content_only(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY)
    (tmp_path / "b.tif").write_bytes((tmp_path / "a.tif").read_bytes())
    tifffile.imwrite(tmp_path / "c.tif", GREY + 1)
    a, b, c = (open_image(tmp_path / name).fingerprint for name in ("a.tif", "b.tif", "c.tif"))
    assert a == b
    assert a != c


def test_real_stack(real_data: Any) -> None:
    path = real_data("chloroplast_em3d") / "images" / "chloroplast_em3d.tif"
    info = describe_image(path)
    assert info.shape == (10, 1, 1200, 1392)
    assert not info.converts
    tile = Tile("i", 600, 700, 256, 256, z=7)
    np.testing.assert_array_equal(
        open_image(path).read(tile)[0], tifffile.imread(path, key=7)[tile.slices]
    )
