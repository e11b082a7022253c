"""Clicks answered from a cached embedding, against the bare decoder in the same run.

Run with ``OMP_NUM_THREADS=1 python benchmarks/bench_sam.py``: a vit_b with random weights, which
costs what a trained one does. ``--checkpoint`` takes a real one. Times are of the processor, of one
thread, so other work on the machine counts little.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import segment_anything
import torch

from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.progress import finish
from napari_phenoai.core.prompts import Prompts
from napari_phenoai.ml.device import choose
from napari_phenoai.ml.sam.cache import EmbeddingCache, embedding_of
from napari_phenoai.ml.sam.everything import Sieve, everything
from napari_phenoai.ml.sam.loading import load_prompter
from napari_phenoai.ml.sam.prompter import Prompter
from napari_phenoai.testing.fakes import ArraySource
from napari_phenoai.testing.scenes import rosettes

if TYPE_CHECKING:
    from collections.abc import Callable


def seconds(call: Callable[[], object]) -> float:
    """Return the processor time of this thread in one call."""
    start = time.thread_time()
    call()
    return time.thread_time() - start


def bare(network: Any, features: torch.Tensor, tile: Tile, clicks: Prompts, *, full: bool) -> Any:
    """Answer a click with nothing but the parts of the network."""
    scale = network.image_encoder.img_size / max(tile.shape)
    places = [[(point.x - tile.x) * scale, (point.y - tile.y) * scale] for point in clicks.points]
    with torch.no_grad():
        points = torch.tensor([places]), torch.ones(1, len(places), dtype=torch.int)
        sparse, dense = network.prompt_encoder(points=points, boxes=None, masks=None)
        coarse, scores = network.mask_decoder(
            image_embeddings=features,
            image_pe=network.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
        )
        if not full:
            return coarse, scores
        size = tuple(round(edge * scale) for edge in tile.shape)
        masks = network.postprocess_masks(coarse, size, tile.shape)
        return (masks > network.mask_threshold)[0].numpy(), scores[0].numpy()


def measured(prompter: Prompter, size_px: int, runs: int) -> dict[str, object]:
    """Measure one tile of `size_px`."""
    source = ArraySource(np.moveaxis(rosettes(0, (size_px, size_px)).image, -1, 0))
    tile = Tile("scene", 0, 0, size_px, size_px)
    network = prompter.network
    with tempfile.TemporaryDirectory() as folder:
        whole, half = (
            EmbeddingCache(Path(folder) / name, dtype=name)  # type: ignore[arg-type]
            for name in ("float32", "float16")
        )
        embed = seconds(lambda: embedding_of(prompter, whole, source, tile))
        read = seconds(lambda: embedding_of(prompter, whole, source, tile))
        embedding = embedding_of(prompter, whole, source, tile)
        half.put("a", embedding)
        shorter = half.get("a")
        assert shorter is not None
        used = whole.bytes_used, half.bytes_used
    features = torch.from_numpy(embedding.features)[None]
    rng = np.random.default_rng(0)
    times: dict[str, list[float]] = {"ask": [], "bare": [], "decoder alone": []}
    moved = 0
    for run in range(runs + 2):
        y, x = (float(place) for place in rng.integers(0, size_px, 2))
        clicks = Prompts().clicked(y, x)
        found: list[Any] = []
        took = {
            "ask": seconds(lambda: found.append(prompter.ask(embedding, tile, clicks))),  # noqa: B023
            "bare": seconds(lambda: found.append(bare(network, features, tile, clicks, full=True))),  # noqa: B023
            "decoder alone": seconds(lambda: bare(network, features, tile, clicks, full=False)),  # noqa: B023
        }
        masks, scores = found[1]
        order = np.argsort(-scores, kind="stable")
        for candidate, number in zip(found[0].candidates, order, strict=True):
            assert (candidate.mask == masks[number]).all()
        other = prompter.ask(shorter, tile, clicks)
        moved += sum(
            int((one.mask != two.mask).sum())
            for one, two in zip(found[0].candidates, other.candidates, strict=True)
        )
        if run >= 2:
            for name, value in took.items():
                times[name].append(value)
    middle = {name: statistics.median(values) for name, values in times.items()}
    grid = Sieve(side=8, score=0, stability=0)
    return {
        "tile_px": size_px,
        "embed_s": round(embed, 2),
        "read_from_disk_ms": round(1000 * read, 1),
        "ms": {name: round(1000 * value, 1) for name, value in middle.items()},
        "ask_over_bare": round(middle["ask"] / middle["bare"], 3),
        "ask_over_decoder_alone": round(middle["ask"] / middle["decoder alone"], 3),
        "everything_64_clicks_s": round(
            seconds(lambda: finish(everything(prompter, embedding, tile, grid))), 2
        ),
        "bytes": used,
        "float16_error": float(np.abs(shorter.features - embedding.features).max()),
        "float16_pixels_moved_share": moved / ((runs + 2) * 3 * tile.area_px),
    }


def prompter_of(checkpoint: Path | None) -> Prompter:
    """Return the network of a checkpoint, or a vit_b with random weights."""
    if checkpoint:
        return load_prompter(checkpoint, device="cpu", precision="fp32")
    torch.manual_seed(0)
    network = segment_anything.sam_model_registry["vit_b"]()
    return Prompter(network, choose("cpu", "fp32"), fingerprint="random", kind="vit_b")


def main() -> None:
    """Print one line of JSON for each size of tile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--sizes", type=int, nargs="*", default=[256])
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(1)
    prompter = prompter_of(options.checkpoint)
    for size_px in options.sizes:
        print(json.dumps(measured(prompter, size_px, options.runs)), flush=True)


if __name__ == "__main__":
    main()
