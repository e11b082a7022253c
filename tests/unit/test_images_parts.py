"""The small pieces under the image readers."""

from __future__ import annotations

import itertools
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_phenoai.errors import ImageError
from napari_phenoai.io.images.axes import stack_axes
from napari_phenoai.io.images.bands import ascending, spans
from napari_phenoai.io.images.cache import PixelCache
from napari_phenoai.io.images.orientation import Orientation
from napari_phenoai.io.images.pyramid import halved, plan_pyramid
from napari_phenoai.io.images.units import in_um, square

tags = st.integers(1, 8)
lengths = st.integers(1, 40)


@given(tag=tags, rows=lengths, columns=lengths, data=st.data())
def test_a_shown_window_is_found_in_the_file_and_back(
    tag: int, rows: int, columns: int, data: st.DataObject
) -> None:
    stored = np.arange(rows * columns).reshape(rows, columns)
    orientation = Orientation.from_tag(tag)
    shown = orientation.apply(stored)
    assert shown.shape == orientation.shown_shape((rows, columns))
    y0, x0 = (data.draw(st.integers(0, n - 1)) for n in shown.shape)
    y, x = slice(y0, data.draw(st.integers(y0 + 1, shown.shape[0]))), slice(x0, shown.shape[1])
    there = orientation.stored_window(y, x, shown.shape)
    np.testing.assert_array_equal(orientation.apply(stored[there]), shown[y, x])
    assert orientation.shown_window(*there, shown.shape) == (y, x)
    assert orientation.tag == tag


@pytest.mark.parametrize("tag", [0, 9, 77])
def test_an_unknown_orientation_is_upright(tag: int) -> None:
    assert Orientation.from_tag(tag) == Orientation()


@given(length=st.integers(1, 3000), step=st.integers(1, 700), flipped=st.booleans())
def test_bands_ascend_in_the_file_and_lie_on_the_grid(
    length: int, step: int, flipped: bool
) -> None:
    bands = ascending(length, step, flipped=flipped)
    assert bands[0].start == 0
    assert bands[-1].stop == length
    assert all(a.stop == b.start for a, b in itertools.pairwise(bands))
    shown = [slice(length - b.stop, length - b.start) for b in bands] if flipped else bands
    assert sorted(shown, key=lambda s: s.start) == spans(length, step)


@pytest.mark.parametrize(
    ("axes", "shape", "expected"),
    [
        ("", (), (None, None)),
        ("tczr", (1, 1, 1, 1), (None, None)),
        ("tcz", (1, 3, 5), (2, 1)),
        ("qq", (1, 7), (1, None)),
        ("tc", (4, 2), (0, 1)),
    ],
)
def test_axes(axes: str, shape: tuple[int, ...], expected: tuple[Any, Any]) -> None:
    assert stack_axes(axes, shape, "leaf.tif") == expected


def test_two_stacks_of_planes_are_refused() -> None:
    with pytest.raises(ImageError, match=r"leaf.tif .*t: 2, z: 3"):
        stack_axes("tcz", (2, 4, 3), "leaf.tif")


@given(
    c=st.integers(1, 3),
    rows=lengths,
    columns=lengths,
    dtype=st.sampled_from(["uint8", "int8", "uint16", "int32", "uint64", "float32", "float16"]),
)
def test_halving_is_the_mean_of_four(c: int, rows: int, columns: int, dtype: str) -> None:
    rng = np.random.default_rng(rows * 41 + columns)
    low, high = (-100, 100) if dtype[0] in "if" else (0, 250)
    pixels = rng.integers(low, high, (c, rows, columns)).astype(dtype)
    odd = [(0, 0), (0, rows % 2), (0, columns % 2)]
    wide = np.pad(pixels, odd, mode="edge").astype(np.float64)
    mean = wide.reshape(c, -(-rows // 2), 2, -(-columns // 2), 2).mean(axis=(2, 4))
    out = halved(pixels)
    assert out.dtype == pixels.dtype
    assert out.shape == mean.shape
    np.testing.assert_allclose(out, mean, atol=0.5 if dtype[0] in "iu" else 0.1)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32"])
def test_halving_keeps_the_extremes(dtype: str) -> None:
    top = np.finfo(dtype).max / 4 if dtype[0] == "f" else np.iinfo(dtype).max
    bright = np.full((1, 4, 4), top, dtype)
    np.testing.assert_array_equal(halved(bright), bright[:, :2, :2])


@given(rows=st.integers(1, 5000), columns=st.integers(1, 5000))
def test_levels_end_at_512(rows: int, columns: int) -> None:
    shapes = plan_pyramid((1, 1, rows, columns), np.dtype("uint8")).shapes
    assert max(shapes[-1]) <= 512
    assert all(max(shape) > 512 for shape in shapes[:-1])


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (2, "µm", 2),
        (2, "μm", 2),
        (2, "micron", 2),
        ("0.5", "millimeter", 500),
        (1, "inch", 25_400),
        (3, "pixel", None),
        (3, None, None),
        (0, "mm", None),
        (float("nan"), "mm", None),
        ("x", "mm", None),
    ],
)
def test_units(value: object, unit: object, expected: float | None) -> None:
    assert in_um(value, unit) == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(("y", "x", "edge"), [(2, 2, 2), (2, 2.01, 2.005), (2, 2.1, None)])
def test_only_square_pixels_have_an_edge(y: float, x: float, edge: float | None) -> None:
    assert square(y, x) == (None if edge is None else pytest.approx(edge))


def test_the_cache_keeps_what_was_used_last_within_its_limit() -> None:
    cache = PixelCache(250)
    made: list[str] = []

    def get(key: str, size: int = 100) -> None:
        def make() -> Any:
            made.append(key)
            return np.zeros(size, np.uint8)

        assert cache.get(key, make).nbytes == size

    for key in ("a", "b", "a", "c", "a", "b"):
        get(key)
    assert made == ["a", "b", "c", "b"]
    get("huge", 1000)
    get("huge", 1000)
    assert made[-2:] == ["huge", "huge"]


def test_the_cache_makes_an_array_once_for_many_threads() -> None:
    cache = PixelCache(1000)
    gate, made = threading.Event(), []

    def make() -> Any:
        made.append(1)
        assert gate.wait(60)
        return np.zeros(10, np.uint8)

    threads = [threading.Thread(target=cache.get, args=("key", make)) for _ in range(8)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_the_cache_is_usable_after_a_failure() -> None:
    cache = PixelCache(1000)

    def fail() -> Any:
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        cache.get("key", fail)
    assert cache.get("key", lambda: np.zeros(3, np.uint8)).shape == (3,)
