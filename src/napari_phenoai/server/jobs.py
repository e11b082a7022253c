"""Trainings on a server as files: written by the worker that trains, read by the others."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from napari_phenoai.core.records import Evaluation, Record, now
from napari_phenoai.errors import InputError, PhenoError
from napari_phenoai.io.bundle import MANIFEST, SETS
from napari_phenoai.io.files import disk_errors, make_folder, read_record, write_json
from napari_phenoai.io.processes import ProcessMark

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["JobFolder", "Request", "Standing", "Yard"]

_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_CURVE_ROWS = 2000
_TOLD_ROWS = 500
_STANDING, _REQUEST, _CURVE = "standing.json", "request.json", "curve.jsonl"


class Request(Record):
    """What was asked for; ``settings`` are those of `TrainSettings`.

    ``bundle`` is a folder, or ``FOLDER/sets/NAME.json`` for one bundle of several in it.
    """

    format: Literal[1] = 1
    bundle: str
    base: str = ""
    settings: dict[str, Any] = Field(default_factory=dict)

    @property
    def place(self) -> tuple[str, str]:
        """The folder of the bundle, and the name of its manifest in it."""
        folder, found, name = self.bundle.rpartition(f"/{SETS}/")
        if found and name.endswith(".json"):
            return folder, f"{SETS}/{name}"
        return self.bundle, MANIFEST


class Standing(Record):
    """How a training is.

    ``state`` is ``running``, ``done``, ``failed``, or ``lost`` when its process has gone;
    ``done`` is the share from 0 to 1. ``weights`` is the folder in the storage that the
    model was put into; empty where there is none.
    """

    format: Literal[1] = 1
    job: str
    state: Literal["running", "done", "failed", "lost"] = "running"
    done: float = 0
    message: str = ""
    data: dict[str, Any] = Field(default_factory=dict)
    model: str = ""
    weights_sha256: str = ""
    weights: str = ""
    evaluation: Evaluation | None = None
    what: str = ""
    hint: str = ""
    owner: ProcessMark | None = None
    started: str = Field(default_factory=lambda: now().isoformat())

    @property
    def public(self) -> dict[str, Any]:
        """What others may know, as JSON values."""
        return self.model_dump(mode="json", exclude={"owner", "format"})


class JobFolder:
    """The files of one training.

    Parameters
    ----------
    path : Path
        Its folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def log(self) -> Path:
        """What the training printed."""
        return self.path / "training.log"

    def request(self) -> Request:
        """Return what was asked for."""
        return read_record(self.path / _REQUEST, Request, "request of the training")

    def standing(self) -> Standing:
        """Return how it is."""
        found = read_record(self.path / _STANDING, Standing, "standing of the training")
        if found.state == "running" and found.owner is not None and not _may_live(found.owner):
            return found.but(state="lost", message="Its process has ended without a word.")
        return found

    def write(self, standing: Standing) -> None:
        """Keep how it is."""
        write_json(self.path / _STANDING, standing)

    def add_row(self, row: Mapping[str, object]) -> None:
        """Add a point to its curves."""
        path = self.path / _CURVE
        with disk_errors(path), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(dict(row), default=str) + "\n")

    def curve(self) -> list[dict[str, Any]]:
        """Return the newest points of its curves."""
        try:
            lines = (self.path / _CURVE).read_text(encoding="utf-8").splitlines()
        except OSError:
            return []
        rows = []
        for line in lines[-_CURVE_ROWS:]:
            with suppress(ValueError):
                rows.append(json.loads(line))
        return rows


class Yard:
    """All trainings of a server.

    Parameters
    ----------
    folder : Path
        Where each has a folder of its own.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, job: str, request: Request) -> JobFolder:
        """Make the folder of a new training.

        Raises
        ------
        InputError
            If its id cannot be one, or is known: a training never starts twice.
        """
        place = JobFolder(self._folder / _checked(job))
        make_folder(self._folder)
        try:
            with disk_errors(place.path):
                place.path.mkdir()
        except PhenoError as error:
            if not place.path.exists():
                raise
            hint = "Ask for its progress, or give the new one an id of its own."
            raise InputError(f"The training {job} was started before.", hint=hint) from error
        write_json(place.path / _REQUEST, request)
        place.write(Standing(job=job, message="starting", owner=ProcessMark.of()))
        return place

    def job(self, job: str) -> JobFolder:
        """Return a training.

        Raises
        ------
        InputError
            If there is none of this id.
        """
        place = JobFolder(self._folder / _checked(job))
        if not (place.path / _STANDING).is_file():
            hint = "Check its id; it may not have begun, or the server was set up anew."
            raise InputError(f"This server knows no training {job}.", hint=hint)
        return place

    def newest(self, count: int) -> list[Standing]:
        """Return how the newest trainings are, newest first."""
        if not self._folder.is_dir():
            return []
        with_age = [(path.stat().st_mtime, path) for path in self._folder.iterdir()]
        found = []
        for _, path in sorted(with_age, reverse=True)[:count]:
            with suppress(PhenoError):
                found.append(JobFolder(path).standing())
        return found

    def told(self, count: int) -> list[dict[str, Any]]:
        """Return what others may know of the newest trainings; with curves while they run."""
        told = []
        for standing in self.newest(count):
            more: dict[str, Any] = {}
            if standing.state == "running":
                more["curve"] = self.job(standing.job).curve()[-_TOLD_ROWS:]
            told.append({**standing.public, **more})
        return told


def _may_live(owner: ProcessMark) -> bool:
    return owner.alive or not owner.here


def _checked(job: str) -> str:
    if not _ID.fullmatch(job):
        hint = "Use 8 to 64 letters, digits, - and _."
        raise InputError(f"{job[:80]!r} cannot be the id of a training.", hint=hint)
    return job
