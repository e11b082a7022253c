"""Where a training starts: random weights, a pretrained encoder, or a parent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_phenoai.errors import ModelError
from napari_phenoai.ml.cards import read_card
from napari_phenoai.ml.network import build, inherit
from napari_phenoai.ml.normalise import Statistics
from napari_phenoai.ml.pretrained import pretrained_encoder
from napari_phenoai.ml.unet import decoder_of

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from napari_phenoai.core.ports import TrainSettings
    from napari_phenoai.core.progress import Work
    from napari_phenoai.core.records import ModelCard
    from napari_phenoai.ml.recipe import Recipe

__all__ = ["Start", "fresh", "inherited"]


@dataclass(frozen=True, slots=True)
class Start:
    """A network before training.

    ``origin`` says in words where its weights come from; ``warm`` whether its
    encoder has learned something already.
    """

    network: nn.Module
    encoder: str
    decoder: tuple[int, ...]
    statistics: Statistics
    origin: str
    warm: bool


def fresh(
    card: ModelCard, settings: TrainSettings, recipe: Recipe, measured: Statistics
) -> Work[Start]:
    """Return a new network, with a pretrained encoder where wanted and within reach."""
    encoder = settings.encoder
    network = build(encoder, card.channels, len(card.class_ids), recipe.decoder)
    origin, warm = "from scratch", False
    if settings.pretrained:
        warm = yield from pretrained_encoder(network, encoder, card.channels)
        missing = "from scratch: no pretrained weights within reach"
        origin = "encoder pretrained on ImageNet" if warm else missing
    return Start(network, encoder, recipe.decoder, measured, origin, warm)


def inherited(card: ModelCard, measured: Statistics, parent: Path) -> Start:
    """Return a network that begins where the model in the folder `parent` ended.

    Classes that both have keep their output; others begin at random. With other
    channels, the layer that reads them begins at random.

    Raises
    ------
    ModelError
        If the parent is no network, or its files are damaged.
    """
    old = read_card(parent)
    if old.family != "unet" or old.encoder is None:
        hint = "Train from scratch, or choose a model of the family unet."
        raise ModelError(f"Model {old.id} is a {old.family}: nothing to go on from.", hint=hint)
    decoder = decoder_of(old)
    network = build(old.encoder, card.channels, len(card.class_ids), decoder)
    there = {class_id: index for index, class_id in enumerate(old.class_ids)}
    rows = {here: there[i] for here, i in enumerate(card.class_ids) if i in there}
    inherit(network, parent, rows)
    origin = f"weights of model {old.id}"
    if old.class_ids != card.class_ids:
        origin += f", output made anew for {len(card.class_ids) - len(rows)} classes"
    if old.channels != card.channels:
        origin += f", input made anew for {card.channels} instead of {old.channels} channels"
    else:
        measured = Statistics(old.mean, old.std)
    return Start(network, old.encoder, decoder, measured, origin, warm=True)
