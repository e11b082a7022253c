"""Views of tiles, and embeddings on disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_phenoai.core.geometry import Tile, cover
from napari_phenoai.core.progress import finish
from napari_phenoai.errors import InputError
from napari_phenoai.ml.sam.cache import EmbeddingCache, embedding_of, embeddings_for
from napari_phenoai.ml.sam.embedding import Embedding
from napari_phenoai.ml.sam.view import View
from napari_phenoai.testing.fakes import ArraySource

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TILE = Tile("leaf", 0, 0, 8, 6)
RNG = np.random.default_rng(0)


def embedding(seed: int = 0) -> Embedding:
    features = np.random.default_rng(seed).normal(size=(8, 4, 4)).astype(np.float32)
    return Embedding(features, TILE.shape)


class CountingEncoder:
    def __init__(self, fingerprint: str = "weights") -> None:
        self.fingerprint = fingerprint
        self.calls = 0

    def embed(
        self,
        pixels: np.ndarray,
        view: View | None = None,
        *,
        go_on: Callable[[], bool] | None = None,
    ) -> Embedding:
        self.calls += 1
        return Embedding(pixels.astype(np.float32) + 0.1, pixels.shape[1:])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64", "bool"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_every_tile_becomes_rgb_bytes(dtype: str, channels: int) -> None:
    pixels = (RNG.random((channels, 5, 9)) * 90).astype(dtype)
    found = View().rgb(pixels)
    assert found.shape == (5, 9, 3)
    assert found.dtype == np.uint8


def test_bytes_stay_as_they_are_and_other_values_are_stretched() -> None:
    pixels = RNG.integers(0, 256, (4, 5, 9), np.uint8)
    assert (View().rgb(pixels) == np.moveaxis(pixels[:3], 0, -1)).all()
    assert (View((3, 0, 1)).rgb(pixels) == np.moveaxis(pixels[[3, 0, 1]], 0, -1)).all()
    grey = View().rgb(pixels[:1])
    assert (grey == pixels[0][..., None]).all()
    two = View().rgb(pixels[:2])
    assert np.abs(two[..., 2] - two[..., :2].mean(axis=-1)).max() <= 0.5
    wide = np.array([[[0, 1000, 3000, np.nan, np.inf]]])
    assert View(limits=((1000, 3000),)).rgb(wide)[0, :, 0].tolist() == [0, 0, 255, 0, 255]
    ramp = np.arange(1001, dtype=np.uint16).reshape(1, 1, -1)
    shown = View().rgb(ramp)[0, :, 0]
    assert (shown[10], shown[990], shown[500]) == (0, 255, 128)
    assert View().rgb(np.full((1, 3, 3), 7.0)).max() == 0


def test_views_that_do_not_fit_are_refused() -> None:
    for view in (View((5,)), View(limits=((0, 1), (0, 1)))):
        with pytest.raises(InputError):
            view.rgb(np.zeros((3, 4, 4), np.uint8))
    with pytest.raises(InputError):
        View((0, 1, 2, 3))
    with pytest.raises(InputError):
        View(limits=((5, 5),))


def test_an_embedding_comes_back_as_it_was(tmp_path: Path) -> None:
    cache, kept = EmbeddingCache(tmp_path), embedding()
    assert cache.get("a") is None
    assert cache.put("a", kept)
    found = cache.get("a")
    assert found is not None
    assert (found.features == kept.features).all()
    assert found.size == TILE.shape
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_half_precision_takes_half_the_space_and_errs_by_a_2048th(tmp_path: Path) -> None:
    large = Embedding(RNG.normal(size=(64, 16, 16)).astype(np.float32), (8, 6))
    whole, half = EmbeddingCache(tmp_path / "w"), EmbeddingCache(tmp_path / "h", dtype="float16")
    whole.put("a", large)
    half.put("a", large)
    found = half.get("a")
    assert found is not None
    assert found.features.dtype == np.float32
    error = np.abs(found.features - large.features)
    assert (error <= np.maximum(np.abs(large.features) * 2**-11, 2**-25)).all()
    assert error.max() > 0
    assert half.bytes_used < 0.51 * whole.bytes_used
    huge = Embedding(np.full((1, 2, 2), 1e6, np.float32), (8, 6))
    half.put("b", huge)
    assert half.get("b").features.max() == 1e6  # type: ignore[union-attr]


def test_names_tell_apart_all_that_matters() -> None:
    keys = {
        EmbeddingCache.key(model, image, tile, view)
        for model in ("m", "n")
        for image in ("i", "j")
        for tile in (
            TILE,
            Tile("leaf", 1, 0, 8, 6),
            Tile("leaf", 0, 0, 8, 7),
            Tile("leaf", 0, 0, 8, 6, 1),
        )
        for view in (View(), View((0,)), View(limits=((0, 9),)))
    }
    assert len(keys) == 2 * 2 * 4 * 3
    other = Tile("another-id", 0, 0, 8, 6)
    assert EmbeddingCache.key("m", "i", TILE) == EmbeddingCache.key("m", "i", other)


def test_those_used_last_stay_when_the_limit_is_reached(tmp_path: Path) -> None:
    one = EmbeddingCache(tmp_path)
    one.put("a", embedding())
    cache = EmbeddingCache(tmp_path, limit_bytes=3 * one.bytes_used)
    for place, key in enumerate("bc"):
        cache.put(key, embedding(place))
    for age, key in enumerate("cba"):
        path, when = tmp_path / f"{key}.safetensors", time.time() - 100 - age
        os.utime(path, (when, when))
    assert cache.get("a") is not None
    cache.put("d", embedding(9))
    assert {path.stem for path in tmp_path.iterdir()} == {"a", "c", "d"}
    assert cache.bytes_used <= cache.limit_bytes
    EmbeddingCache(tmp_path, limit_bytes=0).put("e", embedding())
    assert {path.stem for path in tmp_path.iterdir()} == {"e"}


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "foreign"])
def test_a_damaged_entry_counts_as_missing_and_is_made_anew(tmp_path: Path, damage: str) -> None:
    cache, encoder = EmbeddingCache(tmp_path), CountingEncoder()
    source = ArraySource(RNG.integers(0, 99, (3, 8, 6), np.uint8))
    first = embedding_of(encoder, cache, source, TILE)
    (path,) = tmp_path.iterdir()
    data = bytearray(path.read_bytes())
    data[-40] ^= 4
    changed = {
        "empty": b"",
        "cut": bytes(data[:-9]),
        "flipped": bytes(data),
        "foreign": b"PK\x03\x04" + bytes(90),
    }
    path.write_bytes(changed[damage])
    again = embedding_of(encoder, cache, source, TILE)
    assert encoder.calls == 2
    assert (again.features == first.features).all()
    embedding_of(encoder, cache, source, TILE)
    assert encoder.calls == 2


def test_the_next_tiles_are_prepared_and_a_stop_keeps_what_is_done(tmp_path: Path) -> None:
    cache, encoder = EmbeddingCache(tmp_path), CountingEncoder()
    source = ArraySource(RNG.integers(0, 99, (3, 16, 24), np.uint8))
    tiles = list(cover("leaf", (16, 24), 8))
    work = embeddings_for(encoder, cache, lambda _: source, tiles)
    for _ in range(4):
        next(work)
    work.close()
    assert encoder.calls == 3
    assert finish(embeddings_for(encoder, cache, lambda _: source, tiles)) == 3
    assert finish(embeddings_for(encoder, cache, lambda _: source, tiles)) == 0
    assert finish(embeddings_for(CountingEncoder("other"), cache, lambda _: source, tiles)) == 6


def test_a_folder_that_cannot_be_used_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = EmbeddingCache(tmp_path / "file" / "cache")
    assert not cache.put("a", embedding())
    assert cache.get("a") is None
    assert cache.bytes_used == 0


_WRITER = """
import sys, numpy as np
from pathlib import Path
from napari_phenoai.ml.sam.cache import EmbeddingCache
from napari_phenoai.ml.sam.embedding import Embedding
cache = EmbeddingCache(Path(sys.argv[1]), limit_bytes=3_000_000)
print("ready", flush=True)
number = 0
while True:
    key = f"k{number % 7}"
    cache.put(key, Embedding(np.full((64, 32, 32), number % 7, np.float32), (8, 6)))
    found = cache.get(key)
    assert found is None or (found.features == number % 7).all()
    number += 1
"""


@pytest.mark.skipif(os.name == "nt", reason="kills processes")
def test_processes_that_are_killed_leave_whole_entries(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path, limit_bytes=3_000_000)
    command = [sys.executable, "-c", _WRITER, str(tmp_path)]
    writers = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
        until = time.monotonic() + 120
        while len(list(tmp_path.glob("*.safetensors"))) < 7:
            assert time.monotonic() < until
            time.sleep(0.05)
        assert all(writer.poll() is None for writer in writers)
    finally:
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            writer.communicate()
    files = len(list(tmp_path.glob("*.safetensors")))
    whole = 0
    for number in range(7):
        found = cache.get(f"k{number}")
        if found is not None:
            whole += 1
            assert (found.features == number).all()
    assert whole == files > 0
    for part in tmp_path.glob(".*.part"):
        os.utime(part, (1, 1))
    (tmp_path / ".k0.dead.part").write_bytes(b"x")
    os.utime(tmp_path / ".k0.dead.part", (1, 1))
    cache.put("last", embedding())
    assert not list(tmp_path.glob(".*.part"))
