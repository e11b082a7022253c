"""The ``forest`` family: decision trees on image filters; learns from a few strokes."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_phenoai.core.progress import Progress, scaled
from napari_phenoai.ml.cards import check_channels
from napari_phenoai.ml.features import context_px, feature_count, pixel_features
from napari_phenoai.ml.heldout import EpochRow, confusions, pooled_dice, write_metrics
from napari_phenoai.ml.pixels import Table, gather, quotas
from napari_phenoai.ml.recipe import overridden
from napari_phenoai.ml.targets import class_pixels, targets
from napari_phenoai.ml.trees import Trees
from napari_phenoai.ml.weights import WEIGHTS, read_weights, write_weights

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_phenoai.core.ports import Sample, TrainSettings
    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import ModelCard
    from napari_phenoai.ml.targets import Target
    from napari_phenoai.ml.trees import TreesPredictor

    _Sklearn = Any

__all__ = ["ForestPredictor", "ForestRecipe", "ForestTrainer", "load_forest"]

_HELDOUT_PX = 10_000
_DOUBT = 0.3


@dataclass(frozen=True, slots=True)
class ForestRecipe:
    """All numbers of a forest training; `TrainSettings.extra` may set each by name.

    ``pixels`` caps the pixels that are learned from; ``balance`` is 0 for classes
    as they occur and 1 for equally many pixels of each.
    """

    trees: int = 64
    grow: int = 8
    pixels: int = 60_000
    balance: float = 0.35
    leaf: int = 3


class ForestPredictor:
    """Trees and their card behind the `Predictor` port."""

    def __init__(self, trees: TreesPredictor, card: ModelCard) -> None:
        self._trees = trees
        self._card = card

    @property
    def card(self) -> ModelCard:
        """What the model is."""
        return self._card

    @property
    def device(self) -> str:
        """Where it computes."""
        return "cpu"

    def predict(self, pixels: NDArray[np.generic]) -> NDArray[np.float32]:
        """Return class probabilities ``(n, k, y, x)`` of `pixels` ``(n, c, y, x)``.

        Raises
        ------
        ModelError
            If the number of channels differs from the card's.
        """
        count, channels, height, width = pixels.shape
        check_channels(self._card, channels)
        result = np.empty((count, len(self._card.class_ids), height, width), np.float32)
        for piece, plane in zip(pixels, result, strict=True):
            features = pixel_features(piece)
            shares = self._trees(features.reshape(len(features), -1).T)
            plane[:] = shares.T.reshape(plane.shape)
        return result


def load_forest(folder: Path, card: ModelCard) -> ForestPredictor:
    """Return the forest of `card` with the weights in `folder`.

    Raises
    ------
    ModelError
        If the weights are missing, damaged or do not fit `card`.
    """
    features, classes = feature_count(card.channels), len(card.class_ids)
    trees = Trees.from_arrays(read_weights(folder), features, classes, str(folder / WEIGHTS))
    return ForestPredictor(trees.predictor(features), card)


class ForestTrainer:
    """Grows a forest behind the `Trainer` port; always from nothing, in seconds."""

    def train(
        self,
        samples: Sequence[Sample],
        card: ModelCard,
        settings: TrainSettings,
        folder: Path,
        parent: Path | None = None,  # noqa: ARG002 - trees cannot be continued
    ) -> Work[ModelCard]:
        """Train on the ``train`` samples; the ``heldout`` ones are only watched.

        Raises
        ------
        ModelError
            If there is nothing to learn from.
        InputError
            If `settings` holds an unknown name.
        """
        start = time.monotonic()
        recipe = overridden(ForestRecipe(), settings.extra)
        rng = np.random.default_rng(settings.seed)
        classes = len(card.class_ids)
        tiles = targets(samples, card.class_ids, "train", card.channels)
        counts = class_pixels(tiles, classes).sum(axis=0)
        shares = quotas(counts, recipe.pixels, recipe.balance)
        table = yield from scaled(gather(tiles, shares, rng), 0.0, 0.4)
        table = _without_doubtful(table, tiles, recipe, settings.seed)
        watched = yield from scaled(_watched(samples, card, rng), 0.4, 0.5)
        growing = _Growth(recipe, settings.seed, classes, table, watched)
        trees, rows = yield from scaled(growing.run(start), 0.5, 1.0)
        write_weights(folder, trees.arrays())
        write_metrics(folder, rows)
        yield Progress(1, 1, "weights written", {"stage": "save"})
        return card.but(
            encoder=None,
            context_px=context_px(),
            tiles=len(tiles),
            seconds=time.monotonic() - start,
            settings={**asdict(recipe), "seed": settings.seed, "pixels_used": len(table.classes)},
            software=_software(),
        )


def _software() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("scikit-learn", "scikit-image", "numpy")}


def _watched(
    samples: Sequence[Sample], card: ModelCard, rng: np.random.Generator
) -> Work[Table | None]:
    tiles = targets(samples, card.class_ids, "heldout", card.channels)
    if not tiles:
        return None
    known = max(1, int(class_pixels(tiles, len(card.class_ids)).sum()))
    share = min(1.0, _HELDOUT_PX * len(tiles) / known)
    return (yield from gather(tiles, np.full(len(card.class_ids), share), rng))


def _without_doubtful(
    table: Table, tiles: Sequence[Target], recipe: ForestRecipe, seed: int
) -> Table:
    """Leave out pixels that may belong to a class which their tile was not checked for.

    A small forest of the fully checked tiles says which: where it gives the
    unchecked classes a share above 0.3, the old label is not trusted.
    """
    checked = np.array([tile.checked for tile in tiles])
    sure = np.asarray(checked.all(axis=1))[table.tile]
    if sure.all() or not sure.any():
        return table
    forest = _new_forest(recipe, seed).set_params(n_estimators=recipe.grow)
    trusted = table.where(sure)
    forest.fit(trusted.features, trusted.classes)
    shares = forest.predict_proba(table.features)
    unchecked = ~checked[table.tile][:, forest.classes_]
    doubt = (shares * unchecked).sum(axis=1)
    return table.where(sure | (doubt <= _DOUBT))


def _new_forest(recipe: ForestRecipe, seed: int) -> _Sklearn:
    from sklearn.ensemble import ExtraTreesClassifier

    forest: _Sklearn = ExtraTreesClassifier(
        n_estimators=0,
        min_samples_leaf=recipe.leaf,
        warm_start=True,
        random_state=seed,
        n_jobs=-1,
    )
    return forest


@dataclass(frozen=True, slots=True)
class _Growth:
    """Grows the trees a few at a time, so that a cancel is heard."""

    recipe: ForestRecipe
    seed: int
    classes: int
    table: Table
    watched: Table | None

    def run(self, start: float) -> Work[tuple[Trees, list[EpochRow]]]:
        """Return the trees and a row for each time that some were added."""
        recipe, table = self.recipe, self.table
        forest = _new_forest(recipe, self.seed)
        rows: list[EpochRow] = []
        for count in range(recipe.grow, recipe.trees + recipe.grow, recipe.grow):
            forest.set_params(n_estimators=min(count, recipe.trees))
            forest.fit(table.features, table.classes)
            row = self._row(forest, len(rows) + 1, time.monotonic() - start)
            rows.append(row)
            data = {
                "stage": "train",
                "epoch": row.epoch,
                "loss": row.loss,
                "heldout_loss": row.heldout_loss,
                "heldout_dice": row.heldout_dice,
                "seconds": row.seconds,
                "best": True,
            }
            done = len(forest.estimators_)
            yield Progress(done, recipe.trees, f"{done} trees", data)
        trees = [estimator.tree_ for estimator in forest.estimators_]
        return Trees.of(trees, [int(index) for index in forest.classes_], self.classes), rows

    def _row(self, forest: _Sklearn, epoch: int, seconds: float) -> EpochRow:
        some = slice(None, None, max(1, len(self.table.classes) // 5000))
        loss, _ = self._scores(forest, self.table.features[some], self.table.classes[some])
        heldout = (
            (None, None)
            if self.watched is None
            else self._scores(forest, self.watched.features, self.watched.classes)
        )
        return EpochRow(
            epoch=epoch,
            step=len(forest.estimators_),
            seconds=seconds,
            learning_rate=0.0,
            loss=loss,
            heldout_loss=heldout[0],
            heldout_dice=heldout[1],
        )

    def _scores(
        self, forest: _Sklearn, features: NDArray[np.float32], truth: NDArray[np.int16]
    ) -> tuple[float, float | None]:
        shares = np.zeros((len(features), self.classes))
        shares[:, forest.classes_] = forest.predict_proba(features)
        right = np.clip(shares[np.arange(len(truth)), truth], 1e-3, 1)
        counts = confusions(truth, shares.argmax(axis=1), self.classes)
        return float(-np.log(right).mean()), pooled_dice(counts)
