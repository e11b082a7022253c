"""Weights on disk: safetensors, written whole, read with errors that name the file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from napari_phenoai.errors import DiskError, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["WEIGHTS", "read_weights", "write_weights"]

WEIGHTS = "weights.safetensors"
"""Name of the weights file in a model folder."""

_PICKLES = (b"PK\x03\x04", b"\x80")


def write_weights(folder: Path, arrays: Mapping[str, NDArray[np.generic]]) -> Path:
    """Write `arrays` by name as ``weights.safetensors`` into `folder`.

    The file appears whole or not at all.

    Raises
    ------
    DiskError
        If the disk is full or the folder cannot be written.
    """
    import numpy as np
    from safetensors.numpy import save

    path = folder / WEIGHTS
    beside = path.with_suffix(".partial")
    data = save({name: np.asarray(array, order="C") for name, array in arrays.items()})
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        hint = "Free some space or choose a folder that you may write to, then train again."
        raise DiskError(f"The weights cannot be written to {path}: {error}.", hint=hint) from error
    return path


def read_weights(folder: Path) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of ``weights.safetensors`` in `folder` by name.

    Raises
    ------
    ModelError
        If the file is missing, cut short, damaged, or no safetensors file.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = folder / WEIGHTS
    try:
        data = path.read_bytes()
    except OSError as error:
        hint = "Copy the whole model folder again, or choose another model."
        raise ModelError(f"The weights {path} cannot be read: {error}.", hint=hint) from error
    try:
        arrays: dict[str, NDArray[np.generic]] = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(path, data, error) from error
    return arrays


def _unreadable(path: Path, data: bytes, error: Exception) -> ModelError:
    if data.startswith(_PICKLES):
        hint = "Convert it to safetensors where it was made, or choose another model."
        return ModelError(f"The weights {path} are a pickle, which could run code.", hint=hint)
    hint = "Copy the model folder again, roll back to another model, or train anew."
    return ModelError(f"The weights {path} are damaged: {error}.", hint=hint)
