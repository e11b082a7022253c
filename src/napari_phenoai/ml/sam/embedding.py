"""What the image encoder makes of a tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Embedding", "GivenUpError"]


class GivenUpError(Exception):
    """The image encoder was stopped, as nobody wants its answer any more."""


@dataclass(frozen=True, eq=False)
class Embedding:
    """What the image encoder makes of a tile; prompts are answered from it alone.

    Parameters
    ----------
    features : ndarray of float32, shape (k, rows, columns)
        256 x 64 x 64 numbers, 4 MiB, for the networks of segment-anything.
    size : tuple of int
        Height and width of the tile.
    """

    features: NDArray[np.float32]
    size: tuple[int, int]
