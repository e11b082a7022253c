"""Checkpoints of segment-anything: reading them without running code, and building them."""

from __future__ import annotations

import pickle  # only the error is used: nothing is unpickled but numbers
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import segment_anything
import torch

from napari_phenoai.errors import InputError, ModelError
from napari_phenoai.ml.device import ran_out_of_memory

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["KINDS", "build", "kind_of", "read_checkpoint"]

KINDS = {"vit_b": (768, 12), "vit_l": (1024, 24), "vit_h": (1280, 32)}
"""Width and depth of each image encoder of the registry."""

_NESTED = ("model_state", "state_dict", "model")
_PARTS = ("image_encoder.", "prompt_encoder.", "mask_decoder.")
_WRAPPERS = ("module.", "sam.", "model.", "_orig_mod.")
_WIDTH = "image_encoder.patch_embed.proj.weight"
_DAMAGE = (RuntimeError, EOFError, OSError, ValueError, LookupError, AttributeError, TypeError)
_OTHER = "Copy or download it again, or choose another checkpoint."


def read_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    """Return the weights in a file, under the names that segment-anything gives them.

    Raises
    ------
    ModelError
        If the file is missing or damaged, holds more than numbers, or another network.
    """
    if not path.is_file():
        hint = "Check the path, or download a checkpoint from the catalogue."
        raise ModelError(f"There is no checkpoint {path}.", hint=hint)
    found = _flat(_content(path))
    weights = {}
    for name, value in found.items():
        plain = _unwrapped(name)
        if plain.startswith(_PARTS) and isinstance(value, torch.Tensor):
            weights[plain] = value
    if not weights:
        what = f"{path} is no checkpoint of segment-anything: it has no image encoder."
        raise ModelError(what, hint="Choose a vit_b, vit_l or vit_h, official or fine-tuned.")
    return weights


def kind_of(weights: Mapping[str, torch.Tensor], path: Path) -> str:
    """Return the kind of network that has these weights.

    Raises
    ------
    ModelError
        If none has; the message names `path`.
    """
    first = weights.get(_WIDTH)
    blocks = {name.split(".")[2] for name in weights if name.startswith("image_encoder.blocks.")}
    shape = (0 if first is None else len(first), len(blocks))
    for kind, known in KINDS.items():
        if known == shape:
            return kind
    found = "another image encoder"
    if first is not None:
        found = f"an image encoder of width {shape[0]} and depth {shape[1]}"
    what = f"The checkpoint {path} has {found}."
    raise ModelError(what, hint=f"These can be used: {', '.join(KINDS)}.")


def build(
    weights: dict[str, torch.Tensor], path: Path, kind: str | None = None
) -> tuple[str, torch.nn.Module]:
    """Return the kind of a network, and the network with its weights.

    Parameters
    ----------
    weights : dict
        As `read_checkpoint` returns them.
    path : Path
        Where they come from, for messages.
    kind : str, optional
        What it should be.

    Raises
    ------
    InputError
        If there is no such kind.
    ModelError
        If it is another kind, or weights are missing or have the wrong shape.
    """
    if kind is not None and kind not in KINDS:
        hint = f"Choose {', '.join(KINDS)}, or leave it out."
        raise InputError(f"There is no network {kind!r} of segment-anything.", hint=hint)
    found = kind_of(weights, path)
    if kind not in {None, found}:
        what = f"The checkpoint {path} is a {found}, not a {kind}."
        raise ModelError(what, hint=f"Load it as {found}, or leave the kind out.")
    network: torch.nn.Module = segment_anything.sam_model_registry[found]()
    floats = {
        name: value.float() if value.is_floating_point() else value
        for name, value in weights.items()
    }
    try:
        network.load_state_dict(floats, strict=True, assign=True)
    except RuntimeError as error:
        lines = str(error).splitlines()
        reason = lines[1].strip() if len(lines) > 1 else lines[0]
        what = f"The checkpoint {path} does not fit a {found}: {_short(reason)}"
        raise ModelError(what, hint=_OTHER) from error
    return found, network.eval().requires_grad_(requires_grad=False)


def _content(path: Path) -> Any:
    try:
        if path.suffix == ".safetensors":
            return _safe(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if path.stat().st_size and _is_archive(path):
            what = f"{path} holds more than numbers, which could run code, and was refused."
            hint = "Export the weights alone, as a state dict, where the checkpoint was made."
            raise ModelError(what, hint=hint) from error
        raise ModelError(f"The checkpoint {path} is damaged.", hint=_OTHER) from error
    except _DAMAGE as error:
        if ran_out_of_memory(error):
            hint = "Close other programs, or choose a smaller one: vit_b is the smallest."
            raise ModelError(f"There is too little memory for {path}.", hint=hint) from error
        what = f"The checkpoint {path} is damaged: {_short(str(error))}"
        raise ModelError(what, hint=_OTHER) from error


def _safe(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        found: dict[str, torch.Tensor] = load_file(path)
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    return found


def _is_archive(path: Path) -> bool:
    """Tell whether a file is what ``torch.save`` writes, now or of old."""
    with path.open("rb") as file:
        return file.read(2) in {b"PK", b"\x80\x02", b"\x80\x04", b"\x80\x05"}


def _flat(content: Any) -> Mapping[str, Any]:
    """Return the state dict inside what a training wrote."""
    for _ in range(3):
        if not isinstance(content, Mapping):
            return {}
        inner = [content[name] for name in _NESTED if isinstance(content.get(name), Mapping)]
        if not inner:
            break
        content = inner[0]
    return {name: value for name, value in content.items() if isinstance(name, str)}


def _unwrapped(name: str) -> str:
    while name.startswith(_WRAPPERS):
        name = name.partition(".")[2]
    return name


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 200 else f"{line[:200]}..."
