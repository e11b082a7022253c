"""PNG and JPEG files of every mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import pyvips
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_phenoai.core.geometry import Tile
from napari_phenoai.errors import ImageError
from napari_phenoai.io.images import describe_image, image_uris, open_image

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

Y, X = 61, 90
RNG = np.random.default_rng(7)
RGBA = RNG.integers(0, 256, (Y, X, 4), dtype=np.uint8)
DEEP = RNG.integers(0, 2**16, (Y, X, 3), dtype=np.uint16)


def whole(path: Path) -> NDArray[Any]:
    image = open_image(path)
    return image.read(Tile("i", 0, 0, *image.shape[2:]))


def smooth() -> NDArray[np.uint8]:
    y, x = np.mgrid[:Y, :X]
    return np.stack([2 * y, 2 * x, y + x], axis=2).astype(np.uint8)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("RGB", RGBA[..., :3]),
        ("RGBA", RGBA[..., :3]),
        ("L", RGBA[..., :1]),
        ("LA", RGBA[..., :1]),
        ("1", np.where(RGBA[..., :1] > 127, 255, 0)),
    ],
)
def test_png_modes(tmp_path: Path, mode: str, expected: NDArray[Any]) -> None:
    if mode == "LA":
        bands = [Image.fromarray(RGBA[..., band]) for band in (0, 3)]
        Image.merge("LA", bands).save(tmp_path / "a.png")
    elif mode == "1":
        Image.fromarray(RGBA[..., 0] > 127).save(tmp_path / "a.png")
    else:
        count = {"RGB": 3, "RGBA": 4, "L": 1}[mode]
        Image.fromarray(RGBA[..., :count].squeeze()).save(tmp_path / "a.png")
    pixels = whole(tmp_path / "a.png")
    np.testing.assert_array_equal(pixels, np.moveaxis(expected, 2, 0))
    assert pixels.dtype == np.uint8


def test_a_palette_becomes_rgb(tmp_path: Path) -> None:
    image = Image.fromarray(RGBA[..., 0] % 5).convert("P")
    table = RNG.integers(0, 256, (5, 3), dtype=np.uint8)
    image.putpalette(table.tobytes())
    image.save(tmp_path / "p.png", transparency=2)
    expected = table[RGBA[..., 0] % 5]
    np.testing.assert_array_equal(whole(tmp_path / "p.png"), np.moveaxis(expected, 2, 0))


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_16_bit_png_keeps_its_depth(tmp_path: Path, count: int) -> None:
    deep = np.concatenate([DEEP, DEEP[..., :1]], axis=2)[..., :count]
    kind = "grey16" if count < 3 else "rgb16"
    pyvips.Image.new_from_array(deep).copy(interpretation=kind).pngsave(str(tmp_path / "d.png"))
    kept = 1 if count < 3 else 3
    pixels = whole(tmp_path / "d.png")
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels, np.moveaxis(deep[..., :kept], 2, 0))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(y=st.integers(0, Y - 1), x=st.integers(0, X - 1), data=st.data())
def test_a_tile_is_a_slice(tmp_path: Path, y: int, x: int, data: st.DataObject) -> None:
    path = tmp_path / "a.png"
    if not path.exists():
        Image.fromarray(RGBA).save(path)
    size = data.draw(st.integers(1, Y - y)), data.draw(st.integers(1, X - x))
    tile = Tile("i", y, x, *size)
    expected = np.moveaxis(RGBA[tile.slices][..., :3], 2, 0)
    pixels = open_image(path).read(tile)
    np.testing.assert_array_equal(pixels, expected)
    pixels[:] = 0
    np.testing.assert_array_equal(open_image(path).read(tile), expected)


@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_the_exif_orientation_is_obeyed(tmp_path: Path, tag: int, name: str) -> None:
    from PIL import ImageOps

    exif = Image.Exif()
    exif[274] = tag
    Image.fromarray(smooth()).save(tmp_path / name, exif=exif, quality=95)
    with Image.open(tmp_path / name) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    pixels = whole(tmp_path / name)
    assert pixels.shape[1:] == expected.shape[:2]
    assert np.abs(np.moveaxis(pixels, 0, 2).astype(int) - expected).max() <= 4
    assert open_image(tmp_path / name).orientation == tag


def test_grey_and_cmyk_jpeg(tmp_path: Path) -> None:
    Image.fromarray(smooth()[..., 0]).save(tmp_path / "g.jpg")
    assert whole(tmp_path / "g.jpg").shape == (1, Y, X)
    Image.fromarray(smooth()).convert("CMYK").save(tmp_path / "c.jpg", quality=95)
    pixels = whole(tmp_path / "c.jpg")
    assert pixels.shape == (3, Y, X)
    assert pixels.dtype == np.uint8
    for channel in range(3):
        assert np.corrcoef(pixels[channel].ravel(), smooth()[..., channel].ravel())[0, 1] > 0.9


def test_print_resolution_is_no_pixel_size(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png"):
        Image.fromarray(smooth()).save(tmp_path / name, dpi=(300, 300))
        assert open_image(tmp_path / name).pixel_um is None


def test_opening_decodes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(smooth()).save(tmp_path / "a.jpg")

    def refuse(*_: object) -> None:
        raise AssertionError("the pixels were decoded")

    monkeypatch.setattr(pyvips.Image, "write_to_memory", refuse)
    info = describe_image(tmp_path / "a.jpg")
    assert (info.shape, info.kind, info.memory_bytes) == ((1, 3, Y, X), "JPEG", Y * X * 3)
    assert info.channels == ("red", "green", "blue")


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.9])
def test_a_truncated_file_is_an_error_that_names_it(
    tmp_path: Path, name: str, share: float
) -> None:
    Image.fromarray(RGBA[..., :3]).save(tmp_path / name)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ImageError) as caught:
        whole(tmp_path / name)
    assert name in caught.value.what
    assert caught.value.hint


def test_a_file_that_changed_after_opening_is_an_error(tmp_path: Path) -> None:
    Image.fromarray(RGBA).save(tmp_path / "a.png")
    image = open_image(tmp_path / "a.png")
    Image.fromarray(RGBA[:20]).save(tmp_path / "a.png")
    with pytest.raises(ImageError, match=r"a\.png .*changed"):
        image.read(Tile("i", 0, 0, 5, 5))


def test_a_rewritten_file_is_read_anew(tmp_path: Path) -> None:
    Image.fromarray(RGBA).save(tmp_path / "a.png")
    before = whole(tmp_path / "a.png")
    Image.fromarray(RGBA[::-1].copy()).save(tmp_path / "a.png")
    np.testing.assert_array_equal(whole(tmp_path / "a.png"), before[:, ::-1])


@pytest.mark.parametrize("name", ["coffee_leaf", "ews_wheat", "dsb2018_nuclei"])
def test_real_images(real_data: Any, name: str) -> None:
    uris = image_uris(real_data(name) / "images")
    for uri in uris[:: max(1, len(uris) // 6)]:
        with Image.open(uri) as image:
            expected = np.asarray(image.convert("RGB")).astype(int)
        source = open_image(uri)
        pixels = source.read(Tile("i", 0, 0, *source.shape[2:]))
        difference = np.abs(np.moveaxis(pixels, 0, 2).astype(int) - expected)
        assert difference.mean() < 1, uri
