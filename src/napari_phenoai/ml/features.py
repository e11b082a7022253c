"""What the forest sees of a pixel: filters of its surroundings at several scales."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_phenoai.ml.normalise import as_float

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["SIGMAS_PX", "context_px", "feature_count", "pixel_features"]

SIGMAS_PX = (1.0, 2.0, 4.0, 8.0)
"""Widths of the Gaussians, in pixels."""

_TRUNCATE = 3.0
_SMALLEST = 3


def context_px(sigmas: Sequence[float] = SIGMAS_PX) -> int:
    """Return how far, in pixels, the features of a pixel reach.

    Examples
    --------
    >>> context_px((1.0, 2.0))
    11
    """
    return int(np.ceil(_TRUNCATE * (max(sigmas) + min(sigmas)))) + 2


def feature_count(channels: int, sigmas: Sequence[float] = SIGMAS_PX) -> int:
    """Return the number of features of a pixel with `channels` channels."""
    return channels * (1 + 4 * len(sigmas)) + 2 * len(sigmas)


def pixel_features(
    pixels: NDArray[np.generic], sigmas: Sequence[float] = SIGMAS_PX
) -> NDArray[np.float32]:
    """Compute the features of every pixel.

    Of each channel: its value, and for every sigma the Gaussian, the size of its
    gradient and the two eigenvalues of its Hessian. Of the mean of the channels:
    the two eigenvalues of the structure tensor for every sigma.

    Parameters
    ----------
    pixels : ndarray, shape (c, y, x)
        Of any number type; ``y`` and ``x`` of 1 or more.
    sigmas : sequence of float
        Widths of the Gaussians, in pixels.

    Returns
    -------
    ndarray of float32, shape (f, y, x)
        ``f`` is ``feature_count(c, sigmas)``.
    """
    height, width = pixels.shape[1:]
    more = [(0, 0), (0, max(0, _SMALLEST - height)), (0, max(0, _SMALLEST - width))]
    values = np.pad(as_float(pixels), more, mode="edge")
    result = np.empty((feature_count(len(values), sigmas), *values.shape[1:]), np.float32)
    index = 0
    for part in _parts(values, sigmas):
        result[index : index + len(part)] = part
        index += len(part)
    return result[:, :height, :width]


def _parts(values: NDArray[np.float32], sigmas: Sequence[float]) -> list[NDArray[np.float32]]:
    parts = [values]
    for channel in values:
        parts += [_one_scale(channel, sigma) for sigma in sigmas]
    return [*parts, _structure(np.asarray(values.mean(axis=0), np.float32), sigmas)]


def _one_scale(channel: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    from skimage.feature import hessian_matrix_eigvals

    smooth = _gaussian(channel, sigma)
    by_row, by_column = np.gradient(smooth)
    second = (*np.gradient(by_row), np.gradient(by_column, axis=1))
    curvature = hessian_matrix_eigvals(np.stack(second))
    return np.stack([smooth, np.hypot(by_row, by_column), *curvature])


def _structure(grey: NDArray[np.float32], sigmas: Sequence[float]) -> NDArray[np.float32]:
    from skimage.feature import structure_tensor_eigenvalues

    by_row, by_column = map(np.asarray, np.gradient(_gaussian(grey, min(sigmas))))
    products = [by_row**2, by_row * by_column, by_column**2]
    parts = [
        structure_tensor_eigenvalues([_gaussian(product, sigma) for product in products])
        for sigma in sigmas
    ]
    return np.concatenate(parts)


def _gaussian(plane: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    from skimage.filters import gaussian

    smooth: NDArray[np.float32] = gaussian(
        plane, sigma, mode="reflect", truncate=_TRUNCATE, preserve_range=True
    )
    return smooth
