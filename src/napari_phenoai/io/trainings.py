"""The trainings on servers that a project has asked for, one file each."""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from napari_phenoai.core.remote_training import RemoteTraining
from napari_phenoai.errors import InputError, PhenoError, ProjectError
from napari_phenoai.io.files import make_folder, read_record, write_atomic, write_json
from napari_phenoai.io.locks import FileLock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["TrainingStore"]


class TrainingStore:
    """Trainings in the folder ``trainings`` of a project, as ``<id>.json``.

    A file is always whole: what `save` was given is on the disk when it returns.

    Parameters
    ----------
    project : Path
        Folder of the project.
    """

    def __init__(self, project: Path) -> None:
        self.folder = project / "trainings"

    def save(self, training: RemoteTraining) -> RemoteTraining:
        """Keep `training` in place of what was known before, and return it.

        Raises
        ------
        DiskError
            If the disk is full or read-only.
        """
        make_folder(self.folder)
        write_json(self._path(training.id), training)
        return training

    def get(self, wanted: str) -> RemoteTraining:
        """Return the training whose id is, or begins with, `wanted`.

        Raises
        ------
        InputError
            If there is none, or more than one.
        """
        found = [one for one in self.all() if one.id.startswith(wanted)]
        exact = [one for one in found if one.id == wanted]
        if len(exact or found) != 1:
            hint = "phenoai jobs lists them all."
            raise InputError(f"There is no training {wanted!r}, or more than one.", hint=hint)
        return (exact or found)[0]

    def all(self) -> list[RemoteTraining]:
        """Return all trainings, oldest first; files that cannot be read are left out."""
        found = [one for _, one in self._each() if isinstance(one, RemoteTraining)]
        return sorted(found, key=lambda one: (one.started, one.id))

    def damaged(self) -> list[tuple[Path, PhenoError]]:
        """Return the files that `all` leaves out, and why."""
        return [(path, one) for path, one in self._each() if isinstance(one, PhenoError)]

    def open(self) -> list[RemoteTraining]:
        """Return those of which something is still to come, oldest first."""
        return [training for training in self.all() if training.open]

    def lock(self, training_id: str) -> FileLock:
        """Return the lock that whoever follows a training holds."""
        return FileLock(self.folder / f".{training_id}.lock", "A training on a server")

    def files(self, training_id: str) -> Path:
        """Return the folder for what is fetched of a training, until it is whole."""
        return self.folder / f".{training_id}.files"

    def wish_cancel(self, training_id: str) -> None:
        """Let whoever follows a training know that a person wants it to stop."""
        make_folder(self.folder)
        write_atomic(self._wish(training_id), b"")

    def wishes_cancel(self, training_id: str) -> bool:
        """Whether a person wants a training to stop, and nobody has begun to do it."""
        return self._wish(training_id).exists()

    def forget_wish(self, training_id: str) -> None:
        """Note that the wish to stop it was heard."""
        self._wish(training_id).unlink(missing_ok=True)

    def clean(self, training_id: str) -> None:
        """Remove what is not needed of a training that has ended."""
        self.forget_wish(training_id)
        shutil.rmtree(self.files(training_id), ignore_errors=True)

    def tidy(self, training_id: str) -> None:
        """Remove the lock of a training that has ended; nobody follows it any more."""
        with suppress(PhenoError, OSError):
            if not self.get(training_id).open:
                self.lock(training_id).path.unlink(missing_ok=True)

    def _each(self) -> Iterator[tuple[Path, RemoteTraining | PhenoError]]:
        for path in sorted(self.folder.glob("*.json")) if self.folder.is_dir() else []:
            try:
                training = read_record(path, RemoteTraining, "training on a server")
            except PhenoError as error:
                yield path, error
                continue
            if training.id == path.stem:
                yield path, training
            else:
                what = f"The training on a server {path} has the id of another one."
                yield path, ProjectError(what, hint="Delete it.")

    def _wish(self, training_id: str) -> Path:
        return self.folder / f".{training_id}.stop"

    def _path(self, training_id: str) -> Path:
        return self.folder / f"{training_id}.json"
