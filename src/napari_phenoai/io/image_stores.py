"""What a project keeps of each image: people's labels, and what models say of it."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from napari_phenoai.errors import LockedError, PhenoError
from napari_phenoai.io.decisions import complete_decisions
from napari_phenoai.io.labels import LabelStore
from napari_phenoai.io.predictions import PredictionStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_phenoai.core.records import ImageRecord
    from napari_phenoai.io.image_list import ImageList
    from napari_phenoai.io.journal import Journal
    from napari_phenoai.io.ledger import Ledger
    from napari_phenoai.io.reviews import ReviewLog
    from napari_phenoai.io.spec import SpecFile

__all__ = ["ImageStores"]


class ImageStores:
    """Label images and predictions of one open project, each of them opened once.

    All methods may be called from any thread.

    Parameters
    ----------
    folder : Path
        Of the project.
    images : ImageList
        Its images.
    file : SpecFile
        Its classes.
    reviews : ReviewLog
        What people decided; a crash may have left it ahead of the labels.
    ledger : callable
        Returns the ledger, opened at the first use.
    """

    def __init__(
        self,
        folder: Path,
        images: ImageList,
        file: SpecFile,
        reviews: ReviewLog,
        ledger: Callable[[], Ledger],
    ) -> None:
        self._folder = folder
        self._images = images
        self._file = file
        self._reviews = reviews
        self._ledger = ledger
        self._mutex = threading.RLock()
        self._labels: dict[str, LabelStore] = {}
        self._predictions: dict[tuple[str, str], PredictionStore] = {}

    def labels(self, image_id: str) -> LabelStore:
        """Return people's labels of one image; what a crash left undone is done first."""
        with self._mutex:
            if image_id not in self._labels:
                store = self._labels[image_id] = self._new_labels(self._images.get(image_id))
                store.recover()
                with suppress(PhenoError):
                    complete_decisions(image_id, store, self._reviews, self._ledger())
            return self._labels[image_id]

    def predictions(self, image_id: str, model_id: str) -> PredictionStore:
        """Return what one model says of one image."""
        with self._mutex:
            key = (image_id, model_id)
            if key not in self._predictions:
                path = self._folder / "predictions" / image_id / f"{model_id}.ome.zarr"
                store = PredictionStore(path, self._images.get(image_id), self._file.scheme)
                self._predictions[key] = store
            return self._predictions[key]

    def describe(self, record: ImageRecord) -> None:
        """Take over a changed pixel size and changed classes into the label image."""
        store = self.labels(record.id)
        with suppress(LockedError):
            store.describe(record)

    def close(self) -> None:
        """Let go of all locks; reading and writing afterwards is allowed."""
        with self._mutex:
            stores = list(self._labels.values())
        for labels in stores:
            labels.close()

    def _new_labels(self, image: ImageRecord) -> LabelStore:
        path = self._folder / "labels" / f"{image.id}.ome.zarr"
        ids = self._file.read().has_objects
        return LabelStore(path, image, self._file.scheme, self._journal, objects=ids)

    def _journal(self) -> Journal:
        return self._ledger().journal
