"""A training on a server: done by a child process, told in files that others can read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from napari_phenoai.core.ids import new_id
from napari_phenoai.errors import PhenoError
from napari_phenoai.io.processes import ProcessMark
from napari_phenoai.jobs.process import process_work
from napari_phenoai.server.child import command
from napari_phenoai.server.jobs import Request, Standing, Yard
from napari_phenoai.server.shelf import Shelf, trained_models

if TYPE_CHECKING:
    from napari_phenoai.core.progress import Progress
    from napari_phenoai.io.serving import ServerSettings
    from napari_phenoai.server.jobs import JobFolder

__all__ = ["run_training", "yard_of"]

_THINNED = ((200, 1), (2000, 10), (20_000, 100), (10**9, 1000))
"""Up to how many steps each, each tenth ... of them is a point of the curves."""
_SECONDS = 0.5
"""How often its standing is written when nothing happens but a step."""


def yard_of(settings: ServerSettings) -> Yard:
    """Return where the trainings of a server are."""
    return Yard(settings.home / "jobs")


def run_training(settings: ServerSettings, request: Request, job: str = "") -> dict[str, Any]:
    """Train as `request` says, and wait for the end.

    Parameters
    ----------
    settings : ServerSettings
        Of the server.
    request : Request
        What to train on, and how.
    job : str
        The id under which its progress can be asked for; empty for a new one.

    Returns
    -------
    dict
        How it ended, as JSON values.

    Raises
    ------
    InputError
        If the id is known already, or the server has no storage.
    PhenoError
        What went wrong in the training; it is in its files, too.
    """
    settings.open_storage().inside(request.place[0])
    trained_models(settings).clean()
    if request.base:
        Shelf(settings).model(request.base)
    folder = yard_of(settings).begin(job or new_id(), request)
    telling = _Telling(folder)
    work = process_work(command(folder.path), env=settings.environment(), log=folder.log)
    try:
        while True:
            telling.hear(next(work))
    except StopIteration as end:
        standing = Standing.model_validate({**end.value, "started": telling.standing.started})
        folder.write(standing)
        return standing.public
    except PhenoError as error:
        failed = telling.standing.but(state="failed", what=error.what, hint=error.hint)
        folder.write(failed)
        raise
    finally:
        work.close()


class _Telling:
    """Writes what a training tells, not too often, and every point of its curves."""

    def __init__(self, folder: JobFolder) -> None:
        self.standing = folder.standing().but(owner=ProcessMark.of())
        self._folder = folder
        self._data: dict[str, object] = {}
        self._next = 0.0
        self._steps = 0

    def hear(self, progress: Progress) -> None:
        """Take note of a progress."""
        if progress.data and dict(progress.data) != self._data:
            self._data = dict(progress.data)
            if "epoch" in self._data and self._counts():
                self._folder.add_row(self._data)
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _SECONDS
        changed = self.standing.but(
            done=progress.fraction or 0.0, message=progress.message, data=self._data
        )
        if changed != self.standing:
            self.standing = changed
            self._folder.write(changed)

    def _counts(self) -> bool:
        """Tell whether a point of the curves is worth keeping: of many steps, only some."""
        if "heldout_loss" in self._data or "step" not in self._data:
            return True
        self._steps += 1
        return any(self._steps <= most and self._steps % each == 0 for most, each in _THINNED)
