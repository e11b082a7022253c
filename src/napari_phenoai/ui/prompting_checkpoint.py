"""Where the network for outlines comes from: a file, or a download that is checked."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_phenoai.jobs.job import Job, JobState
from napari_phenoai.ml.sam.catalogue import CATALOGUE
from napari_phenoai.ml.sam.download import download
from napari_phenoai.ui.links import hear_from_thread
from napari_phenoai.ui.preferences import preferences, remember_checkpoint

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_phenoai.core.progress import Progress
    from napari_phenoai.ml.sam.catalogue import Checkpoint
    from napari_phenoai.ui.controls.prompt_checkpoint import CheckpointDialog
    from napari_phenoai.ui.prompting import Prompting
    from napari_phenoai.ui.session import Session

__all__ = ["Checkpoints"]


class Checkpoints:
    """The choice of a network: remembered for this computer, downloaded when wanted.

    Parameters
    ----------
    session : Session
        Runs the download, in the strip of jobs.
    prompting : Prompting
        Gets the network.

    Attributes
    ----------
    job : Job or None
        The download that runs.
    entry : Checkpoint or None
        What it downloads.

    Signals
    -------
    changed
        A download began, went on or ended, or another network is chosen.
    """

    changed = Signal()

    def __init__(self, session: Session, prompting: Prompting) -> None:
        self.job: Job[Path] | None = None
        self.entry: Checkpoint | None = None
        self._session = session
        self._prompting = prompting
        self._dialog: CheckpointDialog | None = None
        self._recall()

    def choose(self, path: Path) -> None:
        """Take the checkpoint in a file, now and from now on."""
        self._prompting.choose(path, self._session.place.device)
        remember_checkpoint(str(path))
        self.changed.emit()

    def fetch(self, entry: Checkpoint) -> None:
        """Download an entry of the catalogue unless it is here, then take it."""
        if entry.is_here():
            self.choose(entry.path())
        elif self.job is None:
            title = f"Download of {entry.name} for outlines"
            self.job, self.entry = Job(title, download(entry), kind="download"), entry
            hear_from_thread(self.job.progressed, self._on_progress)
            hear_from_thread(self.job.ended, self._on_ended)
            self._session.run(self.job)
            self.changed.emit()

    def stop(self) -> None:
        """Stop the download; what has arrived stays, and it goes on from there."""
        if self.job is not None:
            self.job.cancel()

    def ask(self, parent: QWidget | None) -> None:
        """Show all networks over the window; work goes on meanwhile."""
        from napari_phenoai.ui.controls.prompt_checkpoint import CheckpointDialog

        if self._dialog is None:
            self._dialog = CheckpointDialog(CATALOGUE, parent)
            self._dialog.path_chosen.connect(lambda text: self.choose(Path(text)))
            self._dialog.wanted.connect(self._on_wanted)
            self._dialog.stopped.connect(self.stop)
            self._dialog.destroyed.connect(partial(setattr, self, "_dialog", None))
        self._show()
        self._dialog.show()
        self._dialog.raise_()

    def close(self) -> None:
        """Close the window."""
        dialog, self._dialog = self._dialog, None
        if dialog is not None:
            dialog.close()
            dialog.deleteLater()

    # --- inside

    def _recall(self) -> None:
        """Take what was chosen last, or else the first one that was downloaded."""
        known = preferences().checkpoint
        here = [entry.path() for entry in CATALOGUE if entry.is_here()]
        path = Path(known) if known else next(iter(here), None)
        if path is not None:
            self._prompting.choose(path, self._session.place.device)

    def _on_wanted(self, name: str) -> None:
        self.fetch(next(entry for entry in CATALOGUE if entry.name == name))

    def _on_progress(self, _: Progress) -> None:
        self._show()

    def _on_ended(self, job: Job[Path]) -> None:
        if job is not self.job:
            return
        self.job = self.entry = None
        if job.state is JobState.DONE and job.result is not None:
            self.choose(job.result)
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        if self._dialog is None:
            return
        path = self._prompting.network.path
        progress = self.job.progress if self.job is not None else None
        self._dialog.show_state(
            here={entry.name for entry in CATALOGUE if entry.is_here()},
            chosen="" if path is None else str(path),
            busy=self.entry.name if self.entry is not None else "",
            fraction=progress.fraction if progress is not None else None,
            words=progress.message if progress is not None else "",
        )
