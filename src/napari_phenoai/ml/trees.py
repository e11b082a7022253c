"""Decision trees as plain arrays: from scikit-learn, to a file, and back to work."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Protocol

import numpy as np

from napari_phenoai.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["Trees"]

_CHUNK = 32768


class _Tree(Protocol):
    """What scikit-learn's trees offer publicly."""

    children_left: NDArray[np.int64]
    children_right: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    value: NDArray[np.float64]

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float64]: ...


@dataclass(frozen=True)
class Trees:
    """All trees of a forest, their nodes one after the other.

    Parameters
    ----------
    offsets : ndarray of int64, shape (t + 1,)
        Where the nodes of each tree begin; the last is the number of nodes.
    left, right : ndarray of int32, shape (nodes,)
        Index of the child within the tree; -1 at a leaf.
    feature : ndarray of int32, shape (nodes,)
        Which feature decides; goes left where it is at most ``threshold``.
    threshold : ndarray of float64, shape (nodes,)
    value : ndarray of float32, shape (nodes, k)
        Share of each class.
    """

    offsets: NDArray[np.int64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    value: NDArray[np.float32]

    @classmethod
    def of(cls, trees: Sequence[_Tree], columns: Sequence[int], classes: int) -> Trees:
        """Return scikit-learn's `trees` as arrays.

        Parameters
        ----------
        trees : sequence
            The ``tree_`` of each estimator.
        columns : sequence of int
            Class index of each of the forest's own classes.
        classes : int
            Number of classes, including those that the forest never saw.
        """
        value = np.concatenate([tree.value[:, 0] for tree in trees])
        spread = np.zeros((len(value), classes), np.float32)
        spread[:, columns] = value / value.sum(axis=1, keepdims=True)
        return cls(
            offsets=np.cumsum([0] + [len(tree.feature) for tree in trees]),
            left=np.concatenate([tree.children_left for tree in trees]).astype(np.int32),
            right=np.concatenate([tree.children_right for tree in trees]).astype(np.int32),
            feature=np.concatenate([tree.feature for tree in trees]).astype(np.int32),
            threshold=np.concatenate([tree.threshold for tree in trees]),
            value=spread,
        )

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[np.generic]], features: int, classes: int, name: str
    ) -> Trees:
        """Return the trees in `arrays`, checked so that no node points elsewhere.

        Raises
        ------
        ModelError
            If an array is missing or does not fit the others; `name` says which file.
        """
        try:
            trees = cls(**{item.name: arrays[item.name] for item in fields(cls)})  # type: ignore[arg-type]
            sound = trees._is_sound(features, classes)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise _damaged(name) from error
        if not sound:
            raise _damaged(name)
        return trees

    def _is_sound(self, features: int, classes: int) -> bool:
        sizes = np.diff(self.offsets)
        nodes = int(self.offsets[-1])
        room = np.repeat(sizes, sizes)
        inner = self.left >= 0
        own = np.arange(nodes) - np.repeat(self.offsets[:-1], sizes)
        children = np.stack([self.left, self.right])
        return bool(
            self.offsets[0] == 0
            and (sizes > 0).all()
            and self.value.shape == (nodes, classes)
            and (children < room).all()
            and (children[:, inner] > own[inner]).all()
            and (self.feature[inner] >= 0).all()
            and (self.feature[inner] < features).all()
        )

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the arrays by name."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def predictor(self, features: int) -> TreesPredictor:
        """Return the trees ready to predict from `features` features."""
        bounds = zip(self.offsets[:-1], self.offsets[1:], strict=True)
        return TreesPredictor([self._tree(slice(a, b), features) for a, b in bounds])

    def _tree(self, nodes: slice, features: int) -> _Tree:
        """Fill a tree of scikit-learn by the names of its node fields."""
        from sklearn.tree._tree import NODE_DTYPE, Tree

        classes = self.value.shape[1]
        table = np.zeros(nodes.stop - nodes.start, NODE_DTYPE)
        table["left_child"] = self.left[nodes]
        table["right_child"] = self.right[nodes]
        table["feature"] = np.where(self.left[nodes] < 0, -2, self.feature[nodes])
        table["threshold"] = self.threshold[nodes]
        state = {
            "max_depth": 1,
            "node_count": len(table),
            "nodes": table,
            "values": np.ascontiguousarray(self.value[nodes][:, None, :], np.float64),
        }
        tree: _Tree = Tree(features, np.array([classes], np.intp), 1)
        tree.__setstate__(state)  # type: ignore[attr-defined]
        return tree


def _damaged(name: str) -> ModelError:
    hint = "Copy the model folder again, roll back to another model, or train anew."
    return ModelError(f"The trees in {name} are damaged or do not fit the model card.", hint=hint)


class TreesPredictor:
    """Trees that predict, on all cores."""

    def __init__(self, trees: Sequence[_Tree]) -> None:
        self._trees = trees

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return class shares ``(n, k)`` for `features` ``(n, f)``."""
        chunks = np.array_split(features, max(1, -(-len(features) // _CHUNK)))
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            found = list(pool.map(self._mean, chunks))
        return np.concatenate(found)

    def _mean(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        rows = np.ascontiguousarray(features, np.float32)
        total = self._trees[0].predict(rows)
        for tree in self._trees[1:]:
            total = total + tree.predict(rows)
        shares: NDArray[np.float32] = (total / len(self._trees)).astype(np.float32)
        return shares.reshape(len(rows), -1)
