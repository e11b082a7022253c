"""OME-Zarr of all versions, plain zarr arrays, in folders and at addresses."""

from __future__ import annotations

import functools
import http.server
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_phenoai.core.geometry import Tile
from napari_phenoai.errors import ImageError
from napari_phenoai.io.images import open_image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

UNITS = {"unit": "micrometer"}
TYPES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}


def noise(*shape: int, dtype: str = "uint16") -> NDArray[Any]:
    return np.random.default_rng(sum(shape)).integers(0, 250, shape).astype(dtype)


def write_ome(
    path: Path,
    pixels: NDArray[Any],
    axes: str,
    version: str = "0.5",
    scale: float = 1.0,
    **more: Any,
) -> Path:
    """Write two levels as another program might."""
    new = version == "0.5"
    group = zarr.open_group(str(path), mode="w", zarr_format=3 if new else 2)
    for level, factor in enumerate((1, 2)):
        data = pixels[..., ::factor, ::factor]
        chunks = (*(1 for _ in data.shape[:-2]), 32, 48)
        group.create_array(str(level), shape=data.shape, dtype=data.dtype, chunks=chunks)[:] = data
    datasets = []
    for level in (0, 1):
        steps = [scale * 2**level if axis in "yx" else 1.0 for axis in axes]
        transforms = [{"type": "scale", "scale": steps}]
        datasets.append({"path": str(level), "coordinateTransformations": transforms})
    named = [{"name": a, "type": TYPES[a], **(UNITS if a in "zyx" else {})} for a in axes]
    scales = {"axes": named, "datasets": datasets}
    if new:
        group.update_attributes({"ome": {"version": "0.5", "multiscales": [scales], **more}})
    else:
        group.update_attributes({"multiscales": [{"version": version, **scales}], **more})
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize(
    ("axes", "shape", "to_zcyx"),
    [
        ("yx", (90, 110), lambda a: a[None, None]),
        ("cyx", (3, 90, 110), lambda a: a[None]),
        ("zyx", (4, 90, 110), lambda a: a[:, None]),
        ("czyx", (2, 4, 90, 110), lambda a: a.transpose(1, 0, 2, 3)),
        ("tczyx", (1, 2, 4, 90, 110), lambda a: a[0].transpose(1, 0, 2, 3)),
        ("tczyx", (5, 2, 1, 90, 110), lambda a: a[:, :, 0]),
        ("tyx", (5, 90, 110), lambda a: a[:, None]),
    ],
)
def test_axes_become_zcyx(
    tmp_path: Path, version: str, axes: str, shape: tuple[int, ...], to_zcyx: Any
) -> None:
    pixels = noise(*shape)
    image = open_image(write_ome(tmp_path / "a.zarr", pixels, axes, version, 0.5))
    expected = to_zcyx(pixels)
    assert image.shape == expected.shape
    assert image.kind == f"OME-Zarr {version}"
    assert image.axes == axes.upper()
    assert image.pixel_um == 0.5
    level: Any = image.levels[1]
    np.testing.assert_array_equal(level.compute(), expected[..., ::2, ::2])
    tile = Tile("i", 20, 30, 50, 60, z=expected.shape[0] - 1)
    np.testing.assert_array_equal(image.read(tile), expected[tile.z][:, 20:70, 30:90])


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(y=st.integers(0, 89), x=st.integers(0, 109), data=st.data())
def test_a_tile_is_a_slice(tmp_path: Path, y: int, x: int, data: st.DataObject) -> None:
    pixels = noise(3, 90, 110)
    path = tmp_path / "a.zarr"
    if not path.exists():
        write_ome(path, pixels, "cyx")
    size = data.draw(st.integers(1, 90 - y)), data.draw(st.integers(1, 110 - x))
    tile = Tile("i", y, x, *size)
    np.testing.assert_array_equal(open_image(path).read(tile), pixels[:, *tile.slices])


def test_channel_names(tmp_path: Path) -> None:
    omero = {"channels": [{"label": "near infrared"}, {"label": "red"}]}
    path = write_ome(tmp_path / "a.zarr", noise(2, 90, 110), "cyx", omero=omero)
    assert open_image(path).channels == ("near infrared", "red")


def test_without_a_unit_there_is_no_pixel_size(tmp_path: Path) -> None:
    path = write_ome(tmp_path / "a.zarr", noise(90, 110), "yx", scale=0.5)
    group = zarr.open_group(str(path))
    ome: Any = group.attrs["ome"]
    for axis in ome["multiscales"][0]["axes"]:
        del axis["unit"]
    group.update_attributes({"ome": ome})
    assert open_image(path).pixel_um is None


def test_the_scale_of_the_whole_multiplies(tmp_path: Path) -> None:
    path = write_ome(tmp_path / "a.zarr", noise(90, 110), "yx", scale=0.5)
    group = zarr.open_group(str(path))
    ome: Any = group.attrs["ome"]
    ome["multiscales"][0]["coordinateTransformations"] = [{"type": "scale", "scale": [4.0, 4.0]}]
    group.update_attributes({"ome": ome})
    assert open_image(path).pixel_um == 2.0


def test_the_first_image_of_bioformats2raw(tmp_path: Path) -> None:
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w")
    group.update_attributes({"ome": {"version": "0.5", "bioformats2raw.layout": 3}})
    pixels = noise(90, 110)
    write_ome(tmp_path / "a.zarr" / "0", pixels, "yx")
    image = open_image(tmp_path / "a.zarr")
    np.testing.assert_array_equal(image.read(Tile("i", 0, 0, 90, 110))[0], pixels)


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize(
    ("shape", "names", "expected"),
    [
        ((40, 50), None, (1, 1, 40, 50)),
        ((3, 40, 50), None, (1, 3, 40, 50)),
        ((40, 50, 3), None, (1, 3, 40, 50)),
        ((9, 40, 50), None, (9, 1, 40, 50)),
        ((9, 40, 50, 3), None, (9, 3, 40, 50)),
        ((9, 40, 50), ["c", "y", "x"], (1, 9, 40, 50)),
    ],
)
def test_plain_arrays(
    tmp_path: Path, zarr_format: Any, shape: Any, names: Any, expected: tuple[int, ...]
) -> None:
    path = str(tmp_path / "a.zarr")
    more: dict[str, Any] = {}
    if names:
        more = {"dimension_names": names} if zarr_format == 3 else {}
        if zarr_format == 2:
            more = {"attributes": {"_ARRAY_DIMENSIONS": names}}
    array = zarr.create_array(path, shape=shape, dtype="uint8", zarr_format=zarr_format, **more)
    array[:] = noise(*shape, dtype="uint8")
    image = open_image(path)
    assert image.shape == expected
    assert image.read(Tile("i", 0, 0, 40, 50)).sum() > 0


def test_many_axes_without_names_are_refused(tmp_path: Path) -> None:
    zarr.create_array(str(tmp_path / "a.zarr"), shape=(5, 6, 7, 8, 9), dtype="uint8")
    with pytest.raises(ImageError, match=r"a\.zarr has 5 axes without names"):
        open_image(tmp_path / "a.zarr")


def test_a_group_without_image_is_refused(tmp_path: Path) -> None:
    zarr.create_group(str(tmp_path / "a.zarr"))
    with pytest.raises(ImageError, match=r"a\.zarr is a zarr group without an image"):
        open_image(tmp_path / "a.zarr")


@pytest.mark.parametrize("spoil", ["not json", "no level", "no datasets"])
def test_damaged_metadata_are_an_error_that_names_it(tmp_path: Path, spoil: str) -> None:
    path = write_ome(tmp_path / "a.zarr", noise(90, 110), "yx")
    document = path / "zarr.json"
    if spoil == "not json":
        document.write_text("{ no", encoding="utf-8")
    elif spoil == "no level":
        (path / "1" / "zarr.json").unlink()
    else:
        content = json.loads(document.read_text(encoding="utf-8"))
        del content["attributes"]["ome"]["multiscales"][0]["datasets"]
        document.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ImageError, match=r"a\.zarr") as caught:
        open_image(path)
    assert caught.value.hint


def test_a_damaged_chunk_is_an_error_on_reading(tmp_path: Path) -> None:
    path = write_ome(tmp_path / "a.zarr", noise(90, 110), "yx")
    image = open_image(path)
    (path / "0" / "c" / "1" / "1").write_bytes(b"not what zstd wrote")
    with pytest.raises(ImageError, match=r"a\.zarr"):
        image.read(Tile("i", 40, 60, 5, 5))


def test_equal_metadata_with_other_pixels_have_other_fingerprints(tmp_path: Path) -> None:
    pixels = noise(90, 110)
    one = write_ome(tmp_path / "a.zarr", pixels, "yx")
    same = write_ome(tmp_path / "b.zarr", pixels, "yx")
    other = write_ome(tmp_path / "c.zarr", pixels[::-1], "yx")
    a, b, c = (open_image(path).fingerprint for path in (one, same, other))
    assert a == b
    assert a != c


def test_many_threads_read_the_same_pixels(tmp_path: Path) -> None:
    pixels = noise(90, 110)
    image = open_image(write_ome(tmp_path / "a.zarr", pixels, "yx"))
    tiles = [Tile("i", y, x, 20, 20) for y in range(0, 70, 7) for x in range(0, 90, 9)]
    with ThreadPoolExecutor(8) as pool:
        for tile, found in zip(tiles, pool.map(image.read, tiles), strict=True):
            np.testing.assert_array_equal(found[0], pixels[tile.slices])


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serve files without a word; paths under ``closed`` are forbidden."""

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        if "/closed" in self.path:
            self.send_error(403)
        elif "/broken" in self.path:
            self.send_error(500)
        else:
            super().do_GET()


@pytest.fixture
def http_root(tmp_path: Path) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_over_http(tmp_path: Path, http_root: str, version: str) -> None:
    pixels = noise(3, 90, 110)
    write_ome(tmp_path / "a.zarr", pixels, "cyx", version, 2.0)
    image = open_image(f"{http_root}/a.zarr")
    assert (image.shape, image.pixel_um, image.remote) == ((1, 3, 90, 110), 2.0, True)
    tile = Tile("i", 10, 20, 70, 80)
    np.testing.assert_array_equal(image.read(tile), pixels[:, *tile.slices])
    assert image.fingerprint == open_image(tmp_path / "a.zarr").fingerprint
    level: Any = image.levels[1]
    np.testing.assert_array_equal(level.compute()[0], pixels[:, ::2, ::2])


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("gone.zarr", "holds no zarr image"),
        ("closed", "access was denied"),
        ("broken", "cannot be read"),
    ],
)
def test_bad_addresses_are_named(http_root: str, path: str, says: str) -> None:
    with pytest.raises(ImageError, match=says) as caught:
        open_image(f"{http_root}/{path}")
    assert f"{http_root}/{path}" in caught.value.what
    assert caught.value.hint


def test_an_unreachable_address_is_named(http_root: str) -> None:
    with pytest.raises(ImageError, match=r"http://127\.0\.0\.1:1/a\.zarr cannot be read") as caught:
        open_image("http://127.0.0.1:1/a.zarr")
    assert "Check the address" in caught.value.hint


def test_an_unknown_protocol_is_named() -> None:
    with pytest.raises(ImageError, match="gopher://x/y cannot be opened"):
        open_image("gopher://x/y")


@pytest.fixture
def s3_root(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server_module = pytest.importorskip("moto.server", reason="moto is not installed")
    boto = pytest.importorskip("botocore.session", reason="botocore is not installed")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto.get_session().create_client("s3", endpoint_url=endpoint)
    client.create_bucket(Bucket="greenhouse")
    client.close()
    yield "s3://greenhouse"
    server.stop()


def test_over_s3(tmp_path: Path, s3_root: str) -> None:
    session = pytest.importorskip("botocore.session").get_session()
    pixels = noise(90, 110)
    write_ome(tmp_path / "a.zarr", pixels, "yx")
    client = session.create_client("s3")
    for file in (tmp_path / "a.zarr").rglob("*"):
        if file.is_file():
            key = file.relative_to(tmp_path).as_posix()
            client.put_object(Bucket="greenhouse", Key=key, Body=file.read_bytes())
    client.close()
    image = open_image(f"{s3_root}/a.zarr")
    tile = Tile("i", 10, 20, 70, 80)
    np.testing.assert_array_equal(image.read(tile)[0], pixels[tile.slices])
    with pytest.raises(ImageError, match=r"s3://greenhouse/gone\.zarr holds no zarr image"):
        open_image(f"{s3_root}/gone.zarr")
