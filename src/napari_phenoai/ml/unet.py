"""The ``unet`` family: a trained network as a `Predictor`."""

from __future__ import annotations

import hashlib
import logging
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import psutil
import torch
from torch.nn import functional

from napari_phenoai.core.plan import CORE_PX
from napari_phenoai.errors import InputError, MissingExtraError, ModelError
from napari_phenoai.ml import network as networks
from napari_phenoai.ml.cards import check_channels
from napari_phenoai.ml.classified import classified
from napari_phenoai.ml.device import choose, ran_out_of_memory, too_large
from napari_phenoai.ml.engine import ENGINES, TorchEngine
from napari_phenoai.ml.normalise import Statistics
from napari_phenoai.ml.openvino_engine import ConversionError, OpenVinoEngine, openvino_installed
from napari_phenoai.ml.recipe import Recipe
from napari_phenoai.ml.weights import WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from napari_phenoai.core.records import ModelCard
    from napari_phenoai.ml.device import Compute
    from napari_phenoai.ml.engine import Engine

__all__ = ["CONTEXT_PX", "UnetPredictor", "decoder_of", "load_unet", "padded"]

CONTEXT_PX = 64
"""Pixels round a tile that its prediction looks at."""

_STRIDE = 32
_PIECE_PX = {"cpu": 2 * 512 * 512, "cuda": 16 * 512 * 512}
_MEMORY_SHARE = 0.25
_log = logging.getLogger(__name__)


class UnetPredictor:
    """A network and its card behind the `Predictor` and `Classifier` ports."""

    def __init__(self, engine: Engine, card: ModelCard) -> None:
        self._engine = engine
        self._card = card
        self._flips = bool(card.settings.get("flips_at_prediction", False))
        self._limit = _PIECE_PX[engine.compute.device.type]
        self._note = ""

    @property
    def card(self) -> ModelCard:
        """What the model is."""
        return self._card

    @property
    def device(self) -> str:
        """Engine, device and precision, and whether memory ran out so far."""
        return f"{self._engine}{self._note}"

    @property
    def block_px(self) -> tuple[int, int]:
        """Rows and columns of the largest block that takes a quarter of the memory at most."""
        room = _memory_bytes(self._engine.compute.device) * _MEMORY_SHARE
        reach = 2 * self._card.context_px
        for rows, columns in self._engine.blocks_px:
            if (rows + reach) * (columns + reach) * self._engine.bytes_per_px <= room:
                return rows, columns
        return CORE_PX, CORE_PX

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
        for piece, scores in self._pieces(pixels):
            found = functional.softmax(scores, dim=1)[:, :, :height, :width]
            result[piece] = found.cpu().numpy()
        return result

    def classify(
        self, pixels: NDArray[np.generic], margin_px: int = 0
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return classes and uncertainty ``(n, y, x)`` of `pixels` without their margin.

        Raises
        ------
        DeviceMemoryError
            If not even one piece fits.
        ModelError
            If the number of channels differs from the card's.
        """
        count, channels, height, width = pixels.shape
        check_channels(self._card, channels)
        rows, columns = (slice(margin_px, extent - margin_px) for extent in (height, width))
        shape = (2, count, height - 2 * margin_px, width - 2 * margin_px)
        found = np.empty(shape, np.uint8)
        for piece, scores in self._pieces(pixels):
            for number, score in zip(range(count)[piece], scores, strict=True):
                found[:, number] = classified(score[:, rows, columns], self._card.class_ids)
        return found[0], found[1]

    def _pieces(self, pixels: NDArray[np.generic]) -> Iterator[tuple[slice, torch.Tensor]]:
        """Yield the scores of as many `pixels` at a time as fit."""
        count, _, height, width = pixels.shape
        start = 0
        while start < count:
            size = max(1, self._limit // (height * width))
            piece = slice(start, min(start + size, count))
            try:
                scores = self._scores(padded(pixels[piece]))
            except (RuntimeError, MemoryError) as error:
                self._shrink(error, pixels[piece])
                continue
            yield piece, scores
            start = piece.stop

    def _shrink(self, error: BaseException, pixels: NDArray[np.generic]) -> None:
        """Halve the batch after `error`, or raise what it means."""
        if not ran_out_of_memory(error):
            raise error
        compute = self._engine.compute
        if compute.device.type == "cuda":
            torch.cuda.empty_cache()
        if len(pixels) == 1:
            raise too_large(pixels.shape[1:], compute) from error
        size = len(pixels) // 2
        self._limit = size * pixels.shape[2] * pixels.shape[3]
        self._note = f", {size} at a time: memory ran out"

    def _scores(self, pixels: NDArray[np.generic]) -> torch.Tensor:
        if not self._flips:
            return self._engine.scores(pixels)
        chance = functional.softmax(self._engine.scores(pixels), dim=1)
        for axes in ((2,), (3,), (2, 3)):
            turned = self._engine.scores(np.flip(pixels, axes))
            chance += functional.softmax(turned, dim=1).flip(axes)
        return chance.div_(4).log_()


def padded(pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return ``(..., y, x)`` continued by reflection to multiples of 32 pixels."""
    *rest, height, width = pixels.shape
    more = [(0, -height % _STRIDE), (0, -width % _STRIDE)]
    if not any(after for _, after in more):
        return pixels
    return np.pad(pixels, [(0, 0)] * len(rest) + more, mode="symmetric")


def load_unet(
    folder: Path, card: ModelCard, device: str, precision: str, engine: str = "auto"
) -> UnetPredictor:
    """Return the network of `card` with the weights in `folder`.

    ``auto`` takes OpenVINO for a processor where it is installed and can run the
    network, else torch.

    Raises
    ------
    InputError
        If there is no such device, precision or engine.
    MissingExtraError
        If OpenVINO is asked for and not installed.
    ModelError
        If the weights do not fit, or OpenVINO is asked for and cannot run the network.
    """
    if engine not in ENGINES:
        raise InputError(f"There is no engine {engine!r}.", hint=f"Choose {', '.join(ENGINES)}.")
    here = "cpu" if (engine, device) == ("openvino", "auto") else device
    compute = choose(here, precision)
    if engine == "openvino":
        _check_openvino(compute)
    statistics = Statistics(card.mean, card.std)
    network = partial(_network, folder, card)
    if engine != "torch" and compute.device.type == "cpu" and openvino_installed():
        try:
            key = _key(folder, card)
            made = OpenVinoEngine(key, statistics, network, card.channels, precision)
            return UnetPredictor(made, card)
        except ConversionError as error:
            if engine == "openvino":
                raise
            _log.warning("%s Torch runs it instead.", error.what)
    return UnetPredictor(TorchEngine(network(), statistics, compute), card)


def _check_openvino(compute: Compute) -> None:
    if compute.device.type != "cpu":
        hint = "Choose the device cpu or the engine torch."
        raise InputError(f"OpenVINO computes on the CPU, not on {compute.device}.", hint=hint)
    if not openvino_installed():
        hint = 'Install it with: pip install "napari-phenoai[cpu]", or choose the engine torch.'
        raise MissingExtraError("The engine openvino is not installed.", hint=hint)


def _network(folder: Path, card: ModelCard) -> nn.Module:
    network = networks.build(
        card.encoder or "resnet18", card.channels, len(card.class_ids), decoder_of(card)
    )
    networks.load(network, folder)
    return network


def _key(folder: Path, card: ModelCard) -> str:
    """Return a text that changes with the network."""
    try:
        digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    except OSError:
        digest = "unreadable"
    parts = (digest, card.encoder, card.channels, len(card.class_ids), decoder_of(card))
    return " ".join(str(part) for part in (*parts, card.mean, card.std))


def _memory_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[1])
    return int(psutil.virtual_memory().total)


def decoder_of(card: ModelCard) -> tuple[int, ...]:
    """Return the widths of the decoder of `card`, coarsest first."""
    widths = card.settings.get("decoder", Recipe().decoder)
    if not isinstance(widths, list | tuple) or not all(isinstance(w, int) for w in widths):
        hint = "Copy the whole model folder again, or choose another model."
        raise ModelError(f"The card of model {card.id} has decoder = {widths!r}.", hint=hint)
    return tuple(widths)
