"""The shelf of models: folders that never change once they are there."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from napari_phenoai.core.ids import new_id, sha256_file
from napari_phenoai.core.records import ModelCard
from napari_phenoai.errors import ModelError
from napari_phenoai.io.files import disk_errors, fsync_dir, make_folder, write_atomic, write_json
from napari_phenoai.io.folders import FolderNames, RecordFolder, hidden
from napari_phenoai.io.processes import ProcessMark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari_phenoai.io.findings import Finding
    from napari_phenoai.io.folders import FileIndex

__all__ = ["CARD", "WEIGHTS", "ModelStore", "new_model_id"]

CARD = "card.json"
WEIGHTS = "weights.safetensors"

_STAGING = ".staging-"
_OWNER = ".owner"
_DAY_SECONDS = 86_400
_ID = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.-]{0,79}")


def new_model_id(family: str) -> str:
    """Return a new id for a model, such as ``unet-01hv3k9qzt5e``; ids sort by time.

    Examples
    --------
    >>> new_model_id("forest").startswith("forest-")
    True
    """
    return f"{family}-{new_id()[:12]}"


class ModelStore:
    """Models in the folder ``models`` of a project, one folder each.

    A folder holds ``card.json``, ``weights.safetensors`` and whatever else the
    training left there. It appears whole or not at all. A model on a server (family
    ``remote``) has a card only, which says whose predictions are whose.

    Parameters
    ----------
    folder : Path
        The folder; made at the first model.
    index : callable, optional
        Returns an index that makes opening fast, or None.
    """

    def __init__(self, folder: Path, index: Callable[[], FileIndex | None] | None = None) -> None:
        self.root = folder
        self._cards = RecordFolder(
            folder,
            ModelCard,
            "model",
            files=_card_files(folder),
            name_of=lambda name: name.partition("/")[0],
            fixed=False,
            index=index,
        )

    def cards(self) -> list[ModelCard]:
        """Return the cards of all models, oldest first."""
        cards = self._cards.records().values()
        return sorted(cards, key=lambda card: (card.created, card.id))

    def card(self, model_id: str) -> ModelCard:
        """Return the card of one model.

        Raises
        ------
        ModelError
            If there is no such model.
        """
        cards = self._cards.records()
        if model_id not in cards:
            known = ", ".join(card.id for card in self.cards()) or "none yet"
            hint = f"The models of this project are: {known}."
            raise ModelError(f"There is no model {model_id!r} in {self.root}.", hint=hint)
        return cards[model_id]

    def folder(self, model_id: str) -> Path:
        """Return the folder of one model.

        Raises
        ------
        ModelError
            If there is no such model.
        """
        return self.root / self.card(model_id).id

    @property
    def problems(self) -> list[Finding]:
        """What is left out, and why."""
        return self._cards.findings()

    @contextmanager
    def stage(self) -> Iterator[Path]:
        """Give an empty folder to build a model in; removed at the end unless committed.

        It lies on the same disk as the models, so that `commit` only renames it.

        Raises
        ------
        DiskError
            If the disk is full or read-only.
        """
        make_folder(self.root)
        folder = self.root / f"{_STAGING}{os.getpid()}-{secrets.token_hex(6)}"
        make_folder(folder)
        try:
            write_atomic(folder / _OWNER, ProcessMark.of().model_dump_json().encode())
            work = make_folder(folder / "model")
            yield work
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def commit(self, folder: Path, card: ModelCard) -> ModelCard:
        """Make the staged `folder` the model ``card.id``, for good.

        Parameters
        ----------
        folder : Path
            What `stage` gave, now with ``weights.safetensors``.
        card : ModelCard
            What the model is; the hash of the weights is filled in.

        Returns
        -------
        ModelCard
            The card as it is kept.

        Raises
        ------
        ModelError
            If there are no weights, or the id is in use or cannot be a name.
        DiskError
            If the disk is full or read-only.
        """
        target = self.root / card.id
        self._check_new(card.id, target)
        weights = folder / WEIGHTS
        if card.family == "remote":
            card = card.but(weights_sha256="")
        elif weights.is_file():
            card = card.but(weights_sha256=sha256_file(weights))
        else:
            hint = "Train again; if this happens again, report it with the log of the training."
            raise ModelError(f"The training left no weights ({weights}).", hint=hint)
        write_json(folder / CARD, card)
        with disk_errors(target):
            _flush(folder)
            folder.rename(target)
            fsync_dir(self.root)
        return card

    def verify(self, model_id: str) -> ModelCard:
        """Return the card of a model after checking its weights against their hash.

        Raises
        ------
        ModelError
            If there is no such model, or its weights are missing or were changed.
        """
        card = self.card(model_id)
        if card.family == "remote":
            return card
        path = self.root / card.id / WEIGHTS
        hint = "Copy that model again from the place that it comes from, or use another one."
        if not path.is_file():
            raise ModelError(f"The weights {path} are missing.", hint=hint)
        with disk_errors(path, "read"):
            found = sha256_file(path)
        if found != card.weights_sha256:
            raise ModelError(f"The weights {path} are damaged or were changed.", hint=hint)
        return card

    def clean(self) -> list[Path]:
        """Remove what dead processes left behind, and return what that was."""
        removed = []
        with suppress(OSError):
            for folder in self.root.glob(f"{_STAGING}*"):
                if _abandoned(folder):
                    shutil.rmtree(folder, ignore_errors=True)
                    removed.append(folder)
        return removed

    def _check_new(self, model_id: str, target: Path) -> None:
        if not _ID.fullmatch(model_id):
            hint = "Use letters, digits, - and _ only."
            raise ModelError(f"{model_id!r} cannot be the id of a model.", hint=hint)
        if target.exists():
            hint = "A model never changes; give the new one an id of its own."
            raise ModelError(f"There is a model {model_id} already ({target}).", hint=hint)


def _card_files(root: Path) -> Callable[[], frozenset[str]]:
    names = FolderNames(root, lambda name: not hidden(name))
    return lambda: frozenset(f"{name}/{CARD}" for name in names.read())


def _flush(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            fsync_dir(path)
        else:
            with path.open("rb+") as file:
                os.fsync(file.fileno())
    fsync_dir(folder)


def _abandoned(folder: Path) -> bool:
    age_seconds = time.time() - folder.stat().st_mtime
    try:
        text = (folder / _OWNER).read_text()
    except FileNotFoundError:
        text = ""
    owner = ProcessMark.parse(text)
    if owner is None or not owner.here:
        return age_seconds > _DAY_SECONDS
    return not owner.alive
