"""The prediction engine: memory that runs out, kills, errors on the way, flat memory, 3D."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_phenoai.core.classifier import Classifier
from napari_phenoai.core.geometry import Tile, cover
from napari_phenoai.core.progress import Progress, finish
from napari_phenoai.core.records import ImageRecord
from napari_phenoai.core.remaining import Pace
from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.core.scoring import class_map, entropy_map
from napari_phenoai.errors import DeviceMemoryError, DiskError, ImageError
from napari_phenoai.io.predictions import PredictionStore
from napari_phenoai.loop.predict import predict_image, predict_tile
from napari_phenoai.testing.fakes import ArraySource, BlurPredictor, toy_card


@dataclass(frozen=True)
class QuickPredictor(BlurPredictor):
    """A blur that classifies large blocks at once, and counts."""

    block_px: tuple[int, int] = (1024, 1536)
    calls: list[tuple[int, ...]] = field(default_factory=list)
    most_px: int = 10**9

    def classify(self, pixels: np.ndarray, margin_px: int = 0) -> tuple[np.ndarray, np.ndarray]:
        self.calls.append(pixels.shape)
        if pixels.shape[-1] * pixels.shape[-2] > self.most_px:
            raise DeviceMemoryError("It does not fit.", hint="Use less.")
        rows, columns = (slice(margin_px, n - margin_px) for n in pixels.shape[2:])
        found = [chance[:, rows, columns] for chance in self.predict(pixels)]
        classes = [class_map(chance, self.card.class_ids) for chance in found]
        unsure = [np.rint(254 * entropy_map(chance)).astype(np.uint8) for chance in found]
        shape = (len(pixels), rows.stop - rows.start, columns.stop - columns.start)
        return np.reshape(classes, shape), np.reshape(unsure, shape)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def open_store(folder: Path, shape: tuple[int, ...]) -> PredictionStore:
    image = ImageRecord(
        id="image",
        name="i",
        uri="i",
        original="i",
        shape=shape,
        dtype="uint8",
        fingerprint="f",
    )
    return PredictionStore(folder / "m.ome.zarr", image, lambda: ClassScheme.of(["a", "b"]))


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock"
    }


@pytest.mark.parametrize("most_px", [10**9, 1_200_000, 700_000])
def test_blocks_are_halved_until_they_fit(tmp_path: Path, most_px: int) -> None:
    source = ArraySource(noise(1, 2100, 2100))
    predictor = QuickPredictor(toy_card(context_px=8), most_px=most_px)
    assert isinstance(predictor, Classifier)
    store = open_store(tmp_path, source.shape)
    assert finish(predict_image(source, predictor, store)) == 25
    whole = predict_tile(
        source, BlurPredictor(toy_card(context_px=8)), Tile("image", 0, 0, 2100, 2100)
    )
    classes, uncertainty = store.read(Tile("image", 0, 0, 2100, 2100))
    np.testing.assert_array_equal(classes, class_map(whole, (1, 2)))
    np.testing.assert_allclose(uncertainty, entropy_map(whole), atol=0.003)
    failed = [shape for shape in predictor.calls if shape[-1] * shape[-2] > most_px]
    assert len(failed) <= 2, "what did not fit once is not tried again"


def test_memory_too_small_for_one_tile_is_told(tmp_path: Path) -> None:
    source = ArraySource(noise(1, 700, 700))
    predictor = QuickPredictor(toy_card(), most_px=1000)
    with pytest.raises(DeviceMemoryError):
        finish(predict_image(source, predictor, open_store(tmp_path, source.shape)))


def test_the_levels_are_right_and_so_they_are_after_a_stop(tmp_path: Path) -> None:
    source, predictor = ArraySource(noise(1, 2300, 3100)), QuickPredictor(toy_card())
    one = open_store(tmp_path / "one", source.shape)
    finish(predict_image(source, predictor, one))
    two = open_store(tmp_path / "two", source.shape)
    work = predict_image(source, predictor, two)
    seen: list[Progress] = []
    for progress in work:
        seen.append(progress)
        if progress.done > 0:
            break
    work.close()
    assert len(two.missing([Tile("image", 0, 0, 512, 512)])) == 0
    (two.path / "labels" / "classes" / "0" / "c" / "0" / "1").unlink()
    again = open_store(tmp_path / "two", source.shape)
    assert finish(predict_image(source, predictor, again)) == 35 - seen[-1].done + 1
    assert files(one.path) == files(two.path)
    for number, level in enumerate(one.levels):
        assert level.shape == tuple(-(-n // 2**number) for n in (2300, 3100))
        assert np.asarray(level).all(), "no pixel of any level was forgotten"


def test_each_progress_finds_everything_before_it_on_the_disk(tmp_path: Path) -> None:
    source, predictor = ArraySource(noise(1, 2048, 3072)), QuickPredictor(toy_card())
    store = open_store(tmp_path, source.shape)
    for progress in predict_image(source, predictor, store):
        there = open_store(tmp_path, source.shape).levels[0]
        assert np.count_nonzero(np.asarray(there)) == progress.done * 512**2
        assert progress.total == 24


def test_the_progress_tells_the_pace(tmp_path: Path) -> None:
    clock = iter(np.arange(0.0, 1e6, 0.7).tolist())
    source, predictor = ArraySource(noise(1, 4096, 3072)), QuickPredictor(toy_card())
    pace = Pace(4096 * 3072, clock=lambda: next(clock))
    store = open_store(tmp_path, source.shape)
    seen = list(predict_image(source, predictor, store, pace=pace))
    assert seen[-3].message.endswith("left")
    assert seen[-3].data["seconds_left"]
    assert seen[-1].data["seconds_left"] == 0
    assert seen[-1].data["computed_px"] == 8 * (1024 + 16) * (1536 + 16)


def test_errors_on_the_way_come_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = QuickPredictor(toy_card(), block_px=(512, 512))

    @dataclass(frozen=True)
    class Torn(ArraySource):
        def read(self, tile: Tile) -> Any:
            if tile.y > 600:
                raise ImageError("The file is torn.", hint="Mend it.")
            return super().read(tile)

    source = Torn(noise(1, 2048, 512))
    store = open_store(tmp_path, source.shape)
    with pytest.raises(ImageError, match="torn"):
        finish(predict_image(source, predictor, store))
    done = [store.has(Tile("image", y, 0, 512, 512)) for y in range(0, 2048, 512)]
    assert done == [True, True, False, False]

    def full(*_: object) -> None:
        raise DiskError("The disk is full.", hint="Free some space.")

    monkeypatch.setattr(store, "write", full)
    with pytest.raises(DiskError, match="full"):
        finish(predict_image(ArraySource(source.array), predictor, store))


def test_stacks_are_predicted_slice_by_slice(tmp_path: Path) -> None:
    source, predictor = ArraySource(noise(3, 1, 700, 600)), QuickPredictor(toy_card())
    store = open_store(tmp_path, source.shape)
    assert finish(predict_image(source, predictor, store)) == 12
    for z in range(3):
        tile = Tile("image", 0, 0, 700, 600, z)
        expected = class_map(predict_tile(source, predictor, tile), (1, 2))
        np.testing.assert_array_equal(store.read(tile)[0], expected)
    assert np.asarray(store.levels[1]).all()


CHILD = """
import os, signal, sys, threading
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_engine import QuickPredictor, noise, open_store
from napari_phenoai.loop.predict import predict_image
from napari_phenoai.testing.fakes import ArraySource, toy_card

def die():
    os.kill(os.getpid(), signal.SIGKILL)

source = ArraySource(noise(1, 2600, 3100))
store = open_store(Path({folder!r}), source.shape)
predictor = QuickPredictor(toy_card(), block_px=(1024, 1024))
for progress in predict_image(source, predictor, store):
    if progress.done >= {after}:
        threading.Timer({seconds}, die).start() if {seconds} else die()
"""


def test_killed_anywhere_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    source = ArraySource(noise(1, 2600, 3100))
    predictor = QuickPredictor(toy_card(), block_px=(1024, 1024))
    one = open_store(tmp_path / "one", source.shape)
    finish(predict_image(source, predictor, one))
    whole = list(cover("image", source.shape[-2:], 512))
    tests, left = str(Path(__file__).parent), []
    for number, (after, seconds) in enumerate([(0, 0.1), (1, 0.01), (10, 0), (20, 0.02)]):
        folder = tmp_path / f"killed{number}"
        code = CHILD.format(tests=tests, folder=str(folder), after=after, seconds=seconds)
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        subprocess.run([sys.executable, "-c", code], env=environment, check=False, timeout=300)
        again = open_store(folder, source.shape)
        left.append(len(again.missing(whole)))
        finish(predict_image(source, predictor, again))
        assert files(again.path) == files(one.path)
    assert 0 < left[2] <= len(whole) - 10, "it was killed half-way"
