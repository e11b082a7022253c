"""Whether the pixels of a label image and its table of objects belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.geometry import cover
from napari_phenoai.errors import PhenoError
from napari_phenoai.io.findings import Finding
from napari_phenoai.io.objects import OBJECTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_phenoai.core.records import ImageRecord
    from napari_phenoai.io.labels import LabelStore

__all__ = ["object_findings"]

_BLOCK_PX = 2048


def object_findings(store: LabelStore, image: ImageRecord) -> Iterator[Finding]:
    """Yield what is wrong: a damaged table, and objects in the pixels that it lacks.

    Rows without pixels are right: an object that was painted over keeps its id for undo.
    """
    path = store.path / OBJECTS
    try:
        table = store.table
    except PhenoError as error:
        yield Finding.of(error, path)
        return
    if table is None:
        return
    lost = sorted(_present(store, image) - set(table.classes))
    if lost:
        some = ", ".join(map(str, lost[:5]))
        text = f"{len(lost)} objects in the labels of {image.name} have no class: {some}."
        hint = f"Put {path} back from a backup, or paint over these objects."
        yield Finding("error", text, hint, path)


def _present(store: LabelStore, image: ImageRecord) -> set[int]:
    found: set[int] = set()
    for z in range(image.shape[0]):
        for tile in cover(image.id, image.plane, _BLOCK_PX, z=z):
            try:
                found.update(np.unique(store.values(tile)).tolist())
            except PhenoError:
                continue
    return found - {0}
