"""The ``unet`` family: a trained network as a `Predictor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from napari_phenoai.errors import ModelError
from napari_phenoai.ml import network as networks
from napari_phenoai.ml.cards import check_channels
from napari_phenoai.ml.device import choose, ran_out_of_memory, too_large
from napari_phenoai.ml.normalise import Statistics
from napari_phenoai.ml.recipe import Recipe

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from napari_phenoai.core.records import ModelCard
    from napari_phenoai.ml.device import Compute

__all__ = ["CONTEXT_PX", "UnetPredictor", "decoder_of", "load_unet", "padded"]

CONTEXT_PX = 64
"""Pixels round a tile that its prediction looks at."""

_STRIDE = 32
_PIECE_PX = {"cpu": 2 * 512 * 512, "cuda": 16 * 512 * 512}


class UnetPredictor:
    """A network and its card behind the `Predictor` port."""

    def __init__(self, network: nn.Module, card: ModelCard, compute: Compute) -> None:
        layout = torch.channels_last
        self._network = network.to(compute.device).to(memory_format=layout).eval()
        self._card = card
        self._compute = compute
        self._statistics = Statistics(card.mean, card.std)
        self._flips = bool(card.settings.get("flips_at_prediction", False))
        self._limit = _PIECE_PX[compute.device.type]
        self._note = ""

    @property
    def card(self) -> ModelCard:
        """What the model is."""
        return self._card

    @property
    def device(self) -> str:
        """Device and precision, and whether memory ran out so far."""
        return f"{self._compute}{self._note}"

    def predict(self, pixels: NDArray[np.generic]) -> NDArray[np.float32]:
        """Return class probabilities ``(n, k, y, x)`` of `pixels` ``(n, c, y, x)``.

        Raises
        ------
        DeviceMemoryError
            If not even one piece fits.
        ModelError
            If the number of channels differs from the card's.
        """
        count, channels, height, width = pixels.shape
        check_channels(self._card, channels)
        result = np.empty((count, len(self._card.class_ids), height, width), np.float32)
        start = 0
        while start < count:
            size = max(1, self._limit // (height * width))
            piece = slice(start, min(start + size, count))
            try:
                result[piece] = self._probabilities(pixels[piece])
            except (RuntimeError, MemoryError) as error:
                self._shrink(error, pixels[piece])
                continue
            start = piece.stop
        return result

    def _shrink(self, error: BaseException, pixels: NDArray[np.generic]) -> None:
        """Halve the batch after `error`, or raise what it means."""
        if not ran_out_of_memory(error):
            raise error
        if len(pixels) == 1:
            raise too_large(pixels.shape[1:], self._compute) from error
        if self._compute.device.type == "cuda":
            torch.cuda.empty_cache()
        size = len(pixels) // 2
        self._limit = size * pixels.shape[2] * pixels.shape[3]
        self._note = f", {size} at a time: memory ran out"

    @torch.inference_mode()
    def _probabilities(self, pixels: NDArray[np.generic]) -> NDArray[np.float32]:
        height, width = pixels.shape[2:]
        batch = torch.from_numpy(padded(self._statistics.normalised(pixels)))
        batch = batch.to(self._compute.device).contiguous(memory_format=torch.channels_last)
        chance = self._forward(batch)
        if self._flips:
            for axes in ((2,), (3,), (2, 3)):
                chance += self._forward(batch.flip(axes)).flip(axes)
            chance /= 4
        found: NDArray[np.float32] = chance[:, :, :height, :width].cpu().numpy()
        return found

    def _forward(self, batch: torch.Tensor) -> torch.Tensor:
        with self._compute.autocast():
            logits = self._network(batch)
        return functional.softmax(logits.float(), dim=1)


def padded(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return ``(..., y, x)`` continued by reflection to multiples of 32 pixels."""
    *rest, height, width = pixels.shape
    more = [(0, -height % _STRIDE), (0, -width % _STRIDE)]
    return np.pad(pixels, [(0, 0)] * len(rest) + more, mode="symmetric")


def load_unet(folder: Path, card: ModelCard, device: str, precision: str) -> UnetPredictor:
    """Return the network of `card` with the weights in `folder`."""
    compute = choose(device, precision)
    network = networks.build(
        card.encoder or "resnet18", card.channels, len(card.class_ids), decoder_of(card)
    )
    networks.load(network, folder)
    return UnetPredictor(network, card, compute)


def decoder_of(card: ModelCard) -> tuple[int, ...]:
    """Return the widths of the decoder of `card`, coarsest first."""
    widths = card.settings.get("decoder", Recipe().decoder)
    if not isinstance(widths, list | tuple) or not all(isinstance(w, int) for w in widths):
        hint = "Copy the whole model folder again, or choose another model."
        raise ModelError(f"The card of model {card.id} has decoder = {widths!r}.", hint=hint)
    return tuple(widths)
