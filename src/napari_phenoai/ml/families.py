"""The model families by name, and the way from a model folder to a `Predictor`."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from napari_phenoai.errors import InputError, MissingExtraError
from napari_phenoai.ml.cards import read_card
from napari_phenoai.ml.loading import avoid_triton

if TYPE_CHECKING:
    from pathlib import Path

    from napari_phenoai.core.ports import Predictor, Trainer

__all__ = ["families", "load_model", "trainer_for"]

_TORCH_PACKAGES = ("torch", "segmentation_models_pytorch")


def families() -> dict[str, str]:
    """Return the name of each model family and what it is good for."""
    return {
        "forest": "decision trees on image filters: learns in seconds from a few strokes",
        "unet": "neural network: learns in minutes, better from about six tiles on",
    }


def trainer_for(family: str) -> Trainer:
    """Return the trainer of `family`.

    Raises
    ------
    InputError
        If there is no such family.
    MissingExtraError
        If it needs a package that is not installed.
    """
    if family == "forest":
        from napari_phenoai.ml.forest import ForestTrainer

        return ForestTrainer()
    _check(family)
    from napari_phenoai.ml.unet_trainer import UnetTrainer

    return UnetTrainer()


def load_model(
    folder: Path, *, device: str = "auto", precision: str = "auto", engine: str = "auto"
) -> Predictor:
    """Return the model in `folder`, ready to predict.

    Parameters
    ----------
    folder : Path
        With ``card.json`` and ``weights.safetensors``.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
    precision : str
        ``auto``, ``bf16``, ``fp16`` or ``fp32``.
    engine : str
        What runs a network: ``auto``, ``openvino`` (on a CPU) or ``torch``.

    Raises
    ------
    InputError
        If there is no such device, precision or engine here.
    ModelError
        If card or weights are missing, damaged or do not fit each other.
    MissingExtraError
        If it needs a package that is not installed.
    """
    card = read_card(folder)
    if card.family == "forest":
        from napari_phenoai.ml.forest import load_forest

        return load_forest(folder, card)
    _check(card.family)
    from napari_phenoai.ml.unet import load_unet

    return load_unet(folder, card, device, precision, engine)


def _check(family: str) -> None:
    """Raise unless `family` exists and what it needs is installed."""
    if family not in families():
        hint = "Choose " + " or ".join(families()) + "."
        raise InputError(f"There is no model family {family!r}.", hint=hint)
    avoid_triton()
    missing = [name for name in _TORCH_PACKAGES if find_spec(name) is None]
    if missing:
        hint = 'Install it with: pip install "napari-phenoai[torch]", or use the family forest.'
        what = f"The family {family!r} needs {' and '.join(missing)}, which is not installed."
        raise MissingExtraError(what, hint=hint)
