"""The `Trainer` of the ``unet`` family: from reviewed tiles to a model folder."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_phenoai.core.geometry import cover
from napari_phenoai.core.progress import Progress
from napari_phenoai.ml.crops import Batch, CropSampler
from napari_phenoai.ml.device import choose
from napari_phenoai.ml.heldout import write_metrics
from napari_phenoai.ml.loss import MaskedLoss
from napari_phenoai.ml.network import save
from napari_phenoai.ml.normalise import statistics
from napari_phenoai.ml.recipe import recipe_for
from napari_phenoai.ml.start import fresh, inherited
from napari_phenoai.ml.targets import targets
from napari_phenoai.ml.training import Training
from napari_phenoai.ml.unet import CONTEXT_PX, padded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from napari_phenoai.core.ports import Sample, TrainSettings
    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import ModelCard
    from napari_phenoai.ml.device import Compute
    from napari_phenoai.ml.normalise import Statistics
    from napari_phenoai.ml.recipe import Recipe
    from napari_phenoai.ml.start import Start
    from napari_phenoai.ml.targets import Target
    from napari_phenoai.ml.training import Outcome

__all__ = ["UnetTrainer", "class_weights"]

_WATCHED = 40
_BLOCK_PX = 512
_MARGIN_PX = 32


class UnetTrainer:
    """Trains a U-Net with an encoder of choice."""

    def train(
        self,
        samples: Sequence[Sample],
        card: ModelCard,
        settings: TrainSettings,
        folder: Path,
        parent: Path | None = None,
    ) -> Work[ModelCard]:
        """Train on the ``train`` samples, keep the best epoch by the ``heldout`` ones.

        A parent gives its encoder, its weights and, for the classes that both
        have, its output; its normalisation too where the channels are the same.

        Raises
        ------
        ModelError
            If there is nothing to learn from, or the loss is no number.
        DeviceMemoryError
            If not even a single crop fits.
        InputError
            If `settings` holds something unknown.
        """
        begin = time.monotonic()
        tiles = targets(samples, card.class_ids, "train", card.channels)
        edge = min(min(tile.indices.shape) for tile in tiles)
        recipe = recipe_for(settings, len(tiles), edge)
        compute = choose(settings.device, settings.precision)
        torch.manual_seed(settings.seed)
        measured = statistics([tile.pixels for tile in tiles])
        if parent is None:
            start = yield from fresh(card, settings, recipe, measured)
        else:
            start = inherited(card, measured, parent)
        recipe = replace(recipe, decoder=start.decoder)
        watched = targets(samples, card.class_ids, "heldout", card.channels)
        watched = watched[:: max(1, len(watched) // _WATCHED)]
        training = _training(start, tiles, watched, recipe, compute, seed=settings.seed)
        outcome = yield from training.run()
        start.network.load_state_dict(outcome.state)
        save(start.network, folder)
        write_metrics(folder, outcome.rows)
        yield Progress(1, 1, "weights written", {"stage": "save"})
        return card.but(
            encoder=start.encoder,
            mean=start.statistics.mean,
            std=start.statistics.std,
            context_px=CONTEXT_PX,
            tiles=len(tiles),
            seconds=time.monotonic() - begin,
            settings=_settings(settings, recipe, compute, outcome),
            software=_software(start.origin),
            note="; ".join(filter(None, (card.note, start.origin, *outcome.notes))),
        )


def _training(
    start: Start,
    tiles: Sequence[Target],
    watched: Sequence[Target],
    recipe: Recipe,
    compute: Compute,
    *,
    seed: int,
) -> Training:
    device = compute.device
    network = start.network.to(device).to(memory_format=torch.channels_last)
    crops = CropSampler(tiles, start.statistics, recipe, device, seed)
    weights = class_weights(crops.pixels.sum(axis=0), crops.census(), recipe).to(device)
    return Training(
        network=network,
        crops=crops,
        heldout=[piece for tile in watched for piece in _blocks(tile, start.statistics, device)],
        loss=MaskedLoss(weights, recipe.dice_weight),
        recipe=recipe,
        compute=compute,
        groups=_groups(network, recipe, warm=start.warm),
        seed=seed,
    )


def _groups(network: nn.Module, recipe: Recipe, *, warm: bool) -> list[dict[str, object]]:
    """Return the optimiser's groups; an encoder that knows something learns more slowly."""
    groups: list[dict[str, object]] = []
    for name, part in network.named_children():
        share = recipe.encoder_rate if warm and name == "encoder" else 1.0
        groups.append({"params": list(part.parameters()), "share": share})
    return groups


def class_weights(
    labelled: NDArray[np.int64], drawn: NDArray[np.int64], recipe: Recipe
) -> torch.Tensor:
    """Return the weight of each class in the cross entropy, with a mean of 1 over the crops.

    Crops show a rare class more often than the tiles do, which makes it learned
    sooner; the weights take that back, or the class would be found where it is
    not. ``recipe.class_power`` above 0 favours rare classes on purpose.
    """
    share = np.maximum(labelled, 1) / max(1, labelled.sum())
    seen = np.maximum(drawn, 1) / max(1, drawn.sum())
    weights = np.clip(share / seen, 0.1, 10.0) * share**-recipe.class_power
    weights = weights / (weights * seen).sum()
    return torch.from_numpy(weights.astype(np.float32))


def _blocks(tile: Target, measured: Statistics, device: torch.device) -> Iterator[Batch]:
    """Cut a held-out tile into pieces that fit into memory, each with its surroundings."""
    for block in cover("", tile.indices.shape, _BLOCK_PX):
        y, x = max(0, block.y - _MARGIN_PX), max(0, block.x - _MARGIN_PX)
        window = slice(y, block.y1 + _MARGIN_PX), slice(x, block.x1 + _MARGIN_PX)
        pixels = padded(measured.normalised(tile.pixels[:, *window]))
        target = np.full(pixels.shape[1:], -1, np.int64)
        own = slice(block.y - y, block.y1 - y), slice(block.x - x, block.x1 - x)
        target[own] = tile.indices[block.slices]
        values = torch.from_numpy(pixels)[None].to(device)
        yield Batch(
            values.contiguous(memory_format=torch.channels_last),
            torch.from_numpy(target)[None].to(device),
            torch.from_numpy(tile.checked)[None].to(device),
        )


def _settings(
    settings: TrainSettings, recipe: Recipe, compute: Compute, outcome: Outcome
) -> dict[str, object]:
    return {
        **asdict(recipe),
        "minutes": recipe.minutes if np.isfinite(recipe.minutes) else None,
        "decoder": list(recipe.decoder),
        "seed": settings.seed,
        "device": str(compute.device),
        "precision": compute.precision,
        "pretrained": settings.pretrained,
        "steps_done": outcome.rows[-1].step,
        "best_epoch": outcome.best_epoch,
    }


def _software(origin: str) -> dict[str, str]:
    from importlib.metadata import version

    names = ("torch", "segmentation-models-pytorch", "numpy")
    return {**{name: version(name) for name in names}, "start": origin}
