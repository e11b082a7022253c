"""Drafts: the mask of a tile that nobody has decided about yet, kept through a crash."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.geometry import Tile
from napari_phenoai.io.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_phenoai.core.edits import Edit

__all__ = [
    "Draft",
    "draft_name",
    "draft_path",
    "drafted_tile",
    "drop_draft",
    "load_draft",
    "packed_draft",
    "paint_drafts",
    "painted_over",
    "save_draft",
    "unpacked_draft",
]


@dataclass(frozen=True, slots=True)
class Draft:
    """A mask under way.

    Parameters
    ----------
    labels : ndarray of uint8 or uint32, shape (y, x)
        The mask as it stands, of classes or of objects; 0 is unlabelled.
    proposal : ndarray of uint8 or uint32, shape (y, x)
        The mask that the person started from.
    model : str or None
        Id of the model that proposed it.
    seconds : float
        Work spent on it so far.
    objects : dict of int to int, or None
        The class of each object; None where the mask is of classes.
    """

    labels: NDArray[Any]
    proposal: NDArray[Any]
    model: str | None
    seconds: float
    objects: dict[int, int] | None = None


def draft_name(tile: Tile) -> str:
    """Return what the draft of a tile is called: ``<image>_<z>_<y>_<x>_<height>_<width>``."""
    numbers = (tile.z, tile.y, tile.x, tile.height, tile.width)
    return f"{tile.image}_{'_'.join(map(str, numbers))}"


def drafted_tile(name: str) -> Tile | None:
    """Return the tile whose draft has this name; None where it is no such name."""
    image, *numbers = name.rsplit("_", 5)
    if len(numbers) < 5 or not all(number.isdigit() for number in numbers):
        return None
    z, y, x, height, width = map(int, numbers)
    return Tile(image, y, x, max(height, 1), max(width, 1), z)


def draft_path(project: Path, tile: Tile) -> Path:
    """Return the file of a tile's draft: ``drafts/<image>_<z>_<y>_<x>_<height>_<width>.npz``."""
    return project / "drafts" / f"{draft_name(tile)}.npz"


def packed_draft(draft: Draft) -> bytes:
    """Return `draft` as the content of a file."""
    buffer = io.BytesIO()
    named: dict[str, Any] = {}
    if draft.objects is not None:
        named["objects"] = np.str_(json.dumps(draft.objects))
    np.savez_compressed(
        buffer,
        labels=draft.labels,
        proposal=draft.proposal,
        model=np.str_(draft.model or ""),
        seconds=np.float64(draft.seconds),
        **named,
    )
    return buffer.getvalue()


def unpacked_draft(path: Path, tile: Tile) -> Draft | None:
    """Return the draft of `tile` that a file holds; None when it holds none."""
    try:
        with np.load(path, allow_pickle=False) as file:
            labels, proposal = file["labels"], file["proposal"]
            model, seconds = str(file["model"]), float(file["seconds"])
            text = str(file["objects"]) if "objects" in file else None
            named = None if text is None else json.loads(text)
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
        return None
    if labels.shape != tile.shape or proposal.shape != tile.shape:
        return None
    dtype = np.uint8 if named is None else np.uint32
    objects = None if named is None else {int(one): int(its) for one, its in named.items()}
    return Draft(labels.astype(dtype), proposal.astype(dtype), model or None, seconds, objects)


def save_draft(project: Path, tile: Tile, draft: Draft) -> None:
    """Write `draft` so that it outlives a crash; the former one stays until it is written.

    Raises
    ------
    DiskError
        If the disk is full or cannot be written.
    """
    write_atomic(draft_path(project, tile), packed_draft(draft))


def load_draft(project: Path, tile: Tile) -> Draft | None:
    """Return the draft of `tile`; None when there is none that can be read."""
    return unpacked_draft(draft_path(project, tile), tile)


def drop_draft(project: Path, tile: Tile) -> None:
    """Remove the draft of `tile`, if there is one."""
    draft_path(project, tile).unlink(missing_ok=True)


def paint_drafts(project: Path, edit: Edit) -> None:
    """Bring what was painted on the whole image into the drafts of tiles that lie there.

    Raises
    ------
    DiskError
        If the disk is full or cannot be written.
    """
    for plane in edit.planes:
        _paint_plane(project, plane)


def _paint_plane(project: Path, edit: Edit) -> None:
    for tile in _drafted(project):
        draft = load_draft(project, tile) if tile.intersects(edit.tile) else None
        if draft is not None:
            labels = painted_over(tile, draft.labels, draft.proposal, edit)
            objects = draft.objects
            if objects is not None:
                objects = objects | {one: its for one, (_, its) in edit.objects.items() if its}
            save_draft(project, tile, replace(draft, labels=labels, objects=objects))


def painted_over(
    tile: Tile, labels: NDArray[Any], proposal: NDArray[Any], edit: Edit
) -> NDArray[Any]:
    """Return the mask of `tile` with what `edit` changed on the image.

    Where it made pixels unlabelled, a mask of the whole tile goes back to `proposal`.
    """
    painted = labels.copy()
    if tile.intersects(edit.tile):
        edit.apply(painted, y=tile.y, x=tile.x)
    return np.where(painted == 0, proposal, painted) if labels.all() else painted


def _drafted(project: Path) -> Iterator[Tile]:
    for path in (project / "drafts").glob("*.npz"):
        tile = drafted_tile(path.stem)
        if tile is not None:
            yield tile
