"""Locking: classes whose pixels no tool may change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from napari_phenoai.core.scheme import ClassScheme

__all__ = ["locked_mask", "locked_values", "protected"]


def locked_values(scheme: ClassScheme, locked: Collection[int]) -> frozenset[int]:
    """Return all label values that carry a locked class.

    Parameters
    ----------
    scheme : ClassScheme
        The classes; pixels of one that was merged into a locked class are locked too.
    locked : collection of int
        Ids of the locked classes.

    Examples
    --------
    >>> from napari_phenoai.core.scheme import ClassScheme
    >>> scheme = ClassScheme.of(["soil", "plant", "weed"]).merged(3, into=2)
    >>> sorted(locked_values(scheme, [2]))
    [2, 3]
    """
    values = np.array([item.id for item in scheme.classes], np.uint8)
    final = scheme.resolved(values)
    return frozenset(int(value) for value, its in zip(values, final, strict=True) if its in locked)


def locked_mask(labels: NDArray[Any], locked: Collection[int]) -> NDArray[np.bool_]:
    """Return which pixels of `labels`, of any shape, carry one of the values `locked`.

    Unlabelled pixels (0) are never locked.
    """
    values = [value for value in locked if value]
    return np.isin(labels, values)


def protected(before: NDArray[Any], after: NDArray[Any], locked: Collection[int]) -> NDArray[Any]:
    """Return `after` with every pixel that was locked in `before` as it was.

    Parameters
    ----------
    before, after : ndarray of integers, of the same shape
        Labels before and after something was painted; neither is changed.
    locked : collection of int
        Label values that must stay where they are. Other pixels may get them.

    Examples
    --------
    >>> import numpy as np
    >>> protected(np.array([0, 1, 2]), np.array([3, 3, 3]), {2})
    array([3, 3, 2])
    """
    return np.where(locked_mask(before, locked), before, after)
