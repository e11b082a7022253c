"""The way from a checkpoint of segment-anything to a `Prompter`."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from napari_phenoai.core.ids import sha256_file
from napari_phenoai.errors import MissingExtraError, ModelError
from napari_phenoai.ml.loading import avoid_triton

if TYPE_CHECKING:
    from pathlib import Path

    from napari_phenoai.ml.sam.prompter import Prompter

__all__ = ["check_installed", "load_prompter"]

_PACKAGES = {"torch": "torch", "torchvision": "torchvision", "segment_anything": "segment-anything"}


def load_prompter(
    path: Path, kind: str | None = None, *, device: str = "auto", precision: str = "auto"
) -> Prompter:
    """Load a checkpoint, official or fine-tuned, ready to answer prompts.

    No code in the file is run: a file that holds more than numbers is refused.

    Parameters
    ----------
    path : Path
        A state dict as ``.pth``, ``.pt`` or ``.safetensors``, plain or under ``model_state``,
        ``state_dict`` or ``model``, with or without the prefixes of wrappers.
    kind : str, optional
        ``vit_b``, ``vit_l`` or ``vit_h``; found from the shapes when left out.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
    precision : str
        Of the image encoder: ``auto``, ``bf16``, ``fp16`` or ``fp32``. Prompts are always
        answered in 32 bit.

    Raises
    ------
    MissingExtraError
        If torch or segment-anything is not installed.
    ModelError
        If the file is missing, damaged, refused, or another network than was asked for.
    InputError
        If there is no such kind, device or precision here.
    DeviceMemoryError
        If it does not fit on the device.
    """
    check_installed()
    from napari_phenoai.ml.device import choose
    from napari_phenoai.ml.sam.checkpoints import build, read_checkpoint
    from napari_phenoai.ml.sam.prompter import Prompter

    compute = choose(device, precision)
    weights = read_checkpoint(path)
    name, network = build(weights, path, kind)
    try:
        fingerprint = sha256_file(path)
    except OSError as error:
        hint = "Put the file back, or choose another checkpoint."
        raise ModelError(f"The checkpoint {path} cannot be read: {error}.", hint=hint) from error
    return Prompter(network, compute, fingerprint=fingerprint, kind=name)


def check_installed() -> None:
    """Raise a `MissingExtraError` unless all that outlines need is installed."""
    avoid_triton()
    missing = [package for name, package in _PACKAGES.items() if not _is_there(name)]
    if missing:
        hint = 'Install it with: pip install "napari-phenoai[sam]".'
        what = f"Outlines by prompts need {' and '.join(missing)}, which is not installed."
        raise MissingExtraError(what, hint=hint)


def _is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:
        return False
