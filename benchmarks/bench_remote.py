"""What the wire costs: 100 tiles of 512 px predicted by ``phenoai serve``, and by the model alone.

Run as a program. A small network is trained on synthetic rosettes, then the same tiles with the
same context are given to it in this process, one by one, and over loopback to a server that has
the same model. Printed are both times and their difference.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import numpy as np
from PIL import Image

from napari_phenoai.core.context import read_with_context
from napari_phenoai.core.endpoints import Endpoint
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.ports import TrainSettings
from napari_phenoai.core.progress import finish
from napari_phenoai.loop.models import load_predictor
from napari_phenoai.loop.queueing import refresh_queue
from napari_phenoai.loop.remote_predict import predict_remote, remote_predictor
from napari_phenoai.loop.retrain import retrain
from napari_phenoai.loop.review import decide, propose
from napari_phenoai.remote.deepaas import DeepaasClient
from napari_phenoai.testing.project import tiny_project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_phenoai.io.project import Project

SIDE, TILE = 1024, 512
START_SECONDS = 180


def made(folder: Path, tiles: int, family: str) -> Project:
    """Return a project of `tiles` tiles with a model."""
    count = -(-tiles // (SIDE // TILE) ** 2)
    project = tiny_project(folder / "field.phenoai", count, size=(SIDE, SIDE), tile_px=128)
    masks = {path.stem: path for path in (folder / "field-scenes" / "masks").glob("*.png")}
    for item in finish(refresh_queue(project, count=8))[:8]:
        name = Path(project.image(item.where.image).name).stem
        labels = (np.asarray(Image.open(masks[name])) + 1)[item.where.slices].astype(np.uint8)
        how: dict[str, Any] = {
            "labels": labels,
            "proposal": propose(project, item.where),
            "item": item,
        }
        decide(project, item.where, "corrected", seconds=9, author="bench", **how)
    settings = TrainSettings(family=family, steps=5, pretrained=False, device="cpu", seed=1)
    finish(retrain(project, settings))
    return project


def alone(project: Project, tiles: Sequence[Tile]) -> float:
    """Return the seconds that the model needs for `tiles` in this process, one by one."""
    served = project.rounds.served()
    predictor = load_predictor(project, served, device="cpu")
    context = predictor.card.context_px
    pixels = [read_with_context(project.source(tile.image), tile, context) for tile in tiles]
    predictor.predict(pixels[0][np.newaxis])
    began = time.monotonic()
    for piece in pixels:
        predictor.predict(piece[np.newaxis])
    return time.monotonic() - began


def over_the_wire(project: Project, port: int) -> tuple[int, float]:
    """Return how many tiles a server predicted, and in how many seconds."""
    endpoint = Endpoint(name="lab", url=f"http://127.0.0.1:{port}")
    with DeepaasClient(endpoint) as client:
        predictor = remote_predictor(project, client)
        image = project.images()[0]
        tile = Tile(image.id, 0, 0, TILE, TILE)
        context = predictor.card.context_px
        predictor.labels(read_with_context(project.source(image.id), tile, context))
        began = time.monotonic()
        count = finish(predict_remote(project, predictor))
        return count, time.monotonic() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", type=int, default=100)
    parser.add_argument("--family", default="unet", help="unet or forest")
    parser.add_argument("--port", type=int, default=5917)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        project = made(folder, wanted.tiles, wanted.family)
        tiles = [
            Tile(image.id, y, x, TILE, TILE)
            for image in project.images()
            for y in range(0, SIDE, TILE)
            for x in range(0, SIDE, TILE)
        ]
        model = alone(project, tiles)
        server = [sys.executable, "-m", "napari_phenoai.cli", "serve", str(project.path)]
        line = [
            *server,
            "--port",
            str(wanted.port),
            "--device",
            "cpu",
            "--home",
            str(folder / "home"),
        ]
        with subprocess.Popen(  # noqa: S603
            line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                _wait(wanted.port)
                count, wire = over_the_wire(project, wanted.port)
            finally:
                process.terminate()
        project.close()
    print(f"{len(tiles)} tiles, the model alone: {model:.1f} s")
    print(f"{count} tiles, over loopback:      {wire:.1f} s")
    print(f"beyond the model's own time:    {wire - model:.1f} s")


def _wait(port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            urlopen(f"http://127.0.0.1:{port}/v2/", timeout=5).read()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
        else:
            return


if __name__ == "__main__":
    main()
