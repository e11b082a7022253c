"""The parts of a network training: loss, crops, changes of light and shape, which epoch to keep."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_phenoai.core.ports import TrainSettings
from napari_phenoai.errors import DiskError, InputError
from napari_phenoai.ml.heldout import Watch, confusions, pooled_dice
from napari_phenoai.ml.normalise import statistics
from napari_phenoai.ml.recipe import Recipe, recipe_for
from napari_phenoai.ml.targets import Target, targets
from napari_phenoai.ml.weights import read_weights, write_weights
from napari_phenoai.testing.contracts import blob_samples

if TYPE_CHECKING:
    from pathlib import Path

torch = pytest.importorskip("torch")

from napari_phenoai.ml.augment import blurred, photometric, random_matrix, shaded, warped  # noqa: E402
from napari_phenoai.ml.crops import CropSampler  # noqa: E402
from napari_phenoai.ml.loss import MaskedLoss  # noqa: E402
from napari_phenoai.ml.training import progress, rate_factor  # noqa: E402
from napari_phenoai.ml.unet_trainer import class_weights  # noqa: E402

CPU = torch.device("cpu")
ALL = torch.ones(1, 3, dtype=torch.bool)


class TestLoss:
    loss = MaskedLoss(torch.ones(3))

    def test_unknown_pixels_teach_nothing(self) -> None:
        logits = torch.randn(1, 3, 8, 8, requires_grad=True)
        target = torch.full((1, 8, 8), -1)
        target[0, :4] = 1
        self.loss(logits, target, ALL).backward()  # type: ignore[no-untyped-call]
        assert logits.grad is not None
        assert logits.grad[:, :, 4:].abs().max() == 0
        assert logits.grad[:, :, :4].abs().min() > 0

    def test_nothing_known_is_no_loss(self) -> None:
        assert self.loss(torch.randn(1, 3, 8, 8), torch.full((1, 8, 8), -1), ALL) == 0

    def test_a_class_that_was_not_checked_is_left_out(self) -> None:
        logits = torch.randn(1, 3, 8, 8, requires_grad=True)
        checked = torch.tensor([[True, True, False]])
        loss = self.loss(logits, torch.zeros(1, 8, 8, dtype=torch.long), checked)
        loss.backward()  # type: ignore[no-untyped-call]
        assert logits.grad is not None
        assert logits.grad[:, 2].abs().max() == 0
        with torch.no_grad():
            logits[:, 2] += 100
        again = self.loss(logits, torch.zeros(1, 8, 8, dtype=torch.long), checked)
        assert again.item() == pytest.approx(loss.item())

    def test_the_truth_costs_almost_nothing(self) -> None:
        target = torch.randint(0, 3, (2, 16, 16))
        logits = 50 * torch.nn.functional.one_hot(target, 3).movedim(-1, 1).float()
        assert self.loss(logits, target, ALL.expand(2, 3)) < 0.01


@pytest.mark.parametrize("quarter", range(4))
def test_flips_and_turns_copy_pixels_and_labels_alike(quarter: int) -> None:
    rng = np.random.default_rng(quarter)
    labels = torch.from_numpy(rng.integers(0, 4, (40, 40)).astype(np.float32))
    matrix = random_matrix(rng, Recipe(affine=0.0))
    pixels, classes = warped(labels[None], labels, matrix, np.array([20.0, 20.0]), 32)
    np.testing.assert_allclose(pixels[0], classes, atol=1e-4)
    inner = labels[4:36, 4:36].numpy()
    same = [np.rot90(view, k) for view in (inner, inner.T) for k in range(4)]
    assert any(np.array_equal(classes.numpy(), view) for view in same)


def test_beyond_the_border_pixels_are_reflected_and_labels_unknown() -> None:
    labels = torch.ones(32, 32)
    pixels, classes = warped(labels[None], labels, np.eye(2), np.array([0.0, 16.0]), 32)
    assert pixels.min() == 1
    assert classes[:16].max() == 0
    assert classes[16:].min() == 1


@pytest.mark.parametrize("channels", [1, 2, 3, 7])
def test_light_and_colour_change_any_number_of_channels(channels: int) -> None:
    rng = np.random.default_rng(0)
    batch = torch.randn(16, channels, 32, 32)
    changed = photometric(batch.clone(), rng, Recipe(blur=0.3, noise=0.3))
    assert changed.shape == batch.shape
    assert torch.isfinite(changed).all()
    assert (changed - batch).abs().amax(dim=(1, 2, 3)).median() > 0.01


@pytest.mark.parametrize("channels", [1, 3, 7])
def test_shadows_take_light_from_a_part_of_some_pieces(channels: int) -> None:
    rng = np.random.default_rng(0)
    black = [-1.5] * channels
    batch = torch.rand(64, channels, 48, 48) - 1.0
    changed = shaded(batch.clone(), rng, Recipe(shadows=0.5, shadow_depth=0.5), black)
    light = (changed + 1.5) / (batch + 1.5)
    darkened = (light.amin(dim=(1, 2, 3)) < 0.97).float().mean()
    assert 0.3 < darkened < 0.7
    assert 0.3 < light.min() < 0.8
    assert light.max() <= 1 + 1e-5
    assert (light.amax(dim=(1, 2, 3)) - light.amin(dim=(1, 2, 3)) > 0.05).sum() > 10


def test_without_shadows_nothing_changes() -> None:
    batch = torch.rand(8, 3, 32, 32)
    rng = np.random.default_rng(0)
    assert torch.equal(shaded(batch.clone(), rng, Recipe(shadows=0.0), [0.0] * 3), batch)


def test_black_is_no_light() -> None:
    measured = statistics([np.full((2, 4, 4), 5, np.uint8) * np.arange(4, dtype=np.uint8)])
    nothing = measured.normalised(np.zeros((2, 1, 1), np.uint8))
    np.testing.assert_allclose(nothing[:, 0, 0], measured.black, rtol=1e-6)


def test_blur_keeps_the_mean_of_a_constant() -> None:
    np.testing.assert_allclose(blurred(torch.full((2, 9, 9), 3.0), 1.0), 3.0, rtol=1e-5)


def rare() -> Target:
    indices = np.zeros((200, 300), np.int16)
    indices[150:156, 40:46] = 1
    indices[:, 250:] = -1
    pixels = np.random.default_rng(0).integers(0, 255, (3, 200, 300)).astype(np.uint8)
    return Target(pixels, indices, np.array([True, True]))


def sampler(recipe: Recipe, seed: int = 0) -> CropSampler:
    tile = rare()
    return CropSampler([tile], statistics([tile.pixels]), recipe, CPU, seed)


def test_a_rare_class_is_in_many_crops() -> None:
    recipe = replace(Recipe(), crop_px=64, batch=64, class_crops=0.5)
    target = sampler(recipe).draw().target
    assert (target == 1).any(dim=2).any(dim=1).float().mean() > 0.2
    plain = sampler(replace(recipe, class_crops=0.0)).draw().target
    assert (plain == 1).any(dim=2).any(dim=1).float().mean() < 0.2


def test_weights_take_back_what_the_crops_show_too_often() -> None:
    recipe = replace(Recipe(), crop_px=64, batch=8, class_crops=0.5)
    crops = sampler(recipe)
    labelled, drawn = crops.pixels.sum(axis=0), crops.census()
    assert drawn[1] / drawn.sum() > 3 * labelled[1] / labelled.sum()
    weights = class_weights(labelled, drawn, recipe).numpy()
    assert weights[1] < 0.4 * weights[0]
    assert (weights * drawn / drawn.sum()).sum() == pytest.approx(1)


def test_the_same_seed_draws_the_same_crops() -> None:
    recipe = replace(Recipe(), crop_px=64, batch=4)
    one, two, other = (sampler(recipe, seed).draw() for seed in (3, 3, 4))
    assert torch.equal(one.pixels, two.pixels)
    assert torch.equal(one.target, two.target)
    assert not torch.equal(one.target, other.target)


@given(size=st.sampled_from([32, 64, 96]), height=st.integers(1, 90), width=st.integers(1, 90))
@settings(max_examples=30, deadline=None)
def test_crops_of_tiles_of_any_size(size: int, height: int, width: int) -> None:
    tile = Target(
        np.ones((1, height, width), np.uint8), np.zeros((height, width), np.int16), np.ones(1, bool)
    )
    recipe = replace(Recipe(), crop_px=size, batch=2)
    batch = CropSampler([tile], statistics([tile.pixels]), recipe, CPU, 0).draw()
    assert batch.pixels.shape == (2, 1, size, size)
    assert batch.target.shape == (2, size, size)
    assert (batch.target == 0).any()


def test_labels_become_indices() -> None:
    (sample,) = blob_samples(1, heldout=0)
    labels = sample.labels.copy()
    labels[0, :3] = (0, 7, 200)
    (target,) = targets([replace(sample, labels=labels, checked=(1,))], (2, 1, 7), "train", 3)
    assert target.indices[0, :4].tolist() == [-1, 2, -1, 1]
    assert target.checked.tolist() == [True, True, True]


def counts(right: list[int]) -> np.ndarray:
    return np.array([[[900, 0], [100 - n, n]] for n in right])


class TestWatch:
    def test_the_last_of_equally_good_epochs_is_kept(self) -> None:
        watch = Watch()
        assert watch.offer(1, counts([50, 60]))
        assert watch.offer(2, counts([95, 90]))
        assert watch.offer(3, counts([94, 90]))
        assert watch.kept_epoch == 3
        assert watch.champion_epoch == 2

    def test_a_clearly_worse_epoch_is_not_kept(self) -> None:
        watch = Watch()
        watch.offer(1, counts([95, 90, 92]))
        assert not watch.offer(2, counts([70, 65, 67]))
        assert watch.kept_epoch == 1

    def test_slow_decline_does_not_creep_past_the_champion(self) -> None:
        watch = Watch()
        kept = [watch.offer(n, counts([95 - n, 95 - n])) for n in range(20)]
        assert kept[0]
        assert not any(kept[5:])

    def test_a_lucky_unripe_epoch_is_not_kept(self) -> None:
        watch = Watch()
        assert watch.offer(1, counts([99, 99]), ripe=False)
        assert watch.offer(2, counts([80, 80]))
        assert watch.kept_epoch == 2

    def test_without_heldout_tiles_the_last_epoch_is_kept(self) -> None:
        watch = Watch()
        assert all(watch.offer(n, None) for n in (1, 2, 3))
        assert watch.kept_epoch == 3


def test_dice_counts_foreground_only() -> None:
    truth = np.array([0, 0, 1, 1, -1])
    found = np.array([0, 1, 1, 1, 1])
    table = confusions(truth, found, 3)
    assert table.sum() == 4
    assert pooled_dice(table) == pytest.approx(0.8)
    assert pooled_dice(np.zeros((3, 3), np.int64)) is None


def test_rate_rises_then_falls_to_nothing() -> None:
    rates = [rate_factor(done, 0.1) for done in np.linspace(0, 1, 101)]
    assert rates[0] < 0.05
    assert max(rates) == pytest.approx(rates[10])
    assert rates[-1] == pytest.approx(0, abs=1e-9)
    assert all(a >= b for a, b in pairwise(rates[10:]))


class TestRecipe:
    def test_more_tiles_take_longer(self) -> None:
        few, many = (recipe_for(TrainSettings(), n, 256) for n in (5, 24))
        assert few.steps < many.steps
        assert few.minutes < many.minutes < 6

    def test_what_a_person_chose_stands(self) -> None:
        chosen = TrainSettings(
            steps=7, batch=3, crop_px=100, learning_rate=0.5, extra={"zoom": 2, "decoder": [8] * 5}
        )
        recipe = recipe_for(chosen, 10, 256)
        assert (recipe.steps, recipe.batch, recipe.crop_px) == (7, 3, 128)
        assert (recipe.learning_rate, recipe.zoom, recipe.decoder) == (0.5, 2, (8,) * 5)
        assert recipe.minutes == float("inf")

    def test_minutes_alone_decide(self) -> None:
        recipe = recipe_for(TrainSettings(minutes=1.5), 10, 256)
        assert recipe.steps > 10_000
        assert progress(recipe, 3, 90.0) == 1

    def test_a_busy_machine_still_takes_a_third_of_the_steps(self) -> None:
        recipe = recipe_for(TrainSettings(), 4, 256)
        over = 60 * recipe.minutes
        assert progress(recipe, 7, over) < 0.3
        assert progress(recipe, recipe.least_steps, over) == 1
        assert progress(recipe, recipe.steps, over / 2) == 1
        assert progress(recipe, 7, 4 * over) == 1
        done = [progress(recipe, step, step * over / 30) for step in range(200)]
        assert all(a <= b for a, b in pairwise(done))

    @pytest.mark.parametrize(
        "wrong",
        [
            {"steps": 0},
            {"minutes": -1.0},
            {"batch": 0},
            {"extra": {"zoom": "wide"}},
            {"extra": {"epochs": 2.5}},
            {"extra": {"decoder": [8]}},
            {"extra": {"flips_at_prediction": 1}},
            {"extra": {"unheard": 1}},
        ],
    )
    def test_what_cannot_be_is_refused(self, wrong: dict[str, object]) -> None:
        with pytest.raises(InputError) as caught:
            recipe_for(replace(TrainSettings(), **wrong), 10, 256)  # type: ignore[arg-type]
        assert caught.value.hint


class TestWeights:
    @pytest.mark.parametrize("count", range(1, 60, 3))
    def test_what_was_written_is_read(self, tmp_path: Path, count: int) -> None:
        """For many lengths of the header: some begin like a pickle."""
        arrays = {f"n{i}": np.full((i,), i, np.float32) for i in range(count)}
        arrays["scalar"] = np.array(3.0, np.float32)
        write_weights(tmp_path, arrays)
        found = read_weights(tmp_path)
        assert found.keys() == arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[name], array)
            assert found[name].shape == array.shape

    def test_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(DiskError, match="none"):
            write_weights(tmp_path / "none", {"a": np.zeros(1)})
