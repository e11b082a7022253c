"""Model cards on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from napari_phenoai.core.records import ModelCard
from napari_phenoai.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["check_channels", "read_card"]


def read_card(folder: Path) -> ModelCard:
    """Return the card of the model in `folder`.

    Raises
    ------
    ModelError
        If it is missing or damaged.
    """
    path = folder / "card.json"
    hint = "Copy the whole model folder again, or choose another model."
    try:
        return ModelCard.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ModelError(f"The model card {path} cannot be read: {error}.", hint=hint) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        what = f"The model card {path} is damaged: {where}: {first['msg']}."
        raise ModelError(what, hint=hint) from error


def check_channels(card: ModelCard, channels: int) -> None:
    """Raise unless an image with `channels` channels suits the model of `card`.

    Raises
    ------
    ModelError
        If the card has another number.
    """
    if channels != card.channels:
        hint = "Use a model that was trained on images like this one."
        what = f"The model wants {card.channels} channels, the image has {channels}."
        raise ModelError(what, hint=hint)
