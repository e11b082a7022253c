"""A simulated person who corrects proposed objects from the true ones, gesture by gesture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.core.object_table import FIRST_OBJECT
from napari_phenoai.core.timing import TimeModel
from napari_phenoai.errors import LabelError
from napari_phenoai.testing.corrections import corrected

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_phenoai.core.records import Verdict
    from napari_phenoai.loop.annotator import Protocol
    from napari_phenoai.testing.corrections import Corrected

__all__ = ["CorrectedObjects", "ObjectAnnotator"]


@dataclass(frozen=True, eq=False)
class CorrectedObjects:
    """What the person made of a tile.

    Parameters
    ----------
    ids : ndarray of uint32, shape (y, x)
        The decided objects, background elsewhere; 0 where the truth is unknown.
    objects : dict of int to int
        The class of each.
    verdict : str
        ``accepted`` when nothing was done, else ``corrected``.
    seconds : float
        Time it took under the time model.
    annotated_px : int
        Pixels painted by hand.
    gestures : dict of str to int
        How often each tool was used.
    """

    ids: NDArray[np.uint32]
    objects: dict[int, int]
    verdict: Verdict
    seconds: float
    annotated_px: int
    gestures: dict[str, int]


@dataclass(frozen=True)
class ObjectAnnotator:
    """Deletes, splits, cuts, merges and paints; overlooks specks.

    A gesture costs a key, a search and a check; painting also the way of the brush over
    the region. The person starts from nothing where that is quicker.

    Parameters
    ----------
    protocol : {"corrective", "full"}
        ``full`` always starts from nothing.
    background : int
        Class where no object is.
    tolerance_px : int
        Wrong regions with fewer pixels are left as they are.
    time : TimeModel
        The figures for the seconds.
    """

    protocol: Protocol = "corrective"
    background: int = 1
    tolerance_px: int = 6
    time: TimeModel = field(default_factory=TimeModel)

    def correct(
        self,
        proposed: NDArray[np.uint32],
        truth: NDArray[np.uint32],
        classes: NDArray[np.uint8],
        reserve: Callable[[int], int],
    ) -> CorrectedObjects:
        """Return what this person makes of `proposed`.

        Parameters
        ----------
        proposed : ndarray of uint32, shape (y, x)
            The objects on the screen; values below 256 are no objects.
        truth : ndarray of uint32, shape (y, x)
            The true objects, 0 where there is none.
        classes : ndarray of uint8, shape (y, x)
            The true classes, 0 where nobody knows them.
        reserve : callable
            Returns the first of so many new ids.

        Raises
        ------
        LabelError
            If the arrays differ in shape.
        """
        if not proposed.shape == truth.shape == classes.shape:
            what = f"Objects of {proposed.shape} px cannot be compared with {truth.shape} px."
            raise LabelError(what, hint="Give the truth of the same tile.")
        names = np.unique(proposed[proposed >= FIRST_OBJECT])
        start = np.where(proposed >= FIRST_OBJECT, np.searchsorted(names, proposed) + 1, 0)
        done = self._best(start.astype(np.uint32), truth)
        place = _names(done.ids, names, reserve)
        ids = np.where(done.ids > 0, place[done.ids], self.background).astype(np.uint32)
        objects = _classes_of(ids, classes, self.background)
        ids[classes == 0] = 0
        verdict: Verdict = "corrected" if done.gestures else "accepted"
        return CorrectedObjects(
            ids, objects, verdict, self._seconds(done), sum(done.painted_px), done.gestures
        )

    def _best(self, start: NDArray[np.uint32], truth: NDArray[np.uint32]) -> Corrected:
        anew = corrected(np.zeros_like(start), truth, tolerance_px=self.tolerance_px)
        if self.protocol == "full" or not start.any():
            return anew
        mended = corrected(start, truth, tolerance_px=self.tolerance_px)
        return min(mended, anew, key=self._seconds)

    def _seconds(self, done: Corrected) -> float:
        time = self.time
        each = time.key_s + time.search_s + time.check_s
        painted = sum(done.painted_px) * time.zoom**2 / time.brush_px / time.paint_px_s
        return time.look_s + time.key_s + sum(done.gestures.values()) * each + painted


def _names(
    ids: NDArray[np.uint32], names: NDArray[np.uint32], reserve: Callable[[int], int]
) -> NDArray[np.uint32]:
    """Return the id for each local number: that on the screen, or a new one."""
    place = np.zeros(max(int(ids.max(initial=0)), len(names)) + 1, np.uint32)
    place[1 : len(names) + 1] = names
    new = [number for number in np.unique(ids).tolist() if number > len(names)]
    if new:
        first = reserve(len(new))
        place[new] = np.arange(first, first + len(new))
    return place


def _classes_of(
    ids: NDArray[np.uint32], classes: NDArray[np.uint8], background: int
) -> dict[int, int]:
    """Return the class that most pixels of each object really have, apart from background."""
    found: dict[int, int] = {}
    fallback = int(classes.max(initial=background + 1))
    for number in np.unique(ids[ids >= FIRST_OBJECT]).tolist():
        counts = np.bincount(classes[ids == number], minlength=2)
        counts[[0, background]] = 0
        found[number] = int(np.argmax(counts)) if counts.any() else fallback
    return found
