"""Saving: the one place where decisions leave the session for the disk."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from napari_phenoai.errors import DiskError, LockedError, PhenoError
from napari_phenoai.io.spare import SpareFiles
from napari_phenoai.loop.review import decide
from napari_phenoai.ui.decision_files import Saving, packed_decision, unpacked_decision
from napari_phenoai.ui.drafts import draft_name, drop_draft
from napari_phenoai.ui.keys import key_or

if TYPE_CHECKING:
    from collections.abc import Callable

    from psygnal import SignalInstance

    from napari_phenoai.core.geometry import Tile
    from napari_phenoai.core.records import Review
    from napari_phenoai.io.project import Project
    from napari_phenoai.ui.background import Background

__all__ = ["DecisionWriter", "explained", "save_decision"]

_LANE = "writes"
_MAY_PASS = (DiskError, LockedError)
"""Errors after which writing the same thing once more may succeed."""
_log = logging.getLogger(__name__)


def save_decision(project: Project, saving: Saving) -> Review:
    """Write a decision to the disk, then remove the draft that it settles.

    Returns
    -------
    Review
        As it is kept.

    Raises
    ------
    LabelError, LockedError, DiskError
        As `napari_phenoai.loop.review.decide`; the draft stays then.
    """
    decision = saving.decision
    review = decide(
        project,
        decision.item.where,
        decision.verdict,
        labels=decision.labels,
        objects=decision.objects,
        proposal=decision.proposal,
        known=decision.known,
        seconds=saving.seconds,
        author=saving.author,
        note=saving.note,
        item=decision.item,
        prompts=decision.prompts,
    )
    drop_draft(project.path, decision.item.where)
    return review


def explained(error: Exception) -> PhenoError:
    """Return what to tell of a decision that could not be saved, with the window open."""
    what = error.what if isinstance(error, PhenoError) else str(error)
    hint = error.hint if isinstance(error, PhenoError) else "See the log for details."
    back = key_or("back", "Back")
    hint = f"{hint} The mask is kept: press {back} to return to the tile and decide again."
    return PhenoError(f"The decision could not be saved. {what}", hint=hint)


def _nothing(_: object) -> None:
    return


@dataclass
class _Outcome:
    saved: list[Review] = field(default_factory=list)
    spared: int = 0
    error: Exception | None = None


class DecisionWriter:
    """Writes decisions in the background, and loses none when the disk is full at the end.

    What could not be written is tried again when the project is closed, and then kept in
    the user's own folder until it is opened the next time. Until then the person may decide
    again. Methods belong to the main thread.

    Parameters
    ----------
    project : Project
        Open.
    background : Background
        Lane ``writes`` is used.
    failed : SignalInstance
        Told of what cannot be saved when the project is opened or closed, on the main thread.
    """

    def __init__(self, project: Project, background: Background, failed: SignalInstance) -> None:
        self._project = project
        self._background = background
        self._failed = failed
        self._spare = SpareFiles(project.spec.id, ".decision.npz")
        self._lost: dict[str, Saving] = {}

    def write(
        self,
        saving: Saving,
        then: Callable[[Review], object],
        otherwise: Callable[[Exception], object],
    ) -> None:
        """Write a decision; `then` gets the review, `otherwise` the error."""
        self._background.do(_LANE, partial(self._write, saving), then=then, otherwise=otherwise)

    def forget(self, tile: Tile) -> None:
        """Drop a decision that could not be written, as somebody goes on with its tile."""
        self._background.do(_LANE, partial(self._lost.pop, tile.key, None))

    def bring_back(self, then: Callable[[list[Review]], object]) -> None:
        """Write what a former session kept outside of the project; `then` gets the reviews."""
        self._do(self._restore, then)

    def close(self) -> None:
        """Try once more to write what could not be, and keep it elsewhere where that fails."""
        self._do(self._write_or_spare)

    # --- answers, on the main thread

    def _do(
        self, work: Callable[[], _Outcome], then: Callable[[list[Review]], object] = _nothing
    ) -> None:
        done = partial(self._on_done, then)
        self._background.do(_LANE, work, then=done, otherwise=self._failed.emit)

    def _on_done(self, then: Callable[[list[Review]], object], outcome: _Outcome) -> None:
        if outcome.saved:
            then(outcome.saved)
        error = outcome.error
        if error is not None and outcome.spared:
            told = "A decision" if outcome.spared == 1 else f"{outcome.spared} decisions"
            what = error.what if isinstance(error, PhenoError) else str(error)
            hint = "What was decided is kept in your own folder, and saved when the project opens."
            error = PhenoError(f"{told} could not be saved. {what}", hint=hint)
        if error is not None:
            self._failed.emit(error)

    # --- work, in the lane

    def _write(self, saving: Saving) -> Review:
        key = saving.decision.item.tile
        self._lost.pop(key, None)
        try:
            return save_decision(self._project, saving)
        except _MAY_PASS:
            self._lost[key] = saving
            raise

    def _write_or_spare(self) -> _Outcome:
        outcome = _Outcome()
        lost, self._lost = self._lost, {}
        for saving in lost.values():
            try:
                outcome.saved.append(save_decision(self._project, saving))
            except _MAY_PASS as error:
                outcome.error = error
                name = draft_name(saving.decision.item.where)
                path = self._spare.keep(name, packed_decision(saving))
                _log.warning("A decision could not be saved; it is kept in %s.", path)
                outcome.spared += 1
        return outcome

    def _restore(self) -> _Outcome:
        outcome = _Outcome()
        for name, path in self._spare.files().items():
            saving = unpacked_decision(path)
            if saving is None:
                continue
            try:
                self._save_again(name, saving, outcome)
            except _MAY_PASS as error:
                outcome.error = error
                break
            except PhenoError as error:
                outcome.error = error
                self._spare.set_aside(name)
        return outcome

    def _save_again(self, name: str, saving: Saving, outcome: _Outcome) -> None:
        """Save a decision unless somebody has decided about its tile since."""
        now = self._project.reviews.current().get(saving.decision.item.tile)
        if (now.id if now else None) != saving.replaces:
            self._spare.set_aside(name)
            return
        outcome.saved.append(save_decision(self._project, saving))
        self._spare.drop(name)
