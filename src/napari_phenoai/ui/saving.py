"""Saving: the one place where a decision leaves the session for the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_phenoai.loop.review import decide
from napari_phenoai.ui.drafts import drop_draft

if TYPE_CHECKING:
    from napari_phenoai.core.records import Review
    from napari_phenoai.io.project import Project
    from napari_phenoai.ui.desk import Decision

__all__ = ["save_decision"]


def save_decision(
    project: Project, decision: Decision, seconds: float, author: str, note: str
) -> Review:
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
    review = decide(
        project,
        decision.item.where,
        decision.verdict,
        labels=decision.labels,
        objects=decision.objects,
        proposal=decision.proposal,
        known=decision.known,
        seconds=seconds,
        author=author,
        note=note,
        item=decision.item,
        prompts=decision.prompts,
    )
    drop_draft(project.path, decision.item.where)
    return review
