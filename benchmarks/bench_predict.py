"""Speed of prediction: our engine against the bare network and MONAI's sliding window.

Run ``python benchmarks/bench_predict.py`` for the table (``--help`` for its options), or
``pytest benchmarks/bench_predict.py --benchmark-enable`` for the small parts. Reference
and engine take turns in one run, so that their ratio means something on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.plan import useful_share
from napari_phenoai.core.progress import finish
from napari_phenoai.core.records import ImageRecord
from napari_phenoai.core.scheme import ClassScheme
from napari_phenoai.io.images import open_image
from napari_phenoai.io.predictions import PredictionStore
from napari_phenoai.loop.predict import blocks_of, predict_image
from napari_phenoai.ml.families import load_model
from napari_phenoai.testing.contracts import draft_card
from napari_phenoai.testing.large import large_image
from napari_phenoai.testing.scenes import rosettes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from pytest_benchmark.fixture import BenchmarkFixture

    from napari_phenoai.core.ports import ImageSource

SCHEME = ClassScheme.of(["soil", "plant"])
QUARTER = 4096
BARE_SECONDS = 3.0


@dataclass(frozen=True)
class Times:
    """How long something took: by the clock and by the processors together."""

    pixels: int
    wall: float
    cores: float

    @property
    def mpx_s(self) -> float:
        return self.pixels / self.wall / 1e6

    @property
    def core_ns(self) -> float:
        """Nanoseconds of one core per pixel, which other programs change little."""
        return self.cores / self.pixels * 1e9


@contextmanager
def timed(pixels: Callable[[], int]) -> Iterator[list[Times]]:
    found: list[Times] = []
    wall, cores = time.perf_counter(), time.process_time()
    yield found
    found.append(Times(pixels(), time.perf_counter() - wall, time.process_time() - cores))


def make_model(folder: Path) -> Path:
    """Write a resnet18 U-Net that learned nothing; it takes as long as one that did."""
    from napari_phenoai.ml import network
    from napari_phenoai.ml.recipe import Recipe

    card = draft_card("unet").but(
        encoder="resnet18", mean=(120.0, 110.0, 90.0), std=(50.0, 50.0, 50.0), context_px=64
    )
    network.save(network.build("resnet18", 3, 2, Recipe().decoder), folder)
    (folder / "card.json").write_text(card.model_dump_json())
    return folder


def make_image(path: Path, size: int) -> Path:
    """Write an OME-Zarr of rosettes in chunks of 512 px."""
    import zarr

    large_image(path, (size, size))
    pixels = np.moveaxis(rosettes(0, (2048, 2048)).image, -1, 0)
    array = zarr.open_array(path / "0", mode="r+")
    for y in range(0, size, 2048):
        for x in range(0, size, 2048):
            array[:, y : y + 2048, x : x + 2048] = pixels[:, : size - y, : size - x]
    return path


def store_in(folder: Path, source: ImageSource) -> PredictionStore:
    image = ImageRecord(
        id="image",
        name="image",
        uri=source.uri,
        original=source.uri,
        shape=source.shape,
        dtype="uint8",
        fingerprint="f",
    )
    return PredictionStore(folder / "model.ome.zarr", image, lambda: SCHEME)


def bare_call(folder: Path, engine: str, precision: str) -> Callable[[NDArray[np.uint8]], object]:
    """Return the network itself, on tiles ``(4, 3, 512, 512)`` that are in memory."""
    import torch

    predictor: Any = load_model(folder, device="cpu", engine=engine, precision=precision)
    inside = predictor._engine  # noqa: SLF001 - the network itself is measured
    if engine == "openvino":
        request = inside._request(bytes_in=True)  # noqa: SLF001
        return lambda tiles: request.infer([tiles], share_inputs=True)
    network = inside._network  # noqa: SLF001

    def forward(tiles: NDArray[np.uint8]) -> object:
        batch = torch.from_numpy(tiles).float().contiguous(memory_format=torch.channels_last)
        with torch.inference_mode(), inside.compute.autocast():
            return network(batch)

    return forward


def eager_call(folder: Path) -> Callable[[NDArray[np.uint8]], object]:
    """Return the plain loop that others write: fp32, no layout, softmax, argmax."""
    import torch

    from napari_phenoai.ml.cards import read_card
    from napari_phenoai.ml.unet import _network

    network = _network(folder, read_card(folder)).eval()

    def forward(tiles: NDArray[np.uint8]) -> object:
        with torch.inference_mode():
            batch = (torch.from_numpy(tiles).float() - 100) / 50
            return network(batch).softmax(dim=1).argmax(dim=1).numpy()

    return forward


def monai_call(folder: Path, overlap: float) -> Callable[[NDArray[np.uint8]], object]:
    """Return MONAI's sliding window over an image in memory, bf16 and channels-last."""
    import torch
    from monai.inferers import SlidingWindowInferer

    bare = bare_call(folder, "torch", "auto")
    mode = "gaussian" if overlap else "constant"
    window = SlidingWindowInferer((512, 512), sw_batch_size=4, overlap=overlap, mode=mode)

    def run(image: NDArray[np.uint8]) -> object:
        def call(batch: torch.Tensor) -> Any:
            found: Any = bare(batch.to(torch.uint8).numpy())
            return found.float()

        with torch.inference_mode():
            return window(torch.from_numpy(image).float(), call)

    return run


def measure(call: Callable[[NDArray[np.uint8]], object], tiles: NDArray[np.uint8]) -> Times:
    """Time a call on `tiles` again and again for a few seconds."""
    count, start = 0, time.perf_counter()
    with timed(lambda: count * tiles[:, 0].size) as found:
        while not count or time.perf_counter() - start < BARE_SECONDS:
            call(tiles)
            count += 1
    return found[0]


def compare_engine(
    engine: str, precision: str, model: Path, source: ImageSource, folder: Path
) -> dict[str, object]:
    """Predict quarter by quarter, with the bare network before, between and after."""
    size = source.shape[2]
    tiles = np.ascontiguousarray(
        np.stack([source.read(Tile("image", 0, x, 512, 512)) for x in range(0, 2048, 512)])
    ).astype(np.uint8)
    predictor = load_model(model, device="cpu", engine=engine, precision=precision)
    store, bare = store_in(folder, source), bare_call(model, engine, precision)
    measure(bare, tiles)
    finish(predict_image(source, predictor, store, image="image", region=Tile("image", 0, 0, 8, 8)))
    before, ours = [measure(bare, tiles)], []
    for y in range(0, size, QUARTER):
        for x in range(0, size, QUARTER):
            region = Tile("image", y, x, QUARTER, QUARTER)
            ours.append(run_region(source, predictor, store, region))
            before.append(measure(bare, tiles))
    means = [(a.mpx_s + b.mpx_s) / 2 for a, b in pairwise(before)]
    core = median(item.core_ns for item in before)
    return {
        "engine": predictor.device,
        "bare_mpx_s": round(median(item.mpx_s for item in before), 2),
        "ours_mpx_s": round(median(item.mpx_s for item in ours), 2),
        "ratio": round(median(o.mpx_s / m for o, m in zip(ours, means, strict=True)), 3),
        "core_ratio": round(core / median(item.core_ns for item in ours), 3),
        "ours_core_ns": round(median(item.core_ns for item in ours)),
        "useful_share": round(useful_share(blocks_of(source, predictor), 64), 3),
    }


def run_region(source: ImageSource, predictor: Any, store: PredictionStore, region: Tile) -> Times:
    last: dict[str, Any] = {}
    work = predict_image(source, predictor, store, image="image", region=region)
    with timed(lambda: int(last["computed_px"])) as found:
        finish(work, lambda progress: last.update(progress.data))
    return found[0]


def peak_mb(model: Path, image: Path, rows: int, folder: Path) -> float:
    """Return the peak memory of a process of its own that predicts `rows` of an image."""
    command = [sys.executable, __file__, "--child", str(model), str(image), str(rows), str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603
    return float(json.loads(done.stdout)["peak_mb"])


def child(model: Path, image: Path, rows: int, folder: Path) -> None:
    source, predictor = open_image(str(image)), load_model(model, device="cpu")
    region = Tile("image", 0, 0, rows, source.shape[3])
    finish(predict_image(source, predictor, store_in(folder, source), region=region))
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"peak_mb": int(line.split()[1]) / 1024}))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=8192, help="Edge of the image.")
    parser.add_argument("--engines", default="openvino:auto,torch:auto,torch:fp32")
    parser.add_argument("--memory", type=int, default=0, help="Edge of the larger image.")
    parser.add_argument("--rows", type=int, default=0, help="Rows of it to predict, or all.")
    parser.add_argument("--no-monai", action="store_true")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    warnings.simplefilter("ignore")
    options = parse()
    if options.child:
        model, image, rows, folder = options.child
        child(Path(model), Path(image), int(rows), Path(folder))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model").mkdir()
        model = make_model(folder / "model")
        if options.memory:
            memory_table(options, model, folder)
        else:
            speed_table(options, model, folder)


def speed_table(options: argparse.Namespace, model: Path, folder: Path) -> None:
    source = open_image(str(make_image(folder / "image.zarr", options.size)))
    tiles = np.stack([source.read(Tile("image", 0, x, 512, 512)) for x in range(0, 2048, 512)])
    tiles = np.ascontiguousarray(tiles)
    eager = partial(measure, eager_call(model), tiles)
    plain = [eager()]
    rows = []
    for number, name in enumerate(options.engines.split(",")):
        engine, _, precision = name.partition(":")
        rows.append(compare_engine(engine, precision, model, source, folder / str(number)))
        plain.append(eager())
        print(json.dumps(rows[-1]))
    speed = median(item.mpx_s for item in plain)
    core = median(item.core_ns for item in plain)
    print(json.dumps({"plain_fp32_loop_mpx_s": round(speed, 2), "core_ns": round(core)}))
    if not options.no_monai:
        image = source.read(Tile("image", 0, 0, 2048, 2048))[None]
        for overlap in (0.0, 0.25):
            call, bare = monai_call(model, overlap), bare_call(model, "torch", "auto")
            first, found = measure(bare, tiles), measure(call, image)
            last = measure(bare, tiles)
            share = 2 * found.mpx_s / (first.mpx_s + last.mpx_s)
            core = (first.core_ns + last.core_ns) / 2 / found.core_ns
            row = {"monai_overlap": overlap, "useful_of_bare": round(share, 3)}
            print(json.dumps({**row, "core_ratio": round(core, 3)}))


def memory_table(options: argparse.Namespace, model: Path, folder: Path) -> None:
    found = {}
    for size in (options.size, options.memory):
        image = large_image(folder / f"{size}.zarr", (size, size))
        rows = options.rows or size
        found[size] = peak_mb(model, image, min(rows, size), folder / f"store{size}")
        print(json.dumps({"size": size, "rows": rows, "peak_mb": round(found[size])}), flush=True)
    ratio = found[options.memory] / found[options.size]
    print(json.dumps({"peak_ratio": round(ratio, 3)}))


@pytest.fixture(scope="module")
def scores() -> Any:
    """What a network might say of a block of 2048 px."""
    import torch

    return 4 * torch.randn((2, 2048, 2048), generator=torch.Generator().manual_seed(0))


def test_classes_and_uncertainty_of_a_block(benchmark: BenchmarkFixture, scores: Any) -> None:
    from napari_phenoai.ml.classified import classified

    benchmark(lambda: classified(scores, (1, 2)))


def test_writing_a_block(benchmark: BenchmarkFixture, tmp_path: Path, scores: Any) -> None:
    from napari_phenoai.ml.classified import classified

    source = open_image(str(large_image(tmp_path / "image.zarr", (8192, 8192))))
    store, found = store_in(tmp_path, source), classified(scores, (1, 2))
    benchmark(lambda: store.write(Tile("image", 2048, 2048, 2048, 2048), *found))


def test_reading_a_row_of_blocks(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    from napari_phenoai.core.plan import plan_blocks
    from napari_phenoai.loop.reader import BlockReader

    source = open_image(str(make_image(tmp_path / "image.zarr", 4096)))
    blocks = list(plan_blocks("image", (4096, 4096), (2048, 2048)))[:2]

    def read() -> None:
        reader = BlockReader(source, 64)
        for block in blocks:
            reader.read(block.area)

    benchmark(read)


if __name__ == "__main__":
    main()
