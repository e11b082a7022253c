"""Outlines of everything in a tile: a grid of clicks, and what is worth keeping of the answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from segment_anything.utils import amg
from torchvision.ops import nms

from napari_phenoai.core.progress import Progress
from napari_phenoai.core.prompts import MaskCandidate
from napari_phenoai.errors import InputError
from napari_phenoai.ml.device import ran_out_of_memory, too_large

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.progress import Work
    from napari_phenoai.ml.sam.embedding import Embedding
    from napari_phenoai.ml.sam.prompter import Prompter

__all__ = ["Sieve", "everything"]


@dataclass(frozen=True, slots=True)
class Sieve:
    """How closely to look, and which masks to keep; the defaults are segment-anything's.

    Parameters
    ----------
    side : int
        Clicks along each side of the tile.
    score : float
        Masks must have more than this.
    stability : float
        Share of the mask that must stay when the threshold moves by `offset` to both sides.
    offset : float
        In the units of the network, before the threshold.
    overlap : float
        Of two masks whose boxes overlap more, the better one stays.
    at_once : int
        Clicks answered together; fewer need less memory.
    """

    side: int = 32
    score: float = 0.88
    stability: float = 0.95
    offset: float = 1.0
    overlap: float = 0.7
    at_once: int = 64

    def __post_init__(self) -> None:
        if self.side < 1 or self.at_once < 1:
            what = f"A grid of {self.side} clicks, {self.at_once} at once, is impossible."
            raise InputError(what, hint="Give 1 or more.")


@dataclass
class _Kept:
    """What passed the sieve; masks take a bit per pixel."""

    bits: list[NDArray[np.uint8]]
    scores: list[torch.Tensor]
    boxes: list[torch.Tensor]


def everything(
    prompter: Prompter, embedding: Embedding, tile: Tile, sieve: Sieve | None = None
) -> Work[list[MaskCandidate]]:
    """Outline everything in a tile.

    The masks are those of ``SamAutomaticMaskGenerator`` with one crop. On a CPU the 1,024
    clicks of the default grid take minutes; it can be stopped between two batches of them.

    Parameters
    ----------
    prompter : Prompter
        The network.
    embedding : Embedding
        Of the tile.
    tile : Tile
        Where it lies.
    sieve : Sieve, optional
        What to keep.

    Returns
    -------
    list of MaskCandidate
        The best first.

    Raises
    ------
    InputError
        If the embedding is of another tile.
    DeviceMemoryError
        If the memory is too small for so many clicks at once.
    """
    if embedding.size != tile.shape:
        size = f"{embedding.size[0]} x {embedding.size[1]} px"
        what = f"The embedding is of {size}, not of {tile.key}."
        raise InputError(what, hint="Embed the tile that is asked about.")
    sieve = Sieve() if sieve is None else sieve
    predictor = prompter.predictor(embedding)
    grid = amg.build_point_grid(sieve.side) * (tile.width, tile.height)
    kept = _Kept([], [], [])
    for start in range(0, len(grid), sieve.at_once):
        yield Progress(start, len(grid), "outlining everything", {"found": len(kept.bits)})
        try:
            _sift(predictor, grid[start : start + sieve.at_once], sieve, kept)
        except (RuntimeError, MemoryError) as error:
            if not ran_out_of_memory(error):
                raise
            raise too_large((sieve.at_once, *tile.shape), prompter.compute) from error
    found = _distinct(kept, sieve, tile)
    yield Progress(len(grid), len(grid), "outlining everything", {"found": len(found)})
    return found


@torch.inference_mode()
def _sift(predictor: Any, points: NDArray[np.float64], sieve: Sieve, kept: _Kept) -> None:
    """Answer some clicks, and keep the masks that are good and stable."""
    coords = torch.as_tensor(
        predictor.transform.apply_coords(points, predictor.original_size), device=predictor.device
    )[:, None]
    positive = torch.ones(coords.shape[:2], dtype=torch.int, device=predictor.device)
    logits, scores, _ = predictor.predict_torch(coords, positive, return_logits=True)
    logits, scores = logits.flatten(0, 1), scores.flatten()
    threshold = predictor.model.mask_threshold
    if sieve.score > 0:
        good = scores > sieve.score
        logits, scores = logits[good], scores[good]
    if sieve.stability > 0:
        stable = amg.calculate_stability_score(logits, threshold, sieve.offset) >= sieve.stability
        logits, scores = logits[stable], scores[stable]
    masks = logits > threshold
    kept.bits += list(np.packbits(masks.flatten(1).cpu().numpy(), axis=1))
    kept.scores.append(scores)
    kept.boxes.append(amg.batched_mask_to_box(masks))


def _distinct(kept: _Kept, sieve: Sieve, tile: Tile) -> list[MaskCandidate]:
    scores, boxes = torch.cat(kept.scores), torch.cat(kept.boxes)
    chosen = nms(boxes.float(), scores, sieve.overlap)
    found = []
    for number in chosen.tolist():
        flat = np.unpackbits(kept.bits[number], count=tile.area_px).astype(bool)
        found.append(MaskCandidate(tile, flat.reshape(tile.shape), float(scores[number])))
    return found
