"""Networks of segmentation-models-pytorch: made, filled with weights, adapted."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import torch

from napari_phenoai.errors import InputError, ModelError
from napari_phenoai.ml.weights import read_weights, write_weights

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import nn

__all__ = ["build", "inherit", "load", "save"]


def build(encoder: str, channels: int, classes: int, decoder: Sequence[int]) -> nn.Module:
    """Return a U-Net with random weights.

    Raises
    ------
    InputError
        If there is no such encoder.
    """
    import segmentation_models_pytorch as smp

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network: nn.Module = smp.Unet(
                encoder,
                encoder_weights=None,
                decoder_channels=tuple(decoder),
                in_channels=channels,
                classes=classes,
            )
    except (KeyError, RuntimeError, ValueError) as error:
        hint = "Choose resnet18, resnet34, mobilenet_v2, efficientnet-b0 or another one of smp."
        raise InputError(f"There is no encoder {encoder!r}.", hint=hint) from error
    return network


def save(network: nn.Module, folder: Path) -> Path:
    """Write the weights of `network` as safetensors into `folder`."""
    state = network.state_dict()
    return write_weights(folder, {k: v.detach().cpu().numpy() for k, v in state.items()})


def load(network: nn.Module, folder: Path) -> None:
    """Fill `network` with the weights in `folder`.

    Raises
    ------
    ModelError
        If a tensor is missing, left over or of another shape.
    """
    arrays = read_weights(folder)
    wanted = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    found = {name: tuple(array.shape) for name, array in arrays.items()}
    if wanted != found:
        odd = sorted(name for name in wanted | found if wanted.get(name) != found.get(name))
        what = f"The weights in {folder} do not fit the model card: {len(odd)} tensors differ"
        hint = "Copy the whole model folder again, or choose another model."
        raise ModelError(f"{what}, the first is {odd[0]}.", hint=hint)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})


def inherit(network: nn.Module, folder: Path, rows: Mapping[int, int]) -> None:
    """Fill `network`, in place, with what fits of the weights in `folder`.

    Parameters
    ----------
    network : Module
        Tensors that are missing in `folder`, or have another shape there, stay.
    folder : Path
        A model folder.
    rows : mapping of int to int
        Class index here to class index there, for the classes of both.
    """
    arrays = read_weights(folder)
    state = network.state_dict()
    for name, tensor in state.items():
        array = arrays.get(name)
        if array is None:
            continue
        if name.startswith("segmentation_head."):
            for here, there in rows.items():
                tensor[here] = torch.as_tensor(array[there])
        elif array.shape == tuple(tensor.shape):
            tensor.copy_(torch.from_numpy(array))
    network.load_state_dict(state)
