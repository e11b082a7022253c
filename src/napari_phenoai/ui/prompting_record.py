"""Masks that were taken into a tile, with what they changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_phenoai.core.prompts import PromptTake
    from napari_phenoai.core.records import Review

__all__ = ["Taken", "records_of"]


@dataclass(frozen=True, eq=False)
class Taken:
    """A mask that was taken into a tile.

    Parameters
    ----------
    record : PromptTake
        How it came about.
    rows, columns : slice
        The box of the tile that it changed.
    before, after : ndarray, shape (rows, columns)
        The labels there.
    """

    record: PromptTake
    rows: slice
    columns: slice
    before: NDArray[Any]
    after: NDArray[Any]

    def is_in(self, labels: NDArray[Any]) -> bool:
        """Tell whether at least half of the pixels that it changed are still so."""
        here, changed = labels[self.rows, self.columns], self.after != self.before
        left = np.count_nonzero((here == self.after) & changed)
        return bool(left and 2 * left >= np.count_nonzero(changed))


def records_of(
    taken: Sequence[Taken], labels: NDArray[Any], review: Review | None
) -> tuple[PromptTake, ...]:
    """Return the records to keep with the review of a tile.

    Parameters
    ----------
    taken : sequence of Taken
        In the order they were taken; what was undone, or painted over for the most part,
        is left out.
    labels : ndarray, shape (height, width)
        The tile as it is now.
    review : Review or None
        What was decided before: its records stay, unless they are among `taken`.
    """
    known = [item.record for item in taken]
    former = [record for record in (review.prompts if review else ()) if record not in known]
    return (*former, *(item.record for item in taken if item.is_in(labels)))
