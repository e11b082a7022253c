"""How a server of ours is set up: by environment variables, as DEEPaaS starts its workers."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from napari_phenoai.errors import InputError

if TYPE_CHECKING:
    from napari_phenoai.io.storage import Storage

__all__ = ["ServerSettings"]

_MODELS, _MODEL = "PHENOAI_MODELS", "PHENOAI_MODEL"
_HOME, _STORAGE = "PHENOAI_HOME", "PHENOAI_STORAGE"
_OPTIONS, _DEVICE = "PHENOAI_STORAGE_OPTIONS", "PHENOAI_DEVICE"
_PRECISION, _DELETE = "PHENOAI_PRECISION", "PHENOAI_DELETE_UPLOADS"
_UPLOADS = "PHENOAI_UPLOADS"


def _default_home() -> Path:
    from platformdirs import user_data_path

    return user_data_path("napari-phenoai") / "server"


@dataclass(frozen=True)
class ServerSettings:
    """What a server may use, and where.

    Parameters
    ----------
    models : tuple of Path
        Projects, model folders, or folders of model folders: no model lies elsewhere.
    model : str
        Id of the model that predicts unless another one is named; empty for the one that
        serves in the first project, or else the newest.
    home : Path
        Where trainings and their models are kept.
    storage : str
        Address or folder that bundles come from and models go to; empty for none.
    storage_options : mapping
        Its keys and the like; never shown.
    device, precision : str
        As for `napari_phenoai.ml.families.load_model`.
    delete_uploads : bool
        Whether the copies that DEEPaaS keeps of what was sent are removed after use.
    uploads : bool
        Whether clients may send the data of trainings to the server itself. Without a
        storage they go into its home.
    """

    models: tuple[Path, ...] = ()
    model: str = ""
    home: Path = field(default_factory=_default_home)
    storage: str = ""
    storage_options: Mapping[str, object] = field(default_factory=dict, repr=False)
    device: str = "auto"
    precision: str = "auto"
    delete_uploads: bool = False
    uploads: bool = False

    @property
    def trains(self) -> bool:
        """Whether data for trainings can come here."""
        return bool(self.storage) or self.uploads

    @classmethod
    def from_environment(cls, values: Mapping[str, str] | None = None) -> Self:
        """Read the settings from environment variables.

        Raises
        ------
        InputError
            If the options of the storage are no JSON object.
        """
        values = os.environ if values is None else values
        listed = [part for part in values.get(_MODELS, "").split(os.pathsep) if part]
        return cls(
            models=tuple(Path(part) for part in listed),
            model=values.get(_MODEL, ""),
            home=Path(values.get(_HOME) or _default_home()),
            storage=values.get(_STORAGE, ""),
            storage_options=_options(values.get(_OPTIONS, "")),
            device=values.get(_DEVICE) or "auto",
            precision=values.get(_PRECISION) or "auto",
            delete_uploads=values.get(_DELETE, "") not in {"", "0"},
            uploads=values.get(_UPLOADS, "") not in {"", "0"},
        )

    def environment(self) -> dict[str, str]:
        """Return the variables from which `from_environment` makes the same settings."""
        return {
            _MODELS: os.pathsep.join(str(path) for path in self.models),
            _MODEL: self.model,
            _HOME: str(self.home),
            _STORAGE: self.storage,
            _OPTIONS: json.dumps(dict(self.storage_options)) if self.storage_options else "",
            _DEVICE: self.device,
            _PRECISION: self.precision,
            _DELETE: "1" if self.delete_uploads else "",
            _UPLOADS: "1" if self.uploads else "",
        }

    def open_storage(self) -> Storage:
        """Return the storage.

        Raises
        ------
        InputError
            If there is none.
        """
        from napari_phenoai.io.files import make_folder
        from napari_phenoai.io.storage import Storage

        if not self.storage and self.uploads:
            return Storage(str(make_folder(self.home / "storage")))
        if not self.storage:
            hint = f"Its owner has to set {_STORAGE}, or phenoai serve --train or --storage."
            raise InputError("This server has no storage to take data from.", hint=hint)
        return Storage(self.storage, self.storage_options)


def _options(text: str) -> Mapping[str, object]:
    hint = 'Write them as {"key": "...", "secret": "..."}.'
    try:
        found = json.loads(text) if text.strip() else {}
    except ValueError:
        raise InputError(f"{_OPTIONS} holds no JSON.", hint=hint) from None
    if not isinstance(found, dict):
        raise InputError(f"{_OPTIONS} holds no JSON object.", hint=hint)
    return found
