"""What the Learning dock says: how good the model is, and why there is no curve."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from napari_phenoai.core.advice import truth_sentence
from napari_phenoai.jobs.job import JobState

if TYPE_CHECKING:
    from napari_phenoai.ui.standing import Standing

__all__ = ["NO_EPOCHS", "NO_TRAINING", "ended_words", "truth_words", "unbroken"]

NO_TRAINING = "No training has been watched yet.\n\nThis curve grows while a training runs."
"""Said before the first training."""

NO_EPOCHS = "No epochs of this training were noted, so there is no curve."
"""Said of a model without them."""

_HELD = r"(?<=\d) (?=tile|to \d)|(?<=to) (?=\d)"


def truth_words(standing: Standing) -> str:
    """Say how good the served model is, and how many tiles it could learn from; rich text."""
    sentence = truth_sentence(standing.evaluation)
    if standing.served is None:
        sentence = "No model serves yet"
    return (
        f"<b>{unbroken(sentence[0].upper() + sentence[1:])}</b><br>"
        f"{standing.teaching} reviewed tiles, {standing.new} new since training"
    )


def ended_words(state: JobState) -> str:
    """Say why a training that has ended left no curve.

    Examples
    --------
    >>> ended_words(JobState.CANCELLED)
    'The training was stopped before its first epoch was done.'
    """
    how = {JobState.CANCELLED: "was stopped", JobState.FAILED: "failed"}.get(state)
    return f"The training {how} before its first epoch was done." if how else NO_EPOCHS


def unbroken(text: str) -> str:
    r"""Return `text` with each number held to its unit, where lines are broken.

    Examples
    --------
    >>> unbroken("0.86 (0.83 to 0.89), 3 tiles").split(" ")
    ['0.86', '(0.83\xa0to\xa00.89),', '3\xa0tiles']
    """
    return re.sub(_HELD, "\N{NO-BREAK SPACE}", text)
