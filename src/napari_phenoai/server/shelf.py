"""The models that a server may use: those in its folders, and those trained on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from napari_phenoai.core.ids import sha256_file
from napari_phenoai.errors import ModelError
from napari_phenoai.io.models import CARD, WEIGHTS, ModelStore
from napari_phenoai.io.rounds import RoundLog

if TYPE_CHECKING:
    from napari_phenoai.core.ports import Predictor
    from napari_phenoai.core.records import ModelCard
    from napari_phenoai.io.serving import ServerSettings

__all__ = ["Shelf", "ShelfModel", "trained_models"]

_KEPT = 2
"""Models that stay loaded in a worker."""


@dataclass(frozen=True)
class ShelfModel:
    """A model and the folder that it lies in."""

    card: ModelCard
    folder: Path


def trained_models(settings: ServerSettings) -> ModelStore:
    """Return where models are kept that were trained here."""
    return ModelStore(settings.home / "models")


class Shelf:
    """Finds models by their id, and only those that are there.

    Parameters
    ----------
    settings : ServerSettings
        Says in which folders to look.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings

    def models(self) -> dict[str, ShelfModel]:
        """Return all models by id, oldest first."""
        found: dict[str, ShelfModel] = {}
        for place in self._settings.models:
            found.update(_models_in(place))
        for card in trained_models(self._settings).cards():
            found.setdefault(card.id, ShelfModel(card, self._settings.home / "models" / card.id))
        listed = sorted(found.values(), key=lambda model: (model.card.created, model.card.id))
        return {model.card.id: model for model in listed if model.card.family != "remote"}

    def default(self) -> str | None:
        """Return the id of the model that predicts when none is named; None without one."""
        if self._settings.model:
            return self._settings.model
        served = (_served(place) for place in self._settings.models)
        chosen = next((model for model in served if model), None)
        return chosen or next(reversed(self.models()), None)

    def model(self, wanted: str = "") -> ShelfModel:
        """Return the model of the id `wanted`, or the usual one.

        Raises
        ------
        ModelError
            If there is none.
        """
        models = self.models()
        name = wanted or self.default()
        if name is None or name not in models:
            known = ", ".join(models) or "none yet"
            what = f"This server has no model {name[:80]!r}." if name else "This server is empty."
            raise ModelError(what, hint=f"Its models are: {known}.")
        return models[name]

    def predictor(self, wanted: str = "") -> Predictor:
        """Return a model ready to predict, after checking its weights.

        Raises
        ------
        ModelError
            If there is none, or it is damaged.
        MissingExtraError
            If it needs a package that is not installed.
        """
        model = self.model(wanted)
        settings = self._settings
        return _loaded(model.folder, model.card.weights_sha256, settings.device, settings.precision)


@lru_cache(maxsize=_KEPT)
def _loaded(folder: Path, sha256: str, device: str, precision: str) -> Predictor:
    from napari_phenoai.ml.families import load_model

    weights = folder / WEIGHTS
    if not weights.is_file() or sha256_file(weights) != sha256:
        hint = "The owner of the server should copy it there again."
        raise ModelError(f"The weights of the model {folder.name} are damaged.", hint=hint)
    return load_model(folder, device=device, precision=precision)


def _models_in(place: Path) -> dict[str, ShelfModel]:
    if (place / CARD).is_file():
        place = place.resolve()
        cards = [card for card in ModelStore(place.parent).cards() if card.id == place.name]
        return {card.id: ShelfModel(card, place) for card in cards}
    root = place / "models" if _is_project(place) else place
    return {card.id: ShelfModel(card, root / card.id) for card in ModelStore(root).cards()}


def _served(place: Path) -> str | None:
    return RoundLog(place / "rounds").served() if _is_project(place) else None


def _is_project(place: Path) -> bool:
    return (place / "project.json").is_file()
