"""What every adapter of a port must do: tests to inherit.

Subclass a contract in a test module, give the fixtures it asks for, and the
tests run. This module needs pytest; nothing else of the package imports it.
"""

# ruff: noqa: D102 - the name of a test says what it checks

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_phenoai.core.classifier import Classifier
from napari_phenoai.core.geometry import Tile
from napari_phenoai.core.ports import Predictor, Sample, Trainer, TrainSettings
from napari_phenoai.core.progress import finish
from napari_phenoai.core.records import ModelCard
from napari_phenoai.core.scoring import class_map, entropy_map
from napari_phenoai.errors import InputError, ModelError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_phenoai.core.progress import Progress
    from napari_phenoai.core.records import Role

__all__ = [
    "ClassifierContract",
    "PredictorContract",
    "TrainerContract",
    "blob_samples",
    "draft_card",
]


def blob_samples(
    count: int,
    *,
    heldout: int = 1,
    channels: int = 3,
    size: int = 64,
    dtype: type[np.generic] = np.uint8,
    seed: int = 0,
) -> list[Sample]:
    """Return easy samples: bright discs of class 2 on a dark, noisy class 1.

    Parameters
    ----------
    count : int
        Number of tiles in all.
    heldout : int
        How many of them, the last ones, are held out.
    channels, size : int
        Number of channels and edge in pixels.
    dtype : type
        Type of the pixel values; integers use a third of their range.
    seed : int
        Makes others.
    """
    rng = np.random.default_rng(seed)
    top = float(np.iinfo(dtype).max) if np.issubdtype(dtype, np.integer) else 1.0  # type: ignore[type-var]
    samples = []
    for number in range(count):
        rows, columns = np.indices((size, size))
        centre = rng.uniform(size / 4, 3 * size / 4, 2)
        disc = np.hypot(rows - centre[0], columns - centre[1]) < size / 5
        light = 0.1 + 0.2 * disc + 0.02 * rng.standard_normal((channels, size, size))
        pixels = (light.clip(0, 1) * top).astype(dtype)
        role: Role = "heldout" if number >= count - heldout else "train"
        tile = Tile(f"blob{number}", 0, 0, size, size)
        samples.append(Sample(pixels, (1 + disc).astype(np.uint8), (1, 2), tile, role))
    return samples


def draft_card(family: str, *, channels: int = 3, class_ids: tuple[int, ...] = (1, 2)) -> ModelCard:
    """Return a card as a trainer gets it: ids, classes and channels, no measures."""
    values = {
        "id": f"test-{family}",
        "family": family,
        "channels": channels,
        "dtype": "uint8",
        "class_ids": class_ids,
        "class_names": tuple(f"class {class_id}" for class_id in class_ids),
        "scheme_version": 1,
    }
    return ModelCard.model_validate(values)


class PredictorContract:
    """Give the fixture ``predictor``, a `Predictor` trained on `blob_samples`."""

    @staticmethod
    def pixels(predictor: Predictor, count: int, size: tuple[int, int]) -> NDArray[np.uint8]:
        """Return random pieces that suit `predictor`."""
        shape = (count, predictor.card.channels, *size)
        return np.random.default_rng(1).integers(0, 255, shape).astype(np.uint8)

    @pytest.mark.parametrize("size", [(32, 32), (33, 47), (1, 1), (5, 130)])
    def test_probabilities_for_any_size(self, predictor: Predictor, size: tuple[int, int]) -> None:
        found = predictor.predict(self.pixels(predictor, 2, size))
        assert found.shape == (2, len(predictor.card.class_ids), *size)
        assert found.dtype == np.float32
        assert found.min() >= 0
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-4)

    def test_input_is_left_as_it_was(self, predictor: Predictor) -> None:
        pixels = self.pixels(predictor, 1, (32, 32))
        before = pixels.copy()
        pixels.setflags(write=False)
        predictor.predict(pixels)
        np.testing.assert_array_equal(pixels, before)

    def test_pieces_of_a_batch_do_not_mix(self, predictor: Predictor) -> None:
        pixels = self.pixels(predictor, 3, (32, 40))
        together = predictor.predict(pixels)
        alone = np.concatenate([predictor.predict(piece[None]) for piece in pixels])
        np.testing.assert_allclose(together, alone, atol=0.02)

    def test_the_same_twice(self, predictor: Predictor) -> None:
        pixels = self.pixels(predictor, 1, (40, 32))
        np.testing.assert_array_equal(predictor.predict(pixels), predictor.predict(pixels))

    def test_empty_batch(self, predictor: Predictor) -> None:
        found = predictor.predict(self.pixels(predictor, 0, (32, 32)))
        assert found.shape == (0, len(predictor.card.class_ids), 32, 32)

    @pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32, np.float64])
    def test_any_type_of_value(self, predictor: Predictor, dtype: type[np.generic]) -> None:
        pixels = self.pixels(predictor, 1, (32, 32))
        expected = predictor.predict(pixels)
        np.testing.assert_allclose(predictor.predict(pixels.astype(dtype)), expected, atol=1e-6)

    def test_values_that_are_no_number(self, predictor: Predictor) -> None:
        pixels = self.pixels(predictor, 1, (32, 32)).astype(np.float32)
        pixels[0, 0, :4] = np.nan
        assert np.isfinite(predictor.predict(pixels)).all()

    def test_other_number_of_channels_is_refused(self, predictor: Predictor) -> None:
        channels = predictor.card.channels + 1
        with pytest.raises(ModelError, match=f"has {channels}"):
            predictor.predict(np.zeros((1, channels, 32, 32), np.uint8))

    def test_it_found_the_discs(self, predictor: Predictor) -> None:
        (sample,) = blob_samples(1, heldout=0, channels=predictor.card.channels, seed=7)
        found = predictor.predict(sample.pixels[None])[0].argmax(axis=0) + 1
        both = np.count_nonzero((found == 2) & (sample.labels == 2))
        size = np.count_nonzero(found == 2) + np.count_nonzero(sample.labels == 2)
        assert 2 * both / size > 0.8

    def test_it_says_where_it_computes(self, predictor: Predictor) -> None:
        assert predictor.device


class ClassifierContract(PredictorContract):
    """Like `PredictorContract`, for a ``predictor`` that is a `Classifier`, too."""

    @pytest.fixture
    def classifier(self, predictor: Predictor) -> Classifier:
        assert isinstance(predictor, Classifier)
        return predictor

    @pytest.mark.parametrize("size", [(32, 32), (33, 47), (1, 1), (5, 130)])
    def test_classes_and_uncertainty_are_those_of_the_probabilities(
        self, classifier: Classifier, size: tuple[int, int]
    ) -> None:
        pixels = self.pixels(classifier, 2, size)
        classes, uncertainty = classifier.classify(pixels)
        assert classes.shape == uncertainty.shape == (2, *size)
        assert classes.dtype == uncertainty.dtype == np.uint8
        for number, chances in enumerate(classifier.predict(pixels)):
            best = np.sort(chances, axis=0)
            clear = best[-1] - best[-2] > 1e-3
            expected = class_map(chances, classifier.card.class_ids)
            np.testing.assert_array_equal(classes[number][clear], expected[clear])
            np.testing.assert_allclose(uncertainty[number], 254 * entropy_map(chances), atol=1.5)

    def test_the_margin_is_left_out(self, classifier: Classifier) -> None:
        pixels = self.pixels(classifier, 2, (64, 48))
        for margin_px in (0, 8):
            inner = slice(margin_px, 64 - margin_px), slice(margin_px, 48 - margin_px)
            whole = classifier.classify(pixels)
            for found, expected in zip(classifier.classify(pixels, margin_px), whole, strict=True):
                np.testing.assert_array_equal(found, expected[:, *inner])

    def test_its_blocks_are_whole_chunks(self, classifier: Classifier) -> None:
        assert min(classifier.block_px) >= 512
        assert all(edge % 512 == 0 for edge in classifier.block_px)

    def test_other_channels_are_refused_here_too(self, classifier: Classifier) -> None:
        channels = classifier.card.channels + 1
        with pytest.raises(ModelError, match=f"has {channels}"):
            classifier.classify(np.zeros((1, channels, 32, 32), np.uint8))


class TrainerContract:
    """Give the fixtures ``trainer``, ``settings`` (quick ones) and ``load``.

    ``load`` turns a finished model folder into a `Predictor`.
    """

    def test_a_model_folder_is_made(
        self,
        trainer: Trainer,
        settings: TrainSettings,
        load: Callable[[Path], Predictor],
        tmp_path: Path,
    ) -> None:
        seen: list[Progress] = []
        draft = draft_card(settings.family)
        card = finish(trainer.train(blob_samples(4), draft, settings, tmp_path), seen.append)
        assert {path.name for path in tmp_path.iterdir()} == {"weights.safetensors", "metrics.csv"}
        assert card.id == draft.id
        assert card.tiles == 3
        assert card.seconds > 0
        assert card.software
        epochs = [item.data for item in seen if "heldout_dice" in item.data]
        with (tmp_path / "metrics.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [int(row["epoch"]) for row in rows] == [item["epoch"] for item in epochs]
        assert all(np.isfinite(float(row["loss"])) for row in rows)
        (tmp_path / "card.json").write_text(card.model_dump_json())
        assert load(tmp_path).card == card

    def test_it_works_without_heldout_tiles(
        self, trainer: Trainer, settings: TrainSettings, tmp_path: Path
    ) -> None:
        samples = blob_samples(2, heldout=0)
        card = finish(trainer.train(samples, draft_card(settings.family), settings, tmp_path))
        assert card.tiles == 2

    def test_a_few_painted_strokes_are_enough(
        self, trainer: Trainer, settings: TrainSettings, tmp_path: Path
    ) -> None:
        (sample,) = blob_samples(1, heldout=0)
        labels = np.zeros_like(sample.labels)
        labels[::9] = sample.labels[::9]
        painted = Sample(sample.pixels, labels, sample.checked, sample.tile)
        card = finish(trainer.train([painted], draft_card(settings.family), settings, tmp_path))
        assert card.tiles == 1

    @pytest.mark.parametrize("kind", ["nothing", "heldout only", "unlabelled"])
    def test_nothing_to_learn_from(
        self, trainer: Trainer, settings: TrainSettings, tmp_path: Path, kind: str
    ) -> None:
        samples = [] if kind == "nothing" else blob_samples(1, heldout=kind == "heldout only")
        if kind == "unlabelled":
            samples[0].labels[:] = 0
        with pytest.raises(ModelError, match="no reviewed tile"):
            finish(trainer.train(samples, draft_card(settings.family), settings, tmp_path))
        assert not list(tmp_path.iterdir())

    def test_unknown_setting_is_refused(
        self, trainer: Trainer, settings: TrainSettings, tmp_path: Path
    ) -> None:
        wrong = TrainSettings(family=settings.family, extra={"nonsense": 1})
        with pytest.raises(InputError, match="nonsense"):
            finish(trainer.train(blob_samples(2), draft_card(settings.family), wrong, tmp_path))

    def test_a_closed_training_leaves_nothing(
        self, trainer: Trainer, settings: TrainSettings, tmp_path: Path
    ) -> None:
        work = trainer.train(blob_samples(2), draft_card(settings.family), settings, tmp_path)
        next(work)
        work.close()
        assert not list(tmp_path.iterdir())

    def test_the_same_seed_gives_the_same_weights(
        self, trainer: Trainer, settings: TrainSettings, tmp_path: Path
    ) -> None:
        found = []
        for name in ("one", "two"):
            folder = tmp_path / name
            folder.mkdir()
            finish(trainer.train(blob_samples(3), draft_card(settings.family), settings, folder))
            found.append((folder / "weights.safetensors").read_bytes())
        assert found[0] == found[1]

    def test_samples_are_left_as_they_were(
        self, trainer: Trainer, settings: TrainSettings, tmp_path: Path
    ) -> None:
        samples = blob_samples(2)
        before = [(item.pixels.copy(), item.labels.copy()) for item in samples]
        finish(trainer.train(samples, draft_card(settings.family), settings, tmp_path))
        for item, (pixels, labels) in zip(samples, before, strict=True):
            np.testing.assert_array_equal(item.pixels, pixels)
            np.testing.assert_array_equal(item.labels, labels)
