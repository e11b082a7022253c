"""A richer port for models: classes and uncertainty at once, in large blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from napari_phenoai.core.ports import Predictor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Classifier"]


@runtime_checkable
class Classifier(Predictor, Protocol):
    """A predictor that says at once what a prediction keeps; the rest asks `predict`."""

    @property
    def block_px(self) -> tuple[int, int]:
        """Most rows and columns, without context, that it computes well in one go.

        Multiples of 512; the same on the same machine, so that a prediction that
        was stopped goes on with the same blocks.
        """
        ...

    def classify(
        self, pixels: NDArray[np.generic], margin_px: int = 0
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the classes of a batch and how unsure they are.

        Parameters
        ----------
        pixels : ndarray, shape (n, c, y, x)
            As for `predict`.
        margin_px : int
            Pixels on each side that are context only: left out of the answer.

        Returns
        -------
        classes : ndarray of uint8, shape (n, y - 2 * margin_px, x - 2 * margin_px)
            Of the ids ``card.class_ids``, the most probable.
        uncertainty : ndarray of uint8, same shape
            Entropy of the probabilities, 0 to 254 for 0 to 1.

        Raises
        ------
        DeviceMemoryError
            If not even one piece fits; smaller batches are tried before that.
        ModelError
            If the number of channels differs from the card's.
        """
        ...
