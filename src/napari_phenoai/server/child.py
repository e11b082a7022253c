"""The process that trains on a server: ``python -m napari_phenoai.server.child FOLDER``.

It tells of itself as `napari_phenoai.loop.child` does.
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from napari_phenoai.core.ids import sha256_file
from napari_phenoai.core.progress import Progress
from napari_phenoai.errors import EndpointError
from napari_phenoai.io.bundle import read_bundle
from napari_phenoai.io.serving import ServerSettings
from napari_phenoai.loop.bundles import Origin, train_bundle
from napari_phenoai.loop.child import settings_of, told
from napari_phenoai.server.jobs import JobFolder, Standing
from napari_phenoai.server.shelf import Shelf, trained_models

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import Record
    from napari_phenoai.io.bundle import Bundle
    from napari_phenoai.io.storage import Storage

__all__ = ["command", "main"]

_FETCH = {"stage": "fetch"}
_LAST = "card.json"


def command(folder: Path) -> list[str]:
    """Return the command line that does the training in `folder`."""
    return [sys.executable, "-P", "-m", "napari_phenoai.server.child", str(folder)]


def main(argv: Sequence[str] | None = None) -> int:
    """Train as the request in a folder says; return the exit status."""
    parser = argparse.ArgumentParser(prog="napari_phenoai.server.child")
    parser.add_argument("folder", type=Path)
    folder = JobFolder(parser.parse_args(argv).folder)
    return told(lambda: _training(folder, ServerSettings.from_environment()))


def _training(folder: JobFolder, settings: ServerSettings) -> Work[Record]:
    request = folder.request()
    wanted = settings_of(json.dumps(request.settings))
    storage = settings.open_storage()
    yield Progress(0, 1, "fetching the data", _FETCH)
    place, manifest = request.place
    bundle = yield from _fetching(read_bundle(storage.inside(place), manifest))
    origin = None
    if request.base:
        base = Shelf(settings).model(request.base)
        origin = Origin(base.card.id, base.folder)
    models = trained_models(settings)
    card, found = yield from train_bundle(bundle, wanted, models, origin)
    yield Progress(0.99, 1, "sending the model", {"stage": "send"})
    weights = ""
    with suppress(EndpointError):  # it can be downloaded nevertheless
        weights = _sent(storage, models.folder(card.id), card.id)
    return Standing(
        job=folder.path.name,
        state="done",
        done=1,
        message="done",
        model=card.id,
        weights_sha256=card.weights_sha256,
        weights=weights,
        evaluation=found.evaluation,
    )


def _fetching(work: Work[Bundle]) -> Work[Bundle]:
    """Pass on what reading tells, as no part of the training's own progress."""
    try:
        while True:
            yield Progress(0, 1, next(work).message, _FETCH)
    except StopIteration as end:
        bundle: Bundle = end.value
        return bundle
    finally:
        work.close()


def _sent(storage: Storage, folder: Path, model: str) -> str:
    """Put the files of a model into the storage, its card last, and return where."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    place = f"models/{model}"
    for path in sorted(files, key=lambda path: path.name == _LAST):
        name = f"{place}/{path.name}"
        if storage.size(name) != path.stat().st_size:
            storage.put(name, path.read_bytes())
    sums = "".join(f"{sha256_file(path)}  {path.name}\n" for path in files)
    storage.put(f"{place}/sha256sums.txt", sums.encode())
    return place


if __name__ == "__main__":
    sys.exit(main())
