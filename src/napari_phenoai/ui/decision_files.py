"""Decisions as files, for those that could not be saved into their project."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from napari_phenoai.core.prompts import PromptTake
from napari_phenoai.core.records import QueueItem
from napari_phenoai.loop.proposing import Proposal
from napari_phenoai.ui.desk import Decision

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from napari_phenoai.ui.desk import Desk

__all__ = ["Saving", "packed_decision", "unpacked_decision"]


@dataclass(frozen=True)
class Saving:
    """A decision with all that goes into its record.

    Parameters
    ----------
    decision : Decision
        About a tile.
    seconds : float
        Work spent on it.
    author, note : str
        Who decided, and what they wrote about it.
    replaces : str or None
        Id of the review of this tile that they knew; None where there was none.
    """

    decision: Decision
    seconds: float
    author: str
    note: str
    replaces: str | None = None

    @classmethod
    def of(cls, desk: Desk, decision: Decision, seconds: float, author: str) -> Self:
        """Return what `author` decides about a desk; its mask becomes the decided one."""
        if decision.labels is not None:
            desk.labels[...] = decision.labels
        known = desk.review.id if desk.review is not None else None
        return cls(decision, seconds, author, desk.note, known)


def packed_decision(saving: Saving) -> bytes:
    """Return a decision as the content of a file."""
    decision = saving.decision
    proposal = decision.proposal
    about = {
        "item": decision.item.model_dump(mode="json"),
        "verdict": decision.verdict,
        "known": decision.known,
        "objects": _named(decision.objects),
        "prompts": [taken.model_dump(mode="json") for taken in decision.prompts],
        "model": proposal.model_id,
        "proposed_objects": _named(proposal.objects),
        "seconds": saving.seconds,
        "author": saving.author,
        "note": saving.note,
        "replaces": saving.replaces,
    }
    arrays = {"labels": decision.labels, "proposal": proposal.labels, "ids": proposal.ids}
    there: dict[str, Any] = {name: values for name, values in arrays.items() if values is not None}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, about=np.str_(json.dumps(about)), **there)
    return buffer.getvalue()


def unpacked_decision(path: Path) -> Saving | None:
    """Return the decision that a file holds; None when it holds none."""
    try:
        with np.load(path, allow_pickle=False) as file:
            about: dict[str, Any] = json.loads(str(file["about"]))
            arrays = {name: file[name] for name in file.files if name != "about"}
        proposal = Proposal(
            arrays["proposal"],
            about["model"],
            ids=arrays.get("ids"),
            objects=_numbered(about["proposed_objects"]) or {},
        )
        decision = Decision(
            QueueItem.model_validate(about["item"]),
            about["verdict"],
            arrays.get("labels"),
            about["known"],
            proposal,
            tuple(PromptTake.model_validate(taken) for taken in about["prompts"]),
            _numbered(about["objects"]),
        )
        return Saving(decision, about["seconds"], about["author"], about["note"], about["replaces"])
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
        return None


def _named(objects: Mapping[int, int] | None) -> dict[str, int] | None:
    return None if objects is None else {str(one): its for one, its in objects.items()}


def _numbered(objects: dict[str, int] | None) -> dict[int, int] | None:
    return None if objects is None else {int(one): its for one, its in objects.items()}
