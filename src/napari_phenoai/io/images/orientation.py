"""The eight ways in which a camera or a scanner may have turned an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["UPRIGHT", "Orientation"]


@dataclass(frozen=True, slots=True)
class Orientation:
    """How stored rows and columns become shown ones: transposed first, then flipped.

    Parameters
    ----------
    transposed : bool
        Whether stored rows are shown as columns.
    flip_y, flip_x : bool
        Whether shown rows or columns run backwards.
    """

    transposed: bool = False
    flip_y: bool = False
    flip_x: bool = False

    @classmethod
    def from_tag(cls, value: int) -> Orientation:
        """Return the orientation for an EXIF or TIFF tag 274; unknown values mean upright.

        Examples
        --------
        >>> Orientation.from_tag(6)
        Orientation(transposed=True, flip_y=False, flip_x=True)
        """
        if not 1 <= value <= 8:
            return UPRIGHT
        transposed = value >= 5
        return cls(transposed, value in (3, 4, 7, 8), value in (2, 3, 6, 7))

    @property
    def tag(self) -> int:
        """Value of the EXIF tag 274."""
        return next(value for value in range(1, 9) if Orientation.from_tag(value) == self)

    def shown_shape(self, stored: tuple[int, int]) -> tuple[int, int]:
        """Return rows and columns as shown for rows and columns as stored."""
        return (stored[1], stored[0]) if self.transposed else stored

    def apply(self, pixels: NDArray[np.generic]) -> NDArray[np.generic]:
        """Turn stored pixels ``(..., y, x)`` into shown ones; a view of the same memory."""
        if self.transposed:
            pixels = np.swapaxes(pixels, -1, -2)
        if self.flip_y:
            pixels = pixels[..., ::-1, :]
        return pixels[..., ::-1] if self.flip_x else pixels

    def stored_window(self, y: slice, x: slice, shown: tuple[int, int]) -> tuple[slice, slice]:
        """Return where the shown window lies in the file; `shown` is the whole shown extent."""
        if self.flip_y:
            y = _mirrored(y, shown[0])
        if self.flip_x:
            x = _mirrored(x, shown[1])
        return (x, y) if self.transposed else (y, x)

    def shown_window(self, y: slice, x: slice, shown: tuple[int, int]) -> tuple[slice, slice]:
        """Return where the stored window ``y, x`` is shown; the inverse of `stored_window`."""
        if self.transposed:
            y, x = x, y
        if self.flip_y:
            y = _mirrored(y, shown[0])
        return y, _mirrored(x, shown[1]) if self.flip_x else x


UPRIGHT = Orientation()


def _mirrored(window: slice, length: int) -> slice:
    return slice(length - window.stop, length - window.start)
