"""Drafts: the mask of a tile that nobody has decided about yet, kept through a crash."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.io.files import write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile

__all__ = ["Draft", "draft_path", "drop_draft", "load_draft", "save_draft"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A mask under way.

    Parameters
    ----------
    labels : ndarray of uint8, shape (y, x)
        The mask as it stands; 0 is unlabelled.
    proposal : ndarray of uint8, shape (y, x)
        The mask that the person started from.
    model : str or None
        Id of the model that proposed it.
    seconds : float
        Work spent on it so far.
    """

    labels: NDArray[np.uint8]
    proposal: NDArray[np.uint8]
    model: str | None
    seconds: float


def draft_path(project: Path, tile: Tile) -> Path:
    """Return the file of a tile's draft: ``drafts/<image>_<z>_<y>_<x>_<height>_<width>.npz``."""
    numbers = (tile.z, tile.y, tile.x, tile.height, tile.width)
    return project / "drafts" / f"{tile.image}_{'_'.join(map(str, numbers))}.npz"


def save_draft(project: Path, tile: Tile, draft: Draft) -> None:
    """Write `draft` so that it outlives a crash; the former one stays until it is written.

    Raises
    ------
    DiskError
        If the disk is full or cannot be written.
    """
    path = draft_path(project, tile)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        labels=draft.labels,
        proposal=draft.proposal,
        model=np.str_(draft.model or ""),
        seconds=np.float64(draft.seconds),
    )
    write_atomic(path, buffer.getvalue())


def load_draft(project: Path, tile: Tile) -> Draft | None:
    """Return the draft of `tile`; None when there is none that can be read."""
    path = draft_path(project, tile)
    try:
        with np.load(path, allow_pickle=False) as file:
            labels, proposal = file["labels"], file["proposal"]
            model, seconds = str(file["model"]), float(file["seconds"])
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
        return None
    if labels.shape != tile.shape or proposal.shape != tile.shape:
        return None
    return Draft(labels.astype(np.uint8), proposal.astype(np.uint8), model or None, seconds)


def drop_draft(project: Path, tile: Tile) -> None:
    """Remove the draft of `tile`, if there is one."""
    draft_path(project, tile).unlink(missing_ok=True)
