"""A simulated person who corrects proposed masks from the ground truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_phenoai.core.timing import TimeModel, tile_seconds
from napari_phenoai.errors import LabelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_phenoai.core.records import Verdict

__all__ = ["Annotator", "Correction", "Protocol"]

Protocol = Literal["corrective", "full"]


@dataclass(frozen=True)
class Correction:
    """What the person made of a tile.

    Parameters
    ----------
    labels : ndarray of uint8, shape (y, x)
        The decided mask; 0 only where the truth itself is unknown.
    verdict : str
        ``accepted`` when nothing was painted, else ``corrected``.
    seconds : float
        Time it took under the time model.
    annotated_px : int
        Pixels painted by hand.
    """

    labels: NDArray[np.uint8]
    verdict: Verdict
    seconds: float
    annotated_px: int


@dataclass(frozen=True)
class Annotator:
    """Paints what is wrong, class by class, and overlooks specks.

    Parameters
    ----------
    protocol : {"corrective", "full"}
        ``corrective`` starts from the proposed mask and paints only connected
        regions of wrong pixels; it clears a proposal with one click and paints
        from nothing where that is quicker. ``full`` always paints from nothing.
    background : int
        Class with which a cleared tile is filled.
    tolerance_px : int
        Wrong regions with fewer pixels are left as they are.
    time : TimeModel
        The figures for the seconds.
    """

    protocol: Protocol = "corrective"
    background: int = 1
    tolerance_px: int = 6
    time: TimeModel = field(default_factory=TimeModel)

    def correct(self, proposed: NDArray[np.uint8], truth: NDArray[np.uint8]) -> Correction:
        """Return what this person makes of `proposed`.

        Parameters
        ----------
        proposed : ndarray of uint8, shape (y, x)
            The mask on the screen; 0 where there is none.
        truth : ndarray of uint8, shape (y, x)
            The right classes; 0 where nobody knows them.

        Raises
        ------
        LabelError
            If the two differ in shape.
        """
        if proposed.shape != truth.shape:
            what = f"A mask of {proposed.shape} px cannot be compared with one of {truth.shape} px."
            raise LabelError(what, hint="Give the truth of the same tile.")
        cleared = self._painted(np.full_like(truth, self.background), truth, keys=2)
        if self.protocol == "full" or not proposed.all():
            return cleared
        corrected = self._painted(proposed, truth, keys=1)
        return min(corrected, cleared, key=lambda correction: correction.seconds)

    def _painted(
        self, start: NDArray[np.uint8], truth: NDArray[np.uint8], *, keys: int
    ) -> Correction:
        paint = _without_specks(np.where(start != truth, truth, 0), self.tolerance_px)
        labels = np.where(paint > 0, paint, start)
        labels[truth == 0] = 0
        painted = int(np.count_nonzero(paint))
        seconds = tile_seconds(paint, self.time, keys=keys)
        verdict: Verdict = "corrected" if painted or keys > 1 else "accepted"
        return Correction(labels.astype(np.uint8), verdict, seconds, painted)


def _without_specks(paint: NDArray[np.uint8], smallest_px: int) -> NDArray[np.uint8]:
    """Return `paint` with connected regions of fewer than `smallest_px` set to 0."""
    from skimage.measure import label

    regions = label(paint > 0, connectivity=2)
    sizes = np.bincount(regions.ravel())
    keep = sizes >= smallest_px
    keep[0] = False
    result: NDArray[np.uint8] = np.where(keep[regions], paint, 0).astype(np.uint8)
    return result
